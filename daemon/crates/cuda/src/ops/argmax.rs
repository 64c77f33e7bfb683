//! The largest logit of each row, so that a greedy step needs no copy of all logits to the host.

use crate::error::at_least;
use crate::kernel::Kernel;
use crate::stream::{Arguments, Shape};
use crate::{Buffer, Error, Stream};

const OP: &str = "argmax";

/// Where the largest value of each of `rows` rows of `width` stands; of equal ones the first.
///
/// # Errors
/// When a buffer is too short, a row is empty, or the launch fails.
pub fn argmax(
    stream: &Stream,
    logits: &Buffer<f32>,
    (rows, width): (usize, usize),
    out: &mut Buffer<u32>,
) -> Result<(), Error> {
    at_least(OP, "the width", width, 1)?;
    at_least(OP, "the logits", logits.len(), rows * width)?;
    at_least(OP, "the result", out.len(), rows)?;
    if rows == 0 {
        return Ok(());
    }
    let shape = Shape { grid: [rows, 1, 1], threads: 512, shared: 0 };
    stream.launch(
        Kernel::ARGMAX,
        shape,
        Arguments::default().buffer(logits).buffer(out).size(width),
    )
}

/// The same on the CPU.
#[must_use]
pub fn reference(logits: &[f32], width: usize) -> Vec<u32> {
    let largest = |row: &[f32]| {
        let at = (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best });
        u32::try_from(at).unwrap_or(u32::MAX)
    };
    logits.chunks_exact(width).map(largest).collect()
}
