// The words that the kernels are written in: on a GPU thin names for PTX and intrinsics, in the emulator
// (host/emulator.h) functions of the same meaning. No kernel uses anything else of CUDA, so that both compilers read the
// same sources.
#pragma once

#include <cstddef>
#include <cstdint>

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
// Half precision is stored as its bits; two of them in a register are `u32`, the first in the low half.
using f16 = std::uint16_t;

constexpr int LANES = 32;
constexpr int PAGE = 64;  // positions of a page of the KV cache

#ifdef __CUDACC__

#include <cuda_fp16.h>

#define INLINE __device__ __forceinline__
#define INLINE_MEMBER static __device__ __forceinline__
#define EXPORT(name)
#define SHARED __shared__ __align__(16)
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]

INLINE void sync_block() { __syncthreads(); }
INLINE float shuffle_xor(float value, int mask) { return __shfl_xor_sync(~0u, value, mask); }
INLINE u32 shuffle_xor(u32 value, int mask) { return __shfl_xor_sync(~0u, value, mask); }
INLINE void fence() { __threadfence(); }
INLINE u32 add_atomically(u32* at, u32 value) { return atomicAdd(at, value); }

INLINE float to_float(f16 bits) { return __half2float(__ushort_as_half(bits)); }
INLINE f16 to_half(float value) { return __half_as_ushort(__float2half_rn(value)); }
INLINE __half2 as_pair(u32 bits) { return *reinterpret_cast<__half2*>(&bits); }
INLINE u32 as_bits(__half2 pair) { return *reinterpret_cast<u32*>(&pair); }
INLINE u32 pack_halves(float low, float high) { return as_bits(__floats2half2_rn(low, high)); }
INLINE u32 pair_sub(u32 a, u32 b) { return as_bits(__hsub2(as_pair(a), as_pair(b))); }
INLINE u32 pair_mul(u32 a, u32 b) { return as_bits(__hmul2(as_pair(a), as_pair(b))); }
INLINE u32 pair_fma(u32 a, u32 b, u32 c) {
    return as_bits(__hfma2(as_pair(a), as_pair(b), as_pair(c)));
}
// (a & mask) | bits in one instruction.
template <u32 mask, u32 bits>
INLINE u32 mask_or(u32 a) {
    u32 out;
    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(out) : "r"(a), "n"(mask), "n"(bits));
    return out;
}
INLINE u32 permute_bytes(u32 a, u32 b, u32 selector) { return __byte_perm(a, b, selector); }

INLINE float exp2_fast(float x) {
    float out;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
    return out;
}
INLINE float reciprocal(float x) { return __fdividef(1.0f, x); }
INLINE float root_reciprocal(float x) { return rsqrtf(x); }
INLINE void sine_cosine(float x, float* sine, float* cosine) { sincosf(x, sine, cosine); }
INLINE int round_to_int(float x) { return __float2int_rn(x); }

// D[16 x 8] += A[16 x 16] B[16 x 8] in half precision with f32 sums (PTX ISA, mma.m16n8k16). With g = lane / 4 and
// q = lane % 4: a[0], a[2] hold row g, a[1], a[3] row g + 8, columns 2q, 2q + 1 (a[2], a[3]: + 8); b[0], b[1] hold
// column g, rows 2q, 2q + 1 (b[1]: + 8); d[0], d[1] are row g, d[2], d[3] row g + 8, columns 2q, 2q + 1.
INLINE void multiply_add(float d[4], const u32 a[4], u32 b0, u32 b1) {
    asm(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Weights are read once: past the first cache, so that activations stay in it.
INLINE uint4 load_once(const uint4* from) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(from));
    return v;
}
INLINE uint4 load(const uint4* from) { return __ldg(from); }
INLINE u32 load(const u32* from) { return __ldg(from); }

// Makes a value one that the compiler keeps rather than computes again at each use.
template <class T>
INLINE void keep(T*& pointer) {
    asm volatile("" : "+l"(pointer));
}
INLINE void keep(u32& value) { asm volatile("" : "+r"(value)); }

// Copies 16 bytes to shared memory behind the threads' backs; zeros where `there` is false.
INLINE void copy_later(void* to, const void* from, bool there) {
    const u32 shared = static_cast<u32>(__cvta_generic_to_shared(to));
    const int bytes = there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared), "l"(from), "r"(bytes) : "memory");
}
INLINE void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most `left` groups of copies are on their way.
template <int left>
INLINE void copies_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

#else
#include "emulator.h"
#endif

// Sum, or the largest, over groups of `lanes` neighbouring lanes; every lane gets it.
template <int lanes>
INLINE float sum_over(float value) {
#pragma unroll
    for (int mask = lanes / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
    return value;
}
template <int lanes>
INLINE float largest_over(float value) {
#pragma unroll
    for (int mask = lanes / 2; mask > 0; mask /= 2) value = fmaxf(value, shuffle_xor(value, mask));
    return value;
}

// Two equal halves.
INLINE u32 twice(f16 value) { return value * 0x10001u; }
