// Runs kernels on the CPU: the threads of a block as fibres, in turn, until each has ended. See emulator.h. Any number of
// threads of the host may launch at once; each launch stays on its own.
#include "simt.cuh"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulator {

namespace {

constexpr std::size_t STACK = 64 * 1024;
constexpr std::size_t SHARED_BYTES = 256 * 1024;

struct Warp {
    Exchange given[LANES], got[LANES];
    unsigned arrived = 0, met = 0;
};

// A block that is running.
struct Block {
    std::vector<Thread> threads;
    std::vector<bool> ended;
    std::vector<Warp> warps;
    unsigned arrived = 0, passed = 0;
    unsigned long moves = 0;  // things that happened: no more of them means that threads wait for ever
};

thread_local Block* block = nullptr;
thread_local Body body = nullptr;
thread_local void** arguments = nullptr;
thread_local std::vector<unsigned char> shared;
thread_local std::vector<unsigned char> stacks;
thread_local void* scheduler = nullptr;
// Every other launch runs its blocks and threads from the last to the first: a barrier that is missing shows in one or the
// other order.
thread_local bool backwards = false;

std::map<std::string, Body>& registry() {
    static std::map<std::string, Body> all;
    return all;
}

#if defined(__x86_64__)
// Saves what the System V ABI lets a callee keep, and goes on where `to` was saved.
extern "C" void companion_emulator_switch(void** from, void* to);
asm(R"(
.text
.globl companion_emulator_switch
.type companion_emulator_switch, @function
companion_emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size companion_emulator_switch, .-companion_emulator_switch
)");

void give_way() { companion_emulator_switch(&current->stack, scheduler); }
void resume(Thread& thread) { companion_emulator_switch(&scheduler, thread.stack); }
#else
thread_local std::vector<ucontext_t> contexts;
thread_local ucontext_t home;
void give_way() { swapcontext(&contexts[current->number], &home); }
void resume(Thread& thread) { swapcontext(&home, &contexts[thread.number]); }
#endif

void run_thread() {
    body(arguments);
    block->ended[current->number] = true;
    block->moves++;
    give_way();
    std::abort();
}

void prepare(Thread& thread) {
    unsigned char* top = stacks.data() + (thread.number + 1) * STACK;
#if defined(__x86_64__)
    auto aligned = reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{63};
    auto** stack = reinterpret_cast<void**>(aligned) - 1;
    *stack = nullptr;  // where run_thread would return to
    *--stack = reinterpret_cast<void*>(run_thread);
    for (int saved = 0; saved < 6; saved++) *--stack = nullptr;
    thread.stack = stack;
#else
    ucontext_t& context = contexts[thread.number];
    getcontext(&context);
    context.uc_stack.ss_sp = top - STACK;
    context.uc_stack.ss_size = STACK;
    context.uc_link = &home;
    makecontext(&context, run_thread, 0);
#endif
}

void run_block(uint3 place, uint3 grid, unsigned count) {
    Block running;
    running.threads.resize(count);
    running.ended.assign(count, false);
    running.warps.resize((count + LANES - 1) / LANES);
    block = &running;
    for (unsigned n = 0; n < count; n++) {
        running.threads[n] = Thread{{n, 0, 0}, place, grid, {count, 1, 1}, n, nullptr};
        prepare(running.threads[n]);
    }
    for (;;) {
        const unsigned long before = running.moves;
        bool left = false;
        for (unsigned turn = 0; turn < count; turn++) {
            const unsigned n = backwards ? count - 1 - turn : turn;
            if (running.ended[n]) continue;
            left = true;
            current = &running.threads[n];
            resume(running.threads[n]);
        }
        if (!left) break;
        if (before == running.moves) {
            std::fprintf(stderr, "emulated kernel: threads wait for others that have ended\n");
            std::abort();
        }
    }
    current = nullptr;
    block = nullptr;
}

}  // namespace

thread_local Thread* current = nullptr;

void barrier() {
    const unsigned passed = block->passed;
    block->moves++;
    if (++block->arrived == block->threads.size()) {
        block->arrived = 0;
        block->passed++;
        return;
    }
    while (block->passed == passed) give_way();
}

Exchange exchange(const Exchange& given, Meet meet) {
    const unsigned lane = current->number % LANES;
    Warp& warp = block->warps[current->number / LANES];
    const unsigned met = warp.met;
    warp.given[lane] = given;
    block->moves++;
    if (++warp.arrived == LANES) {
        meet(warp.given, warp.got);
        warp.arrived = 0;
        warp.met++;
    } else {
        while (warp.met == met) give_way();
    }
    return warp.got[lane];
}

