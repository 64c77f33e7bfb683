// Work on whole rows: norms, SwiGLU, rows of an embedding, columns in another order, the largest of a row. All of it is
// bound by launches and memory, none of it by arithmetic.
#include "weights.cuh"

// Sum over a block; every thread gets it.
INLINE float block_sum(float value) {
    SHARED float sums[32];
    value = sum_over<LANES>(value);
    if (threadIdx.x % LANES == 0) sums[threadIdx.x / LANES] = value;
    sync_block();
    float total = 0.0f;
    for (unsigned warp = 0; warp < blockDim.x / LANES; warp++) total += sums[warp];
    return total;
}

// x / sqrt(mean(x^2) + eps) * weight. A row per block, of as many threads as there are quarters of the row, as far as
// possible: one token's norm is all latency. The row is read twice, the second time from the cache.
extern "C" __global__ void __launch_bounds__(1024)
rms_norm(const float* __restrict__ x, const float* __restrict__ weight, f16* __restrict__ out, int width, float eps) {
    const float4* row = reinterpret_cast<const float4*>(x + static_cast<std::size_t>(blockIdx.x) * width);
    const float4* weights = reinterpret_cast<const float4*>(weight);
    uint2* to = reinterpret_cast<uint2*>(out + static_cast<std::size_t>(blockIdx.x) * width);
    float sum = 0.0f;
    for (int at = threadIdx.x; at < width / 4; at += blockDim.x) {
        const float4 v = row[at];
        sum += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
    }
    const float scale = root_reciprocal(block_sum(sum) / width + eps);
    for (int at = threadIdx.x; at < width / 4; at += blockDim.x) {
        const float4 v = row[at], w = weights[at];
        uint2 pair;
        pair.x = pack_halves(v.x * scale * w.x, v.y * scale * w.y);
        pair.y = pack_halves(v.z * scale * w.z, v.w * scale * w.w);
        to[at] = pair;
    }
}
EXPORT(rms_norm)

// silu(gate) * up of rows [gate, up]; grid.y is the row.
extern "C" __global__ void __launch_bounds__(256) swiglu(const f16* __restrict__ x, f16* __restrict__ out, int inner) {
    const int pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (2 * pair >= inner) return;
    const std::size_t row = static_cast<std::size_t>(blockIdx.y) * inner;
    const u32 gate = reinterpret_cast<const u32*>(x + 2 * row)[pair];
    const u32 up = reinterpret_cast<const u32*>(x + 2 * row + inner)[pair];
    const float low = silu(to_float(gate & 0xffff)) * to_float(up & 0xffff);
    const float high = silu(to_float(gate >> 16)) * to_float(up >> 16);
    reinterpret_cast<u32*>(out + row)[pair] = pack_halves(low, high);
}
EXPORT(swiglu)

// out[row][place] = x[row][order[place]], zero where there is no such column; grid.y is the row.
extern "C" __global__ void __launch_bounds__(256)
gather_columns(const f16* __restrict__ x, const u32* __restrict__ order, f16* __restrict__ out, int features, int places) {
    const int place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= places) return;
    const u32 from = order[place];
    const f16 value = from < static_cast<u32>(features) ? x[static_cast<std::size_t>(blockIdx.y) * features + from] : 0;
    out[static_cast<std::size_t>(blockIdx.y) * places + place] = value;
}
EXPORT(gather_columns)

// A row of a half-precision table, on the device or on the host; a row per block.
extern "C" __global__ void __launch_bounds__(128)
embed_half(const f16* __restrict__ table, const u32* __restrict__ ids, float* __restrict__ out, int width, int vocabulary) {
    const u32 id = min(static_cast<int>(ids[blockIdx.x] & 0x7fffffffu), vocabulary - 1);
    const uint4* row = reinterpret_cast<const uint4*>(table + static_cast<std::size_t>(id) * width);
    float4* to = reinterpret_cast<float4*>(out + static_cast<std::size_t>(blockIdx.x) * width);
    for (int at = threadIdx.x; at < width / 8; at += blockDim.x) {
        const uint4 v = load(row + at);
        to[2 * at] = {to_float(v.x & 0xffff), to_float(v.x >> 16), to_float(v.y & 0xffff), to_float(v.y >> 16)};
        to[2 * at + 1] = {to_float(v.z & 0xffff), to_float(v.z >> 16), to_float(v.w & 0xffff), to_float(v.w >> 16)};
    }
}
EXPORT(embed_half)

