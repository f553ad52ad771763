// Every CUDA kernel of minigrad, in one file; launch.py lists their names and reads their signatures.
//
// The file is compiled once for float and once for double: REAL says which.
//
// Four rules hold for all of them:
// - grid-stride loops, so that any number of blocks gives the right answer;
// - arrays are contiguous, and the launch helper refuses others;
// - no atomics on floats: every sum is made by one thread, or by one tree, in one order, so that
//   the same inputs give the same bits each time;
// - what a thread reads together with its neighbours lies together: warps run along channels.

#ifndef REAL
#define REAL float
#endif

typedef REAL real;
typedef unsigned int uint32;
typedef unsigned long long uint64;
typedef long long int64;

#define KERNEL extern "C" __global__ void

// Tables that a launch passes by value: nothing has to be uploaded for it.
#define MANY 32
struct Arrays {
    real* at[MANY];
};
struct Words {
    uint64 at[MANY];
};

// The first item of this thread and the distance to its next one.
#define FIRST (blockIdx.x * (int64)blockDim.x + threadIdx.x)
#define STRIDE (gridDim.x * (int64)blockDim.x)

// ---- four numbers at once -----------------------------------------------------------------------

struct alignas(4 * sizeof(real)) real4 {
    real v[4];
};

__device__ inline void add_to(real& sum, real x) { sum += x; }

__device__ inline void add_to(real4& sum, const real4& x) {
    for (int i = 0; i < 4; i++) sum.v[i] += x.v[i];
}

__device__ inline bool packs(int channels, const real* a, const real* b) {
    return channels % 4 == 0 && ((uint64)a | (uint64)b) % sizeof(real4) == 0;
}

// ---- convolution: images (N, H, W, C) and their patches (N, OH, OW, KH, KW, C) ------------------

struct Geometry {
    int h, w, c, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
};

// A block's y picks the patch, its x runs along the patch, whose kw * c values per row lie together
// in the image too.
template <typename T>
__device__ void gather(const T* __restrict__ image, T* __restrict__ patches, int n, Geometry s) {
    int64 number = (int64)n * s.oh * s.ow;
    int size = s.kh * s.kw * s.c;
    for (int64 p = blockIdx.x * (int64)blockDim.y + threadIdx.y; p < number;
         p += gridDim.x * (int64)blockDim.y) {
        int place = (int)p;
        int left = place % s.ow * s.sw - s.pw;
        int top = place / s.ow % s.oh * s.sh - s.ph;
        const T* from = image + (int64)(place / s.ow / s.oh) * s.h * s.w * s.c;
        T* to = patches + p * size;
        for (int e = threadIdx.x; e < size; e += blockDim.x) {
            int tap = e / s.c;
            int y = top + tap / s.kw * s.dh;
            int x = left + tap % s.kw * s.dw;
            bool inside = 0 <= y && y < s.h && 0 <= x && x < s.w;
            to[e] = inside ? from[((int64)y * s.w + x) * s.c + e % s.c] : T();
        }
    }
}

KERNEL gather_patches(const real* image, real* patches, int n, int h, int w, int c, int oh, int ow,
                      int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw) {
    if (packs(c, image, patches)) {
        Geometry s = {h, w, c / 4, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw};
        gather((const real4*)image, (real4*)patches, n, s);
    } else {
        Geometry s = {h, w, c, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw};
        gather(image, patches, n, s);
    }
}

