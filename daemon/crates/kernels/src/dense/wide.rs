//! The product with AVX-512: a tile's outputs are one register, and fourteen rows of two tiles fill 28 with
//! their sums. Fewer rows share the inputs out over several sums instead, so that additions do not wait for
//! each other.

use std::arch::x86_64::{
    __m512, _MM_HINT_T0, _mm_prefetch, _mm256_loadu_si256, _mm512_add_ps, _mm512_cvtph_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use half::f16;

use super::{Outputs, Piece, TILE, Target, Values};
use crate::product::AHEAD;

/// Rows whose sums fill the registers.
pub(super) const ROWS: usize = 14;
/// Tiles side by side.
pub(super) const TILES: usize = 2;

/// Sums of rows: those of each tile side by side.
type Sums = [[Outputs; TILES]; ROWS];

/// A weight as it is stored.
trait Weight: Copy {
    /// Sixteen of them.
    ///
    /// # Safety
    /// Sixteen weights stand at `at`, and the machine has AVX-512.
    #[expect(unsafe_code, reason = "loads take pointers")]
    unsafe fn sixteen(at: *const Self) -> __m512;
}

impl Weight for f32 {
    #[expect(unsafe_code, reason = "loads take pointers")]
    #[inline(always)]
    unsafe fn sixteen(at: *const Self) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_ps(at) }
    }
}

impl Weight for f16 {
    #[expect(unsafe_code, reason = "loads take pointers")]
    #[inline(always)]
    unsafe fn sixteen(at: *const Self) -> __m512 {
        // SAFETY: the caller's promise; sixteen half-precision values are 32 bytes.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())) }
    }
}

/// Where the rows of a group begin, how far their parts lie apart, and how far the tiles' weights do, in values.
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
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn piece(piece: &Piece<'_>, target: &Target) {
    let size = piece.dense.taps * piece.dense.inputs * TILE;
    // A single row's weights are read in the order in which they lie.
    let side_by_side = if piece.rows.len() == 1 { 1 } else { TILES };
    let mut tile = piece.tiles.start;
    while tile < piece.tiles.end {
        let next = (tile + side_by_side).min(piece.tiles.end);
        let at = tile * size..next * size;
        // SAFETY: the caller's promise; the weights are those of the tiles.
        unsafe {
            match &piece.dense.values {
                Values::Single(all) => rows(piece, tile..next, &all[at], target),
                Values::Half(all) => rows(piece, tile..next, &all[at], target),
            }
        }
        tile = next;
    }
}

#[expect(unsafe_code, reason = "a kernel over pointers")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn rows<W: Weight>(
    piece: &Piece<'_>,
    tiles: std::ops::Range<usize>,
    weights: &[W],
    target: &Target,
) {
    let (dense, x) = (piece.dense, piece.x);
    let (mut taps, mut inputs, tap) = (dense.taps, dense.inputs, x.dilation * x.stride);
    if tap == inputs {
        // Taps that lie together are as one.
        (taps, inputs) = (1, taps * inputs);
    }
    let mut sums: Sums = [[[0.0; TILE]; TILES]; ROWS];
    let mut row = piece.rows.start;
    while row < piece.rows.end {
        let left = piece.rows.end - row;
        // The last rows in halves rather than many and few.
        let count = if left < 2 * ROWS && left > ROWS { left.div_ceil(2) } else { left.min(ROWS) };
        // SAFETY: the caller's promise.
        unsafe {
            let x = piece.x.values.as_ptr().add(row * x.step * x.stride);
            let group = Group { x, row: piece.x.step * piece.x.stride, tap, taps, inputs };
            match tiles.len() {
                1 => single(count, weights, group, &mut sums),
                _ => pair(count, weights, group, &mut sums),
            }
            for (at, sums) in sums[..count].iter().enumerate() {
                for (tile, sums) in tiles.clone().zip(sums) {
                    target.put(dense.ends(), tile, row + at, sums);
                }
            }
        }
        row += count;
    }
}

/// `count` rows of two tiles.
#[expect(unsafe_code, reason = "a kernel over pointers")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
unsafe fn pair<W: Weight>(count: usize, weights: &[W], group: Group, to: &mut Sums) {
    // SAFETY: the caller's promise.
    unsafe {
        match count {
            1 => sum::<W, 1, 2, 4>(weights, group, to),
            2 => sum::<W, 2, 2, 2>(weights, group, to),
            3 => sum::<W, 3, 2, 2>(weights, group, to),
            4 => sum::<W, 4, 2, 1>(weights, group, to),
            5 => sum::<W, 5, 2, 1>(weights, group, to),
            6 => sum::<W, 6, 2, 1>(weights, group, to),
            7 => sum::<W, 7, 2, 1>(weights, group, to),
            8 => sum::<W, 8, 2, 1>(weights, group, to),
            9 => sum::<W, 9, 2, 1>(weights, group, to),
            10 => sum::<W, 10, 2, 1>(weights, group, to),
            11 => sum::<W, 11, 2, 1>(weights, group, to),
            12 => sum::<W, 12, 2, 1>(weights, group, to),
            13 => sum::<W, 13, 2, 1>(weights, group, to),
            _ => sum::<W, 14, 2, 1>(weights, group, to),
        }
    }
}

