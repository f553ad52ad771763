"""The CPU: NumPy."""

import ctypes
import math
import os
from typing import Any

import numpy as np

from . import columns, nine, products, transposed_conv
from .base import Array, Device, DType, Geometry, Pair, Shape
from .parts import in_parts
from .sums import column_sums, long_sum
from .threads import for_parts

_FEW = 2048  # numbers: NumPy sums them in float64 in 4 to 6 microseconds, blocks take 20 to 28
_FEW_ROWS = 4096  # numbers of a batch norm: below it is the calls that cost, 0.1 ms instead of 0.2


class CPU(Device):
    """NumPy arrays in main memory."""

    name = "cpu"
    xp = np
    description = "main memory, by NumPy"

    def __init__(self) -> None:
        _keep_freed_memory()

    def asarray(self, data: object, dtype: DType | None = None) -> Array:
        return np.asarray(data, dtype=dtype)

    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        return np.asarray(array)

    def generator(self, seed: int) -> "Generator":
        return Generator(seed)

    def matmul(self, x: Array, y: Array) -> Array:
        return products.matmul(x, y)

    def fewer_products(self, weight: Shape, dtype: DType, how: Geometry) -> Any:
        return nine if nine.pays(weight, dtype, how) else None

    def gather_patches(self, image: Array, kernel: Pair, how: Geometry, out_size: Pair) -> Array:
        out = np.empty((len(image), *out_size, *kernel, image.shape[3]), image.dtype)

        def gather(part: slice) -> None:
            out[part] = self._windows(image[part], kernel, how, out_size)

        for_parts(len(out), math.prod(out.shape[1:]), gather)
        return out

    def scatter_product(self, image: Array, weight: Array, how: Geometry, size: Pair) -> Array:
        if how.dilation != (1, 1):
            return super().scatter_product(image, weight, how, size)
        return transposed_conv.scatter_product(image, weight, how, size)

    def _sum(self, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        if axes == (0,) and x.ndim == 2 and x.dtype != np.float16 and x.flags.c_contiguous:
            total = column_sums(x)  # most of a step's sums: gradients of biases
            return total[None] if keepdims else total
        pairwise = len(axes) == x.ndim and x.flags.forc and x.dtype != np.float16
        if pairwise or math.prod([x.shape[i] for i in axes]) == 1:
            return x.sum(axis=axes, keepdims=keepdims)
        if x.dtype == np.float16 or x.size <= _FEW:
            return x.sum(axis=axes, keepdims=keepdims, dtype=np.float64)
        lead = len(axes)
        if axes == tuple(range(lead)) and x.flags.c_contiguous and lead < x.ndim:
            rows = x.reshape(math.prod(x.shape[:lead]), -1)
            total = column_sums(rows).reshape(x.shape[lead:])
        else:
            total = long_sum(x, axes)
        return np.expand_dims(total, axes) if keepdims else total

    bce_terms, bce_slope = in_parts(Device.bce_terms), in_parts(Device.bce_slope)

    # ---- batch norm, in pieces that stay in the cache --------------------------------------------

    def _moments(self, rows: Array) -> tuple[Array, Array]:
        return super()._moments(rows) if rows.size <= _FEW_ROWS else columns.statistics(rows)

    def batch_norm_rows(
        self, rows: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None
    ) -> Array:
        if rows.size <= _FEW_ROWS:
            return super().batch_norm_rows(rows, mean, rstd, weight, bias)
        scale = rstd if weight is None else rstd * weight
        return columns.normalized(rows, mean, scale, 0 if bias is None else bias)

    def batch_norm_gradient(
        self, g: Array, rows: Array, mean: Array, rstd: Array, weight: Array | None
    ) -> tuple[Array, ...]:
        if rows.size <= _FEW_ROWS:
            return super().batch_norm_gradient(g, rows, mean, rstd, weight)
        return columns.gradient(g, rows, mean, rstd, rstd if weight is None else rstd * weight)


class Generator:
    """Random numbers from NumPy's PCG64, in the few shapes that the library needs."""

    def __init__(self, seed: int) -> None:
        self._numpy = np.random.Generator(np.random.PCG64(seed))

    def normal(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return np.asarray(self._numpy.standard_normal(shape, dtype=dtype), dtype)

    def uniform(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return np.asarray(self._numpy.random(shape, dtype=dtype), dtype)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Array:
        return np.asarray(self._numpy.integers(low, high, shape))

    def permutation(self, n: int) -> Array:
        return self._numpy.permutation(n)

    def get_state(self) -> np.ndarray[Any, Any]:
        """All that a bit-exact continuation needs, as six 64-bit words."""
        state: Any = self._numpy.bit_generator.state
        words = [
            w for n in (state["state"]["state"], state["state"]["inc"]) for w in divmod(n, 2**64)
        ]
        return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)

    def set_state(self, words: np.ndarray[Any, Any]) -> None:
        high, low, inc_high, inc_low, has_uint32, uinteger = (int(w) for w in words)
        self._numpy.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": high * 2**64 + low, "inc": inc_high * 2**64 + inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }


def _keep_freed_memory() -> None:
    """Have the C library keep the memory of freed arrays, instead of giving it back to the system
    at once.

    NOTE: the page faults of fresh temporaries cost more than the arithmetic on them: five
    elementwise passes over 1 MB take 3.4 ms without this and 0.32 with it, as fast as with buffers
    kept by hand. glibc only.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
