// Thrust's stable argsort, which is compiled into CuPy.

#include <algorithm>
#include <numeric>

#include "fake.h"

using namespace fake;

template <class T>
static void argsort(int64_t* order, const T* keys, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++, order += columns, keys += columns) {
        std::iota(order, order + columns, 0);
        std::stable_sort(order, order + columns, [=](int64_t i, int64_t j) {
            return keys[i] < keys[j] || (keys[i] == keys[i] && keys[j] != keys[j]);  // NaN is last
        });
    }
}

// kind: NumPy's letter of the keys' dtype.
extern "C" int fake_argsort(char kind, int64_t* order, const void* keys, size_t rows,
                            size_t columns, void* stream) {
    if (rows * columns == 0) return OK;
    count("launch argsort");
    return enqueue(stream, [=](int s) {
        if (!touch(s, keys, 1, false, "argsort")) return;
        if (!touch(s, order, rows * columns * 8, true, "argsort")) return;
        switch (kind) {
            case 'f': return argsort(order, (const float*)keys, rows, columns);
            case 'd': return argsort(order, (const double*)keys, rows, columns);
            case 'i': return argsort(order, (const int32_t*)keys, rows, columns);
            case 'l': return argsort(order, (const int64_t*)keys, rows, columns);
            case 'L': return argsort(order, (const uint64_t*)keys, rows, columns);
            case 'B': return argsort(order, (const uint8_t*)keys, rows, columns);
            case '?': return argsort(order, (const bool*)keys, rows, columns);
            default: fault(std::string("argsort of dtype ") + kind + " is not part of the fake");
        }
    });
}
