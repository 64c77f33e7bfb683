//! The product with AVX-512 and VNNI: a tile's sixteen outputs are one register, and `vpdpbusd` adds four
//! products of bytes to each of them at once.
//!
//! The kernels are written once and compiled twice: with the machine's instructions, and for the tests with
//! each instruction written out in plain code, so that machines without AVX-512 prove them too.

use super::{AHEAD, Outputs};
use crate::activations::{Panel, QUAD};
use crate::matrix::{BLOCK, Codes, Matrix, TILE, Zeros};

pub(super) use machine::tile;

/// Codes of a panel's block.
type Quads<const R: usize> = [[[i8; QUAD]; R]; BLOCK / QUAD];

macro_rules! kernels {
    ($(#[$instructions:meta])*) => {
        use super::{AHEAD, Codes, Matrix, Outputs, Panel, QUAD, Quads, TILE, Zeros};

        /// One tile for the rows of a panel. Equals [`crate::product::scalar::tile`] but for the order of f32 sums.
        $(#[$instructions])*
        pub(in crate::product) fn tile<const R: usize>(
            matrix: &Matrix,
            tile: usize,
            panel: Panel<'_, R>,
        ) -> [Outputs; R] {
            match matrix.codes {
                Codes::Four => sum_groups::<R, 256>(matrix, tile, panel, |b, c| four(b, c)),
                Codes::Eight => sum_groups::<R, 512>(matrix, tile, panel, |b, c| eight(b, c)),
            }
        }

        /// Sums over groups and blocks; `dot` multiplies one block of `SIZE` bytes.
        $(#[$instructions])*
        #[inline]
        fn sum_groups<const R: usize, const SIZE: usize>(
            matrix: &Matrix,
            tile: usize,
            panel: Panel<'_, R>,
            dot: impl Fn(&[u8; SIZE], &Quads<R>) -> [__m512i; R],
        ) -> [Outputs; R] {
            let (blocks, groups) = (matrix.blocks(), matrix.groups());
            let bytes = matrix.bytes[tile * blocks * SIZE..(tile + 1) * blocks * SIZE].as_chunks().0;
            let mut sums = [_mm512_setzero_ps(); R];
            let rows = panel.codes.iter().zip(panel.scales).zip(panel.sums);
            let mut blocks = bytes.iter().zip(rows);
            for group in 0..groups {
                let mut grouped = [_mm512_setzero_ps(); R];
                let mut offsets = [0f32; R];
                for (bytes, ((codes, steps), counts)) in blocks.by_ref().take(matrix.group_blocks) {
                    if R == 1 {
                        ahead(bytes);
                    }
                    let dots = dot(bytes, codes);
                    for r in 0..R {
                        let whole = _mm512_cvtepi32_ps(dots[r]);
                        grouped[r] = _mm512_fmadd_ps(whole, _mm512_set1_ps(steps[r]), grouped[r]);
                        offsets[r] += counts[r];
                    }
                }
                let (scale, zeros) = of_group(matrix, (tile * groups + group) * TILE);
                for r in 0..R {
                    let scaled = _mm512_fnmadd_ps(zeros, _mm512_set1_ps(offsets[r]), grouped[r]);
                    sums[r] = _mm512_fmadd_ps(scale, scaled, sums[r]);
                }
            }
            let mut outputs = [[0f32; TILE]; R];
            for (outputs, sum) in outputs.iter_mut().zip(sums) {
                // SAFETY: sixteen floats are written to sixteen floats.
                #[expect(unsafe_code, reason = "stores take pointers")]
                unsafe {
                    _mm512_storeu_ps(outputs.as_mut_ptr(), sum);
                }
            }
            outputs
        }

        /// A block of four-bit codes: unsigned as they are.
        $(#[$instructions])*
        #[inline]
        fn four<const R: usize>(bytes: &[u8; 256], codes: &Quads<R>) -> [__m512i; R] {
            let low = _mm512_set1_epi8(15);
            let mut sums = [_mm512_setzero_si512(); R];
            for (bytes, codes) in bytes.as_chunks::<64>().0.iter().zip(codes.as_chunks::<2>().0) {
                let packed = load(bytes);
                let near = _mm512_and_si512(packed, low);
                let far = _mm512_and_si512(_mm512_srli_epi16::<4>(packed), low);
                for r in 0..R {
                    sums[r] = _mm512_dpbusd_epi32(sums[r], near, spread(codes[0][r]));
                    sums[r] = _mm512_dpbusd_epi32(sums[r], far, spread(codes[1][r]));
                }
            }
            sums
        }

        /// A block of eight-bit codes, stored as code − 128: unsigned with the highest bit turned.
        $(#[$instructions])*
        #[inline]
        fn eight<const R: usize>(bytes: &[u8; 512], codes: &Quads<R>) -> [__m512i; R] {
            let highest = _mm512_set1_epi8(i8::MIN);
            let mut sums = [_mm512_setzero_si512(); R];
            for (bytes, codes) in bytes.as_chunks::<64>().0.iter().zip(codes) {
                let weights = _mm512_xor_si512(load(bytes), highest);
                for r in 0..R {
                    sums[r] = _mm512_dpbusd_epi32(sums[r], weights, spread(codes[r]));
                }
            }
            sums
        }

        /// Asks for bytes that come [`AHEAD`] later.
        $(#[$instructions])*
        #[inline]
        fn ahead<const SIZE: usize>(bytes: &[u8; SIZE]) {
            for line in (0..SIZE).step_by(64) {
                let at = bytes.as_ptr().wrapping_add(AHEAD + line);
                _mm_prefetch::<_MM_HINT_T0>(at.cast());
            }
        }

        /// Four activations in every lane of 32 bits.
        $(#[$instructions])*
        #[inline]
        fn spread(four: [i8; QUAD]) -> __m512i {
            _mm512_set1_epi32(i32::from_le_bytes(four.map(i8::cast_unsigned)))
        }

        $(#[$instructions])*
        #[inline]
        fn load(bytes: &[u8; 64]) -> __m512i {
            // SAFETY: the array holds 64 bytes.
            #[expect(unsafe_code, reason = "loads take pointers")]
            unsafe {
                _mm512_loadu_si512(bytes.as_ptr().cast())
            }
        }

        /// Scales of sixteen outputs from place `at`, and their zero points.
        $(#[$instructions])*
        #[inline]
        fn of_group(matrix: &Matrix, at: usize) -> (__m512, __m512) {
            let halves = &matrix.scales[at..at + TILE];
            // SAFETY: the slice holds sixteen half-precision values, 32 bytes.
            #[expect(unsafe_code, reason = "loads take pointers")]
            let scales = unsafe { _mm256_loadu_si256(halves.as_ptr().cast()) };
            let zeros = match &matrix.zeros {
                Zeros::Same(zero) => _mm512_set1_ps(f32::from(*zero)),
                Zeros::Each(each) => {
                    let bytes = &each[at..at + TILE];
                    // SAFETY: the slice holds sixteen bytes.
                    #[expect(unsafe_code, reason = "loads take pointers")]
                    let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
                    _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))
                }
            };
            (_mm512_cvtph_ps(scales), zeros)
        }
    };
}

/// With the machine's instructions.
mod machine {
    use std::arch::x86_64::{
        __m512, __m512i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_loadu_si256,
        _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_cvtph_ps,
        _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_si512,
        _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
        _mm512_setzero_si512, _mm512_srli_epi16, _mm512_storeu_ps, _mm512_xor_si512,
    };

    kernels!(#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]);
}

/// With the instructions written out.
#[cfg(test)]
pub(super) mod written_out {
    use super::super::written_out::{
        __m512, __m512i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_loadu_si256,
        _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_cvtph_ps,
        _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_si512,
        _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
        _mm512_setzero_si512, _mm512_srli_epi16, _mm512_storeu_ps, _mm512_xor_si512,
    };

    kernels!();
}
