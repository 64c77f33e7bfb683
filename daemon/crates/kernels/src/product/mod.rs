//! Products of quantised rows with packed weights: integers within a block, f32 across blocks. Few rows
//! (decode) are bound by reading the weights once; many rows (prefill) go in fours through each tile, so
//! that unpacking is shared.

mod scalar;
mod tiles;
#[cfg(target_arch = "x86_64")]
mod vnni;
#[cfg(all(test, target_arch = "x86_64"))]
#[expect(non_camel_case_types, reason = "the instructions' own names")]
mod written_out;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::activations::{PANEL, Panel};
use crate::matrix::TILE;
use crate::{Activations, Cpu, Isa, Matrix};

/// Bytes of activations that stay in the first cache while the tiles of a share pass over them; fewer
/// rows also write to fewer pages at a time.
const NEAR: usize = 24 << 10;
/// Bytes between what is multiplied and what is asked for: a single row reads memory faster than the machine
/// looks ahead by itself (on Emerald Rapids 28 GB/s instead of 18; 2 and 8 KiB did best of 1 to 8).
#[cfg(target_arch = "x86_64")]
pub(crate) const AHEAD: usize = 8 << 10;
/// Grains of a product of many rows per thread: more even out unequal threads, fewer hand over less.
const GRAINS: usize = 8;
/// Bytes of weights of a single row's grain at most, where a tile is not more: a thread reads them in about a microsecond.
pub(crate) const GRAIN: usize = 16 << 10;

/// A map among those that read the same rows, and where its outputs go.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The weights.
    pub matrix: &'a Matrix,
    /// Added to the outputs.
    pub bias: Option<&'a [f32]>,
    /// Column of the first output.
    pub at: usize,
}

/// A row's outputs of a tile.
type Outputs = [f32; TILE];

/// Where outputs go, in rows of `stride` values; each tile of each row is written by one thread.
struct Target {
    to: *mut f32,
    stride: usize,
}

// SAFETY: threads write disjoint tiles, within the slice lent to `multiply` for its whole run.
#[expect(unsafe_code, reason = "outputs are shared out by tiles, which do not lie together")]
unsafe impl Sync for Target {}

