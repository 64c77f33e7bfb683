//! The product with AVX2: bytes multiplied in pairs (`vpmaddubsw`), sums kept in 16 bits within a block
//! where they fit.

use std::arch::x86_64::{
    __m256, __m256i, _MM_HINT_T0, _mm_loadl_epi64, _mm_loadu_si128, _mm_prefetch, _mm256_abs_epi8,
    _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_cvtepi32_ps,
    _mm256_cvtepu8_epi32, _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8,
    _mm256_srli_epi16, _mm256_storeu_ps, _mm256_sub_epi32,
};

use super::{AHEAD, Outputs};
use crate::activations::{Panel, QUAD};
use crate::matrix::{BLOCK, Codes, Matrix, TILE, Zeros};

/// Outputs of a register.
const LANES: usize = 8;
/// Sums by row and register of the tile.
type Sums<T, const R: usize, const H: usize> = [[T; H]; R];

/// Codes of a panel's block.
type Quads<const R: usize> = [[[i8; QUAD]; R]; BLOCK / QUAD];

/// One tile for the rows of a panel. Equals [`super::scalar::tile`] but for the order of f32 sums. One row
/// takes the tile's two registers together, which reads it once; several rows take them one after the
/// other, which keeps their sums in registers.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn tile<const R: usize>(
    matrix: &Matrix,
    tile: usize,
    panel: Panel<'_, R>,
) -> [Outputs; R] {
    let mut outputs = [[0f32; TILE]; R];
    if R == 1 {
        registers::<R, 2>(matrix, tile, panel, 0, &mut outputs);
    } else {
        registers::<R, 1>(matrix, tile, panel, 0, &mut outputs);
        registers::<R, 1>(matrix, tile, panel, 1, &mut outputs);
    }
    outputs
}

/// `H` registers of a tile from `first` on.
#[target_feature(enable = "avx2,fma,f16c")]
fn registers<const R: usize, const H: usize>(
    matrix: &Matrix,
    tile: usize,
    panel: Panel<'_, R>,
    first: usize,
    outputs: &mut [Outputs; R],
) {
    match (matrix.codes, matrix.group_blocks) {
        // (A form of its own for groups of one block is slower here: see [`rolled`].)
        (Codes::Four, _) => {
            let dot = |b: &[u8; 256], c: &Quads<R>| four::<R, H>(b, c, first);
            sum_groups::<R, H, 256, false>(matrix, tile, panel, first, outputs, dot);
        }
        (Codes::Eight, 1) => {
            let dot = |b: &[u8; 512], c: &Quads<R>| eight::<R, H, true>(b, c, first);
            sum_groups::<R, H, 512, true>(matrix, tile, panel, first, outputs, dot);
        }
        (Codes::Eight, _) => {
            let dot = |b: &[u8; 512], c: &Quads<R>| eight::<R, H, false>(b, c, first);
            sum_groups::<R, H, 512, false>(matrix, tile, panel, first, outputs, dot);
        }
    }
}

/// Sums over groups and blocks; `dot` multiplies one block of `SIZE` bytes. `ONE`: each block is a group of
/// its own. (Each form calls `dot` at one place, so that the compiler inlines it.)
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn sum_groups<const R: usize, const H: usize, const SIZE: usize, const ONE: bool>(
    matrix: &Matrix,
    tile: usize,
    panel: Panel<'_, R>,
    first: usize,
    outputs: &mut [Outputs; R],
    dot: impl Fn(&[u8; SIZE], &Quads<R>) -> Sums<__m256i, R, H>,
) {
    let (blocks, groups) = (matrix.blocks(), matrix.groups());
    let bytes = matrix.bytes[tile * blocks * SIZE..(tile + 1) * blocks * SIZE].as_chunks().0;
    let mut at = tile * groups * TILE + first * LANES;
    let mut sums = [[_mm256_setzero_ps(); H]; R];
    let mut grouped = [[_mm256_setzero_ps(); H]; R];
    let mut offsets = [_mm256_setzero_ps(); R];
    let rows = panel.codes.iter().zip(panel.scales).zip(panel.sums);
    let mut left = matrix.group_blocks;
    for (block, (bytes, ((codes, steps), counts))) in bytes.iter().zip(rows).enumerate() {
        if R == 1 {
            for line in (0..SIZE).step_by(64) {
                let ahead = bytes.as_ptr().wrapping_add(AHEAD + line);
                _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
            }
        }
        let dots = dot(bytes, codes);
        for r in 0..R {
            let step = _mm256_set1_ps(steps[r]);
            for h in 0..H {
                let whole = _mm256_cvtepi32_ps(dots[r][h]);
                grouped[r][h] = if ONE {
                    _mm256_mul_ps(whole, step)
                } else {
                    _mm256_fmadd_ps(whole, step, grouped[r][h])
                };
            }
            let count = _mm256_set1_ps(counts[r]);
            offsets[r] = if ONE { count } else { _mm256_add_ps(offsets[r], count) };
        }
        if !ONE {
            left -= 1;
            if left > 0 && block + 1 < blocks {
                continue;
            }
            left = matrix.group_blocks;
        }
        for h in 0..H {
            let (scale, zeros) = of_group(matrix, at + h * LANES);
            for r in 0..R {
                let scaled = _mm256_fnmadd_ps(zeros, offsets[r], grouped[r][h]);
                sums[r][h] = _mm256_fmadd_ps(scale, scaled, sums[r][h]);
                if !ONE {
                    grouped[r][h] = _mm256_setzero_ps();
                }
            }
        }
        if !ONE {
            offsets = [_mm256_setzero_ps(); R];
        }
        at += TILE;
    }
    for (outputs, sums) in outputs.iter_mut().zip(&sums) {
        for (h, sum) in sums.iter().enumerate() {
            let to = &mut outputs[(first + h) * LANES..(first + h + 1) * LANES];
            // SAFETY: eight floats are written to eight floats.
            #[expect(unsafe_code, reason = "stores take pointers")]
            unsafe {
                _mm256_storeu_ps(to.as_mut_ptr(), *sum);
            }
        }
    }
}

