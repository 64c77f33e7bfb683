//! The product with AVX2 and FMA: rows in sixes, whose sums of a tile fill twelve registers; fewer rows
//! share the inputs out over several sums instead, so that additions do not wait for each other.

use std::arch::x86_64::{
    __m256, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_add_ps, _mm256_broadcast_ss,
    _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use half::f16;

use super::{Outputs, Piece, TILE, Target, Values};
use crate::product::AHEAD;

/// Outputs of a register.
const LANES: usize = 8;
/// Rows whose sums fill the registers.
pub(super) const ROWS: usize = 6;

/// A weight as it is stored.
trait Weight: Copy {
    /// Eight of them.
    ///
    /// # Safety
    /// Eight weights stand at `at`, and the machine has AVX2 and F16C.
    #[expect(unsafe_code, reason = "loads take pointers")]
    unsafe fn eight(at: *const Self) -> __m256;
}

impl Weight for f32 {
    #[expect(unsafe_code, reason = "loads take pointers")]
    #[inline(always)]
    unsafe fn eight(at: *const Self) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(at) }
    }
}

impl Weight for f16 {
    #[expect(unsafe_code, reason = "loads take pointers")]
    #[inline(always)]
    unsafe fn eight(at: *const Self) -> __m256 {
        // SAFETY: the caller's promise; eight half-precision values are 16 bytes.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(at.cast())) }
    }
}

/// Where the rows of a group begin, and how far their parts lie apart, in values.
#[derive(Clone, Copy)]
struct Group {
    x: *const f32,
    row: usize,
    tap: usize,
    taps: usize,
    inputs: usize,
}

/// Some rows of some tiles. Equals [`super::scalar::piece`] but for the order of sums.
///
/// # Safety
/// All rows' neighbourhoods lie within the input, their outputs within the target's slices.
#[expect(unsafe_code, reason = "a kernel over pointers")]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn piece(piece: &Piece<'_>, target: &Target) {
    let dense = piece.dense;
    let size = dense.taps * dense.inputs * TILE;
    for tile in piece.tiles.clone() {
        let at = tile * size..(tile + 1) * size;
        // SAFETY: the caller's promise; the weights are those of the tile.
        unsafe {
            match &dense.values {
                Values::Single(all) => rows(piece, tile, &all[at], target),
                Values::Half(all) => rows(piece, tile, &all[at], target),
            }
        }
    }
}

#[expect(unsafe_code, reason = "a kernel over pointers")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn rows<W: Weight>(piece: &Piece<'_>, tile: usize, weights: &[W], target: &Target) {
    let (dense, x) = (piece.dense, piece.x);
    let (mut taps, mut inputs, tap) = (dense.taps, dense.inputs, x.dilation * x.stride);
    if tap == inputs {
        // Taps that lie together are as one.
        (taps, inputs) = (1, taps * inputs);
    }
    let wide = dense.outputs - tile * TILE > LANES;
    let mut row = piece.rows.start;
    while row < piece.rows.end {
        // SAFETY: the caller's promise.
        let x = unsafe { piece.x.values.as_ptr().add(row * x.step * x.stride) };
        let group = Group { x, row: piece.x.step * piece.x.stride, tap, taps, inputs };
        let left = piece.rows.end - row;
        // SAFETY: the caller's promise.
        unsafe {
            let put = |at: usize, sums: &Outputs| target.put(dense.ends(), tile, row + at, sums);
            row += match (left, wide) {
                (1, true) => sum::<W, 1, 2, 4>(weights, group, put),
                (2, true) => sum::<W, 2, 2, 2>(weights, group, put),
                (3, true) => sum::<W, 3, 2, 2>(weights, group, put),
                (4, true) => sum::<W, 4, 2, 1>(weights, group, put),
                (5, true) => sum::<W, 5, 2, 1>(weights, group, put),
                (_, true) => sum::<W, 6, 2, 1>(weights, group, put),
                (1, false) => sum::<W, 1, 1, 8>(weights, group, put),
                (2..6, false) => sum::<W, 2, 1, 4>(weights, group, put),
                (6..12, false) => sum::<W, 6, 1, 2>(weights, group, put),
                (_, false) => sum::<W, 12, 1, 1>(weights, group, put),
            };
        }
    }
}

/// Sums of `R` rows in `H` registers each, inputs shared out over `U` sums; gives `R`.
#[expect(unsafe_code, reason = "a kernel over pointers")]
#[expect(clippy::needless_range_loop, reason = "registers by number")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn sum<W: Weight, const R: usize, const H: usize, const U: usize>(
    weights: &[W],
    group: Group,
    mut put: impl FnMut(usize, &Outputs),
) -> usize {
    let Group { x, row, tap, taps, inputs } = group;
    debug_assert!(weights.len() >= taps * inputs * TILE);
    let mut sums = [[[_mm256_setzero_ps(); H]; R]; U];
    let mut weights = weights.as_ptr();
    for t in 0..taps {
        // SAFETY: rows and taps lie within the input, and a tile has `TILE` weights for each tap and
        // input, so no pointer below leaves its slice.
        unsafe {
            let mut x = x.add(t * tap);
            let whole = inputs / U;
            for _ in 0..whole {
                if R == 1 && H == 2 {
                    for line in (0..U * TILE * size_of::<W>()).step_by(64) {
                        let at = weights.cast::<i8>().wrapping_add(AHEAD + line);
                        _mm_prefetch::<_MM_HINT_T0>(at);
                    }
                }
                for u in 0..U {
                    step::<W, R, H>(&mut sums[u], weights.add(u * TILE), x.add(u), row);
                }
                weights = weights.add(U * TILE);
                x = x.add(U);
            }
            for _ in whole * U..inputs {
                step::<W, R, H>(&mut sums[0], weights, x, row);
                weights = weights.add(TILE);
                x = x.add(1);
            }
        }
    }
    for r in 0..R {
        let mut outputs = [0f32; TILE];
        for h in 0..H {
            let mut all = sums[0][r][h];
            for sums in &sums[1..] {
                all = _mm256_add_ps(all, sums[r][h]);
            }
            // SAFETY: a tile holds `TILE` values, `H` registers of `LANES`.
            unsafe { _mm256_storeu_ps(outputs.as_mut_ptr().add(h * LANES), all) };
        }
        put(r, &outputs);
    }
    R
}

/// Adds one input of every row times its weights.
#[expect(unsafe_code, reason = "a kernel over pointers")]
#[expect(clippy::needless_range_loop, reason = "registers by number")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn step<W: Weight, const R: usize, const H: usize>(
    sums: &mut [[__m256; H]; R],
    weights: *const W,
    x: *const f32,
    row: usize,
) {
    // SAFETY: the caller's pointers have `H * LANES` weights, and a value in each of `R` rows.
    unsafe {
        let mut w = [_mm256_setzero_ps(); H];
        for h in 0..H {
            w[h] = W::eight(weights.add(h * LANES));
        }
        for r in 0..R {
            let value = _mm256_broadcast_ss(&*x.add(r * row));
            for h in 0..H {
                sums[r][h] = _mm256_fmadd_ps(value, w[h], sums[r][h]);
            }
        }
    }
}
