// As much of CUDA as kernels.cu needs, for g++: a kernel's blocks run one after another.
//
// The threads of a block run one after another too. Where the kernel shares memory they are fibers,
// which take turns at __syncthreads(): each runs up to it, then the next. Whoever forgets one reads
// what is not there yet, and does so every time. Threads run in ascending or descending order; the
// result must not depend on it.

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <functional>
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
static Index threadIdx, blockIdx, blockDim, gridDim;

template <typename T>
static void sincospi(T x, T* sine, T* cosine) {
    *sine = (T)std::sin(M_PI * (double)x);
    *cosine = (T)std::cos(M_PI * (double)x);
}

namespace emulator {

struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    bool done;
};

static std::vector<Fiber> fibers;
static std::function<void()> body;
static ucontext_t scheduler;
static int current;

static void set_thread(int i) {
    current = i;
    threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
}

static void enter() {
    body();
    fibers[current].done = true;
    swapcontext(&fibers[current].context, &scheduler);
}

// False if some threads have returned while others wait for them.
static bool run_fibers(int threads, bool backwards) {
    fibers.resize(threads);
    for (Fiber& f : fibers) {
        f.stack.resize(64 * 1024);
        f.done = false;
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = f.stack.data();
        f.context.uc_stack.ss_size = f.stack.size();
        makecontext(&f.context, enter, 0);
    }
    for (int left = threads; left > 0;) {
        int returned = 0;
        for (int k = 0; k < threads; k++) {
            set_thread(backwards ? threads - 1 - k : k);
            if (!fibers[current].done) {
                int i = current;
                swapcontext(&scheduler, &fibers[i].context);
                returned += fibers[i].done;
            }
        }
        if (returned != 0 && returned != left) return false;
        left -= returned;
    }
    return true;
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

static void __syncthreads() {
    swapcontext(&emulator::fibers[emulator::current].context, &emulator::scheduler);
}
