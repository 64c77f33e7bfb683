//! RMS norm (Zhang and Sennrich 2019) of rows of the residual stream. A row per block.

use half::f16;

use crate::error::{at_least, multiple};
use crate::kernel::Kernel;
use crate::stream::{Arguments, Shape};
use crate::{Buffer, Error, Stream};

const OP: &str = "rms_norm";

/// What a norm knows.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// Weights, one per value of a row.
    pub weight: &'a Buffer<f32>,
    /// Added under the root.
    pub eps: f32,
}

/// Norms of `rows` rows of `x`, from row `first` on, into the first rows of `out`. (What is added to the stream is
/// added by the map before: [`super::Output::AddTo`].)
///
/// # Errors
/// When a buffer is too short, the width no multiple of 4, or the launch fails.
pub fn rms_norm(
    stream: &Stream,
    norm: Norm<'_>,
    x: &Buffer<f32>,
    (first, rows): (usize, usize),
    out: &mut Buffer<f16>,
) -> Result<(), Error> {
    let width = norm.weight.len();
    multiple(OP, "the width", width, 4)?;
    at_least(OP, "the rows", x.len(), (first + rows) * width)?;
    at_least(OP, "the result", out.len(), rows * width)?;
    if rows == 0 {
        return Ok(());
    }
    let arguments = Arguments::default().buffer_at(x, first * width).buffer(norm.weight);
    let arguments = arguments.buffer(out).size(width).float(norm.eps);
    let threads = (width / 4).next_multiple_of(32).min(1024);
    stream.launch(Kernel::RMS_NORM, Shape { grid: [rows, 1, 1], threads, shared: 0 }, arguments)
}

/// The same on the CPU: `x / sqrt(mean(x²) + eps) * weight` of each row.
#[must_use]
pub fn reference(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let norm_row = |row: &[f32]| {
        let mean = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / row.len() as f64;
        let scale = 1.0 / (mean + f64::from(eps)).sqrt();
        let of = |(v, w): (&f32, &f32)| (f64::from(*v) * scale * f64::from(*w)) as f32;
        row.iter().zip(weight).map(of).collect::<Vec<_>>()
    };
    x.chunks_exact(weight.len()).flat_map(norm_row).collect()
}
