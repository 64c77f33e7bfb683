//! The product with AVX2: bytes multiplied in pairs (`vpmaddubsw`), sums kept in 16 bits within a block
//! where they fit.

use std::arch::x86_64::{
    __m256, __m256i, _mm_loadl_epi64, _mm_loadu_si128, _mm256_abs_epi8, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32, _mm256_cvtph_ps,
    _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_sign_epi8, _mm256_srli_epi16, _mm256_storeu_ps, _mm256_sub_epi32,
};

use super::Outputs;
use crate::activations::Row;
use crate::matrix::{BLOCK, Codes, Matrix, TILE, Zeros};

/// Outputs of a register.
const LANES: usize = 8;
/// Sums by row and register of the tile.
type Sums<T, const R: usize, const H: usize> = [[T; H]; R];

/// One tile for some rows. Equals [`super::scalar::tile`] but for the order of f32 sums. One row takes the
/// tile's two registers together, which reads it once; several rows take them one after the other, which
/// keeps all their sums in registers.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn tile<const R: usize>(
    matrix: &Matrix,
    tile: usize,
    rows: &[Row<'_>; R],
) -> [Outputs; R] {
    let mut outputs = [[0f32; TILE]; R];
    if R == 1 {
        registers::<R, 2>(matrix, tile, rows, 0, &mut outputs);
    } else {
        registers::<R, 1>(matrix, tile, rows, 0, &mut outputs);
        registers::<R, 1>(matrix, tile, rows, 1, &mut outputs);
    }
    outputs
}

/// `H` registers of a tile from `first` on.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn registers<const R: usize, const H: usize>(
    matrix: &Matrix,
    tile: usize,
    rows: &[Row<'_>; R],
    first: usize,
    outputs: &mut [Outputs; R],
) {
    match (matrix.codes, &matrix.zeros) {
        (Codes::Four, Zeros::Same(zero)) => {
            let zeros = (i32::from(*zero), None);
            sum_groups(matrix, tile, rows, zeros, first, outputs, |b, c| four::<R, H>(b, c, first));
        }
        (Codes::Four, Zeros::Each(each)) => {
            let zeros = (0, Some(each.as_slice()));
            sum_groups(matrix, tile, rows, zeros, first, outputs, |b, c| four::<R, H>(b, c, first));
        }
        (Codes::Eight, Zeros::Same(zero)) => {
            let zeros = (i32::from(*zero) - 128, None);
            sum_groups(matrix, tile, rows, zeros, first, outputs, |b, c| {
                eight::<R, H>(b, c, first)
            });
        }
        (Codes::Eight, Zeros::Each(each)) => {
            let zeros = (128, Some(each.as_slice()));
            sum_groups(matrix, tile, rows, zeros, first, outputs, |b, c| {
                eight::<R, H>(b, c, first)
            });
        }
    }
}

