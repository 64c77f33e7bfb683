// Linear maps of up to 64 rows, which are bound by reading the weights. A block makes the sixteen outputs of a tile; its eight
// warps take runs of two steps in turn, so that the block reads 8 KB (four bits) of weights in a row, and each has one or two
// more runs on their way. Activations come from the first cache. Integers are multiplied as they are (exact in half
// precision), the sum of a block is scaled in f32. Sums over warps and blocks are in a fixed order, and none depends on the
// number of rows. Unmeasured: warps, runs, how many runs ahead.
#include "linear.cuh"

constexpr int WARPS = 8;
constexpr int RUN = 2;

template <class Kind>
constexpr int AHEAD = Kind::LOADS == 1 ? 3 : Kind::LOADS == 2 ? 2 : 1;

// What a lane reads besides the weights, from its own places on.
template <class Kind, int COLUMNS>
struct Lane {
    const f16* rows[COLUMNS];
    const f16* scales;
    const u8* zeros;
    typename Kind::Offsets same;  // where all zero points are the same
    int group_shift;
    // The step that is not full, and whether this lane's inputs of its blocks are there.
    int short_step;
    bool there[2];

    INLINE_MEMBER Lane of(const Map& map, const f16* x, int steps) {
        const int lane = threadIdx.x % LANES, g = lane / 4, q = lane % 4;
        Lane all;
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            // Lanes of rows that are not there take the last one: what they sum is not written.
            const int row = min(column * 8 + g, map.rows - 1);
            all.rows[column] = x + static_cast<std::size_t>(row) * map.places + 8 * q;
        }
        const std::size_t group = static_cast<std::size_t>(blockIdx.x) * map.groups;
        all.scales = map.scales + group * TILE + 2 * g;
        all.zeros = map.zeros == nullptr ? nullptr : map.zeros + group * TILE + 2 * g;
        all.same = Kind::offsets(nullptr, map.zero, 0, 0);
        if constexpr (Kind::SCALED) {
            keep(all.scales);
            keep(all.same.even);
            keep(all.same.odd);
        }
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) keep(all.rows[column]);
        all.group_shift = map.group_shift;
        all.short_step = map.places % STEP == 0 ? -1 : steps - 1;
        for (int half = 0; half < 2; half++) all.there[half] = (steps - 1) * STEP + half * BLOCK + 8 * q < map.places;
        return all;
    }
};

// Adds the product of one step to `sums`, where all of its inputs are there and of one group: the usual case.
template <class Kind, int COLUMNS, bool ZEROS>
INLINE void multiply_even_step(const Lane<Kind, COLUMNS>& from, const uint4 weights[], int step, float sums[][4]) {
    const int group = (2 * step) >> from.group_shift;
    u32 scale = 0;
    typename Kind::Offsets offsets = from.same;
    if (Kind::SCALED) {
        scale = load(reinterpret_cast<const u32*>(from.scales + group * TILE));
        if (ZEROS) offsets = Kind::offsets(from.zeros, 0, group, 0);
    }
    float part[COLUMNS][4] = {};
#pragma unroll
    for (int half = 0; half < 2; half++) {
        u32 a[2][4];
        Kind::unpack_half(weights, half, offsets, a);
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            const uint4 b = load(reinterpret_cast<const uint4*>(from.rows[column] + step * STEP + half * BLOCK));
            float* sum = Kind::SCALED ? part[column] : sums[column];
            multiply_add(sum, a[0], b.x, b.y);
            multiply_add(sum, a[1], b.z, b.w);
        }
    }
    if (!Kind::SCALED) return;
    const float even = to_float(scale & 0xffff), odd = to_float(scale >> 16);
#pragma unroll
    for (int column = 0; column < COLUMNS; column++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sums[column][e] += part[column][e] * (e < 2 ? even : odd);
    }
}

