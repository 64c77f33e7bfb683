// The words of kernels/simt.cuh for the CPU. Threads of a block are fibres that give way at barriers and at
// exchanges within a warp; blocks run one after another on the calling thread. All threads of a warp must take part in
// an exchange, as the kernels see to.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

struct uint3 {
    unsigned x, y, z;
};
struct uint4 {
    unsigned x, y, z, w;
};
struct uint2 {
    unsigned x, y;
};
struct float2 {
    float x, y;
};
struct float4 {
    float x, y, z, w;
};

namespace emulator {

// What a thread gives to an exchange, and what it gets.
struct Exchange {
    u32 a[4], b[2];
    float d[4];
};
using Meet = void (*)(const Exchange* given, Exchange* got);

struct Thread {
    uint3 index, block, blocks, threads;
    unsigned number;
    void* stack;
};

extern thread_local Thread* current;
void barrier();
// Meets the other lanes of the warp; the last to come runs `meet` for all.
Exchange exchange(const Exchange& given, Meet meet);
unsigned char* dynamic_shared();

float half_to_float(u16 bits);
u16 float_to_half(float value);

using Body = void (*)(void** arguments);
struct Registered {
    Registered(const char* name, Body body);
};

template <class... A, std::size_t... I>
void apply(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_reference_t<A>*>(arguments[I])...);
}
template <class... A>
void apply(void (*kernel)(A...), void** arguments) {
    apply(kernel, arguments, std::index_sequence_for<A...>{});
}

inline u32 pairwise(u32 a, u32 b, u32 c, float (*of)(float, float, float)) {
    u32 out = 0;
    for (int half = 0; half < 2; half++) {
        const int shift = 16 * half;
        const float value = of(half_to_float(static_cast<u16>(a >> shift)), half_to_float(static_cast<u16>(b >> shift)),
                               half_to_float(static_cast<u16>(c >> shift)));
        out |= static_cast<u32>(float_to_half(value)) << shift;
    }
    return out;
}

void meet_xor(const Exchange* given, Exchange* got);
void meet_product(const Exchange* given, Exchange* got);

}  // namespace emulator

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define INLINE static inline
#define INLINE_MEMBER static inline
#define SHARED static thread_local
#define DYNAMIC_SHARED(name) unsigned char* name = emulator::dynamic_shared()
#define EXPORT(name)                                       \
    static const emulator::Registered registered_##name(   \
        #name, [](void** arguments) { emulator::apply(name, arguments); });

#define threadIdx (emulator::current->index)
#define blockIdx (emulator::current->block)
#define gridDim (emulator::current->blocks)
#define blockDim (emulator::current->threads)

static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }

static inline void sync_block() { emulator::barrier(); }
static inline u32 shuffle_xor(u32 value, int mask) {
    emulator::Exchange given{};
    given.a[0] = value;
    given.a[1] = static_cast<u32>(mask);
    return emulator::exchange(given, emulator::meet_xor).a[0];
}
static inline float shuffle_xor(float value, int mask) {
    u32 bits;
    std::memcpy(&bits, &value, 4);
    bits = shuffle_xor(bits, mask);
    std::memcpy(&value, &bits, 4);
    return value;
}
static inline void fence() {}
static inline u32 add_atomically(u32* at, u32 value) {
    const u32 before = *at;
    *at = before + value;
    return before;
}

static inline float to_float(f16 bits) { return emulator::half_to_float(bits); }
static inline f16 to_half(float value) { return emulator::float_to_half(value); }
static inline u32 pack_halves(float low, float high) { return to_half(low) | static_cast<u32>(to_half(high)) << 16; }
static inline u32 pair_sub(u32 a, u32 b) {
    return emulator::pairwise(a, b, 0, [](float x, float y, float) { return x - y; });
}
static inline u32 pair_mul(u32 a, u32 b) {
    return emulator::pairwise(a, b, 0, [](float x, float y, float) { return x * y; });
}
static inline u32 pair_fma(u32 a, u32 b, u32 c) {
    return emulator::pairwise(a, b, c, [](float x, float y, float z) { return std::fma(x, y, z); });
}
template <u32 mask, u32 bits>
static inline u32 mask_or(u32 a) {
    return (a & mask) | bits;
}
static inline u32 permute_bytes(u32 a, u32 b, u32 selector) {
    const std::uint64_t both = a | static_cast<std::uint64_t>(b) << 32;
    u32 out = 0;
    for (int byte = 0; byte < 4; byte++) {
        const unsigned from = selector >> (4 * byte) & 7;
        out |= static_cast<u32>(both >> (8 * from) & 0xff) << (8 * byte);
    }
    return out;
}

static inline float exp2_fast(float x) { return std::exp2(x); }
static inline float reciprocal(float x) { return 1.0f / x; }
static inline float root_reciprocal(float x) { return 1.0f / std::sqrt(x); }
static inline void sine_cosine(float x, float* sine, float* cosine) {
    *sine = std::sin(x);
    *cosine = std::cos(x);
}
static inline int round_to_int(float x) { return static_cast<int>(std::nearbyint(x)); }

static inline void multiply_add(float d[4], const u32 a[4], u32 b0, u32 b1) {
    emulator::Exchange given{};
    std::memcpy(given.a, a, sizeof given.a);
    std::memcpy(given.d, d, sizeof given.d);
    given.b[0] = b0;
    given.b[1] = b1;
    const emulator::Exchange got = emulator::exchange(given, emulator::meet_product);
    std::memcpy(d, got.d, sizeof got.d);
}

static inline uint4 load_once(const uint4* from) { return *from; }
static inline uint4 load(const uint4* from) { return *from; }
static inline u32 load(const u32* from) { return *from; }
template <class T>
static inline void keep(T&) {}
static inline void copy_later(void* to, const void* from, bool there) {
    if (there) {
        std::memcpy(to, from, 16);
    } else {
        std::memset(to, 0, 16);
    }
}
static inline void copies_commit() {}
template <int left>
static inline void copies_wait() {}
