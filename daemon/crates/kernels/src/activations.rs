//! Rows of activations as eight-bit integers with a scale per block of 32, or many of them in bf16 for AMX's tiles:
//! what packed weights are multiplied with.

use crate::amx::{Line, ROWS, to_bf16};
use crate::elementwise::chosen;
use crate::matrix::BLOCK;
use crate::{Cpu, Isa};

/// From as many rows on they go through AMX's tiles, where there are some.
pub(crate) const LEAST_TILED: usize = 24;
/// Rows that lie in one panel and go through the weights together.
pub(crate) const PANEL: usize = 4;
/// Codes of a row that a product reads at once.
pub(crate) const QUAD: usize = 4;

/// Rows `[rows, width]`, quantised; used again for the next rows without a new allocation. Four rows lie
/// in a panel, those that fill none each in one of their own.
#[derive(Debug, Clone, Default)]
pub struct Activations {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Panel by panel, `[blocks][8][rows of the panel][4]`, from −127 to 127; zero beyond the width.
    codes: Vec<i8>,
    /// Panel by panel, `[blocks][rows of the panel]`.
    scales: Vec<f32>,
    /// Sum of a block's codes times its scale.
    sums: Vec<f32>,
    /// The same rows for AMX's tiles instead: `[tiles of rows][blocks][16 rows]` lines of bf16, zero beyond the
    /// width and the last row; empty otherwise.
    lines: Vec<Line>,
    singly: bool,
}

/// `R` rows as the products read them, block by block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel<'a, const R: usize> {
    pub(crate) codes: &'a [[[[i8; QUAD]; R]; BLOCK / QUAD]],
    pub(crate) scales: &'a [[f32; R]],
    pub(crate) sums: &'a [[f32; R]],
}

