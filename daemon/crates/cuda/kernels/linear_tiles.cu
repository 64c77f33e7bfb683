// Linear maps of many rows, which are bound by the tensor cores. A warp makes 32 outputs of 64 rows; a block is four times two
// warps (128 outputs, 128 rows), or two times one where that would leave multiprocessors without work. Weights (still packed),
// activations, scales and zero points of three steps are in or on their way to shared memory. Weights become half precision,
// scaled, in registers. Rows of activations are swizzled (16-byte pieces of odd rows change halves) so that a warp's loads touch
// every bank once. Unmeasured: sizes and stages.
#include "linear.cuh"

namespace tiles {

constexpr int STAGES = 3;

// A block's sizes, and one stage of its shared memory.
template <class Kind, int ACROSS, int ALONG>
struct Stage {
    static constexpr int OUTPUTS = 32 * ACROSS, ROWS = 64 * ALONG, THREADS = ACROSS * ALONG * LANES, TILES = OUTPUTS / TILE;
    static constexpr int WEIGHTS = TILES * Kind::LOADS * LANES * 16;
    static constexpr int ROWS_BYTES = ROWS * STEP * 2;
    static constexpr int SCALES = Kind::SCALED ? 2 * OUTPUTS * 2 : 0;
    static constexpr int ZEROS = Kind::SCALED ? 2 * OUTPUTS : 0;
    static constexpr int BYTES = WEIGHTS + ROWS_BYTES + SCALES + ZEROS;
    uint4* weights;
    uint4* rows;
    f16* scales;
    u8* zeros;
    INLINE_MEMBER Stage at(unsigned char* shared, int stage) {
        unsigned char* start = shared + stage * BYTES;
        return {reinterpret_cast<uint4*>(start), reinterpret_cast<uint4*>(start + WEIGHTS),
                reinterpret_cast<f16*>(start + WEIGHTS + ROWS_BYTES), start + WEIGHTS + ROWS_BYTES + SCALES};
    }
};

// Piece of 16 bytes of a row of activations in shared memory.
INLINE int piece(int row, int at) { return row * 8 + (at ^ (row & 1) << 2); }

// Where a thread copies from: its pieces of the block's weights, activations, scales and zero points at the first step. Tiles and
// rows that are not there are those that are there last: what they make is not written.
template <class Kind, class S>
struct Source {
    static constexpr int WEIGHTS = S::TILES * Kind::LOADS * LANES / S::THREADS, ROWS = S::ROWS * 8 / S::THREADS;
    const uint4* weights[WEIGHTS];
    const f16* rows[ROWS];
    const f16* scales;  // or null, for threads that copy none
    const u8* zeros;
    int half;  // block of a step whose scales, or zero points, this thread copies

    INLINE_MEMBER Source of(const Map& map, const f16* x, int steps) {
        Source all;
        const int thread = threadIdx.x, first = blockIdx.y * S::TILES, last = (map.outputs + TILE - 1) / TILE - 1;
#pragma unroll
        for (int n = 0; n < WEIGHTS; n++) {
            const int at = n * S::THREADS + thread, tile = min(first + at / (Kind::LOADS * LANES), last);
            all.weights[n] = map.weights + static_cast<std::size_t>(tile) * steps * Kind::LOADS * LANES + at % (Kind::LOADS * LANES);
        }
#pragma unroll
        for (int n = 0; n < ROWS; n++) {
            const int row = min(static_cast<int>(blockIdx.x) * S::ROWS + (n * S::THREADS + thread) / 8, map.rows - 1);
            all.rows[n] = x + static_cast<std::size_t>(row) * map.places + thread % 8 * 8;
        }
        all.scales = nullptr;
        all.zeros = nullptr;
        all.half = 0;
        if (Kind::SCALED && thread < 4 * S::TILES) {
            const std::size_t group = static_cast<std::size_t>(min(first + thread / 2 % S::TILES, last)) * map.groups;
            all.scales = map.scales + group * TILE + thread % 2 * 8;
            all.half = thread / (2 * S::TILES);
        } else if (Kind::SCALED && map.zeros != nullptr && thread < 6 * S::TILES) {
            const std::size_t group = static_cast<std::size_t>(min(first + thread % S::TILES, last)) * map.groups;
            all.zeros = map.zeros + group * TILE;
            all.half = (thread - 4 * S::TILES) / S::TILES;
        }
        return all;
    }
};

template <class Kind, class S>
INLINE void fetch(const Map& map, const Source<Kind, S>& from, S to, int step, int steps) {
    using Of = Source<Kind, S>;
    const int thread = threadIdx.x;
    if (step < steps) {
#pragma unroll
        for (int n = 0; n < Of::WEIGHTS; n++)
            copy_later(to.weights + n * S::THREADS + thread, from.weights[n] + step * Kind::LOADS * LANES, true);
        const bool there = step * STEP + thread % 8 * 8 < map.places;
#pragma unroll
        for (int n = 0; n < Of::ROWS; n++)
            copy_later(to.rows + piece(n * S::THREADS / 8 + thread / 8, thread % 8), from.rows[n] + (there ? step * STEP : 0), there);
        const int group = ((2 * step + from.half) >> map.group_shift) * TILE;
        if (from.scales != nullptr) copy_later(to.scales + thread * 8, from.scales + group, true);
        if (from.zeros != nullptr) copy_later(to.zeros + (thread - 4 * S::TILES) * TILE, from.zeros + group, true);
    }
    copies_commit();
}

// Both blocks of a step: two tiles of outputs times eight groups of eight rows.
template <class Kind, int ACROSS, bool ZEROS, class S>
INLINE void multiply(typename Kind::Offsets same, S from, float sums[2][8][4]) {
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    const int tile = warp % ACROSS * 2, row = warp / ACROSS * 64;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        u32 a[2][2][4];
#pragma unroll
        for (int m = 0; m < 2; m++) {
            uint4 weights[Kind::LOADS];
#pragma unroll
            for (int at = 0; at < Kind::LOADS; at++) weights[at] = from.weights[((tile + m) * Kind::LOADS + at) * LANES + lane];
            const int group = half * S::TILES + tile + m;
            Kind::unpack_half(weights, half, ZEROS ? Kind::offsets(from.zeros, 0, group, g) : same, a[m]);
            if (Kind::SCALED) {
                const u32 scale = reinterpret_cast<const u32*>(from.scales + group * TILE)[g];
                const u32 even = twice(scale & 0xffff), odd = twice(scale >> 16);
#pragma unroll
                for (int product = 0; product < 2; product++) {
#pragma unroll
                    for (int at = 0; at < 4; at++) a[m][product][at] = pair_mul(a[m][product][at], at % 2 == 0 ? even : odd);
                }
            }
        }
#pragma unroll
        for (int column = 0; column < 8; column++) {
            const uint4 b = from.rows[piece(row + column * 8 + g, half * 4 + q)];
#pragma unroll
            for (int m = 0; m < 2; m++) {
                multiply_add(sums[m][column], a[m][0], b.x, b.y);
                multiply_add(sums[m][column], a[m][1], b.z, b.w);
            }
        }
    }
}