// The adjoint, also as a gather: each pixel sums the taps that have met it, from the first to the
// last. A block's y picks the pixel, its x runs along the channels.
template <typename T>
__device__ void collect(const T* __restrict__ patches, T* __restrict__ image, int n, Geometry s) {
    int64 number = (int64)n * s.h * s.w;
    for (int64 p = blockIdx.x * (int64)blockDim.y + threadIdx.y; p < number;
         p += gridDim.x * (int64)blockDim.y) {
        int pixel = (int)p;
        int x = pixel % s.w + s.pw;
        int y = pixel / s.w % s.h + s.ph;
        const T* from = patches + (int64)(pixel / s.w / s.h) * s.oh * s.ow * s.kh * s.kw * s.c;
        for (int c = threadIdx.x; c < s.c; c += blockDim.x) {
            T sum = T();
            for (int i = 0; i < s.kh; i++) {
                int down = y - i * s.dh;
                int oh = down / s.sh;
                if (down < 0 || down % s.sh != 0 || oh >= s.oh) continue;
                for (int j = 0; j < s.kw; j++) {
                    int right = x - j * s.dw;
                    int ow = right / s.sw;
                    if (right < 0 || right % s.sw != 0 || ow >= s.ow) continue;
                    int64 tap = (((int64)oh * s.ow + ow) * s.kh + i) * s.kw + j;
                    add_to(sum, from[tap * s.c + c]);
                }
            }
            image[p * s.c + c] = sum;
        }
    }
}

KERNEL collect_patches(const real* patches, real* image, int n, int h, int w, int c, int oh, int ow,
                       int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw) {
    if (packs(c, image, patches)) {
        Geometry s = {h, w, c / 4, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw};
        collect((const real4*)patches, (real4*)image, n, s);
    } else {
        Geometry s = {h, w, c, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw};
        collect(patches, image, n, s);
    }
}

// ---- columns of a matrix (M, C): batch norm's statistics, and sums ------------------------------
//
// In two launches: blocks of 32 columns by 8 threads each reduce a chunk of rows, then one row of
// such blocks reduces the chunks. The number of chunks depends on the shape alone, never on the
// chip, and so does the result.

#define LANES 32
#define DEPTH 8

// Two sums, in double. NOTE: sums of floats lose digits with the number of their terms, and
// E[x^2] - E[x]^2 has no correct one where the mean is 3,000 standard deviations from 0. So the
// moments are sums of double, of deviations from a number of the column itself.
struct Sums {
    double plain, product;
};

// Adds up what the DEPTH threads of a column have; thread 0 of the column gets the result.
__device__ inline void add_depth(Sums& mine, Sums (*shared)[LANES]) {
    for (int half = DEPTH / 2; half > 0; half /= 2) {
        shared[threadIdx.y][threadIdx.x] = mine;
        __syncthreads();
        if (threadIdx.y < half) {
            mine.plain += shared[threadIdx.y + half][threadIdx.x].plain;
            mine.product += shared[threadIdx.y + half][threadIdx.x].product;
        }
        __syncthreads();
    }
}

// 0 for what is negative by rounding; NaN stays, which fmax would make 0 of.
__device__ inline double at_least_0(double x) { return x < 0 ? 0 : x; }

// Mean and sum of squared deviations of each chunk.
KERNEL column_moments(const real* __restrict__ rows, real* __restrict__ mean, real* __restrict__ m2,
                      int m, int c, int chunk) {
    __shared__ Sums shared[DEPTH][LANES];
    int column = blockIdx.x * LANES + threadIdx.x;
    int begin = blockIdx.y * chunk, end = min(m, begin + chunk);
    Sums mine = {0, 0};
    double first = column < c ? rows[(int64)begin * c + column] : 0;
    if (column < c) {
        for (int row = begin + threadIdx.y; row < end; row += DEPTH) {
            double deviation = rows[(int64)row * c + column] - first;
            mine.plain += deviation;
            mine.product += deviation * deviation;
        }
    }
    add_depth(mine, shared);
    if (threadIdx.y == 0 && column < c) {
        double off = mine.plain / (end - begin);
        mean[(int64)blockIdx.y * c + column] = first + off;
        m2[(int64)blockIdx.y * c + column] = at_least_0(mine.product - mine.plain * off);
    }
}