unsigned char* dynamic_shared() {
    auto start = reinterpret_cast<std::uintptr_t>(shared.data());
    return reinterpret_cast<unsigned char*>((start + 127) & ~std::uintptr_t{127});
}

void meet_xor(const Exchange* given, Exchange* got) {
    for (unsigned lane = 0; lane < LANES; lane++) got[lane].a[0] = given[lane ^ given[lane].a[1]].a[0];
}

void meet_product(const Exchange* given, Exchange* got) {
    float a[16][16], b[16][8];
    const auto half = [](u32 pair, int which) { return half_to_float(static_cast<u16>(pair >> (16 * which))); };
    for (int lane = 0; lane < LANES; lane++) {
        const int g = lane / 4, q = lane % 4;
        for (int e = 0; e < 2; e++) {
            a[g][2 * q + e] = half(given[lane].a[0], e);
            a[g + 8][2 * q + e] = half(given[lane].a[1], e);
            a[g][2 * q + 8 + e] = half(given[lane].a[2], e);
            a[g + 8][2 * q + 8 + e] = half(given[lane].a[3], e);
            b[2 * q + e][g] = half(given[lane].b[0], e);
            b[2 * q + 8 + e][g] = half(given[lane].b[1], e);
        }
    }
    float d[16][8] = {};
    for (int row = 0; row < 16; row++) {
        for (int k = 0; k < 16; k++) {
            for (int column = 0; column < 8; column++) d[row][column] += a[row][k] * b[k][column];
        }
    }
    for (int lane = 0; lane < LANES; lane++) {
        const int g = lane / 4, q = lane % 4;
        for (int e = 0; e < 4; e++) got[lane].d[e] = given[lane].d[e] + d[g + 8 * (e / 2)][2 * q + e % 2];
    }
}

static float widen(u16 bits) {
    const u32 sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ffu;
    float value;
    u32 whole;
    if (exponent == 0) {
        value = std::ldexp(static_cast<float>(fraction), -24);
        std::memcpy(&whole, &value, 4);
        whole |= sign;
    } else if (exponent == 31) {
        whole = sign | 0x7f800000u | fraction << 13;
    } else {
        whole = sign | (exponent + 112) << 23 | fraction << 13;
    }
    std::memcpy(&value, &whole, 4);
    return value;
}

float half_to_float(u16 bits) {
    static const std::vector<float> table = [] {
        std::vector<float> all(65536);
        for (u32 n = 0; n < 65536; n++) all[n] = widen(static_cast<u16>(n));
        return all;
    }();
    return table[bits];
}

// To the nearest, ties to even.
u16 float_to_half(float value) {
    u32 bits;
    std::memcpy(&bits, &value, 4);
    const u16 sign = static_cast<u16>(bits >> 16 & 0x8000u);
    const u32 size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return sign | 0x7e00u;
    if (size >= 0x477ff000u) return sign | 0x7c00u;
    if (size < 0x38800000u) {
        const float steps = std::nearbyint(std::ldexp(std::fabs(value), 24));
        return static_cast<u16>(sign | static_cast<u16>(steps));
    }
    const u32 rounded = size + 0xfffu + (size >> 13 & 1u);
    return static_cast<u16>(sign | ((rounded - (112u << 23)) >> 13));
}

Registered::Registered(const char* name, Body body) { registry()[name] = body; }

}  // namespace emulator

// Runs a kernel over a grid; 1 when there is none of this name.
extern "C" int companion_emulated_launch(const char* name, const unsigned* grid, unsigned threads,
                                         unsigned shared_bytes, void** arguments) {
    using namespace emulator;
    const auto found = registry().find(name);
    if (found == registry().end()) return 1;
    body = found->second;
    emulator::arguments = arguments;
    if (shared.empty()) shared.resize(SHARED_BYTES + 128);
    if (stacks.size() < threads * STACK) stacks.resize(threads * STACK);
#if !defined(__x86_64__)
    if (contexts.size() < threads) contexts.resize(threads);
#endif
    if (shared_bytes > SHARED_BYTES) std::abort();
    backwards = !backwards;
    const unsigned long blocks = static_cast<unsigned long>(grid[0]) * grid[1] * grid[2];
    for (unsigned long turn = 0; turn < blocks; turn++) {
        const unsigned long n = backwards ? blocks - 1 - turn : turn;
        const auto x = static_cast<unsigned>(n % grid[0]), y = static_cast<unsigned>(n / grid[0] % grid[1]);
        const auto z = static_cast<unsigned>(n / grid[0] / grid[1]);
        // What nobody wrote reads as not a number.
        std::memset(dynamic_shared(), 0xff, shared_bytes);
        run_block({x, y, z}, {grid[0], grid[1], grid[2]}, threads);
    }
    return 0;
}
