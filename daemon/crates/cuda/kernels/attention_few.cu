// Attention of up to sixteen tokens, bound by reading the cache. grid.x parts of the positions, grid.y key heads, grid.z groups of
// sixteen query rows. Each of a block's four warps takes pieces of 32 positions in turn, straight from device memory; the warps'
// results meet in shared memory, the blocks' in the scratch, where the last block of a head joins them. How many parts take part
// depends on the length alone, which is read from the device: one recorded launch serves every length. Unmeasured: warps, parts.
#include "attention.cuh"

namespace few {

constexpr int WARPS = 4;

// A row of a piece that is read in place.
template <class Store>
INLINE uint4 eight_values(const u8* from, std::size_t at) {
    return Store::widen(*reinterpret_cast<const typename Store::Raw*>(from + at * Store::BYTES));
}

template <class Store, int DIM>
INLINE void read_pieces(const Queries<DIM>& queries, Heads heads, const u8* keys, const u8* values, const f16* key_scales,
                        const f16* value_scales, int pieces, const int last[2], Mixed<DIM>& mixed) {
    const int q = threadIdx.x % 4, kv_head = blockIdx.y;
    for (int piece = blockIdx.x * WARPS + threadIdx.x / LANES; piece < pieces; piece += gridDim.x * WARPS) {
        const int within = piece % 2 * PIECE;
        const std::size_t page = static_cast<std::size_t>(piece / 2) * heads.kv + kv_head, start = page * PAGE * DIM;
        const std::size_t scales = Store::SCALED ? page * PAGE + within : 0;
        const auto key = [&](int position, int block) {
            return eight_values<Store>(keys, start + (within + position) * DIM + block * 32 + 8 * q);
        };
        const auto value = [&](int dim) { return eight_values<Store>(values, start + dim * PAGE + within + 8 * q); };
        take_piece<Store, DIM>(queries, heads, last, piece * PIECE, key_scales + scales, value_scales + scales, key, value, mixed);
    }
}

// Factor that brings sums with this largest score to `most`.
INLINE float share(float largest, float most) { return largest == -INFINITY ? 0.0f : exp2_fast(largest - most); }

template <class Store, int DIM>
INLINE void attend(const f16* queries, const u8* keys, const u8* values, const f16* key_scales, const f16* value_scales,
                   const u32* past, f16* out, float* parts, u32* done, Heads heads) {
    SHARED float sums[WARPS][QUERY_ROWS][DIM];
    SHARED float largest[WARPS][QUERY_ROWS], totals[WARPS][QUERY_ROWS];
    SHARED u32 is_last;
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    const int kv_head = blockIdx.y, first = blockIdx.z * QUERY_ROWS, group = Heads::group(heads);
    const int before = static_cast<int>(*past), length = min(before + heads.rows, heads.capacity);
    const int pieces = (length + PIECE - 1) / PIECE;
    const int blocks = min(static_cast<int>(gridDim.x), (pieces + WARPS - 1) / WARPS);
    if (static_cast<int>(blockIdx.x) >= blocks) return;

    int last[2];
    last_seen(heads, before, first, last);
    Queries<DIM> mine;
    load_queries<DIM>(queries, heads, kv_head, first, mine);
    Mixed<DIM> mixed;
    clear(mixed);
    read_pieces<Store, DIM>(mine, heads, keys, values, key_scales, value_scales, pieces, last, mixed);
#pragma unroll
    for (int side = 0; side < 2; side++) {
        const int row = g + 8 * side;
        const float total = sum_over<4>(mixed.total[side]);
        if (q == 0) {
            largest[warp][row] = mixed.largest[side];
            totals[warp][row] = total;
        }
#pragma unroll
        for (int n = 0; n < DIM / 8; n++) {
            sums[warp][row][n * 8 + 2 * q] = mixed.sums[n][2 * side];
            sums[warp][row][n * 8 + 2 * q + 1] = mixed.sums[n][2 * side + 1];
        }
    }
    sync_block();
    const int rows = min(QUERY_ROWS, heads.rows * group - first);
    const std::size_t of_head = static_cast<std::size_t>(blockIdx.z) * heads.kv + kv_head;
    constexpr int PART = QUERY_ROWS * (DIM + 2);
    volatile float* left = parts + of_head * gridDim.x * PART;
    const auto end = [&](int row, int dim, float value) {
        const int at = first + row;
        const std::size_t to = static_cast<std::size_t>(at / group) * heads.heads + kv_head * group + at % group;
        out[to * DIM + dim] = to_half(value);
    };
    for (int at = threadIdx.x; at < rows * DIM; at += WARPS * LANES) {
        const int row = at / DIM, dim = at % DIM;
        float most = -INFINITY, sum = 0.0f, total = 0.0f;
#pragma unroll
        for (int of = 0; of < WARPS; of++) most = fmaxf(most, largest[of][row]);
#pragma unroll
        for (int of = 0; of < WARPS; of++) {
            const float factor = share(largest[of][row], most);
            sum += sums[of][row][dim] * factor;
            total += totals[of][row] * factor;
        }
        if (blocks == 1) {
            end(row, dim, sum / total);
        } else {
            volatile float* part = left + blockIdx.x * PART;
            part[at] = sum;
            if (dim == 0) {
                part[QUERY_ROWS * DIM + row] = most;
                part[QUERY_ROWS * (DIM + 1) + row] = total;
            }
        }
    }
    if (blocks == 1) return;
    fence();
    sync_block();
    if (threadIdx.x == 0) is_last = add_atomically(done + of_head, 1) == static_cast<u32>(blocks) - 1;
    sync_block();
    if (!is_last) return;
    fence();
    for (int at = threadIdx.x; at < rows * DIM; at += WARPS * LANES) {
        const int row = at / DIM;
        float most = -INFINITY, sum = 0.0f, total = 0.0f;
        for (int of = 0; of < blocks; of++) most = fmaxf(most, left[of * PART + QUERY_ROWS * DIM + row]);
        for (int of = 0; of < blocks; of++) {
            const float factor = share(left[of * PART + QUERY_ROWS * DIM + row], most);
            sum += left[of * PART + at] * factor;
            total += left[of * PART + QUERY_ROWS * (DIM + 1) + row] * factor;
        }
        end(row, at % DIM, sum / total);
    }
    if (threadIdx.x == 0) done[of_head] = 0;
}

}  // namespace few

#define ATTEND_FEW(name, Store, DIM)                                                                                      \
    extern "C" __global__ void __launch_bounds__(128)                                                                     \
    name(const f16* queries, const u8* keys, const u8* values, const f16* key_scales, const f16* value_scales, const u32* past, \
         f16* out, float* parts, u32* done, int rows, int heads, int kv, int capacity, float scale) {                    \
        few::attend<Store, DIM>(queries, keys, values, key_scales, value_scales, past, out, parts, done,                 \
                                Heads{rows, heads, kv, capacity, scale});                                                \
    }                                                                                                                     \
    EXPORT(name)
ATTEND_FEW(attend_few_half_32, HalfStore, 32)
ATTEND_FEW(attend_few_half_64, HalfStore, 64)
ATTEND_FEW(attend_few_half_96, HalfStore, 96)
ATTEND_FEW(attend_few_half_128, HalfStore, 128)
ATTEND_FEW(attend_few_eight_32, EightStore, 32)
ATTEND_FEW(attend_few_eight_64, EightStore, 64)
ATTEND_FEW(attend_few_eight_96, EightStore, 96)
ATTEND_FEW(attend_few_eight_128, EightStore, 128)
