// How a KV cache keeps its values: pages of 64 positions, keys [page, head, position, dim], values [page, head, dim,
// position] (src/cache.rs).
#pragma once
#include "simt.cuh"

struct HalfStore {
    static constexpr bool SCALED = false;
    static constexpr int BYTES = 2;
    using Raw = uint4;  // eight values
    INLINE_MEMBER void put(u8* pages, std::size_t at, float value, float) { reinterpret_cast<f16*>(pages)[at] = to_half(value); }
    INLINE_MEMBER uint4 widen(Raw raw) { return raw; }
};

// Codes from 1 to 255 of -127 to 127, times a scale per position.
struct EightStore {
    static constexpr bool SCALED = true;
    static constexpr int BYTES = 1;
    using Raw = uint2;
    INLINE_MEMBER void put(u8* pages, std::size_t at, float value, float over) {
        pages[at] = static_cast<u8>(max(-127, min(127, round_to_int(value * over))) + 128);
    }
    // Eight codes as half precision, exact; scales are applied to scores and weights.
    INLINE_MEMBER uint4 widen(Raw raw) {
        constexpr u32 ZERO = 0x64806480u;  // 1024 + 128
        uint4 out;
        out.x = pair_sub(permute_bytes(raw.x, 0x64646464u, 0x4140), ZERO);
        out.y = pair_sub(permute_bytes(raw.x, 0x64646464u, 0x4342), ZERO);
        out.z = pair_sub(permute_bytes(raw.y, 0x64646464u, 0x4140), ZERO);
        out.w = pair_sub(permute_bytes(raw.y, 0x64646464u, 0x4342), ZERO);
        return out;
    }
};