// All steps of a block.
template <class Kind, int ACROSS, int ALONG, bool ZEROS>
INLINE void run_steps(const Map& map, const f16* x, unsigned char* shared, float sums[2][8][4]) {
    using S = Stage<Kind, ACROSS, ALONG>;
    const int steps = (map.places + STEP - 1) / STEP;
    const Source<Kind, S> source = Source<Kind, S>::of(map, x, steps);
    typename Kind::Offsets same = Kind::offsets(nullptr, map.zero, 0, 0);
    if constexpr (Kind::SCALED) {
        keep(same.even);
        keep(same.odd);
    }
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) fetch<Kind>(map, source, S::at(shared, stage), stage, steps);
    int here = 0, next = STAGES - 1;
    for (int step = 0; step < steps; step++) {
        copies_wait<STAGES - 2>();
        // All threads' copies of this step are there, and all are done with the stage that is filled next.
        sync_block();
        fetch<Kind>(map, source, S::at(shared, next), step + STAGES - 1, steps);
        multiply<Kind, ACROSS, ZEROS>(same, S::at(shared, here), sums);
        here = here + 1 == STAGES ? 0 : here + 1;
        next = next + 1 == STAGES ? 0 : next + 1;
    }
}

template <class Kind, int ACROSS, int ALONG>
INLINE void linear(const Map& map, const f16* x, void* out) {
    using S = Stage<Kind, ACROSS, ALONG>;
    DYNAMIC_SHARED(shared);
    float sums[2][8][4] = {};
    if (map.zeros != nullptr) {
        run_steps<Kind, ACROSS, ALONG, true>(map, x, shared, sums);
    } else {
        run_steps<Kind, ACROSS, ALONG, false>(map, x, shared, sums);
    }
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    const int output = blockIdx.y * S::OUTPUTS + warp % ACROSS * 32 + 2 * g;
    const int row = blockIdx.x * S::ROWS + warp / ACROSS * 64 + 2 * q;
#pragma unroll
    for (int m = 0; m < 2; m++) {
#pragma unroll
        for (int column = 0; column < 8; column++) {
#pragma unroll
            for (int e = 0; e < 2; e++)
                finish(map, out, row + column * 8 + e, output + m * TILE, sums[m][column][e], sums[m][column][e + 2]);
        }
    }
}

}  // namespace tiles

#define LINEAR_TILES(name, Kind, ACROSS, ALONG)                                                                        \
    extern "C" __global__ void __launch_bounds__(ACROSS * ALONG * LANES)                                               \
    name(const uint4* weights, const f16* scales, const u8* zeros, int zero, const float* bias, const f16* x, void* out, \
         int rows, int outputs, int places, int group_shift, int groups, int mode) {                                 \
        const Map map{weights, scales, zeros, zero, bias, rows, outputs, places, group_shift, groups, mode};         \
        tiles::linear<Kind, ACROSS, ALONG>(map, x, out);                                                               \
    }                                                                                                                  \
    EXPORT(name)
LINEAR_TILES(linear_four_tiles, Four, 4, 2)
LINEAR_TILES(linear_eight_tiles, Eight, 4, 2)
LINEAR_TILES(linear_half_tiles, Half, 4, 2)
LINEAR_TILES(linear_four_small_tiles, Four, 2, 1)
LINEAR_TILES(linear_eight_small_tiles, Eight, 2, 1)
LINEAR_TILES(linear_half_small_tiles, Half, 2, 1)
