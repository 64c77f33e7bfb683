// What both forms of a linear map share: which map, and what becomes of a pair of results.
#pragma once
#include "weights.cuh"

struct Map {
    const uint4* weights;
    const f16* scales;
    const u8* zeros;
    int zero;
    const float* bias;
    // A group is 2^group_shift blocks.
    int rows, outputs, places, group_shift, groups, mode;
};

enum Mode { HALVES = 0, FLOATS = 1, ADD = 2, SWIGLU = 3 };

// Ends with results of outputs `output` (even) and `output + 1` of a row.
INLINE void finish(const Map& map, void* out, int row, int output, float even, float odd) {
    if (row >= map.rows || output >= map.outputs) return;
    const bool both = output + 1 < map.outputs;
    if (map.bias != nullptr) {
        even += map.bias[output];
        if (both) odd += map.bias[output + 1];
    }
    const std::size_t at = static_cast<std::size_t>(row) * map.outputs + output;
    if (map.mode == SWIGLU) {
        static_cast<f16*>(out)[at / 2] = to_half(silu(even) * odd);
    } else if (map.mode == HALVES) {
        f16* to = static_cast<f16*>(out) + at;
        if (both && at % 2 == 0) {
            *reinterpret_cast<u32*>(to) = pack_halves(even, odd);
        } else {
            to[0] = to_half(even);
            if (both) to[1] = to_half(odd);
        }
    } else {
        float* to = static_cast<float*>(out) + at;
        const bool add = map.mode == ADD;
        to[0] = add ? to[0] + even : even;
        if (both) to[1] = add ? to[1] + odd : odd;
    }
}
