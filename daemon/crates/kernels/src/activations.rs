//! Rows of activations as eight-bit integers with a scale per block of 32: what packed weights are
//! multiplied with.

use crate::matrix::BLOCK;
use crate::{Cpu, Isa};

/// Rows `[rows, width]`, quantised; used again for the next rows without a new allocation.
#[derive(Debug, Clone, Default)]
pub struct Activations {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// `[rows, blocks * 32]`, from −127 to 127; zero beyond the width.
    pub(crate) codes: Vec<i8>,
    /// `[rows, blocks]`.
    pub(crate) scales: Vec<f32>,
    /// Sum of the codes of each block.
    pub(crate) sums: Vec<i32>,
}

/// From as many rows on, threads share them out.
const ROWS_TO_SHARE: usize = 8;

/// One row as the products read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) codes: &'a [i8],
    pub(crate) scales: &'a [f32],
    pub(crate) sums: &'a [i32],
}

/// Where a row's quantised form goes.
struct Target<'a> {
    codes: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [i32],
}

impl Activations {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the first `width` values of every `stride` values.
    ///
    /// # Panics
    /// When `values` is not whole rows.
    pub fn quantize(&mut self, cpu: &mut Cpu, values: &[f32], width: usize, stride: usize) {
        assert!(width > 0 && values.len().is_multiple_of(stride), "whole rows of {stride}");
        assert!(width <= stride, "rows of {width} in {stride}");
        let (rows, blocks) = (values.len() / stride, width.div_ceil(BLOCK));
        (self.rows, self.width) = (rows, width);
        self.codes.resize(rows * blocks * BLOCK, 0);
        self.scales.resize(rows * blocks, 0.0);
        self.sums.resize(rows * blocks, 0);
        let isa = cpu.isa;
        let targets = self
            .codes
            .chunks_exact_mut(blocks * BLOCK)
            .zip(self.scales.chunks_exact_mut(blocks))
            .zip(self.sums.chunks_exact_mut(blocks))
            .map(|((codes, scales), sums)| Target { codes, scales, sums });
        if rows < ROWS_TO_SHARE {
            for (values, mut target) in values.chunks_exact(stride).zip(targets) {
                quantize_row(isa, &values[..width], &mut target);
            }
            return;
        }
        let mut targets: Vec<Target<'_>> = targets.collect();
        cpu.pool.run_chunks(&mut targets, 1, &|row, target| {
            quantize_row(isa, &values[row * stride..row * stride + width], &mut target[0]);
        });
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn row(&self, row: usize) -> Row<'_> {
        let blocks = self.width.div_ceil(BLOCK);
        let (from, to) = (row * blocks, (row + 1) * blocks);
        Row {
            codes: &self.codes[from * BLOCK..to * BLOCK],
            scales: &self.scales[from..to],
            sums: &self.sums[from..to],
        }
    }
}

fn quantize_row(isa: Isa, values: &[f32], target: &mut Target<'_>) {
    match isa {
        Isa::Scalar => quantize_plain(values, target),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instructions were detected ([`Isa::detect`]).
        #[expect(unsafe_code, reason = "instructions chosen at run time")]
        Isa::Avx2 => unsafe { quantize_avx2(values, target) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 => quantize_plain(values, target),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn quantize_avx2(values: &[f32], target: &mut Target<'_>) {
    quantize_plain(values, target);
}

/// Added and taken away again, it rounds to the nearest integer (ties to even) that then stands in the
/// low bits.
const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
fn quantize_plain(values: &[f32], target: &mut Target<'_>) {
    let (whole, rest) = values.as_chunks::<BLOCK>();
    let mut last = [0f32; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let blocks = whole.iter().chain((!rest.is_empty()).then_some(&last));
    let (codes, _) = target.codes.as_chunks_mut::<BLOCK>();
    for (((values, codes), scale), sum) in
        blocks.zip(codes).zip(target.scales.iter_mut()).zip(target.sums.iter_mut())
    {
        let largest = values.iter().fold(0f32, |most, v| most.max(v.abs()));
        *scale = largest / 127.0;
        let over = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut total = 0i32;
        for (code, value) in codes.iter_mut().zip(values) {
            let bits = (value * over + ROUNDER).to_bits().cast_signed();
            let rounded = bits.wrapping_sub(ROUNDER.to_bits().cast_signed());
            #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
            let small = rounded as i8;
            *code = small;
            total += i32::from(small);
        }
        *sum = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_within_half_a_step_on_every_instruction_set() {
        let values: Vec<f32> = (0..2 * 70u16).map(|i| (f32::from(i) * 0.37).sin() * 3.0).collect();
        for isa in Isa::available() {
            let mut rows = Activations::new();
            rows.quantize(&mut Cpu::with_isa(1, isa), &values, 70, 70);
            for (row, values) in values.chunks(70).enumerate() {
                let row = rows.row(row);
                assert_eq!(row.codes.len(), 96);
                for (i, value) in values.iter().enumerate() {
                    let scale = row.scales[i / 32];
                    let got = scale * f32::from(row.codes[i]);
                    assert!((got - value).abs() <= scale * 0.501, "{isa:?} {i}: {got}, {value}");
                }
                for (codes, sum) in row.codes.chunks(32).zip(row.sums) {
                    assert_eq!(codes.iter().map(|c| i32::from(*c)).sum::<i32>(), *sum);
                }
                assert!(row.codes[70..].iter().all(|code| *code == 0));
            }
        }
    }

    #[test]
    fn a_row_of_zeros_has_scale_zero() {
        let mut rows = Activations::new();
        rows.quantize(&mut Cpu::new(1), &[0.0; 32], 32, 32);
        assert_eq!((rows.row(0).scales[0], rows.row(0).sums[0]), (0.0, 0));
    }
}