/// Sums over groups and blocks; `dot` multiplies one block. `zeros` is the zero point less what the stored
/// codes lack, or with zero points of each group what these codes lack.
#[expect(clippy::too_many_arguments, reason = "one loop for four kinds of maps")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn sum_groups<const R: usize, const H: usize>(
    matrix: &Matrix,
    tile: usize,
    rows: &[Row<'_>; R],
    (shift, each): (i32, Option<&[u8]>),
    first: usize,
    outputs: &mut [Outputs; R],
    dot: impl Fn(&[u8], &[&[i8; BLOCK]; R]) -> Sums<__m256i, R, H>,
) {
    let (blocks, groups, size) = (matrix.blocks(), matrix.groups(), matrix.codes.block_bytes());
    let bytes = &matrix.bytes[tile * blocks * size..(tile + 1) * blocks * size];
    let codes = rows.map(|row| &row.codes.as_chunks::<BLOCK>().0[..blocks]);
    let (steps, counts) =
        (rows.map(|row| &row.scales[..blocks]), rows.map(|row| &row.sums[..blocks]));
    let mut sums = [[_mm256_setzero_ps(); H]; R];
    for group in 0..groups {
        let mut grouped = [[_mm256_setzero_ps(); H]; R];
        let mut offsets = [0f32; R];
        let from = group * matrix.group_blocks;
        for block in from..(from + matrix.group_blocks).min(blocks) {
            let dots = dot(&bytes[block * size..(block + 1) * size], &codes.map(|c| &c[block]));
            for r in 0..R {
                let scale = _mm256_set1_ps(steps[r][block]);
                let count = counts[r][block];
                for h in 0..H {
                    let mut whole = dots[r][h];
                    if each.is_none() && shift != 0 {
                        whole = _mm256_sub_epi32(whole, _mm256_set1_epi32(shift * count));
                    }
                    let whole = _mm256_cvtepi32_ps(whole);
                    grouped[r][h] = _mm256_fmadd_ps(whole, scale, grouped[r][h]);
                }
                if each.is_some() {
                    #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
                    let count = count as f32;
                    offsets[r] += steps[r][block] * count;
                }
            }
        }
        for h in 0..H {
            let at = (tile * groups + group) * TILE + (first + h) * LANES;
            let scale = halves(&matrix.scales[at..at + LANES]);
            let zeros = each.map(|each| zero_points(&each[at..at + LANES], shift));
            for r in 0..R {
                if let Some(zeros) = zeros {
                    let offset = _mm256_set1_ps(offsets[r]);
                    grouped[r][h] = _mm256_fnmadd_ps(zeros, offset, grouped[r][h]);
                }
                sums[r][h] = _mm256_fmadd_ps(scale, grouped[r][h], sums[r][h]);
            }
        }
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
    bytes: &[u8],
    codes: &[&[i8; BLOCK]; R],
    first: usize,
) -> Sums<__m256i, R, H> {
    let (low, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
    let mut sums = [[_mm256_setzero_si256(); H]; R];
    for part in 0..4 {
        for h in 0..H {
            let packed = load(bytes, part * 64 + (first + h) * 32);
            let near = _mm256_and_si256(packed, low);
            let far = _mm256_and_si256(_mm256_srli_epi16(packed, 4), low);
            for r in 0..R {
                let a = _mm256_maddubs_epi16(near, spread(codes[r], part * 8));
                let b = _mm256_maddubs_epi16(far, spread(codes[r], part * 8 + 4));
                sums[r][h] = _mm256_add_epi16(sums[r][h], a);
                sums[r][h] = _mm256_add_epi16(sums[r][h], b);
            }
        }
    }
    sums.map(|row| row.map(|sum| _mm256_madd_epi16(sum, ones)))
}

/// A block of eight-bit codes, stored as code − 128: |code| times the activation with the code's sign.
#[expect(clippy::needless_range_loop, reason = "registers by number")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn eight<const R: usize, const H: usize>(
    bytes: &[u8],
    codes: &[&[i8; BLOCK]; R],
    first: usize,
) -> Sums<__m256i, R, H> {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); H]; R];
    for part in 0..8 {
        for h in 0..H {
            let weights = load(bytes, part * 64 + (first + h) * 32);
            let positive = _mm256_abs_epi8(weights);
            for r in 0..R {
                let signed = _mm256_sign_epi8(spread(codes[r], part * 4), weights);
                let pairs = _mm256_maddubs_epi16(positive, signed);
                sums[r][h] = _mm256_add_epi32(sums[r][h], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    sums
}

/// Four activations in every lane of 32 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn spread(codes: &[i8; BLOCK], at: usize) -> __m256i {
    let four = [codes[at], codes[at + 1], codes[at + 2], codes[at + 3]];
    _mm256_set1_epi32(i32::from_le_bytes(four.map(i8::cast_unsigned)))
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

/// Eight scales, widened.
#[target_feature(enable = "avx2,f16c")]
#[inline]
fn halves(scales: &[half::f16]) -> __m256 {
    assert!(scales.len() == LANES, "a register");
    // SAFETY: the slice holds eight half-precision values, 16 bytes.
    #[expect(unsafe_code, reason = "loads take pointers")]
    let eight = unsafe { _mm_loadu_si128(scales.as_ptr().cast()) };
    _mm256_cvtph_ps(eight)
}

/// Eight zero points less `shift`.
#[target_feature(enable = "avx2")]
#[inline]
fn zero_points(zeros: &[u8], shift: i32) -> __m256 {
    assert!(zeros.len() == LANES, "a register");
    // SAFETY: the slice holds eight bytes.
    #[expect(unsafe_code, reason = "loads take pointers")]
    let bytes = unsafe { _mm_loadl_epi64(zeros.as_ptr().cast()) };
    let wide = _mm256_cvtepu8_epi32(bytes);
    _mm256_cvtepi32_ps(_mm256_sub_epi32(wide, _mm256_set1_epi32(shift)))
}
