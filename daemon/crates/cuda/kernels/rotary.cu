// Between projection and attention: norms per head, rotary positions, keys and values into their pages. A warp per head and row;
// grid.x is the head of [queries, keys, values], grid.y the row. Each lane holds up to two pairs of values.
#include "cache.cuh"

constexpr int MOST_PAIRS = 2;  // of a lane: heads of up to 128

// A row of a head in the cache, in half precision or in eight bits with a scale.
template <class Store>
INLINE void append(u8* pages, f16* scales, const float low[], const float high[], const int at_low[], const int at_high[], int dim,
                   int row_in_pages, int within, bool by_dim) {
    const std::size_t page = static_cast<std::size_t>(row_in_pages) * PAGE;
    const auto place = [&](int d) { return page * dim + (by_dim ? d * PAGE + within : within * dim + d); };
    float over = 0.0f;
    if (Store::SCALED) {
        float largest = 0.0f;
        for (int n = 0; n < MOST_PAIRS; n++) largest = fmaxf(largest, fmaxf(fabsf(low[n]), fabsf(high[n])));
        const f16 scale = to_half(largest_over<LANES>(largest) / 127.0f);
        over = scale == 0 ? 0.0f : 1.0f / to_float(scale);
        if (threadIdx.x == 0) scales[page + within] = scale;
    }
    for (int n = 0; n < MOST_PAIRS; n++) {
        if (at_low[n] >= dim) continue;
        Store::put(pages, place(at_low[n]), low[n], over);
        Store::put(pages, place(at_high[n]), high[n], over);
    }
}

template <class Store>
INLINE void rotate_append(const f16* qkv, const float* speeds, const float* q_norm, const float* k_norm, float eps, const u32* past,
                          f16* queries, u8* keys, u8* values, f16* key_scales, f16* value_scales, int heads, int kv, int dim,
                          int capacity, int neighbours) {
    const int head = blockIdx.x, row = blockIdx.y, lane = threadIdx.x, pairs = dim / 2;
    const int position = static_cast<int>(*past) + row;
    const f16* from = qkv + (static_cast<std::size_t>(row) * (heads + 2 * kv) + head) * dim;
    float low[MOST_PAIRS] = {}, high[MOST_PAIRS] = {};
    int at_low[MOST_PAIRS], at_high[MOST_PAIRS];
#pragma unroll
    for (int n = 0; n < MOST_PAIRS; n++) {
        const int pair = lane + n * LANES;
        at_low[n] = pair < pairs ? (neighbours ? 2 * pair : pair) : dim;
        at_high[n] = neighbours ? 2 * pair + 1 : pair + pairs;
        if (pair >= pairs) continue;
        low[n] = to_float(from[at_low[n]]);
        high[n] = to_float(from[at_high[n]]);
    }
    const int page = position / PAGE, within = position % PAGE;
    if (head >= heads + kv) {
        if (position < capacity) {
            const int row_in_pages = page * kv + head - heads - kv;
            append<Store>(values, value_scales, low, high, at_low, at_high, dim, row_in_pages, within, true);
        }
        return;
    }
    const float* norm = head < heads ? q_norm : k_norm;
    if (norm != nullptr) {
        float sum = 0.0f;
        for (int n = 0; n < MOST_PAIRS; n++) sum += low[n] * low[n] + high[n] * high[n];
        const float scale = root_reciprocal(sum_over<LANES>(sum) / dim + eps);
        for (int n = 0; n < MOST_PAIRS; n++) {
            if (at_low[n] >= dim) continue;
            low[n] *= scale * norm[at_low[n]];
            high[n] *= scale * norm[at_high[n]];
        }
    }
#pragma unroll
    for (int n = 0; n < MOST_PAIRS; n++) {
        if (at_low[n] >= dim) continue;
        float sine, cosine;
        sine_cosine(static_cast<float>(position) * speeds[lane + n * LANES], &sine, &cosine);
        const float a = low[n], b = high[n];
        low[n] = a * cosine - b * sine;
        high[n] = a * sine + b * cosine;
    }
    if (head < heads) {
        f16* to = queries + (static_cast<std::size_t>(row) * heads + head) * dim;
        for (int n = 0; n < MOST_PAIRS; n++) {
            if (at_low[n] >= dim) continue;
            to[at_low[n]] = to_half(low[n]);
            to[at_high[n]] = to_half(high[n]);
        }
    } else if (position < capacity) {
        append<Store>(keys, key_scales, low, high, at_low, at_high, dim, page * kv + head - heads, within, false);
    }
}

#define ROTATE_APPEND(name, Store)                                                                                         \
    extern "C" __global__ void __launch_bounds__(32)                                                                       \
    name(const f16* qkv, const float* speeds, const float* q_norm, const float* k_norm, float eps, const u32* past, f16* queries, \
         u8* keys, u8* values, f16* key_scales, f16* value_scales, int heads, int kv, int dim, int capacity, int neighbours) { \
        rotate_append<Store>(qkv, speeds, q_norm, k_norm, eps, past, queries, keys, values, key_scales, value_scales, heads, kv, \
                             dim, capacity, neighbours);                                                                   \
    }                                                                                                                      \
    EXPORT(name)
ROTATE_APPEND(rotate_append_half, HalfStore)
ROTATE_APPEND(rotate_append_eight, EightStore)