KERNEL join_moments(const real* __restrict__ means, const real* __restrict__ m2s,
                    real* __restrict__ mean, real* __restrict__ variance, real* __restrict__ rstd,
                    int m, int c, int chunk, real eps) {
    __shared__ Sums shared[DEPTH][LANES];
    int column = blockIdx.x * LANES + threadIdx.x;
    Sums mine = {0, 0};
    double first = column < c ? means[column] : 0;
    if (column < c) {
        for (int i = threadIdx.y; i * chunk < m; i += DEPTH) {
            int n = min(chunk, m - i * chunk);
            double deviation = means[(int64)i * c + column] - first;
            mine.plain += n * deviation;
            mine.product += m2s[(int64)i * c + column] + n * deviation * deviation;
        }
    }
    add_depth(mine, shared);
    if (threadIdx.y == 0 && column < c) {
        double off = mine.plain / m;
        mean[column] = first + off;
        variance[column] = at_least_0(mine.product - mine.plain * off) / m;
        rstd[column] = 1 / sqrt(variance[column] + eps);
    }
}

// running = keep * running + share * batch, where keep = 1 - share; the batch's variance is biased.
KERNEL move_running(real* __restrict__ running_mean, real* __restrict__ running_variance,
                    const real* __restrict__ mean, const real* __restrict__ variance, real keep,
                    real share, real correction, int64 n) {
    for (int64 i = FIRST; i < n; i += STRIDE) {
        running_mean[i] = running_mean[i] * keep + share * mean[i];
        running_variance[i] = running_variance[i] * keep + share * (variance[i] * correction);
    }
}

// Sums over rows of a, and, where b is given, of a * (b - centre), which follow behind the first:
// out is (chunks, C) or (chunks, 2 C). The second launch sums the chunks of the first.
KERNEL column_sums(const real* __restrict__ a, const real* __restrict__ b,
                   const real* __restrict__ centre, real* __restrict__ out, int m, int c,
                   int chunk) {
    __shared__ Sums shared[DEPTH][LANES];
    int column = blockIdx.x * LANES + threadIdx.x;
    int end = min(m, ((int)blockIdx.y + 1) * chunk);
    Sums mine = {0, 0};
    if (column < c) {
        real middle = b ? centre[column] : 0;
        for (int row = blockIdx.y * chunk + threadIdx.y; row < end; row += DEPTH) {
            int64 at = (int64)row * c + column;
            mine.plain += a[at];
            if (b) mine.product += a[at] * (b[at] - middle);
        }
    }
    add_depth(mine, shared);
    if (threadIdx.y == 0 && column < c) {
        real* to = out + (int64)blockIdx.y * (b ? 2 : 1) * c + column;
        to[0] = mine.plain;
        if (b) to[c] = mine.product;
    }
}

// out = (rows - mean) * rstd * weight + bias; weight and bias may be missing.
KERNEL normalize_rows(const real* __restrict__ rows, const real* __restrict__ mean,
                      const real* __restrict__ rstd, const real* __restrict__ weight,
                      const real* __restrict__ bias, real* __restrict__ out, int m, int c) {
    int column = blockIdx.x * LANES + threadIdx.x;
    if (column >= c) return;
    real middle = mean[column];
    real scale = rstd[column] * (weight ? weight[column] : 1);
    real shift = bias ? bias[column] : 0;
    for (int row = blockIdx.y * DEPTH + threadIdx.y; row < m; row += gridDim.y * DEPTH) {
        int64 at = (int64)row * c + column;
        out[at] = (rows[at] - middle) * scale + shift;
    }
}

// The gradient of normalize_rows with mean and rstd as functions of the rows (Ioffe and Szegedy,
// 2015, section 3). sums is what column_sums makes of g and rows.
KERNEL normalize_rows_gradient(const real* __restrict__ g, const real* __restrict__ rows,
                               const real* __restrict__ mean, const real* __restrict__ rstd,
                               const real* __restrict__ weight, const real* __restrict__ sums,
                               real* __restrict__ g_rows, real* __restrict__ g_weight, int m,
                               int c) {
    int column = blockIdx.x * LANES + threadIdx.x;
    if (column >= c) return;
    real middle = mean[column];
    real scale = rstd[column] * (weight ? weight[column] : 1);
    real slope = sums[c + column] * rstd[column];
    real plain = sums[column] / m;
    real tilt = slope * rstd[column] / m;
    for (int row = blockIdx.y * DEPTH + threadIdx.y; row < m; row += gridDim.y * DEPTH) {
        int64 at = (int64)row * c + column;
        g_rows[at] = (g[at] - plain - (rows[at] - middle) * tilt) * scale;
    }
    if (blockIdx.y == 0 && threadIdx.y == 0) g_weight[column] = slope;
}

