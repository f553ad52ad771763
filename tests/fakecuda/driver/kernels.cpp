// Modules, kernels and their launches. A module is the path of a library that g++ has made.

#include <dlfcn.h>
#include <xmmintrin.h>

#include <cstring>
#include <vector>

#include "fake.h"
#include "kernel.h"

using namespace fake;

namespace {

struct Function {
    std::string name;
    const Kernel* kernel;
};

struct Sizes {
    unsigned grid[3], block[3];
};

// The arguments of a launch, copied: a graph has them when the caller's are gone.
struct Arguments {
    std::vector<std::vector<char>> bytes;

    Arguments(const Kernel& kernel, void** values) {
        for (unsigned i = 0; i < kernel.count; i++) {
            auto from = (const char*)values[i];
            bytes.emplace_back(from, from + kernel.parameters[i].size);
        }
    }

    std::vector<void*> pointers() {
        std::vector<void*> all;
        for (auto& b : bytes) all.push_back(b.data());
        return all;
    }
};

constexpr unsigned FLUSH_TO_ZERO = 0x8040;  // what is read and what is made, as CuPy compiles it
constexpr size_t PARAMETERS = 4096;         // bytes, before CUDA 12.1 and on older chips
bool run_kernels = true;

bool allowed(const Sizes& n, unsigned shared) {
    for (int i = 0; i < 3; i++)
        if (!n.grid[i] || !n.block[i]) return false;
    return n.grid[0] <= 0x7fffffff && n.grid[1] <= 65535 && n.grid[2] <= 65535 &&
           n.block[2] <= 64 && (uint64_t)n.block[0] * n.block[1] * n.block[2] <= 1024 &&
           shared <= 49152;
}

size_t size_of(const Kernel& kernel) {
    size_t bytes = 0;
    for (unsigned i = 0; i < kernel.count; i++) bytes += kernel.parameters[i].size;
    return bytes;
}

// False if one is no device memory. CArray begins with its pointer and its number of elements.
bool touch_arrays(int stream, const Function& f, void** values) {
    bool good = true;
    for (unsigned i = 0; i < f.kernel->count; i++) {
        const Parameter& p = f.kernel->parameters[i];
        if (p.access == 'v') continue;
        auto words = (const size_t*)values[i];
        bool counted = p.access == 'R' || p.access == 'W';
        if (!words[0] || (counted && !words[1])) continue;
        good &= touch(stream, (const void*)words[0], p.item * (counted ? words[1] : 1),
                      p.access == 'w' || p.access == 'W', f.name);
    }
    return good;
}

void run(int stream, const Function& f, const Sizes& n, void** values) {
    if (!touch_arrays(stream, f, values) || !running()) return;
    unsigned before = _mm_getcsr();
    if (f.kernel->single) _mm_setcsr(before | FLUSH_TO_ZERO);
    if (f.kernel->run(values, n.grid, n.block))
        fault(f.name + ": some threads of a block wait for others at a barrier");
    _mm_setcsr(before);
}

}  // namespace

bool fake::running() { return run_kernels; }

extern "C" {

void fake_running(int on) { run_kernels = on; }

int cuModuleLoadData(void** module, const void* image) {
    if (int error = unsafe()) return error;
    *module = dlopen((const char*)image, RTLD_NOW | RTLD_LOCAL);
    if (*module) return OK;
    fault(std::string("a module cannot be loaded: ") + dlerror());
    return NO_BINARY;
}

int cuModuleUnload(void*) { return OK; }

int cuModuleGetFunction(void** function, void* module, const char* name) {
    auto kernel = (const Kernel*)dlsym(module, (std::string("kernel_") + name).c_str());
    if (!kernel) return NOT_FOUND;
    *function = new Function{name, kernel};
    return OK;
}

int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void* stream, void** values, void**) {
    const Function& f = *(const Function*)function;
    Sizes n = {{gx, gy, gz}, {bx, by, bz}};
    if (!allowed(n, shared) || size_of(*f.kernel) > PARAMETERS) return INVALID_VALUE;
    count("launch " + f.name);
    if (!is_captured(stream)) return enqueue(stream, [&, n](int s) { run(s, f, n, values); });
    return enqueue(stream, [&f, n, copies = Arguments(*f.kernel, values)](int s) mutable {
        run(s, f, n, copies.pointers().data());
    });
}

int cuFuncGetAttribute(int* value, int, void*) {
    *value = 0;
    return OK;
}

int cuFuncSetAttribute(void*, int, int) { return OK; }

int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void*, int, size_t) {
    *blocks = 1;
    return OK;
}

int cuOccupancyMaxPotentialBlockSize(int* grid, int* block, void*, void*, size_t, int) {
    *grid = 132;
    *block = 256;
    return OK;
}

}  // extern "C"
