"""NVIDIA GPUs: CuPy, and kernels of our own for what CuPy has not or does slowly."""

import ctypes
import functools
import math
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .base import Array, Device, DType, Geometry, Pair
from .launch import Kernels, blocks_of, has_kernels
from .memory_layout import in_memory_order
from .philox import Philox

_LANES, _DEPTH = 32, 8  # the block of the kernels over columns, as in kernels.cu
_ANY_INT = 2**31 - 2**20  # so many items can be counted in a kernel's int


class CUDA(Device):
    """CuPy arrays in the memory of one GPU. Nothing waits for it but `to_numpy`."""

    name = "cuda"

    def __init__(self, cupy: Any) -> None:
        self.xp = cupy
        self.kernels = Kernels(cupy)
        chip = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        self.description = f"{chip}, by CuPy {cupy.__version__}"

    def asarray(self, data: object, dtype: DType | None = None) -> Array:
        """NOTE: does not wait: CuPy copies host memory to pinned memory of its pool, and from
        there on the stream. A dtype is changed on the side where the numbers are larger."""
        if isinstance(data, self.xp.ndarray):
            return data if dtype is None else data.astype(dtype, copy=False)
        host = np.asarray(data)
        if dtype is None or host.dtype.itemsize > np.dtype(dtype).itemsize:
            return self.xp.asarray(host.astype(dtype or host.dtype, copy=False))
        return self.xp.asarray(host).astype(dtype, copy=False)

    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        out: np.ndarray[Any, Any] = array.get() if hasattr(array, "get") else np.asarray(array)
        return out

    def generator(self, seed: int) -> Philox:
        return Philox(self.xp, self.kernels, seed)

    def ahead(self, batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Array, ...]]:
        """Batches of host arrays as arrays here, each uploaded while the one before is in use.

        The uploads have a stream of their own. NOTE: it first waits for all that has been queued:
        a batch's memory comes from the pool, and what was queued may still be reading it.
        """
        xp, uploads = self.xp, self.xp.cuda.Stream(non_blocking=True)
        waiting = None
        for batch in batches:
            uploads.wait_event(xp.cuda.get_current_stream().record())
            with uploads:
                arrays = tuple([self.asarray(x) for x in batch])
                following = arrays, uploads.record()
            if waiting is not None:
                yield self._arrived(*waiting)
            waiting = following
        if waiting is not None:
            yield self._arrived(*waiting)

    def _arrived(self, arrays: tuple[Array, ...], event: Any) -> tuple[Array, ...]:
        self.xp.cuda.get_current_stream().wait_event(event)
        return arrays

    # ---- convolution: gather, one matrix product, gather -----------------------------------------

    def gather_patches(self, image: Array, kernel: Pair, how: Geometry, out_size: Pair) -> Array:
        n, h, w, c = image.shape
        count = n * out_size[0] * out_size[1]
        if not has_kernels(image.dtype) or count > _ANY_INT:
            return super().gather_patches(image, kernel, how, out_size)
        patches = self.xp.empty((n, *out_size, *kernel, c), image.dtype)
        size, steps = (n, h, w, c, *out_size, *kernel), (*how.stride, *how.padding, *how.dilation)
        grid, block = _rows_by(count, kernel[0] * kernel[1] * c // (1 if c % 4 else 4))
        self.kernels.launch(
            "gather_patches", image.dtype, grid, block,
            self.xp.ascontiguousarray(image), patches, *size, *steps,
        )  # fmt: skip
        return patches

    def scatter_patches(self, patches: Array, how: Geometry, size: Pair) -> Array:
        n, *places, c = patches.shape
        count = n * size[0] * size[1]
        if not has_kernels(patches.dtype) or count > _ANY_INT:
            return super().scatter_patches(patches, how, size)
        image = self.xp.empty((n, *size, c), patches.dtype)
        steps = (*how.stride, *how.padding, *how.dilation)
        grid, block = _rows_by(count, c // (1 if c % 4 else 4))
        self.kernels.launch(
            "collect_patches", patches.dtype, grid, block,
            self.xp.ascontiguousarray(patches), image, n, *size, c, *places, *steps,
        )  # fmt: skip
        return image

    # ---- columns of a matrix ---------------------------------------------------------------------

    def _sum(self, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        """Over leading axes by a kernel of our own; else by CuPy's, where each of 256 threads or
        more adds its share: in double if that is long."""
        n, lead = math.prod([x.shape[i] for i in axes]), len(axes)
        columns = lead < x.ndim and axes == tuple(range(lead)) and x.flags.c_contiguous
        if columns and n > 1 and x.size > n and has_kernels(x.dtype):
            sums = self._column_sums(x.reshape(n, -1))
            return sums.reshape((1,) * (lead if keepdims else 0) + x.shape[lead:])
        if n > 2**17 or not has_kernels(x.dtype):
            return super()._sum(x, axes, keepdims)
        return x.sum(axis=axes, keepdims=keepdims)

    def batch_norm_statistics(self, rows: Array) -> tuple[Array, Array]:
        if not has_kernels(rows.dtype):
            return super().batch_norm_statistics(rows)
        (m, c), chunk = rows.shape, _chunk(*rows.shape)
        means, m2s = self.xp.empty((2, -(-m // chunk), c), rows.dtype)
        mean, variance = self.xp.empty((2, c), rows.dtype)
        self._over_columns(
            "column_moments", c, len(means), self.xp.ascontiguousarray(rows), means, m2s, m, c,
            chunk,
        )  # fmt: skip
        self._over_columns("join_moments", c, 1, means, m2s, mean, variance, m, c, chunk)
        return mean, variance

    def batch_norm_gradient(
        self, g: Array, rows: Array, mean: Array, rstd: Array, weight: Array | None
    ) -> tuple[Array, ...]:
        if not has_kernels(rows.dtype):
            return super().batch_norm_gradient(g, rows, mean, rstd, weight)
        m, c = rows.shape
        g, rows = self.xp.ascontiguousarray(g), self.xp.ascontiguousarray(rows)
        sums = self._column_sums(g, rows, mean)
        g_rows, g_weight = self.xp.empty_like(g), self.xp.empty_like(mean)
        self._over_columns(
            "normalize_rows_gradient", c, blocks_of(m, _DEPTH * 8),
            g, rows, mean, rstd, weight, sums, g_rows, g_weight, m, c,
        )  # fmt: skip
        return g_rows, g_weight, sums[:c]

    def batch_norm_rows(
        self, rows: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None
    ) -> Array:
        if not has_kernels(rows.dtype):
            return super().batch_norm_rows(rows, mean, rstd, weight, bias)
        m, c = rows.shape
        rows = self.xp.ascontiguousarray(rows)
        out = self.xp.empty_like(rows)
        self._over_columns(
            "normalize_rows", c, blocks_of(m, _DEPTH * 8), rows, mean, rstd, weight, bias, out, m, c
        )
        return out

    def _column_sums(self, a: Array, b: Array | None = None, centre: Array | None = None) -> Array:
        (m, c), chunk = a.shape, _chunk(*a.shape)
        width, chunks = c if b is None else 2 * c, -(-m // chunk)
        sums = self.xp.empty((chunks, width), a.dtype)
        self._over_columns("column_sums", c, chunks, a, b, centre, sums, m, c, chunk)
        if chunks == 1:
            return sums.reshape(width)
        total = self.xp.empty(width, a.dtype)
        self._over_columns("column_sums", width, 1, sums, None, None, total, chunks, width, chunks)
        return total

    def _over_columns(self, kernel: str, c: int, depth: int, first: Array, *rest: Any) -> None:
        grid, block = (-(-c // _LANES), depth), (_LANES, _DEPTH)
        self.kernels.launch(kernel, first.dtype, grid, block, first, *rest)

    # ---- single elements -------------------------------------------------------------------------

    def add_at(self, array: Array, key: Any, values: Array) -> None:
        """By sorting, so that each sum is made in the order of the values, as on the CPU: CuPy's
        own add.at is atomic, and rounds differently each time."""
        if not has_kernels(array.dtype):
            super().add_at(array, key, values)
            return
        xp = self.xp
        places = xp.arange(array.size).reshape(array.shape)[key]
        values = xp.ascontiguousarray(xp.broadcast_to(values, places.shape))
        order = xp.argsort(places, axis=None)
        self.kernels.launch(
            "add_runs", array.dtype, (blocks_of(order.size),), (256,),
            values, order, places.ravel()[order], array, order.size,
        )  # fmt: skip

    def bce_terms(self, x: Array, target: Array) -> tuple[Array, Array]:
        if not _alike(x, target):
            return super().bce_terms(x, target)

        def launch(x: Array, target: Array) -> tuple[Array, Array]:
            out = self.xp.empty(x.shape, x.dtype), self.xp.empty(x.shape, x.dtype)
            self._over_elements("bce_terms", x, target, *out)
            return out

        found: tuple[Array, Array] = in_memory_order(launch, (x, target))
        return found

    def bce_slope(self, x: Array, target: Array, e: Array) -> Array:
        if not _alike(x, target):
            return super().bce_slope(x, target, e)

        def launch(x: Array, target: Array, e: Array) -> Array:
            out = self.xp.empty(x.shape, x.dtype)
            self._over_elements("bce_slope", x, target, e, out)
            return out

        return in_memory_order(launch, (x, target, e))

    def _over_elements(self, kernel: str, *arrays: Array) -> None:
        first, *rest = [self.xp.ascontiguousarray(x) for x in arrays]
        grid = (blocks_of(first.size),)
        self.kernels.launch(kernel, first.dtype, grid, (256,), first, *rest, first.size)

    def adam(
        self, param: Array, grad: Array, exp_avg: Array, exp_avg_sq: Array, **how: float
    ) -> bool:
        arrays = (param, grad, exp_avg, exp_avg_sq)
        if not has_kernels(param.dtype) or not all(x.flags.c_contiguous for x in arrays):
            return False
        names = ("beta1", "rest1", "beta2", "rest2", "rate", "floor", "decay", "keep")
        grid, numbers = (blocks_of(param.size),), [how[name] for name in names]
        self.kernels.launch("adam", param.dtype, grid, (256,), *arrays, *numbers, param.size)
        return True


def _alike(x: Array, y: Array) -> bool:
    """Whether there are kernels for two arrays of one shape and one dtype."""
    return bool(x.ndim) and has_kernels(x.dtype) and (x.dtype, x.shape) == (y.dtype, y.shape)


def _rows_by(rows: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Grid and block for rows of so many values: x runs along a row, y over rows."""
    x = min(1 << max(width - 1, 0).bit_length(), 256)
    return (blocks_of(rows, 256 // x), 1), (x, 256 // x)


def _chunk(m: int, c: int) -> int:
    """How many rows a block reduces: 64 or more, in about 512 blocks, which fill a chip; and all of
    up to 512 rows, which saves a second launch."""
    blocks_per_row = max(-(-c // _LANES), 1)
    return 512 if m <= 512 else max(64, -(-m // max(512 // blocks_per_row, 1)))


# ---- finding one ---------------------------------------------------------------------------------

_INSTALL = 'in a clone of minigrad: pip install ".[cuda12]" or ".[cuda13]", as nvidia-smi says'
_tf32 = False


def cuda() -> CUDA:
    """The GPU. RuntimeError says why where there is none that works, and what to install."""
    found = _probed()
    if isinstance(found, str):
        raise RuntimeError(f"cuda: {found}")
    return found


def allow_tf32(allowed: bool = True) -> None:
    """Let matrix products of float32 on a GPU round their operands to TF32, which has 10 bits of
    mantissa instead of 23 and runs on tensor cores; off by default."""
    global _tf32
    _tf32 = allowed
    if _probed.cache_info().currsize and isinstance(found := _probed(), CUDA):
        _set_tf32(found.xp, allowed)


def _set_tf32(cupy: Any, allowed: bool) -> None:
    """NOTE: CuPy has no public switch but the environment's CUPY_TF32, read at the first product.
    It acts on products of two matrices alone, which is why convolutions are one such product."""
    cupy._core.set_compute_type(np.dtype(np.float32), 7 if allowed else 1)


@functools.cache
def _probed() -> CUDA | str:
    """The device, or why there is none. Asked once, since the answer takes a second."""
    if not _has_driver():
        return "no NVIDIA driver on this machine"
    try:
        import cupy
    except Exception as error:
        return f"CuPy cannot be imported ({error}); {_INSTALL}"
    return try_out(cupy)


def try_out(cupy: Any) -> CUDA | str:
    """A device on `cupy` that has computed something right, or why there is none.

    NOTE: cupy.is_available() is true where a driver is found, though every kernel fails because
    NVRTC or cuBLAS, which come with [ctk], are missing.
    """
    version = cupy.__version__
    if version.partition(".")[0] != "14":
        return f"CuPy {version} is installed, minigrad needs 14; {_INSTALL}"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        return f"the driver is missing or too old for CuPy {version}: {error}"
    if not count:
        return "the driver finds no GPU"
    try:
        device = CUDA(cupy)
        x = device.generator(0).uniform((2, 2), np.dtype(np.float32))
        got = device.to_numpy(cupy.matmul(x, x) + 1)[0, 0]
        if _tf32:
            _set_tf32(cupy, True)
    except Exception as error:
        why = f"{type(error).__name__}: {str(error).strip()[:300]}"
        return f"CuPy {version} is installed, but a kernel failed: {why}; {_INSTALL}"
    a, b, c = (word / 2**24 for word in (0x6627E8, 0xE169C5, 0xBC57AC))  # Philox's first words
    if abs(got - (a * a + b * c + 1)) > 1e-2:
        return f"CuPy {version} computes wrongly on this GPU: {got} instead of {a * a + b * c + 1}"
    return device


def _has_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True
