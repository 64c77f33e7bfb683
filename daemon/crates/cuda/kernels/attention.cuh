// What both forms of attention share: a warp's sixteen query rows against pieces of 32 positions. Query rows are (token, head of
// the group) with the head changing first, so all query heads of a key head meet its keys in one product.
//
// Which column of a product is which position is free as long as weights and values agree. Column 2q + e of score block j is
// position 8q + 4 (j / 2) + 2 (j % 2) + e of the piece: then a lane's scores are, in place, the operand of the product with the
// values, and a lane's keys and values are eight neighbours each, one load of 16 bytes (8 in eight bits).
#pragma once
#include "cache.cuh"

constexpr int PIECE = 32;       // positions
constexpr int QUERY_ROWS = 16;  // of a warp

template <int DIM>
struct Queries {
    u32 a[DIM / 32][2][4];
};

// State of a warp's rows: weighted sums, largest score so far (times log2 e), and this lane's share of the sum of weights. [0] is
// row g, [1] row g + 8.
template <int DIM>
struct Mixed {
    float sums[DIM / 8][4];
    float largest[2], total[2];
};

struct Heads {
    int rows, heads, kv, capacity;
    float scale;
    INLINE_MEMBER int group(const Heads& h) { return h.heads / h.kv; }
};

// Rows of queries from `first` on, zero beyond the last.
template <int DIM>
INLINE void load_queries(const f16* queries, Heads heads, int kv_head, int first, Queries<DIM>& to) {
    const int lane = threadIdx.x % LANES, g = lane / 4, q = lane % 4, group = Heads::group(heads);
#pragma unroll
    for (int side = 0; side < 2; side++) {
        const int at = first + g + 8 * side, token = at / group;
        const bool there = token < heads.rows;
        const std::size_t row = there ? static_cast<std::size_t>(token) * heads.heads + kv_head * group + at % group : 0;
#pragma unroll
        for (int block = 0; block < DIM / 32; block++) {
            uint4 v = {};
            if (there) v = load(reinterpret_cast<const uint4*>(queries + row * DIM + block * 32 + 8 * q));
            to.a[block][0][side] = v.x;
            to.a[block][0][2 + side] = v.y;
            to.a[block][1][side] = v.z;
            to.a[block][1][2 + side] = v.w;
        }
    }
}

template <int DIM>
INLINE void clear(Mixed<DIM>& mixed) {
#pragma unroll
    for (int n = 0; n < DIM / 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) mixed.sums[n][e] = 0.0f;
    }
    mixed.largest[0] = mixed.largest[1] = -INFINITY;
    mixed.total[0] = mixed.total[1] = 0.0f;
}

// Scores become weights, for positions up to `last` of each side's row; what was summed is brought to the new largest score.
template <int DIM>
INLINE void weigh(float scores[4][4], const int last[2], int position, Mixed<DIM>& mixed) {
    const int q = threadIdx.x % 4;
#pragma unroll
    for (int side = 0; side < 2; side++) {
        float largest = mixed.largest[side];
#pragma unroll
        for (int j = 0; j < 4; j++) {
#pragma unroll
            for (int e = 0; e < 2; e++) {
                const int at = position + 8 * q + 4 * (j / 2) + 2 * (j % 2) + e;
                float& score = scores[j][2 * side + e];
                if (at > last[side]) score = -INFINITY;
                largest = fmaxf(largest, score);
            }
        }
        largest = largest_over<4>(largest);
        const float base = largest == -INFINITY ? 0.0f : largest;
        const float less = exp2_fast(mixed.largest[side] - base);
        mixed.largest[side] = largest;
        float total = 0.0f;
#pragma unroll
        for (int j = 0; j < 4; j++) {
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float& score = scores[j][2 * side + e];
                score = exp2_fast(score - base);
                total += score;
            }
        }
        mixed.total[side] = mixed.total[side] * less + total;
#pragma unroll
        for (int n = 0; n < DIM / 8; n++) {
            mixed.sums[n][2 * side] *= less;
            mixed.sums[n][2 * side + 1] *= less;
        }
    }
}

// Takes in a piece. `key(position, block)` and `value(dim)` give eight neighbours of this lane's; `key_scales` and `value_scales` are
// those of the piece's positions.
template <class Store, int DIM, class Key, class Value>
INLINE void take_piece(const Queries<DIM>& queries, Heads heads, const int last[2], int position, const f16* key_scales,
                       const f16* value_scales, Key key, Value value, Mixed<DIM>& mixed) {
    const int lane = threadIdx.x % LANES, g = lane / 4, q = lane % 4;
    float scores[4][4] = {};
#pragma unroll
    for (int j = 0; j < 4; j++) {
        const int column = 8 * (g / 2) + 4 * (j / 2) + 2 * (j % 2) + g % 2;
#pragma unroll
        for (int block = 0; block < DIM / 32; block++) {
            const uint4 b = key(column, block);
            multiply_add(scores[j], queries.a[block][0], b.x, b.y);
            multiply_add(scores[j], queries.a[block][1], b.z, b.w);
        }
        const float scale = heads.scale * 1.4426950408889634f;
        float even = scale, odd = scale;
        if (Store::SCALED) {
            const u32 both = reinterpret_cast<const u32*>(key_scales)[4 * q + 2 * (j / 2) + j % 2];
            even *= to_float(both & 0xffff);
            odd *= to_float(both >> 16);
        }
#pragma unroll
        for (int e = 0; e < 4; e++) scores[j][e] *= e % 2 == 0 ? even : odd;
    }
    weigh<DIM>(scores, last, position, mixed);
    u32 weights[2][4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
        float even = 1.0f, odd = 1.0f;
        if (Store::SCALED) {
            const u32 both = reinterpret_cast<const u32*>(value_scales)[4 * q + 2 * (j / 2) + j % 2];
            even = to_float(both & 0xffff);
            odd = to_float(both >> 16);
        }
#pragma unroll
        for (int side = 0; side < 2; side++)
            weights[j / 2][2 * (j % 2) + side] = pack_halves(scores[j][2 * side] * even, scores[j][2 * side + 1] * odd);
    }
#pragma unroll
    for (int n = 0; n < DIM / 8; n++) {
        const uint4 b = value(n * 8 + g);
        multiply_add(mixed.sums[n], weights[0], b.x, b.y);
        multiply_add(mixed.sums[n], weights[1], b.z, b.w);
    }
}

// The last position that each of a lane's two rows sees; -1 for rows that are not there.
INLINE void last_seen(Heads heads, int past, int first, int last[2]) {
    const int g = threadIdx.x % LANES / 4;
    for (int side = 0; side < 2; side++) {
        const int token = (first + g + 8 * side) / Heads::group(heads);
        last[side] = token < heads.rows ? min(past + token, heads.capacity - 1) : -1;
    }
}
