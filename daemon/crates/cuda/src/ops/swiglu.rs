//! SwiGLU (Shazeer 2020) of rows that hold a gate and an up part. Only for maps that are not packed in turns; otherwise
//! [`super::Output::SwiGlu`] does it within the product.

use half::f16;

use crate::error::{at_least, multiple};
use crate::kernel::Kernel;
use crate::stream::{Arguments, Shape};
use crate::{Buffer, Error, Stream};

const OP: &str = "swiglu";

/// `silu(gate) * up` of rows `[gate, up]` of `2 * inner` values, into rows of `inner`.
///
/// # Errors
/// When a buffer is too short, `inner` is odd, or the launch fails.
pub fn swiglu(
    stream: &Stream,
    x: &Buffer<f16>,
    (rows, inner): (usize, usize),
    out: &mut Buffer<f16>,
) -> Result<(), Error> {
    multiple(OP, "the width", inner, 2)?;
    at_least(OP, "the rows", x.len(), rows * 2 * inner)?;
    at_least(OP, "the result", out.len(), rows * inner)?;
    if rows == 0 {
        return Ok(());
    }
    let shape = Shape { grid: [inner.div_ceil(512), rows, 1], threads: 256, shared: 0 };
    stream.launch(Kernel::SWIGLU, shape, Arguments::default().buffer(x).buffer(out).size(inner))
}

/// The same on the CPU.
#[must_use]
pub fn reference(x: &[f32], inner: usize) -> Vec<f32> {
    let row = |row: &[f32]| {
        let (gate, up) = row.split_at(inner);
        gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect::<Vec<_>>()
    };
    x.chunks_exact(2 * inner).flat_map(row).collect()
}