// The same for any step: each block is scaled by itself.
template <class Kind, int COLUMNS>
INLINE void multiply_step(const Lane<Kind, COLUMNS>& from, const uint4 weights[], int step, float sums[][4]) {
    const bool is_short = step == from.short_step;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int group = (2 * step + half) >> from.group_shift;
        u32 scale = 0;
        typename Kind::Offsets offsets = from.same;
        if (Kind::SCALED) {
            scale = load(reinterpret_cast<const u32*>(from.scales + group * TILE));
            if (from.zeros != nullptr) offsets = Kind::offsets(from.zeros, 0, group, 0);
        }
        u32 a[2][4];
        Kind::unpack_half(weights, half, offsets, a);
        const float even = to_float(scale & 0xffff), odd = to_float(scale >> 16);
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            uint4 b = {};
            if (!is_short || from.there[half])
                b = load(reinterpret_cast<const uint4*>(from.rows[column] + step * STEP + half * BLOCK));
            if (!Kind::SCALED) {
                multiply_add(sums[column], a[0], b.x, b.y);
                multiply_add(sums[column], a[1], b.z, b.w);
                continue;
            }
            float part[4] = {};
            multiply_add(part, a[0], b.x, b.y);
            multiply_add(part, a[1], b.z, b.w);
#pragma unroll
            for (int e = 0; e < 4; e++) sums[column][e] += part[e] * (e < 2 ? even : odd);
        }
    }
}

// All steps of a warp, with the weights of the next ones on their way. `multiply(weights, step)` takes one in.
template <class Kind, class Multiply>
INLINE void run_steps(const Map& map, int steps, Multiply multiply) {
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, stride = WARPS * RUN * static_cast<int>(gridDim.y);
    const uint4* weights = map.weights + static_cast<std::size_t>(blockIdx.x) * steps * Kind::LOADS * LANES + lane;
    keep(weights);
    uint4 ring[AHEAD<Kind>][RUN][Kind::LOADS];
    const auto fetch = [&](uint4 to[RUN][Kind::LOADS], int first) {
        const uint4* from = weights + first * Kind::LOADS * LANES;
#pragma unroll
        for (int run = 0; run < RUN; run++) {
#pragma unroll
            for (int at = 0; at < Kind::LOADS; at++) {
                if (first + run < steps) to[run][at] = load_once(from + (run * Kind::LOADS + at) * LANES);
            }
        }
    };
    int first = (static_cast<int>(blockIdx.y) * WARPS + warp) * RUN;
#pragma unroll
    for (int ahead = 0; ahead < AHEAD<Kind>; ahead++) fetch(ring[ahead], first + ahead * stride);
    while (first < steps) {
#pragma unroll
        for (int ahead = 0; ahead < AHEAD<Kind>; ahead++) {
            if (first < steps) {
#pragma unroll
                for (int run = 0; run < RUN; run++) {
                    if (first + run < steps) multiply(ring[ahead][run], first + run);
                }
                fetch(ring[ahead], first + AHEAD<Kind> * stride);
            }
            first += stride;
        }
    }
}