// A row of packed weights: an output of a tied map. Each thread unpacks what its lane of a product would hold.
template <class Kind>
INLINE void embed_packed(const u8* bytes, const f16* scales, const u8* zeros, int zero, const u32* ids, float* out, int width,
                         int vocabulary, int group_shift, int groups) {
    const int id = min(static_cast<int>(ids[blockIdx.x] & 0x7fffffffu), vocabulary - 1);
    const int tile = id / TILE, g = id % TILE / 2, r = id % 2, steps = (width + STEP - 1) / STEP;
    float* row = out + static_cast<std::size_t>(blockIdx.x) * width;
    for (int at = threadIdx.x; at < steps * 8; at += blockDim.x) {
        const int block = at / 4, q = at % 4, input = block * BLOCK + q * 8;
        if (input >= width) continue;
        const std::size_t group = static_cast<std::size_t>(tile) * groups + (block >> group_shift);
        const typename Kind::Offsets offsets = Kind::offsets(zeros, zero, group, g);
        const float scale = Kind::SCALED ? to_float(scales[group * TILE + 2 * g + r]) : 1.0f;
        u32 a[2][4];
        Kind::unpack_block(reinterpret_cast<const uint4*>(bytes) + static_cast<std::size_t>(tile) * steps * Kind::LOADS * LANES,
                           block, 4 * g + q, offsets, a);
        for (int product = 0; product < 2; product++) {
            for (int half = 0; half < 2; half++) {
                const u32 pair = a[product][2 * half + r];
                row[input + 4 * product + 2 * half] = scale * to_float(pair & 0xffff);
                row[input + 4 * product + 2 * half + 1] = scale * to_float(pair >> 16);
            }
        }
    }
}
#define EMBED_PACKED(name, Kind)                                                                              \
    extern "C" __global__ void __launch_bounds__(128)                                                         \
    name(const u8* bytes, const f16* scales, const u8* zeros, int zero, const u32* ids, float* out, int width, \
         int vocabulary, int group_shift, int groups) {                                                      \
        embed_packed<Kind>(bytes, scales, zeros, zero, ids, out, width, vocabulary, group_shift, groups);    \
    }                                                                                                         \
    EXPORT(name)
EMBED_PACKED(embed_packed_four, Four)
EMBED_PACKED(embed_packed_eight, Eight)
EMBED_PACKED(embed_packed_half, Half)

// Where the largest of a row stands, of equal ones the first; a row per block.
extern "C" __global__ void __launch_bounds__(512)
argmax(const float* __restrict__ logits, u32* __restrict__ out, int width) {
    SHARED float values[16];
    SHARED u32 places[16];
    const float* row = logits + static_cast<std::size_t>(blockIdx.x) * width;
    float best = -INFINITY;
    u32 place = ~0u;
    for (int at = threadIdx.x; at < width; at += blockDim.x) {
        if (row[at] > best || place == ~0u) {
            best = row[at];
            place = at;
        }
    }
    const auto take = [&](float value, u32 at) {
        if (value > best || (value == best && at < place)) {
            best = value;
            place = at;
        }
    };
    for (int mask = LANES / 2; mask > 0; mask /= 2) {
        const float value = shuffle_xor(best, mask);
        const u32 at = shuffle_xor(place, mask);
        take(value, at);
    }
    if (threadIdx.x % LANES == 0) {
        values[threadIdx.x / LANES] = best;
        places[threadIdx.x / LANES] = place;
    }
    sync_block();
    if (threadIdx.x != 0) return;
    for (unsigned warp = 1; warp < blockDim.x / LANES; warp++) take(values[warp], places[warp]);
    out[blockIdx.x] = min(static_cast<int>(place), width - 1);
}
EXPORT(argmax)