/// `count` rows of a tile alone.
#[expect(unsafe_code, reason = "a kernel over pointers")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
unsafe fn single<W: Weight>(count: usize, weights: &[W], group: Group, to: &mut Sums) {
    // SAFETY: the caller's promise.
    unsafe {
        match count {
            1 => sum::<W, 1, 1, 8>(weights, group, to),
            2 => sum::<W, 2, 1, 4>(weights, group, to),
            3 => sum::<W, 3, 1, 4>(weights, group, to),
            4 => sum::<W, 4, 1, 2>(weights, group, to),
            5 => sum::<W, 5, 1, 2>(weights, group, to),
            6 => sum::<W, 6, 1, 2>(weights, group, to),
            7 => sum::<W, 7, 1, 2>(weights, group, to),
            8 => sum::<W, 8, 1, 1>(weights, group, to),
            9 => sum::<W, 9, 1, 1>(weights, group, to),
            10 => sum::<W, 10, 1, 1>(weights, group, to),
            11 => sum::<W, 11, 1, 1>(weights, group, to),
            12 => sum::<W, 12, 1, 1>(weights, group, to),
            13 => sum::<W, 13, 1, 1>(weights, group, to),
            _ => sum::<W, 14, 1, 1>(weights, group, to),
        }
    }
}

/// Sums of `R` rows in `H` tiles, inputs shared out over `U` sums.
#[expect(unsafe_code, reason = "a kernel over pointers")]
#[expect(clippy::needless_range_loop, reason = "registers by number")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
unsafe fn sum<W: Weight, const R: usize, const H: usize, const U: usize>(
    weights: &[W],
    group: Group,
    to: &mut Sums,
) {
    let Group { x, row, tap, taps, inputs } = group;
    let size = taps * inputs * TILE;
    debug_assert!(weights.len() >= H * size);
    let mut sums = [[[_mm512_setzero_ps(); H]; R]; U];
    let mut weights = weights.as_ptr();
    for t in 0..taps {
        // SAFETY: rows and taps lie within the input, and a tile has `TILE` weights for each tap and
        // input, so no pointer below leaves its slice.
        unsafe {
            let mut x = x.add(t * tap);
            let whole = inputs / U;
            for _ in 0..whole {
                if R == 1 && H == 1 {
                    for line in (0..U * TILE * size_of::<W>()).step_by(64) {
                        let at = weights.cast::<i8>().wrapping_add(AHEAD + line);
                        _mm_prefetch::<_MM_HINT_T0>(at);
                    }
                }
                for u in 0..U {
                    step::<W, R, H>(&mut sums[u], (weights.add(u * TILE), size), (x.add(u), row));
                }
                weights = weights.add(U * TILE);
                x = x.add(U);
            }
            for _ in whole * U..inputs {
                step::<W, R, H>(&mut sums[0], (weights, size), (x, row));
                weights = weights.add(TILE);
                x = x.add(1);
            }
        }
    }
    for r in 0..R {
        for h in 0..H {
            let mut all = sums[0][r][h];
            for sums in &sums[1..] {
                all = _mm512_add_ps(all, sums[r][h]);
            }
            // SAFETY: a tile holds `TILE` values, a register.
            unsafe { _mm512_storeu_ps(to[r][h].as_mut_ptr(), all) };
        }
    }
}

/// Adds one input of every row times its weights; tiles lie `size` weights apart.
#[expect(unsafe_code, reason = "a kernel over pointers")]
#[expect(clippy::needless_range_loop, reason = "registers by number")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
unsafe fn step<W: Weight, const R: usize, const H: usize>(
    sums: &mut [[__m512; H]; R],
    (weights, size): (*const W, usize),
    (x, row): (*const f32, usize),
) {
    // SAFETY: the caller's pointers have a register of weights in each tile, and a value in each of `R` rows.
    unsafe {
        let mut w = [_mm512_setzero_ps(); H];
        for h in 0..H {
            w[h] = W::sixteen(weights.add(h * size));
        }
        for r in 0..R {
            let value = _mm512_set1_ps(*x.add(r * row));
            for h in 0..H {
                sums[r][h] = _mm512_fmadd_ps(value, w[h], sums[r][h]);
            }
        }
    }
}