/// A block of four-bit codes: 15 × 127 × 2 × 8 stays below 2^15.
#[expect(clippy::needless_range_loop, reason = "registers by number")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn four<const R: usize, const H: usize>(
    bytes: &[u8; 256],
    codes: &Quads<R>,
    first: usize,
) -> Sums<__m256i, R, H> {
    let (low, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
    let mut sums = [[_mm256_setzero_si256(); H]; R];
    let parts = bytes.as_chunks::<64>().0.iter().zip(codes.as_chunks::<2>().0);
    for (bytes, codes) in parts {
        for h in 0..H {
            let packed = load(bytes, (first + h) * 32);
            let near = _mm256_and_si256(packed, low);
            let far = _mm256_and_si256(_mm256_srli_epi16(packed, 4), low);
            for r in 0..R {
                let a = _mm256_maddubs_epi16(near, spread(codes[0][r]));
                let b = _mm256_maddubs_epi16(far, spread(codes[1][r]));
                sums[r][h] = _mm256_add_epi16(sums[r][h], a);
                sums[r][h] = _mm256_add_epi16(sums[r][h], b);
            }
        }
    }
    // (No `map`: its closures are not inlined here, and registers then go through memory.)
    for r in 0..R {
        for h in 0..H {
            sums[r][h] = _mm256_madd_epi16(sums[r][h], ones);
        }
    }
    sums
}

/// A block of eight-bit codes, stored as code − 128: |code| times the activation with the code's sign.
#[expect(clippy::needless_range_loop, reason = "registers by number")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn eight<const R: usize, const H: usize, const ONE: bool>(
    bytes: &[u8; 512],
    codes: &Quads<R>,
    first: usize,
) -> Sums<__m256i, R, H> {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); H]; R];
    for (bytes, codes) in bytes.as_chunks::<64>().0.iter().zip(codes).take(rolled(8)) {
        for h in 0..H {
            let weights = load(bytes, (first + h) * 32);
            let positive = _mm256_abs_epi8(weights);
            for r in 0..R {
                let signed = _mm256_sign_epi8(spread(codes[r]), weights);
                let pairs = _mm256_maddubs_epi16(positive, signed);
                sums[r][h] = _mm256_add_epi32(sums[r][h], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    sums
}

/// A count that the compiler does not know: a loop that it unrolls whole has its loads gathered at its
/// begin and spilled, at less than half the speed.
#[inline]
fn rolled(count: usize) -> usize {
    std::hint::black_box(count)
}

/// Four activations in every lane of 32 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn spread([a, b, c, d]: [i8; QUAD]) -> __m256i {
    let bytes = [a.cast_unsigned(), b.cast_unsigned(), c.cast_unsigned(), d.cast_unsigned()];
    _mm256_set1_epi32(i32::from_le_bytes(bytes))
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(bytes: &[u8], at: usize) -> __m256i {
    let bytes = &bytes[at..at + 32];
    // SAFETY: the slice holds 32 bytes.
    #[expect(unsafe_code, reason = "loads take pointers")]
    unsafe {
        _mm256_loadu_si256(bytes.as_ptr().cast())
    }
}

/// Scales of eight outputs from place `at`, and their zero points less what the stored codes lack.
#[target_feature(enable = "avx2,f16c")]
#[inline]
fn of_group(matrix: &Matrix, at: usize) -> (__m256, __m256) {
    let eight = &matrix.scales[at..at + LANES];
    // SAFETY: the slice holds eight half-precision values, 16 bytes.
    #[expect(unsafe_code, reason = "loads take pointers")]
    let scales = unsafe { _mm_loadu_si128(eight.as_ptr().cast()) };
    let shift = if matrix.codes == Codes::Four { 0 } else { 128 };
    let zeros = match &matrix.zeros {
        Zeros::Same(zero) => _mm256_set1_ps(f32::from(i16::from(*zero) - shift)),
        Zeros::Each(each) => {
            let eight = &each[at..at + LANES];
            // SAFETY: the slice holds eight bytes.
            #[expect(unsafe_code, reason = "loads take pointers")]
            let bytes = unsafe { _mm_loadl_epi64(eight.as_ptr().cast()) };
            let wide = _mm256_cvtepu8_epi32(bytes);
            _mm256_cvtepi32_ps(_mm256_sub_epi32(wide, _mm256_set1_epi32(i32::from(shift))))
        }
    };
    (_mm256_cvtph_ps(scales), zeros)
}