// ---- indexed add --------------------------------------------------------------------------------

// out[places[i]] += values[order[i]], for places that ascend: the first thread of a run of equal
// places adds all of the run, in its order.
KERNEL add_runs(const real* __restrict__ values, const int64* __restrict__ order,
                const int64* __restrict__ places, real* __restrict__ out, int64 n) {
    for (int64 i = FIRST; i < n; i += STRIDE) {
        int64 place = places[i];
        if (i > 0 && places[i - 1] == place) continue;
        real sum = out[place];
        for (int64 j = i; j < n && places[j] == place; j++) sum += values[order[j]];
        out[place] = sum;
    }
}

// ---- leaky_relu, for g = x, and its gradient ----------------------------------------------------

KERNEL leaky(const real* g, const real* x, real* __restrict__ out, real slope, int64 n) {
    for (int64 i = FIRST; i < n; i += STRIDE) out[i] = x[i] > 0 ? g[i] : g[i] * slope;
}

// ---- binary cross-entropy of logits -------------------------------------------------------------

// losses = -target log(sigmoid(x)) - (1 - target) log(1 - sigmoid(x)), and the exponential
// e = exp(-|x|) that they and their slopes are made from: exact also where sigmoid(x) is nearly 0
// or 1.
KERNEL bce_terms(const real* __restrict__ x, const real* __restrict__ target,
                 real* __restrict__ losses, real* __restrict__ exponentials, int64 n) {
    for (int64 i = FIRST; i < n; i += STRIDE) {
        real logit = x[i], wanted = target[i];
        real e = exp(-fabs(logit));
        losses[i] = (logit > 0 ? logit : 0) - logit * wanted + log1p(e);
        exponentials[i] = e;
    }
}

// slopes = sigmoid(x) - target, for exponentials from bce_terms.
KERNEL bce_slope(const real* __restrict__ x, const real* __restrict__ target,
                 const real* __restrict__ exponentials, real* __restrict__ slopes, int64 n) {
    for (int64 i = FIRST; i < n; i += STRIDE) {
        real e = exponentials[i];
        slopes[i] = (x[i] >= 0 ? 1 : e) / (1 + e) - target[i];
    }
}

// ---- Adam (Kingma and Ba, 2015) -----------------------------------------------------------------

// The passes of optim/adam.py in one, for many parameters, in their order: rest = 1 - beta, and rate
// and floor are lr and eps with the moments' bias corrected. decay is added to the gradient, keep
// multiplies p. A block's y picks the parameter. In a captured step the numbers are in `live`.
KERNEL adam(Arrays ps, Arrays gs, Arrays ms, Arrays vs, Words sizes, real beta1, real rest1,
            real beta2, real rest2, real rate, real floor, real decay, real keep,
            const real* __restrict__ live) {
    real* __restrict__ p = ps.at[blockIdx.y];
    const real* __restrict__ g = gs.at[blockIdx.y];
    real* __restrict__ m = ms.at[blockIdx.y];
    real* __restrict__ v = vs.at[blockIdx.y];
    int64 n = sizes.at[blockIdx.y];
    if (live) {
        beta1 = live[0], rest1 = live[1], beta2 = live[2], rest2 = live[3];
        rate = live[4], floor = live[5], decay = live[6], keep = live[7];
    }
    for (int64 i = FIRST; i < n; i += STRIDE) {
        real slope = decay == 0 ? g[i] : g[i] + p[i] * decay;
        real first = m[i] * beta1 + slope * rest1;
        real second = v[i] * beta2 + slope * slope * rest2;
        m[i] = first;
        v[i] = second;
        p[i] = p[i] * keep - first / (sqrt(second) + floor) * rate;
    }
}

// ---- numbers for a captured step ----------------------------------------------------------------

// out[i] = words[i]: what the host has computed for the next replay of a graph.
KERNEL write_words(Words words, uint64* __restrict__ out, int n) {
    for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = words.at[i];
}

