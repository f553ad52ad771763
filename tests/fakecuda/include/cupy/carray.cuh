// CuPy's arrays and indices, by their layout in memory, and what its kernels take from CUDA.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

using std::abs; using std::ceil; using std::cos; using std::exp; using std::expm1; using std::fabs;
using std::floor; using std::fmod; using std::isfinite; using std::isinf; using std::isnan;
using std::log; using std::log1p; using std::log2; using std::pow; using std::rint; using std::signbit;
using std::sin; using std::sqrt; using std::tan; using std::tanh; using std::trunc;

#ifdef ONE_THREAD  // the kernel shares nothing: one thread goes through all elements
#define __global__
#define __device__
struct Index {
    unsigned x, y, z;
};
static const Index threadIdx = {0, 0, 0}, blockIdx = {0, 0, 0}, blockDim = {1, 1, 1},
                   gridDim = {1, 1, 1};
template <class T>
static T max(T a, T b) { return a > b ? a : b; }
template <class T>
static T min(T a, T b) { return a < b ? a : b; }
#endif

#define __forceinline__ inline
#define CUPY_FOR(i, n)                                                                     \
    for (ptrdiff_t i = (ptrdiff_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);          \
         i += (ptrdiff_t)blockDim.x * gridDim.x)

static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }

template <class T>
static T _floor_divide(T x, T y) {
    if (y == 0) return 0;
    T q = x / y;
    return q - ((x % y != 0) && ((x < 0) != (y < 0)));
}
static inline float _floor_divide(float x, float y) { return floor(x / y); }
static inline double _floor_divide(double x, double y) { return floor(x / y); }

template <class T, class U>
static T atomicAdd(T* p, U x) {
    T before = *p;
    *p += x;
    return before;
}

template <typename T, int N, bool contiguous = true, bool small = true>
struct CArray {
    typedef T item;
    typedef ptrdiff_t index_t;
    static const int ndim = N;
    T* data_;
    ptrdiff_t size_, shape_[N], strides_[N];

    ptrdiff_t size() const { return size_; }
    const ptrdiff_t* shape() const { return shape_; }
    const ptrdiff_t* strides() const { return strides_; }
    T& operator[](const ptrdiff_t* index) const {
        char* p = (char*)data_;
        for (int d = 0; d < N; d++) p += strides_[d] * index[d];
        return *(T*)p;
    }
    T& operator[](ptrdiff_t i) const {
        char* p = (char*)data_;
        for (int d = N - 1; d > 0; i /= shape_[d--]) p += strides_[d] * (i % shape_[d]);
        return *(T*)(p + strides_[0] * i);
    }
};

template <typename T, bool contiguous, bool small>
struct CArray<T, 0, contiguous, small> {
    typedef T item;
    typedef ptrdiff_t index_t;
    static const int ndim = 0;
    T* data_;
    ptrdiff_t size_;

    ptrdiff_t size() const { return size_; }
    T& operator[](const ptrdiff_t*) const { return *data_; }
    T& operator[](ptrdiff_t i) const { return data_[i]; }
};

template <int N, bool small = true>
struct CIndexer {
    static const int ndim = N;
    ptrdiff_t size_, shape_[N], index_[N];

    ptrdiff_t size() const { return size_; }
    const ptrdiff_t* shape() const { return shape_; }
    const ptrdiff_t* get() const { return index_; }
    void set(ptrdiff_t i) {
        for (int d = N - 1; d > 0; i /= shape_[d--]) index_[d] = i % shape_[d];
        index_[0] = i;
    }
};

template <bool small>
struct CIndexer<0, small> {
    static const int ndim = 0;
    ptrdiff_t size_;

    ptrdiff_t size() const { return size_; }
    const ptrdiff_t* get() const { return nullptr; }
    void set(ptrdiff_t) {}
};
