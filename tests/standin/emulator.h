// As much of CUDA as kernels.cu needs, for g++: a kernel's blocks run one after another.
//
// The threads of a block run one after another too. Where the kernel shares memory they are fibers,
// which take turns at __syncthreads(): each runs up to it, then the next. Whoever forgets one reads
// what is not there yet, and does so every time. Threads run in ascending or descending order; the
// result must not depend on it.

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __shared__ static

using std::exp;
using std::fabs;
using std::log;
using std::log1p;
using std::max;
using std::min;
using std::sqrt;

struct Index {
    unsigned x, y, z;
};
inline Index threadIdx, blockIdx, blockDim, gridDim;

template <typename T>
static void sincospi(T x, T* sine, T* cosine) {
    *sine = (T)std::sin(M_PI * (double)x);
    *cosine = (T)std::cos(M_PI * (double)x);
}

namespace emulator {

enum State { READY, AT_WARP, AT_BLOCK, DONE };  // AT_...: waits at a barrier of that kind

// A fiber is begun once, by a context of its own, and then left and entered by jumps, which unlike
// contexts cost no call of the system. It runs one thread after another, of this kernel and the next;
// all libraries of kernels share them, as they do all variables that are inline.
struct Fiber {
    std::unique_ptr<char[]> stack;
    ucontext_t start;
    jmp_buf place;
    State state = DONE;
};

inline std::vector<std::unique_ptr<Fiber>> fibers;
inline std::function<void()> body;
inline jmp_buf scheduler;
inline int current;

static void set_thread(int i) {
    current = i;
    threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
}

static void wait_as(State state) {
    Fiber& f = *fibers[current];
    f.state = state;
    if (!_setjmp(f.place)) _longjmp(scheduler, 1);
}

static void run_threads() {
    for (;;) {
        body();
        wait_as(DONE);
    }
}

static void add_fiber() {
    constexpr size_t SIZE = 64 * 1024;
    auto f = std::make_unique<Fiber>();
    f->stack.reset(new char[SIZE]);
    getcontext(&f->start);
    f->start.uc_stack.ss_sp = f->stack.get();
    f->start.uc_stack.ss_size = SIZE;
    makecontext(&f->start, run_threads, 0);
    fibers.push_back(std::move(f));
}

static void enter(Fiber& f) {
    if (_setjmp(scheduler)) return;
    if (f.start.uc_stack.ss_sp == nullptr) _longjmp(f.place, 1);
    f.start.uc_stack.ss_sp = nullptr;  // begun
    setcontext(&f.start);
}

// Whether a barrier waits for those who have returned too. On a chip it does not, but CUDA's rule is
// that all threads come to it; CuPy's kernels break the rule.
inline bool strict = true;

// Lets some threads go on if all of them wait at a barrier of that kind.
static bool release(State barrier, int from, int to) {
    bool some = false;
    for (int i = from; i < to; i++) {
        State state = fibers[i]->state;
        if (state != barrier && (strict || state != DONE)) return false;
        some |= state == barrier;
    }
    for (int i = from; i < to; i++)
        if (fibers[i]->state == barrier) fibers[i]->state = READY;
    return some;
}

// False if some threads wait for others that never come.
static bool run_fibers(int threads, bool backwards) {
    while ((int)fibers.size() < threads) add_fiber();
    for (int i = 0; i < threads; i++) fibers[i]->state = READY;
    for (;;) {
        for (int k = 0; k < threads; k++) {
            set_thread(backwards ? threads - 1 - k : k);
            if (fibers[current]->state == READY) enter(*fibers[current]);
        }
        bool some = false, all = true;
        for (int w = 0; w < threads; w += 32) some |= release(AT_WARP, w, min(w + 32, threads));
        for (int i = 0; i < threads; i++) all &= fibers[i]->state == DONE;
        if (all) return true;
        if (some || release(AT_BLOCK, 0, threads)) continue;
        fibers.clear();
        return false;
    }
}

static int launch(const int* grid, const int* block, bool backwards, bool shares,
                  std::function<void()> kernel) {
    gridDim = {(unsigned)grid[0], (unsigned)grid[1], (unsigned)grid[2]};
    blockDim = {(unsigned)block[0], (unsigned)block[1], (unsigned)block[2]};
    int blocks = grid[0] * grid[1] * grid[2], threads = block[0] * block[1] * block[2];
    body = kernel;
    for (int b = 0; b < blocks; b++) {
        int k = backwards ? blocks - 1 - b : b;
        blockIdx = {k % gridDim.x, k / gridDim.x % gridDim.y, k / (gridDim.x * gridDim.y)};
        if (shares) {
            if (!run_fibers(threads, backwards)) return 1;
            continue;
        }
        for (int t = 0; t < threads; t++) {
            set_thread(backwards ? threads - 1 - t : t);
            kernel();
        }
    }
    return 0;
}

}  // namespace emulator

static void __syncthreads() { emulator::wait_as(emulator::AT_BLOCK); }
static void __syncwarp() { emulator::wait_as(emulator::AT_WARP); }