// ---- random numbers: Philox4x32-10 (Salmon et al., 2011) ----------------------------------------
//
// In a captured step, seed and counter are in `live`.

// Four random words that depend on the seed and the counter alone.
__device__ inline void philox(uint64 seed, uint64 counter, uint32* x) {
    uint32 key0 = (uint32)seed, key1 = (uint32)(seed >> 32);
    x[0] = (uint32)counter;
    x[1] = (uint32)(counter >> 32);
    x[2] = x[3] = 0;
    for (int round = 0; round < 10; round++) {
        uint64 a = 0xD2511F53ULL * x[0], b = 0xCD9E8D57ULL * x[2];
        uint32 y0 = (uint32)(b >> 32) ^ x[1] ^ key0, y2 = (uint32)(a >> 32) ^ x[3] ^ key1;
        x[1] = (uint32)b;
        x[3] = (uint32)a;
        x[0] = y0;
        x[2] = y2;
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
}

// Uniform in [0, 1): 24 bits for float, 53 for double.
__device__ inline void uniforms(const uint32* x, float* u) {
    for (int i = 0; i < 4; i++) u[i] = (float)(x[i] >> 8) * 5.9604644775390625e-8f;
}

__device__ inline void uniforms(const uint32* x, double* u) {
    for (int i = 0; i < 2; i++)
        u[i] = ((double)(x[2 * i] >> 5) * 67108864 + (x[2 * i + 1] >> 6)) / 9007199254740992.0;
}

// Uniform in (0, 1], from which logarithms are taken: all 32 bits for float, for the tails' sake.
__device__ inline void positives(const uint32* x, float* u) {
    for (int i = 0; i < 4; i++)
        u[i] = (float)x[i] * 2.3283064365386963e-10f + 1.1641532182693481e-10f;
}

__device__ inline void positives(const uint32* x, double* u) {
    uniforms(x, u);
    for (int i = 0; i < 2; i++) u[i] = 1 - u[i];
}

#define PER_COUNTER (16 / (int)sizeof(real))

KERNEL random_uniform(real* __restrict__ out, int64 n, uint64 seed, uint64 counter,
                     const uint64* __restrict__ live) {
    if (live) seed = live[0], counter = live[1];
    for (int64 i = FIRST; i * PER_COUNTER < n; i += STRIDE) {
        uint32 x[4];
        real u[PER_COUNTER];
        philox(seed, counter + i, x);
        uniforms(x, u);
        for (int k = 0; k < PER_COUNTER && i * PER_COUNTER + k < n; k++)
            out[i * PER_COUNTER + k] = u[k];
    }
}

// Two uniform numbers make two normal ones (Box and Muller, 1958).
KERNEL random_normal(real* __restrict__ out, int64 n, uint64 seed, uint64 counter,
                    const uint64* __restrict__ live) {
    if (live) seed = live[0], counter = live[1];
    for (int64 i = FIRST; i * PER_COUNTER < n; i += STRIDE) {
        uint32 x[4];
        real u[PER_COUNTER];
        philox(seed, counter + i, x);
        positives(x, u);
        for (int k = 0; k < PER_COUNTER; k += 2) {
            real radius = sqrt(-2 * log(u[k])), sine, cosine;
            sincospi(2 * u[k + 1], &sine, &cosine);
            u[k] = radius * cosine;
            u[k + 1] = radius * sine;
        }
        for (int k = 0; k < PER_COUNTER && i * PER_COUNTER + k < n; k++)
            out[i * PER_COUNTER + k] = u[k];
    }
}

KERNEL random_words(uint64* __restrict__ out, int64 n, uint64 seed, uint64 counter,
                    const uint64* __restrict__ live) {
    if (live) seed = live[0], counter = live[1];
    for (int64 i = FIRST; i * 2 < n; i += STRIDE) {
        uint32 x[4];
        philox(seed, counter + i, x);
        for (int k = 0; k < 2 && i * 2 + k < n; k++)
            out[i * 2 + k] = (uint64)x[2 * k] << 32 | x[2 * k + 1];
    }
}
