// cuBLAS: products by three loops, with sums in double, and its rules for leading dimensions.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "fake.h"

using namespace fake;

namespace {

constexpr int INVALID = 7, FAILED = 13, UNSUPPORTED = 15;  // CUBLAS_STATUS_...
constexpr int FLOAT = 0, DOUBLE = 1;                       // CUDA_R_32F, CUDA_R_64F
constexpr int COMPUTE_TF32 = 77, TF32_MATH = 3;            // CUBLAS_COMPUTE_32F_FAST_TF32, ...

struct Handle {
    void* stream = nullptr;
    int math = 0, pointers = 0;
};

// One operand: column-major, its columns `step` apart, the matrices of a batch `stride` apart.
struct Matrix {
    char* data;
    int transposed, step;
    long long stride;
};

struct Product {
    int m, n, k, batch;
    Matrix a, b, c;
    double alpha, beta;
    bool tf32;
};

// A float with TF32's 10 bits of mantissa, rounded to nearest.
float rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = (bits + 0x1000) & ~0x1FFFu;
    memcpy(&x, &bits, 4);
    return std::isfinite(x) ? x : INFINITY;
}

// The matrix in rows of doubles.
template <class T>
std::vector<double> rows_of(const Matrix& x, const T* from, int rows, int columns, bool tf32) {
    std::vector<double> all((size_t)rows * columns);
    size_t down = x.transposed ? x.step : 1, across = x.transposed ? 1 : x.step;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            T found = from[i * down + j * across];
            all[(size_t)i * columns + j] = tf32 ? (T)rounded(found) : found;
        }
    return all;
}

// A row of c at a time, so that the innermost loop runs along the rows of b.
template <class T>
void multiply(const Product& p) {
    for (int q = 0; q < p.batch; q++) {
        auto a = rows_of(p.a, (const T*)p.a.data + q * p.a.stride, p.m, p.k, p.tf32);
        auto b = rows_of(p.b, (const T*)p.b.data + q * p.b.stride, p.k, p.n, p.tf32);
        auto c = (T*)p.c.data + q * p.c.stride;
        std::vector<double> sums(p.n);
        for (int i = 0; i < p.m; i++) {
            std::fill(sums.begin(), sums.end(), 0.0);
            for (int l = 0; l < p.k; l++) {
                double left = a[(size_t)i * p.k + l], *right = &b[(size_t)l * p.n];
                for (int j = 0; j < p.n; j++) sums[j] += left * right[j];
            }
            for (int j = 0; j < p.n; j++) {
                T& to = c[i + (size_t)j * p.c.step];
                to = p.alpha * sums[j] + (p.beta == 0 ? 0 : p.beta * to);
            }
        }
    }
}

// What a launch reads or writes: the first and the last element, and all between.
size_t extent(const Matrix& x, int rows, int columns, int batch, size_t size) {
    if (x.transposed) std::swap(rows, columns);
    return ((columns - 1) * (size_t)x.step + rows + (batch - 1) * x.stride) * size;
}

void run(int stream, const std::string& name, int type, const Product& p) {
    size_t size = type == FLOAT ? 4 : 8;
    bool good = touch(stream, p.a.data, extent(p.a, p.m, p.k, p.batch, size), false, name) &
                touch(stream, p.b.data, extent(p.b, p.k, p.n, p.batch, size), false, name) &
                touch(stream, p.c.data, extent(p.c, p.m, p.n, p.batch, size), true, name);
    if (good && running()) type == FLOAT ? multiply<float>(p) : multiply<double>(p);
}

// The matrices of a batch lie one behind the other, or where arrays of pointers say.
int product(void* handle, const std::string& name, int type, Product p, bool by_pointers = false) {
    auto h = (const Handle*)handle;
    bool fits = p.a.step >= (p.a.transposed ? p.k : p.m) &&
                p.b.step >= (p.b.transposed ? p.n : p.k) && p.c.step >= p.m;
    if (p.m <= 0 || p.n <= 0 || p.k <= 0 || !fits) return INVALID;
    if (type != FLOAT && type != DOUBLE) return UNSUPPORTED;
    p.tf32 = type == FLOAT && (p.tf32 || h->math == TF32_MATH);
    count("launch " + name + (p.tf32 ? " TF32" : ""));
    int error = enqueue(h->stream, [=](int s) {
        if (!by_pointers) return run(s, name, type, p);
        for (int q = 0; q < p.batch; q++) {
            Product one = p;
            one.batch = 1;
            for (Matrix* x : {&one.a, &one.b, &one.c}) x->data = ((char**)x->data)[q];
            run(s, name, type, one);
        }
    });
    return error ? FAILED : 0;
}

