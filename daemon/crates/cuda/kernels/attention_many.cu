// Attention of many tokens, bound by the tensor cores. grid.x blocks of 64 query rows (the longest first), grid.y key heads. A
// block's four warps, sixteen rows each, share pieces of 32 positions: one is multiplied while the next is copied to shared
// memory. Keys are swizzled so that a warp's loads touch every bank once; values need not be. Unmeasured: rows, pieces.
#include "attention.cuh"

namespace many {

constexpr int WARPS = 4, THREADS = WARPS * LANES;

template <class Store, int DIM>
struct Stage {
    static constexpr int BYTES = PIECE * DIM * Store::BYTES;  // of keys, and of values
    static constexpr int KEY_PIECES = DIM * Store::BYTES / 16, VALUE_PIECES = PIECE * Store::BYTES / 16;
    // Where a piece of 16 bytes of a position's keys lies. Rows p, p + 1 (and p + 8, p + 9 in eight bits) are read together.
    INLINE_MEMBER int key_piece(int position, int piece) {
        int turned = piece;
        if (KEY_PIECES % 8 == 0 && !Store::SCALED) turned ^= (position & 1) << 2;
        if (KEY_PIECES % 8 == 0 && Store::SCALED) turned ^= (position & 1) << 1 | (position & 8) >> 1;
        if (KEY_PIECES == 4 && Store::SCALED) turned ^= (position & 8) >> 2;
        return position * KEY_PIECES + turned;
    }
};

template <class Store, int DIM>
INLINE void fetch(unsigned char* shared, const u8* keys, const u8* values, Heads heads, int piece, int pieces) {
    using S = Stage<Store, DIM>;
    if (piece < pieces) {
        unsigned char* to = shared + piece % 2 * 2 * S::BYTES;
        const std::size_t page = (static_cast<std::size_t>(piece / 2) * heads.kv + blockIdx.y) * PAGE * DIM * Store::BYTES;
        const int within = piece % 2 * PIECE;
        for (int at = threadIdx.x; at < PIECE * S::KEY_PIECES; at += THREADS) {
            const int position = at / S::KEY_PIECES, of = at % S::KEY_PIECES;
            copy_later(to + S::key_piece(position, of) * 16, keys + page + (within * S::KEY_PIECES + at) * 16, true);
        }
        for (int at = threadIdx.x; at < DIM * S::VALUE_PIECES; at += THREADS) {
            const int dim = at / S::VALUE_PIECES, of = at % S::VALUE_PIECES;
            copy_later(to + S::BYTES + at * 16, values + page + (dim * PAGE + within) * Store::BYTES + of * 16, true);
        }
    }
    copies_commit();
}

template <class Store, int DIM>
INLINE void attend(const f16* queries, const u8* keys, const u8* values, const f16* key_scales, const f16* value_scales,
                   const u32* past, f16* out, Heads heads) {
    using S = Stage<Store, DIM>;
    using Raw = typename Store::Raw;
    DYNAMIC_SHARED(shared);
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    const int kv_head = blockIdx.y, group = Heads::group(heads), before = static_cast<int>(*past);
    const int block = (gridDim.x - 1 - blockIdx.x) * WARPS * QUERY_ROWS, first = block + warp * QUERY_ROWS;
    const int last_token = min(heads.rows - 1, (block + WARPS * QUERY_ROWS - 1) / group);
    const int pieces = (min(before + last_token + 1, heads.capacity) + PIECE - 1) / PIECE;
    int last[2];
    last_seen(heads, before, first, last);
    Queries<DIM> mine;
    load_queries<DIM>(queries, heads, kv_head, first, mine);
    Mixed<DIM> mixed;
    clear(mixed);
    fetch<Store, DIM>(shared, keys, values, heads, 0, pieces);
    for (int piece = 0; piece < pieces; piece++) {
        fetch<Store, DIM>(shared, keys, values, heads, piece + 1, pieces);
        copies_wait<1>();
        sync_block();
        const unsigned char* here = shared + piece % 2 * 2 * S::BYTES;
        const std::size_t page = static_cast<std::size_t>(piece / 2) * heads.kv + kv_head;
        const std::size_t scales = Store::SCALED ? page * PAGE + piece % 2 * PIECE : 0;
        const auto key = [&](int position, int of) {
            const int byte = (of * 32 + 8 * q) * Store::BYTES;
            const unsigned char* from = here + S::key_piece(position, byte / 16) * 16 + byte % 16;
            return Store::widen(*reinterpret_cast<const Raw*>(from));
        };
        const auto value = [&](int dim) {
            const unsigned char* from = here + S::BYTES + (dim * PIECE + 8 * q) * Store::BYTES;
            return Store::widen(*reinterpret_cast<const Raw*>(from));
        };
        take_piece<Store, DIM>(mine, heads, last, piece * PIECE, key_scales + scales, value_scales + scales, key, value, mixed);
        sync_block();
    }
#pragma unroll
    for (int side = 0; side < 2; side++) {
        const int at = first + g + 8 * side, token = at / group;
        const float over = 1.0f / sum_over<4>(mixed.total[side]);
        if (token >= heads.rows) continue;
        f16* to = out + (static_cast<std::size_t>(token) * heads.heads + kv_head * group + at % group) * DIM;
#pragma unroll
        for (int n = 0; n < DIM / 8; n++)
            reinterpret_cast<u32*>(to)[n * 4 + q] = pack_halves(mixed.sums[n][2 * side] * over, mixed.sums[n][2 * side + 1] * over);
    }
}

}  // namespace many

#define ATTEND_MANY(name, Store, DIM)                                                                                     \
    extern "C" __global__ void __launch_bounds__(128)                                                                     \
    name(const f16* queries, const u8* keys, const u8* values, const f16* key_scales, const f16* value_scales, const u32* past, \
         f16* out, int rows, int heads, int kv, int capacity, float scale) {                                             \
        many::attend<Store, DIM>(queries, keys, values, key_scales, value_scales, past, out, Heads{rows, heads, kv, capacity, scale}); \
    }                                                                                                                     \
    EXPORT(name)
ATTEND_MANY(attend_many_half_32, HalfStore, 32)
ATTEND_MANY(attend_many_half_64, HalfStore, 64)
ATTEND_MANY(attend_many_half_96, HalfStore, 96)
ATTEND_MANY(attend_many_half_128, HalfStore, 128)
ATTEND_MANY(attend_many_eight_32, EightStore, 32)
ATTEND_MANY(attend_many_eight_64, EightStore, 64)
ATTEND_MANY(attend_many_eight_96, EightStore, 96)
ATTEND_MANY(attend_many_eight_128, EightStore, 128)
