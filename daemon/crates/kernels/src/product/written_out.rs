//! The AVX-512 instructions of [`super::vnni`] in plain code, for tests on machines without them: what Intel's
//! Intrinsics Guide says each does, lane by lane. Never used for speed.

use half::f16;

/// Sixteen floats.
#[derive(Clone, Copy)]
pub(super) struct __m512([f32; 16]);

/// 64 bytes.
#[derive(Clone, Copy)]
pub(super) struct __m512i([u8; 64]);

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(super) struct __m128i([u8; 16]);

/// 32 bytes.
#[derive(Clone, Copy)]
pub(super) struct __m256i([u8; 32]);

impl __m512i {
    fn words(self) -> [i32; 16] {
        std::array::from_fn(|lane| i32::from_le_bytes(self.0.as_chunks().0[lane]))
    }

    fn of_words(words: [i32; 16]) -> Self {
        Self(std::array::from_fn(|at| words[at / 4].to_le_bytes()[at % 4]))
    }
}

fn floats(lane: impl FnMut(usize) -> f32) -> __m512 {
    __m512(std::array::from_fn(lane))
}

fn bytes(byte: impl FnMut(usize) -> u8) -> __m512i {
    __m512i(std::array::from_fn(byte))
}

macro_rules! load {
    ($name:ident, $from:ty, $to:ident) => {
        /// Reads as many bytes as the register has.
        #[expect(unsafe_code, reason = "as the instruction's, it takes a pointer")]
        pub(super) unsafe fn $name(from: *const $from) -> $to {
            // SAFETY: the caller vouches for the bytes, as with the instruction.
            $to(unsafe { from.cast::<[u8; size_of::<$to>()]>().read_unaligned() })
        }
    };
}
load!(_mm512_loadu_si512, __m512i, __m512i);
load!(_mm256_loadu_si256, __m256i, __m256i);
load!(_mm_loadu_si128, __m128i, __m128i);

/// Where memory is asked for: the nearest cache.
pub(super) const _MM_HINT_T0: i32 = 3;

/// Does nothing that can be seen.
pub(super) fn _mm_prefetch<const HINT: i32>(_at: *const i8) {}

#[expect(unsafe_code, reason = "as the instruction's, it takes a pointer")]
pub(super) unsafe fn _mm512_storeu_ps(to: *mut f32, a: __m512) {
    // SAFETY: the caller vouches for the room, as with the instruction.
    unsafe { to.cast::<[f32; 16]>().write_unaligned(a.0) }
}

pub(super) fn _mm512_setzero_si512() -> __m512i {
    __m512i([0; 64])
}

pub(super) fn _mm512_setzero_ps() -> __m512 {
    __m512([0.0; 16])
}

pub(super) fn _mm512_set1_epi8(a: i8) -> __m512i {
    __m512i([a.cast_unsigned(); 64])
}

pub(super) fn _mm512_set1_epi32(a: i32) -> __m512i {
    __m512i::of_words([a; 16])
}

pub(super) fn _mm512_set1_ps(a: f32) -> __m512 {
    __m512([a; 16])
}

pub(super) fn _mm512_and_si512(a: __m512i, b: __m512i) -> __m512i {
    bytes(|at| a.0[at] & b.0[at])
}

pub(super) fn _mm512_xor_si512(a: __m512i, b: __m512i) -> __m512i {
    bytes(|at| a.0[at] ^ b.0[at])
}

/// Shifts each sixteen bits.
pub(super) fn _mm512_srli_epi16<const BY: u32>(a: __m512i) -> __m512i {
    let shifted = |at: usize| u16::from_le_bytes([a.0[at & !1], a.0[at | 1]]) >> BY;
    bytes(|at| shifted(at).to_le_bytes()[at % 2])
}

/// To each 32 bits of `src`, the products of four unsigned bytes of `a` with four signed ones of `b`.
pub(super) fn _mm512_dpbusd_epi32(src: __m512i, a: __m512i, b: __m512i) -> __m512i {
    let sums = src.words();
    let product = |at: usize| i32::from(a.0[at]) * i32::from(b.0[at].cast_signed());
    __m512i::of_words(std::array::from_fn(|lane| {
        (0..4).fold(sums[lane], |sum, at| sum.wrapping_add(product(lane * 4 + at)))
    }))
}

#[expect(clippy::cast_precision_loss, reason = "as the instruction rounds")]
pub(super) fn _mm512_cvtepi32_ps(a: __m512i) -> __m512 {
    let words = a.words();
    floats(|lane| words[lane] as f32)
}

pub(super) fn _mm512_cvtepu8_epi32(a: __m128i) -> __m512i {
    __m512i::of_words(a.0.map(i32::from))
}

pub(super) fn _mm512_cvtph_ps(a: __m256i) -> __m512 {
    floats(|lane| f16::from_le_bytes([a.0[2 * lane], a.0[2 * lane + 1]]).to_f32())
}

pub(super) fn _mm512_fmadd_ps(a: __m512, b: __m512, c: __m512) -> __m512 {
    floats(|lane| a.0[lane].mul_add(b.0[lane], c.0[lane]))
}

pub(super) fn _mm512_fnmadd_ps(a: __m512, b: __m512, c: __m512) -> __m512 {
    floats(|lane| (-a.0[lane]).mul_add(b.0[lane], c.0[lane]))
}
