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

template <class Kind, class S>
INLINE void fetch(const Map& map, const f16* x, S to, int step, int steps) {
    constexpr int TILES = S::TILES, ROWS = S::ROWS, THREADS = S::THREADS;
    const int tile = blockIdx.y * TILES, tiles = (map.outputs + TILE - 1) / TILE, row = blockIdx.x * ROWS;
    if (step < steps) {
#pragma unroll
        for (int n = 0; n < TILES * Kind::LOADS * LANES / THREADS; n++) {
            const int at = n * THREADS + threadIdx.x, of = at / (Kind::LOADS * LANES), within = at % (Kind::LOADS * LANES);
            const bool there = tile + of < tiles;
            const std::size_t from = (static_cast<std::size_t>(there ? tile + of : 0) * steps + step) * Kind::LOADS * LANES;
            copy_later(to.weights + at, map.weights + from + within, there);
        }
#pragma unroll
        for (int n = 0; n < ROWS * 8 / THREADS; n++) {
            const int at = n * THREADS + threadIdx.x, of = at / 8, input = step * STEP + at % 8 * 8;
            const bool there = row + of < map.rows && input < map.places;
            const std::size_t from = there ? static_cast<std::size_t>(row + of) * map.places + input : 0;
            copy_later(to.rows + piece(of, at % 8), x + from, there);
        }
        if (Kind::SCALED && threadIdx.x < 2 * TILES * 2) {
            const int half = threadIdx.x / (2 * TILES), of = threadIdx.x / 2 % TILES;
            const bool there = tile + of < tiles;
            const std::size_t group = static_cast<std::size_t>(there ? tile + of : 0) * map.groups + ((2 * step + half) >> map.group_shift);
            copy_later(to.scales + threadIdx.x * 8, map.scales + group * TILE + threadIdx.x % 2 * 8, there);
        }
        if (Kind::SCALED && map.zeros != nullptr && threadIdx.x >= THREADS / 2 && threadIdx.x < THREADS / 2 + 2 * TILES) {
            const int n = threadIdx.x - THREADS / 2, half = n / TILES, of = n % TILES;
            const bool there = tile + of < tiles;
            const std::size_t group = static_cast<std::size_t>(there ? tile + of : 0) * map.groups + ((2 * step + half) >> map.group_shift);
            copy_later(to.zeros + n * TILE, map.zeros + group * TILE, there);
        }
    }
    copies_commit();
}

// Both blocks of a step: two tiles of outputs times eight groups of eight rows.
template <class Kind, int ACROSS, class S>
INLINE void multiply(const Map& map, S from, float sums[2][8][4]) {
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
            Kind::unpack_half(weights, half, Kind::offsets(map.zeros == nullptr ? nullptr : from.zeros, map.zero, group, g), a[m]);
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

template <class Kind, int ACROSS, int ALONG>
INLINE void linear(const Map& map, const f16* x, void* out) {
    using S = Stage<Kind, ACROSS, ALONG>;
    DYNAMIC_SHARED(shared);
    const int steps = (map.places + STEP - 1) / STEP;
    float sums[2][8][4] = {};
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) fetch<Kind>(map, x, S::at(shared, stage), stage, steps);
    int here = 0, next = STAGES - 1;
    for (int step = 0; step < steps; step++) {
        copies_wait<STAGES - 2>();
        // All threads' copies of this step are there, and all are done with the stage that is filled next.
        sync_block();
        fetch<Kind>(map, x, S::at(shared, next), step + STAGES - 1, steps);
        multiply<Kind, ACROSS>(map, S::at(shared, here), sums);
        here = here + 1 == STAGES ? 0 : here + 1;
        next = next + 1 == STAGES ? 0 : next + 1;
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
