//! Group norm with a group per channel (Wu and He 2018) of rows that hold their channels together, and the
//! GELU behind it.

use crate::elementwise::{chosen, gelu};
use crate::{Cpu, Isa};

/// Rows summed by one thread at once, and with how few roundings.
const ROWS: usize = 256;

/// Adds up every channel's distance from `mean`, or its square.
#[inline(always)]
fn sums(rows: &[f32], mean: &[f32], squared: bool, out: &mut [f32]) {
    out.fill(0.0);
    for row in rows.chunks_exact(mean.len()) {
        for ((out, value), mean) in out.iter_mut().zip(row).zip(mean) {
            let off = value - mean;
            *out += if squared { off * off } else { off };
        }
    }
}

#[inline(always)]
fn scaled(rows: &mut [f32], scale: &[f32], shift: &[f32]) {
    for row in rows.chunks_exact_mut(scale.len()) {
        for ((value, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
            *value = gelu(*value * scale + shift);
        }
    }
}

/// Every channel of the rows gets mean `shift` and deviation `scale` over all rows, then GELU, in place.
///
/// # Panics
/// When there are no channels, or not as many scales as shifts.
pub fn channel_norm_gelu(cpu: &mut Cpu, rows: &mut [f32], scale: &[f32], shift: &[f32], eps: f64) {
    let (isa, width) = (cpu.isa, scale.len());
    assert!(width > 0 && shift.len() == width, "a norm's sizes");
    let count = rows.len() / width;
    let mut partial = vec![0f32; count.div_ceil(ROWS) * width];
    let mut average = |rows: &[f32], mean: &[f32], squared: bool| -> Vec<f64> {
        cpu.pool.run_chunks(&mut partial, width, &|block, out| {
            let rows = &rows[block * ROWS * width..rows.len().min((block + 1) * ROWS * width)];
            chosen!(isa, sums(rows: &[f32], mean: &[f32], squared: bool, out: &mut [f32]));
        });
        let of = |channel: usize| partial.iter().skip(channel).step_by(width);
        let sum = |channel: usize| of(channel).map(|part| f64::from(*part)).sum::<f64>();
        #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^53")]
        (0..width).map(|channel| sum(channel) / count as f64).collect()
    };
    #[expect(clippy::cast_possible_truncation, reason = "back to f32")]
    let single = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect::<Vec<f32>>();
    let mean = single(average(rows, &vec![0.0; width], false));
    let variance = average(rows, &mean, true);
    let deviation = single(variance.iter().map(|v| (v + eps).sqrt()).collect());
    let scale: Vec<f32> = scale.iter().zip(&deviation).map(|(s, d)| s / d).collect();
    let shift: Vec<f32> =
        shift.iter().zip(&mean).zip(&scale).map(|((s, m), scale)| s - m * scale).collect();
    let (scale, shift) = (&scale[..], &shift[..]);
    cpu.pool.run_pieces(rows, 32 * width, &|_, rows| {
        chosen!(isa, scaled(rows: &mut [f32], scale: &[f32], shift: &[f32]));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_is_normalised_by_itself() {
        let (count, width) = (700usize, 19usize);
        let value =
            |row: usize, c: usize| ((row * 31 + c * 7) as f32 * 0.37).sin() * c as f32 + 3.0;
        let rows: Vec<f32> =
            (0..count).flat_map(|row| (0..width).map(move |c| value(row, c))).collect();
        let (scale, shift) = (vec![2.0; width], vec![0.5; width]);
        for isa in Isa::available() {
            let mut got = rows.clone();
            channel_norm_gelu(&mut Cpu::with_isa(2, isa), &mut got, &scale, &shift, 1e-5);
            for c in 0..width {
                let of = |row: usize| f64::from(rows[row * width + c]);
                let mean = (0..count).map(of).sum::<f64>() / count as f64;
                let square = (0..count).map(|row| (of(row) - mean).powi(2)).sum::<f64>();
                let deviation = (square / count as f64 + 1e-5).sqrt();
                for row in [0, 255, 256, count - 1] {
                    let want = gelu(((of(row) - mean) / deviation * 2.0 + 0.5) as f32);
                    let got = got[row * width + c];
                    assert!((got - want).abs() < 2e-5, "{isa:?} {row} {c}: {got} {want}");
                }
            }
        }
    }
}