template <class Kind, int COLUMNS>
INLINE void linear_few(const Map& map, const f16* x, void* out, float* sums_of_blocks, u32* done) {
    SHARED float parts[WARPS][COLUMNS][4][LANES];
    SHARED u32 last;
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, tile = blockIdx.x;
    const int steps = (map.places + STEP - 1) / STEP;
    const Lane<Kind, COLUMNS> mine = Lane<Kind, COLUMNS>::of(map, x, steps);
    float sums[COLUMNS][4] = {};
    if (map.places % STEP != 0 || map.group_shift == 0) {
        run_steps<Kind>(map, steps, [&](const uint4* weights, int step) { multiply_step<Kind, COLUMNS>(mine, weights, step, sums); });
    } else if (map.zeros != nullptr) {
        run_steps<Kind>(map, steps, [&](const uint4* weights, int step) {
            multiply_even_step<Kind, COLUMNS, true>(mine, weights, step, sums);
        });
    } else {
        run_steps<Kind>(map, steps, [&](const uint4* weights, int step) {
            multiply_even_step<Kind, COLUMNS, false>(mine, weights, step, sums);
        });
    }
#pragma unroll
    for (int column = 0; column < COLUMNS; column++) {
#pragma unroll
        for (int e = 0; e < 4; e++) parts[warp][column][e][lane] = sums[column][e];
    }
    sync_block();
    // A thread ends with two neighbouring outputs of a row.
    constexpr int PAIRS = COLUMNS * 64;
    const auto sum_of_warps = [&](int pair, float& even, float& odd) {
        const int from = pair % LANES, e = pair / LANES % 2, column = pair / 64;
        even = odd = 0.0f;
#pragma unroll
        for (int other = 0; other < WARPS; other++) {
            even += parts[other][column][e][from];
            odd += parts[other][column][e + 2][from];
        }
    };
    const auto end = [&](int pair, float even, float odd) {
        const int from = pair % LANES, e = pair / LANES % 2, column = pair / 64;
        finish(map, out, column * 8 + 2 * (from % 4) + e, tile * TILE + 2 * (from / 4), even, odd);
    };
    if (gridDim.y == 1) {
        for (int pair = threadIdx.x; pair < PAIRS; pair += WARPS * LANES) {
            float even, odd;
            sum_of_warps(pair, even, odd);
            end(pair, even, odd);
        }
        return;
    }
    // The block that comes last adds up what all have left, in their order.
    volatile float* left = sums_of_blocks;
    const auto place = [&](unsigned block, int pair) {
        return ((static_cast<std::size_t>(block) * gridDim.x + tile) * PAIRS + pair) * 2;
    };
    for (int pair = threadIdx.x; pair < PAIRS; pair += WARPS * LANES) {
        float even, odd;
        sum_of_warps(pair, even, odd);
        left[place(blockIdx.y, pair)] = even;
        left[place(blockIdx.y, pair) + 1] = odd;
    }
    fence();
    sync_block();
    if (threadIdx.x == 0) last = add_atomically(done + tile, 1) == gridDim.y - 1;
    sync_block();
    if (!last) return;
    fence();
    for (int pair = threadIdx.x; pair < PAIRS; pair += WARPS * LANES) {
        float even = 0.0f, odd = 0.0f;
        for (unsigned block = 0; block < gridDim.y; block++) {
            even += left[place(block, pair)];
            odd += left[place(block, pair) + 1];
        }
        end(pair, even, odd);
    }
    if (threadIdx.x == 0) done[tile] = 0;
}

#define LINEAR_FEW(name, Kind, COLUMNS)                                                                               \
    extern "C" __global__ void __launch_bounds__(256)                                                                 \
    name(const uint4* weights, const f16* scales, const u8* zeros, int zero, const float* bias, const f16* x, void* out, \
         float* sums, u32* done, int rows, int outputs, int places, int group_shift, int groups, int mode) {        \
        const Map map{weights, scales, zeros, zero, bias, rows, outputs, places, group_shift, groups, mode};        \
        linear_few<Kind, COLUMNS>(map, x, out, sums, done);                                                           \
    }                                                                                                                 \
    EXPORT(name)
LINEAR_FEW(linear_four_8, Four, 1)
LINEAR_FEW(linear_four_16, Four, 2)
LINEAR_FEW(linear_four_32, Four, 4)
LINEAR_FEW(linear_four_64, Four, 8)
LINEAR_FEW(linear_eight_8, Eight, 1)
LINEAR_FEW(linear_eight_16, Eight, 2)
LINEAR_FEW(linear_eight_32, Eight, 4)
LINEAR_FEW(linear_eight_64, Eight, 8)
LINEAR_FEW(linear_half_8, Half, 1)
LINEAR_FEW(linear_half_16, Half, 2)
LINEAR_FEW(linear_half_32, Half, 4)
LINEAR_FEW(linear_half_64, Half, 8)