double scalar(const void* p, int type) {
    return type == DOUBLE ? *(const double*)p : *(const float*)p;
}

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
    *handle = new Handle;
    return 0;
}

int cublasDestroy_v2(void* handle) {
    delete (Handle*)handle;
    return 0;
}

int cublasSetStream_v2(void* handle, void* stream) {
    ((Handle*)handle)->stream = stream;
    return 0;
}

int cublasGetStream_v2(void* handle, void** stream) {
    *stream = ((Handle*)handle)->stream;
    return 0;
}

int cublasSetWorkspace_v2(void*, void* memory, size_t) {
    return !memory || on_device(memory) ? 0 : INVALID;
}

int cublasSetMathMode(void* handle, int mode) {
    ((Handle*)handle)->math = mode;
    return 0;
}

int cublasGetMathMode(void* handle, int* mode) {
    *mode = ((Handle*)handle)->math;
    return 0;
}

int cublasSetPointerMode_v2(void* handle, int mode) {
    ((Handle*)handle)->pointers = mode;
    return 0;
}

int cublasGetPointerMode_v2(void* handle, int* mode) {
    *mode = ((Handle*)handle)->pointers;
    return 0;
}

int cublasGetVersion_v2(void*, int* version) {
    *version = 120900;
    return 0;
}

int cublasGemmStridedBatchedEx(void* h, int ta, int tb, int m, int n, int k, const void* alpha,
                               const void* a, int type, int lda, long long sa, const void* b, int,
                               int ldb, long long sb, const void* beta, void* c, int, int ldc,
                               long long sc, int batch, int compute, int) {
    return product(h, batch == 1 && !sa ? "cublasGemmEx" : "cublasGemmStridedBatchedEx", type,
                   {m, n, k, batch, {(char*)a, ta, lda, sa}, {(char*)b, tb, ldb, sb},
                    {(char*)c, 0, ldc, sc}, scalar(alpha, type), scalar(beta, type),
                    compute == COMPUTE_TF32});
}

int cublasGemmEx(void* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
                 int type, int lda, const void* b, int btype, int ldb, const void* beta, void* c,
                 int ctype, int ldc, int compute, int algorithm) {
    return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, type, lda, 0, b, btype, ldb, 0,
                                      beta, c, ctype, ldc, 0, 1, compute, algorithm);
}

int cublasSgemm_v2(void* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
                   int lda, const void* b, int ldb, const void* beta, void* c, int ldc) {
    return cublasGemmEx(h, ta, tb, m, n, k, alpha, a, FLOAT, lda, b, FLOAT, ldb, beta, c, FLOAT,
                        ldc, 0, 0);
}

int cublasDgemm_v2(void* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
                   int lda, const void* b, int ldb, const void* beta, void* c, int ldc) {
    return cublasGemmEx(h, ta, tb, m, n, k, alpha, a, DOUBLE, lda, b, DOUBLE, ldb, beta, c, DOUBLE,
                        ldc, 0, 0);
}

#define BATCHED(NAME, TYPE)                                                                     \
    int NAME(void* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,      \
             int lda, const void* b, int ldb, const void* beta, void* c, int ldc, int batch) {    \
        return product(h, #NAME, TYPE,                                                            \
                       {m, n, k, batch, {(char*)a, ta, lda, 0}, {(char*)b, tb, ldb, 0},           \
                        {(char*)c, 0, ldc, 0}, scalar(alpha, TYPE), scalar(beta, TYPE), false},   \
                       true);                                                                     \
    }
BATCHED(cublasSgemmBatched, FLOAT)
BATCHED(cublasDgemmBatched, DOUBLE)

}  // extern "C"