/// Multiplies all rows with all parts: `out[row][part.at + output] = bias + Σ w x`; `out` holds rows of
/// `stride` values.
///
/// # Panics
/// When a map's inputs are not the rows' width, or an output lies beyond its row.
pub fn multiply(
    cpu: &mut Cpu,
    parts: &[Part<'_>],
    x: &Activations,
    out: &mut [f32],
    stride: usize,
) {
    assert!(out.len() >= x.rows * stride, "{} values for {} rows", out.len(), x.rows);
    let mut starts = vec![0];
    for part in parts {
        assert_eq!(part.matrix.inputs, x.width, "inputs of a map");
        assert!(part.at + part.matrix.outputs <= stride, "outputs beyond a row of {stride}");
        assert!(part.bias.is_none_or(|bias| bias.len() == part.matrix.outputs), "a bias's length");
        starts.push(starts[starts.len() - 1] + part.matrix.tiles());
    }
    if !x.tiled().is_empty() {
        return in_tiles(cpu, parts, x, &Target { to: out.as_mut_ptr(), stride });
    }
    let tiles = starts[parts.len()];
    let grain = if x.rows == 1 {
        let bytes: usize = parts.iter().map(|part| part.matrix.size()).sum();
        (GRAIN * tiles / bytes.max(1)).max(1)
    } else {
        tiles.div_ceil(cpu.threads() * GRAINS)
    };
    let (isa, target) = (cpu.isa, Target { to: out.as_mut_ptr(), stride });
    let (rows_near, target) = ((NEAR / x.width).next_multiple_of(PANEL).max(2 * PANEL), &target);
    let starts = &starts;
    cpu.pool.run_ranges(tiles, grain, &move |range| {
        for first in (0..x.rows).step_by(rows_near) {
            let rows = first..(first + rows_near).min(x.rows);
            for tile in range.clone() {
                let at = starts.partition_point(|start| *start <= tile) - 1;
                tile_rows(isa, &parts[at], tile - starts[at], x, rows.clone(), target);
            }
        }
    });
}

/// The same for rows that were rounded for AMX's tiles.
fn in_tiles(cpu: &mut Cpu, parts: &[Part<'_>], x: &Activations, target: &Target) {
    #[cfg(target_arch = "x86_64")]
    {
        let pairs: Vec<(usize, usize)> = parts
            .iter()
            .enumerate()
            .flat_map(|(at, part)| (0..part.matrix.tiles()).step_by(2).map(move |tile| (at, tile)))
            .collect();
        let grain = pairs.len().div_ceil(cpu.threads() * GRAINS);
        let (isa, rooms, pairs) = (cpu.isa, &cpu.lines, &pairs);
        cpu.pool.run_ranges(pairs.len(), grain, &move |range| {
            // They are there: rows are rounded for them nowhere else.
            let Some(mut tiles) = crate::amx::Machine::take() else { return };
            let mut room = rooms.take();
            for (at, first) in &pairs[range] {
                tiles::pair(&mut tiles, isa, (&parts[*at], *first), x, target, &mut room);
            }
            rooms.put_back(room);
        });
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (cpu, parts, x, target);
}

/// One tile of one part, for some rows.
fn tile_rows(
    isa: Isa,
    part: &Part<'_>,
    tile: usize,
    x: &Activations,
    rows: std::ops::Range<usize>,
    target: &Target,
) {
    let first = tile * TILE;
    let count = TILE.min(part.matrix.outputs - first);
    let mut bias = [0f32; TILE];
    if let Some(values) = part.bias {
        bias[..count].copy_from_slice(&values[first..first + count]);
    }
    let put = |row: usize, outputs: &Outputs| {
        let mut sums = *outputs;
        sums.iter_mut().zip(&bias).for_each(|(sum, bias)| *sum += bias);
        // SAFETY: `multiply` checked that row and column lie within `out`; this tile of this row is
        // written here alone.
        #[expect(unsafe_code, reason = "outputs are shared out by tiles")]
        unsafe {
            let to = target.to.add(row * target.stride + part.at + first);
            if count == TILE {
                // Of a known size: no call.
                to.cast::<Outputs>().write_unaligned(sums);
            } else {
                std::ptr::copy_nonoverlapping(sums.as_ptr(), to, count);
            }
        }
    };
    let mut row = rows.start;
    while row + PANEL <= rows.end {
        let panel = x.panel::<PANEL>(row);
        for (at, outputs) in tile_product(isa, part.matrix, tile, panel).iter().enumerate() {
            put(row + at, outputs);
        }
        row += PANEL;
    }
    for row in row..rows.end {
        put(row, &tile_product(isa, part.matrix, tile, x.panel::<1>(row))[0]);
    }
}

/// The outputs of a tile for the rows of a panel, by the instructions chosen.
fn tile_product<const R: usize>(
    isa: Isa,
    matrix: &Matrix,
    tile: usize,
    panel: Panel<'_, R>,
) -> [Outputs; R] {
    match isa {
        Isa::Scalar => scalar::tile(matrix, tile, panel),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instructions were detected ([`Isa::detect`]).
        #[expect(unsafe_code, reason = "instructions chosen at run time")]
        Isa::Avx2 => unsafe { x86::tile(matrix, tile, panel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instructions were detected ([`Isa::detect`]).
        #[expect(unsafe_code, reason = "instructions chosen at run time")]
        Isa::Avx512Vnni | Isa::Amx => unsafe { vnni::tile(matrix, tile, panel) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512Vnni | Isa::Amx => scalar::tile(matrix, tile, panel),
    }
}

#[cfg(test)]
mod tests {
    use half::f16;
    use proptest::prelude::*;

    use super::*;
    use crate::Codes;

    /// A map of pseudo-random codes, zeros (all the same, or each) and scales.
    fn map(codes: Codes, sizes: [usize; 2], group: usize, same: bool, seed: usize) -> Matrix {
        let noise = |a: usize, b: usize| {
            let mixed = (a * 7919 + b * 104_729 + seed * 31).wrapping_mul(2_654_435_761);
            (mixed >> 13 & 0xff) as u8
        };
        let (most, middle) = if codes == Codes::Four { (15, 8) } else { (255, 128) };
        let zero = |o: usize, g: usize| if same { middle } else { noise(o + 3, g + 5) & most };
        let scale = |o: usize, g: usize| f16::from_f32(0.002 + f32::from(noise(g, o)) * 1e-5);
        let row = |o: usize, row: &mut [u8]| {
            row.iter_mut().enumerate().for_each(|(i, code)| *code = noise(o, i) & most);
        };
        Matrix::pack(codes, sizes, group, row, zero, scale).unwrap()
    }

    /// The product in f64, from the weights and the rows as they were quantised.
    fn plain(matrix: &Matrix, x: &Activations, row: usize, output: usize) -> f64 {
        let mut weights = vec![0.0; matrix.inputs()];
        matrix.row(output, &mut weights);
        weights.iter().enumerate().map(|(i, w)| f64::from(*w) * x.value(row, i)).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_instruction_set_and_thread_count_gives_the_plain_product(
            eight: bool, same: bool, outputs in 1usize..70, inputs in 1usize..200,
            rows in 1usize..10, blocks in 1usize..4, seed in 0usize..1000, threads in 1usize..4,
        ) {
            let codes = if eight { Codes::Eight } else { Codes::Four };
            let a = map(codes, [outputs, inputs], blocks * 32, same, seed);
            let b = map(Codes::Four, [5, inputs], 32, true, seed + 1);
            let bias: Vec<f32> = (0..5).map(|b| b as f32).collect();
            let values: Vec<f32> =
                (0..rows * inputs).map(|i| ((i * 31 + seed) as f32 * 0.11).sin() * 4.0).collect();
            for isa in Isa::available() {
                let mut cpu = Cpu::with_isa(threads, isa);
                let mut x = Activations::new();
                x.quantize(&mut cpu, &values, inputs, inputs);
                let stride = outputs + 7;
                let mut out = vec![f32::NAN; rows * stride];
                let parts = [
                    Part { matrix: &a, bias: None, at: 1 },
                    Part { matrix: &b, bias: Some(&bias), at: outputs + 2 },
                ];
                multiply(&mut cpu, &parts, &x, &mut out, stride);
                for row in 0..rows {
                    let got = &out[row * stride..(row + 1) * stride];
                    prop_assert!(got[0].is_nan() && got[outputs + 1].is_nan(), "untouched");
                    for o in 0..outputs {
                        let want = plain(&a, &x, row, o);
                        prop_assert!((f64::from(got[1 + o]) - want).abs() < 2e-3, "{isa:?} {o}");
                    }
                    for o in 0..5 {
                        let want = plain(&b, &x, row, o) + o as f64;
                        prop_assert!((f64::from(got[outputs + 2 + o]) - want).abs() < 2e-3);
                    }
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_kernels_of_avx512_give_the_plain_product_with_their_instructions_written_out(
            eight: bool, same: bool, outputs in 1usize..40, inputs in 1usize..200,
            blocks in 1usize..4, seed in 0usize..1000,
        ) {
            let codes = if eight { Codes::Eight } else { Codes::Four };
            let matrix = map(codes, [outputs, inputs], blocks * 32, same, seed);
            let values: Vec<f32> =
                (0..PANEL * inputs).map(|i| ((i * 31 + seed) as f32 * 0.11).sin() * 4.0).collect();
            let mut x = Activations::new();
            x.quantize(&mut Cpu::with_isa(1, Isa::Scalar), &values, inputs, inputs);
            for tile in 0..matrix.tiles() {
                let got = vnni::written_out::tile(&matrix, tile, x.panel::<PANEL>(0));
                for (row, got) in got.iter().enumerate() {
                    for (lane, got) in got.iter().enumerate().take(outputs - tile * TILE) {
                        let want = plain(&matrix, &x, row, tile * TILE + lane);
                        prop_assert!((f64::from(*got) - want).abs() < 2e-3, "{row} {lane}");
                    }
                }
            }
        }
    }

    /// The product of all tiles of a map with rows for tiles.
    fn all_in_tiles(
        tiles: &mut impl crate::amx::Tiles,
        isa: Isa,
        part: &Part<'_>,
        x: &Activations,
        stride: usize,
    ) -> Vec<f32> {
        let mut out = vec![f32::NAN; x.rows() * stride];
        let target = Target { to: out.as_mut_ptr(), stride };
        for first in (0..part.matrix.tiles()).step_by(2) {
            tiles::pair(tiles, isa, (part, first), x, &target, &mut Vec::new());
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn products_in_tiles_are_the_plain_ones_but_for_bf16(
            eight: bool, same: bool, outputs in 1usize..70, inputs in 1usize..1200,
            rows in 1usize..50, blocks in 1usize..4, seed in 0usize..1000,
        ) {
            let codes = if eight { Codes::Eight } else { Codes::Four };
            let matrix = map(codes, [outputs, inputs], blocks * 32, same, seed);
            let bias: Vec<f32> = (0..outputs).map(|b| b as f32).collect();
            let values: Vec<f32> =
                (0..rows * inputs).map(|i| ((i * 31 + seed) as f32 * 0.11).sin() * 4.0).collect();
            let x = Activations::rounded(&values, inputs);
            let part = Part { matrix: &matrix, bias: Some(&bias), at: 1 };
            let stride = outputs + 2;
            let mut plain = crate::amx::WrittenOut::new();
            let mut all = vec![all_in_tiles(&mut plain, Isa::Scalar, &part, &x, stride)];
            #[cfg(target_arch = "x86_64")]
            if let Some(mut machine) = crate::amx::Machine::take() {
                all.push(all_in_tiles(&mut machine, Isa::detect(), &part, &x, stride));
            }
            let mut weights = vec![0.0; inputs];
            for got in all {
                for row in 0..rows {
                    let got = &got[row * stride..(row + 1) * stride];
                    prop_assert!(got[0].is_nan() && got[outputs + 1].is_nan(), "untouched");
                    let x = &values[row * inputs..(row + 1) * inputs];
                    for o in 0..outputs {
                        matrix.row(o, &mut weights);
                        let terms = weights.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
                        let (sum, size) =
                            terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t * t));
                        // Two factors with half a step of 2^-8 each, of signs that do not agree.
                        let most = 6.0 * f64::sqrt(size) / 256.0 + 1e-4;
                        let off = f64::from(got[1 + o]) - f64::from(bias[o]) - sum;
                        prop_assert!(off.abs() < most, "{row} {o}: {off} of {most}");
                    }
                }
            }
        }
    }

    #[test]
    fn many_rows_go_through_tiles_and_singly_they_come_as_one_by_one() {
        let matrix = map(Codes::Four, [40, 96], 32, true, 3);
        let values: Vec<f32> = (0..40 * 96).map(|i| (i as f32 * 0.11).sin() * 4.0).collect();
        let mut cpu = Cpu::new(2);
        let part = [Part { matrix: &matrix, bias: None, at: 0 }];
        let mut x = Activations::new();
        let mut one_by_one = vec![0.0; 40 * 40];
        for (values, out) in values.chunks(96).zip(one_by_one.chunks_mut(40)) {
            x.quantize(&mut cpu, values, 96, 96);
            multiply(&mut cpu, &part, &x, out, 40);
        }
        let mut together = vec![0.0; 40 * 40];
        x.quantize(&mut cpu, &values, 96, 96);
        assert_eq!(x.tiled().is_empty(), cpu.isa() != Isa::Amx);
        multiply(&mut cpu, &part, &x, &mut together, 40);
        let apart = one_by_one.iter().zip(&together).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 0.1);
        x.take_singly(true);
        x.quantize(&mut cpu, &values, 96, 96);
        multiply(&mut cpu, &part, &x, &mut together, 40);
        assert_eq!(together, one_by_one);
    }

    #[test]
    fn the_largest_codes_do_not_overflow() {
        for codes in [Codes::Four, Codes::Eight] {
            let most = if codes == Codes::Four { 15 } else { 255 };
            for code in [0, 255] {
                let matrix = Matrix::pack(
                    codes,
                    [16, 256],
                    256,
                    |_, row| row.fill(code & most),
                    |_, _| 0,
                    |_, _| f16::ONE,
                )
                .unwrap();
                for isa in Isa::available() {
                    let mut cpu = Cpu::with_isa(1, isa);
                    for sign in [1.0, -1.0] {
                        let mut x = Activations::new();
                        x.quantize(&mut cpu, &[sign; 256], 256, 256);
                        let mut out = [0.0; 16];
                        let part = Part { matrix: &matrix, bias: None, at: 0 };
                        multiply(&mut cpu, &[part], &x, &mut out, 16);
                        let want = plain(&matrix, &x, 0, 3) as f32;
                        assert!((out[3] - want).abs() < want.abs() * 1e-5 + 1e-5, "{isa:?} {code}");
                    }
                }
            }
        }
    }
}