/// Where a panel's quantised form goes.
struct Target<'a> {
    codes: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Activations {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether rows must come out of products bit by bit as if they came one at a time; at first they need not.
    pub fn take_singly(&mut self, singly: bool) {
        self.singly = singly;
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
        self.lines.clear();
        if cpu.isa == Isa::Amx && rows >= LEAST_TILED && !self.singly {
            return self.round(cpu, values, stride);
        }
        self.codes.resize(rows * blocks * BLOCK, 0);
        self.scales.resize(rows * blocks, 0.0);
        self.sums.resize(rows * blocks, 0.0);
        let isa = cpu.isa;
        let whole = rows / PANEL * PANEL;
        let (codes, last_codes) = self.codes.split_at_mut(whole * blocks * BLOCK);
        let (scales, last_scales) = self.scales.split_at_mut(whole * blocks);
        let (sums, last_sums) = self.sums.split_at_mut(whole * blocks);
        let mut panels: Vec<Target<'_>> = targets(codes, scales, sums, PANEL * blocks).collect();
        cpu.pool.run_chunks(&mut panels, 1, &|panel, target| {
            for row in 0..PANEL {
                let from = (panel * PANEL + row) * stride;
                let values = &values[from..from + width];
                let (place, to) = ((row, PANEL), &mut target[0]);
                chosen!(isa, quantize_row(values: &[f32], place: (usize, usize), to: &mut Target<'_>));
            }
        });
        let lone = values.chunks_exact(stride).skip(whole);
        for (row, mut target) in lone.zip(targets(last_codes, last_scales, last_sums, blocks)) {
            let (values, place, to) = (&row[..width], (0, 1), &mut target);
            chosen!(isa, quantize_row(values: &[f32], place: (usize, usize), to: &mut Target<'_>));
        }
    }

    /// Rounds rows to bf16, tile by tile.
    fn round(&mut self, cpu: &mut Cpu, values: &[f32], stride: usize) {
        let (rows, width, isa) = (self.rows, self.width, cpu.isa);
        let of_tile = width.div_ceil(BLOCK) * ROWS;
        self.lines.resize(rows.div_ceil(ROWS) * of_tile, Line::ZERO);
        cpu.pool.run_chunks(&mut self.lines, of_tile, &|tile, lines| {
            for row in 0..ROWS {
                let at = tile * ROWS + row;
                let values =
                    if at < rows { &values[at * stride..at * stride + width] } else { &[] };
                chosen!(isa, round_row(values: &[f32], row: usize, lines: &mut [Line]));
            }
        });
    }

    /// Rows as they are for tiles, whatever the machine.
    #[cfg(test)]
    pub(crate) fn rounded(values: &[f32], width: usize) -> Self {
        let mut all = Self { rows: values.len() / width, width, ..Self::default() };
        all.round(&mut Cpu::with_isa(1, Isa::Scalar), values, width);
        all
    }

    /// The rows for tiles, if they are.
    pub(crate) fn tiled(&self) -> &[Line] {
        &self.lines
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The panel that begins with row `first`, which must be of `R` rows.
    pub(crate) fn panel<const R: usize>(&self, first: usize) -> Panel<'_, R> {
        let blocks = self.width.div_ceil(BLOCK);
        let (from, to) = (first * blocks, (first + R) * blocks);
        let quads = self.codes[from * BLOCK..to * BLOCK].as_chunks::<QUAD>().0;
        Panel {
            codes: quads.as_chunks::<R>().0.as_chunks::<{ BLOCK / QUAD }>().0,
            scales: self.scales[from..to].as_chunks::<R>().0,
            sums: self.sums[from..to].as_chunks::<R>().0,
        }
    }

    /// Scale times code of a value.
    #[cfg(test)]
    pub(crate) fn value(&self, row: usize, at: usize) -> f64 {
        fn of<const R: usize>(panel: Panel<'_, R>, row: usize, at: usize) -> f64 {
            let code = panel.codes[at / BLOCK][at % BLOCK / QUAD][row][at % QUAD];
            f64::from(panel.scales[at / BLOCK][row]) * f64::from(code)
        }
        if row < self.rows / PANEL * PANEL {
            of(self.panel::<PANEL>(row / PANEL * PANEL), row % PANEL, at)
        } else {
            of(self.panel::<1>(row), 0, at)
        }
    }
}

/// Panels of `rows` rows' blocks.
fn targets<'a>(
    codes: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [f32],
    blocks: usize,
) -> impl Iterator<Item = Target<'a>> {
    codes
        .chunks_exact_mut(blocks * BLOCK)
        .zip(scales.chunks_exact_mut(blocks))
        .zip(sums.chunks_exact_mut(blocks))
        .map(|((codes, scales), sums)| Target { codes, scales, sums })
}

/// One row of a tile's.
#[inline(always)]
fn round_row(values: &[f32], row: usize, lines: &mut [Line]) {
    let (whole, rest) = values.as_chunks::<BLOCK>();
    let mut last = [0f32; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let blocks = whole.iter().chain((!rest.is_empty()).then_some(&last));
    for (line, values) in lines.iter_mut().skip(row).step_by(ROWS).zip(blocks) {
        let mut words = [0u32; BLOCK / 2];
        for (word, [low, high]) in words.iter_mut().zip(values.as_chunks().0) {
            *word = u32::from(to_bf16(*low)) | u32::from(to_bf16(*high)) << 16;
        }
        *line = Line::of_words(words);
    }
}

/// Added and taken away again, it rounds to the nearest integer (ties to even) that then stands in the
/// low bits.
const ROUNDER: f32 = 12_582_912.0;

/// The largest magnitude; NaN where there is one. Without their signs, floats are in the order of their bits.
#[inline(always)]
fn largest(values: &[f32; BLOCK]) -> f32 {
    let mut most = [0u32; BLOCK];
    most.iter_mut().zip(values).for_each(|(most, value)| *most = value.to_bits() & 0x7fff_ffff);
    for half in [16, 8, 4, 2, 1] {
        for at in 0..half {
            most[at] = most[at].max(most[at + half]);
        }
    }
    f32::from_bits(most[0])
}

/// Quantises a row that is the `place.0`th of the `place.1` rows of its panel.
#[inline(always)]
fn quantize_row(values: &[f32], (row, rows): (usize, usize), target: &mut Target<'_>) {
    let (whole, rest) = values.as_chunks::<BLOCK>();
    let mut last = [0f32; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let blocks = whole.iter().chain((!rest.is_empty()).then_some(&last));
    let quads = target.codes.as_chunks_mut::<QUAD>().0.chunks_exact_mut(rows * BLOCK / QUAD);
    let scales = target.scales.chunks_exact_mut(rows).zip(target.sums.chunks_exact_mut(rows));
    for ((values, quads), (scale, sum)) in blocks.zip(quads).zip(scales) {
        let largest = largest(values);
        scale[row] = largest / 127.0;
        let over = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut codes = [0i8; BLOCK];
        let mut total = 0i32;
        for (code, value) in codes.iter_mut().zip(values) {
            let bits = (value * over + ROUNDER).to_bits().cast_signed();
            let rounded = bits.wrapping_sub(ROUNDER.to_bits().cast_signed());
            #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
            let small = rounded as i8;
            *code = small;
            total += i32::from(small);
        }
        for (quad, codes) in quads.iter_mut().skip(row).step_by(rows).zip(codes.as_chunks().0) {
            *quad = *codes;
        }
        #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
        let total = total as f32;
        sum[row] = scale[row] * total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_within_half_a_step_on_every_instruction_set() {
        let count = 7;
        let values: Vec<f32> =
            (0..count * 70u16).map(|i| (f32::from(i) * 0.37).sin() * 3.0).collect();
        for isa in Isa::available() {
            let mut rows = Activations::new();
            rows.quantize(&mut Cpu::with_isa(2, isa), &values, 66, 70);
            for (row, values) in values.chunks(70).enumerate() {
                for (block, values) in values[..66].chunks(32).enumerate() {
                    let largest = values.iter().fold(0f32, |most, v| most.max(v.abs()));
                    let step = f64::from(largest) / 127.0;
                    for (i, value) in values.iter().enumerate() {
                        let got = rows.value(row, block * 32 + i);
                        assert!(
                            (got - f64::from(*value)).abs() <= step * 0.501,
                            "{isa:?} {row} {i}"
                        );
                    }
                }
                assert!((66..96).all(|at| rows.value(row, at) == 0.0), "beyond the width");
            }
            for panel in [rows.panel::<4>(0)] {
                for (block, (codes, sums)) in panel.codes.iter().zip(panel.sums).enumerate() {
                    for (r, sum) in sums.iter().enumerate() {
                        let total: i32 = codes.iter().flat_map(|q| q[r]).map(i32::from).sum();
                        assert_eq!(*sum, panel.scales[block][r] * total as f32);
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_of_zeros_has_scale_zero() {
        let mut rows = Activations::new();
        rows.quantize(&mut Cpu::new(1), &[0.0; 32], 32, 32);
        assert_eq!((rows.panel::<1>(0).scales[0], rows.panel::<1>(0).sums[0]), ([0.0], [0.0]));
    }
}
