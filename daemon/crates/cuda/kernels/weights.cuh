// Packed weights in a warp's registers: how each kind is loaded and becomes half precision. The order in memory is told in
// src/weights.rs. With g = lane / 4 and q = lane % 4 a lane holds outputs 2g (operand registers 0 and 2) and 2g + 1
// (registers 1 and 3) of a tile, and of each block of 32 inputs the eight from 8q on, four per product.
#pragma once
#include "simt.cuh"

constexpr int TILE = 16;   // outputs
constexpr int BLOCK = 32;  // inputs: two products
constexpr int STEP = 64;   // inputs: two blocks

INLINE float silu(float x) { return x * reciprocal(1.0f + exp2_fast(-1.4426950408889634f * x)); }

// Codes from 0 to 15. 0x6400 | code is 1024 + code in half precision, 0x6400 | code << 4 is 1024 + 16 code: taking off the
// zero point is exact in both.
struct Four {
    static constexpr bool SCALED = true;
    static constexpr int LOADS = 1;  // loads of 16 bytes of a lane's step
    // Pairs to be taken off for outputs 2g and 2g + 1.
    struct Offsets {
        u32 even, odd;
    };
    INLINE_MEMBER Offsets offsets_of(u32 even, u32 odd) {
        // 1024 + zero, and -(64 + zero): 0xd400 is -64, whose last place is worth 1/16.
        return {(0x6400u + even) * 0x10001u, (0xd400u + (odd << 4)) * 0x10001u};
    }
    INLINE_MEMBER Offsets offsets(const u8* zeros, int zero, std::size_t group, int g) {
        if (zeros == nullptr) return offsets_of(zero, zero);
        const u32 both = reinterpret_cast<const u16*>(zeros + group * TILE)[g];
        return offsets_of(both & 0xff, both >> 8);
    }
    // Eight codes: one product.
    INLINE_MEMBER void unpack(u32 word, Offsets offsets, u32 a[4]) {
        const u32 next = word >> 8;
        a[0] = pair_sub(mask_or<0x000f000fu, 0x64006400u>(word), offsets.even);
        a[1] = pair_fma(mask_or<0x00f000f0u, 0x64006400u>(word), 0x2c002c00u, offsets.odd);  // 1/16
        a[2] = pair_sub(mask_or<0x000f000fu, 0x64006400u>(next), offsets.even);
        a[3] = pair_fma(mask_or<0x00f000f0u, 0x64006400u>(next), 0x2c002c00u, offsets.odd);
    }
    // Both products of block `half` of a step.
    INLINE_MEMBER void unpack_half(const uint4* step, int half, Offsets offsets, u32 a[2][4]) {
        unpack(half == 0 ? step[0].x : step[0].z, offsets, a[0]);
        unpack(half == 0 ? step[0].y : step[0].w, offsets, a[1]);
    }
    INLINE_MEMBER void unpack_block(const uint4* tile, int block, int lane, Offsets offsets, u32 a[2][4]) {
        const uint4 step = tile[(block / 2) * LANES + lane];
        unpack_half(&step, block % 2, offsets, a);
    }
};

// Codes from 0 to 255, 1024 + code in half precision.
struct Eight {
    static constexpr bool SCALED = true;
    static constexpr int LOADS = 2;
    struct Offsets {
        u32 even, odd;
    };
    INLINE_MEMBER Offsets offsets(const u8* zeros, int zero, std::size_t group, int g) {
        if (zeros == nullptr) return {(0x6400u + zero) * 0x10001u, (0x6400u + zero) * 0x10001u};
        const u32 both = reinterpret_cast<const u16*>(zeros + group * TILE)[g];
        return {(0x6400u + (both & 0xff)) * 0x10001u, (0x6400u + (both >> 8)) * 0x10001u};
    }
    INLINE_MEMBER void unpack(u32 even, u32 odd, Offsets offsets, u32 a[4]) {
        a[0] = pair_sub(permute_bytes(even, 0x64646464u, 0x4140), offsets.even);
        a[1] = pair_sub(permute_bytes(odd, 0x64646464u, 0x4140), offsets.odd);
        a[2] = pair_sub(permute_bytes(even, 0x64646464u, 0x4342), offsets.even);
        a[3] = pair_sub(permute_bytes(odd, 0x64646464u, 0x4342), offsets.odd);
    }
    INLINE_MEMBER void unpack_half(const uint4* step, int half, Offsets offsets, u32 a[2][4]) {
        unpack(step[half].x, step[half].y, offsets, a[0]);
        unpack(step[half].z, step[half].w, offsets, a[1]);
    }
    INLINE_MEMBER void unpack_block(const uint4* tile, int block, int lane, Offsets offsets, u32 a[2][4]) {
        const uint4 both[2] = {tile[block * LANES + lane], {}};
        unpack_half(both, 0, offsets, a);
    }
};

// Half precision as it is.
struct Half {
    static constexpr bool SCALED = false;
    static constexpr int LOADS = 4;
    struct Offsets {};
    INLINE_MEMBER Offsets offsets(const u8*, int, std::size_t, int) { return {}; }
    INLINE_MEMBER void unpack_half(const uint4* step, int half, Offsets, u32 a[2][4]) {
#pragma unroll
        for (int product = 0; product < 2; product++) {
            const uint4 v = step[2 * half + product];
            a[product][0] = v.x;
            a[product][1] = v.y;
            a[product][2] = v.z;
            a[product][3] = v.w;
        }
    }
    INLINE_MEMBER void unpack_block(const uint4* tile, int block, int lane, Offsets offsets, u32 a[2][4]) {
        const uint4 both[2] = {tile[2 * block * LANES + lane], tile[(2 * block + 1) * LANES + lane]};
        unpack_half(both, 0, offsets, a);
    }
};
