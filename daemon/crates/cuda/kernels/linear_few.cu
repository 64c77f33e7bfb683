// Linear maps of up to 64 rows, which are bound by reading the weights. A block makes the sixteen outputs of a tile; its eight
// warps take runs of two steps in turn, so that the block reads 8 KB (four bits) of weights in a row, and each has one or two
// more runs on their way. Activations come from the first cache. Integers are multiplied as they are (exact in half
// precision), the sum of a group is scaled in f32. Sums over warps and blocks are in a fixed order, and none depends on the
// number of rows. Unmeasured: warps, runs, how many runs ahead.
#include "linear.cuh"

constexpr int WARPS = 8;
constexpr int RUN = 2;

template <class Kind>
constexpr int AHEAD = Kind::LOADS == 1 ? 3 : Kind::LOADS == 2 ? 2 : 1;

// Adds the product of one step to `sums`.
template <class Kind, int COLUMNS>
INLINE void multiply_step(const Map& map, const f16* x, const uint4 weights[], int step, Groups groups, float sums[][4]) {
    const int lane = threadIdx.x % LANES, g = lane / 4, q = lane % 4;
    const auto group_of = [&](int half) {
        const int within = Kind::SCALED ? Groups::at(groups, 2 * step + half) : 0;
        return static_cast<std::size_t>(blockIdx.x) * map.groups + within;
    };
    const auto scale_of = [&](std::size_t group) {
        return Kind::SCALED ? load(reinterpret_cast<const u32*>(map.scales + group * TILE) + g) : 0;
    };
    float part[COLUMNS][4] = {};
    const auto multiply_half = [&](int half, typename Kind::Offsets offsets) {
        const int input = (2 * step + half) * BLOCK + 8 * q;
        u32 a[2][4];
        Kind::unpack_half(weights, half, offsets, a);
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            const int row = column * 8 + g;
            uint4 b = {};
            if (row < map.rows && input < map.places)
                b = load(reinterpret_cast<const uint4*>(x + static_cast<std::size_t>(row) * map.places + input));
            float* sum = Kind::SCALED ? part[column] : sums[column];
            multiply_add(sum, a[0], b.x, b.y);
            multiply_add(sum, a[1], b.z, b.w);
        }
    };
    const auto scale_part = [&](u32 scale) {
        const float even = to_float(scale & 0xffff), odd = to_float(scale >> 16);
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                sums[column][e] += part[column][e] * (e < 2 ? even : odd);
                part[column][e] = 0.0f;
            }
        }
    };
    std::size_t group = group_of(0);
    u32 scale = scale_of(group);
    typename Kind::Offsets offsets = Kind::offsets(map.zeros, map.zero, group, g);
    multiply_half(0, offsets);
    // The two blocks are mostly of one group.
    if (Kind::SCALED && group_of(1) != group) {
        scale_part(scale);
        group = group_of(1);
        scale = scale_of(group);
        offsets = Kind::offsets(map.zeros, map.zero, group, g);
    }
    multiply_half(1, offsets);
    if (Kind::SCALED) scale_part(scale);
}

template <class Kind, int COLUMNS>
INLINE void linear_few(const Map& map, const f16* x, void* out, float* sums_of_blocks, u32* done) {
    SHARED float parts[WARPS][COLUMNS][4][LANES];
    SHARED u32 last;
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, tile = blockIdx.x;
    const int steps = (map.places + STEP - 1) / STEP, stride = WARPS * RUN * static_cast<int>(gridDim.y);
    const uint4* weights = map.weights + static_cast<std::size_t>(tile) * steps * Kind::LOADS * LANES + lane;
    const Groups groups = Groups::of(map.group_blocks);
    float sums[COLUMNS][4] = {};
    uint4 ring[AHEAD<Kind>][RUN][Kind::LOADS];
    const auto fetch = [&](uint4 to[RUN][Kind::LOADS], int first) {
#pragma unroll
        for (int run = 0; run < RUN; run++) {
#pragma unroll
            for (int at = 0; at < Kind::LOADS; at++) {
                if (first + run < steps) to[run][at] = load_once(weights + ((first + run) * Kind::LOADS + at) * LANES);
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
                    if (first + run < steps) multiply_step<Kind, COLUMNS>(map, x, ring[ahead][run], first + run, groups, sums);
                }
                fetch(ring[ahead], first + AHEAD<Kind> * stride);
            }
            first += stride;
        }
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
         float* sums, u32* done, int rows, int outputs, int places, int group_blocks, int groups, int mode) {        \
        const Map map{weights, scales, zeros, zero, bias, rows, outputs, places, group_blocks, groups, mode};        \
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
