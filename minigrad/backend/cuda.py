"""NVIDIA GPUs: CuPy, and kernels of our own for what CuPy has not or does slowly."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from . import cublas
from .base import Array, Device, DType, Geometry, Pair
from .graph import Graph, Numbers, recording
from .launch import MANY, Kernels, blocks_of, has_kernels
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
        library = cublas.load(cupy)
        self.products = None if library is None else cublas.Products(cupy, library)
        chip = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        self.description = f"{chip}, by CuPy {cupy.__version__}"

    def asarray(self, data: object, dtype: DType | None = None) -> Array:
        """NOTE: does not wait: CuPy copies host memory to pinned memory of its pool, and from
        there on the stream. A dtype is changed on the side where the numbers are larger."""
        if isinstance(data, self.xp.ndarray):
            return data if dtype is None else data.astype(dtype, copy=False)
        if recording.graph is not None:
            raise RuntimeError("it brings numbers to the GPU, which a replay would not do again")
        host = np.asarray(data)
        if dtype is None or host.dtype.itemsize > np.dtype(dtype).itemsize:
            return self.xp.asarray(host.astype(dtype or host.dtype, copy=False))
        return self.xp.asarray(host).astype(dtype, copy=False)

    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        if recording.graph is not None:
            raise RuntimeError("it fetches numbers from the GPU, before they are computed")
        out: np.ndarray[Any, Any] = array.get() if hasattr(array, "get") else np.asarray(array)
        return out

    def room(self) -> int:
        return int(self.xp.cuda.runtime.memGetInfo()[0])

    def generator(self, seed: int) -> Philox:
        return Philox(self, seed)

    def ahead(self, batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Array, ...]]:
        """Batches of host arrays as arrays here, each uploaded while the one before is in use.

        The uploads have a stream of their own. NOTE: it first waits for all that has been queued:
        a batch's memory comes from the pool, and what was queued may still be reading it.
        """
        uploads, waiting = self._uploads, None
        for batch in batches:
            uploads.wait_event(self._now())
            with uploads:
                arrays = tuple([self.asarray(x) for x in batch])
                following = arrays, self._now()
            if waiting is not None:
                yield self._arrived(*waiting)
            waiting = following
        if waiting is not None:
            yield self._arrived(*waiting)

    def _now(self) -> Any:
        """An event in the current stream: not, as is CuPy's default, one that takes the time."""
        cuda = self.xp.cuda
        return cuda.get_current_stream().record(cuda.Event(disable_timing=True))

    @functools.cached_property
    def _uploads(self) -> Any:
        """NOTE: one for all loops, since CuPy's pool keeps memory for each stream: with a stream
        for each epoch 922 KiB were lost in each."""
        return self.xp.cuda.Stream(non_blocking=True)

    def _arrived(self, arrays: tuple[Array, ...], event: Any) -> tuple[Array, ...]:
        self.xp.cuda.get_current_stream().wait_event(event)
        return arrays

    # ---- a step as one graph ---------------------------------------------------------------------

    def captured(self, record: Callable[[], Any]) -> Graph | None:
        """What `record` does, as a graph, which has been run once; None without a cuBLAS that can
        be captured."""
        return None if self.products is None else Graph(self, record)

    @functools.cached_property
    def capture_stream(self) -> Any:
        return self.xp.cuda.Stream(non_blocking=True)

    def live(self, numbers: Numbers, dtype: DType) -> Any:
        graph = recording.graph
        return numbers() if graph is None else graph.live(numbers, dtype)

    def as_arguments(self, numbers: Numbers, dtype: DType) -> list[Any]:
        """The numbers as a kernel takes them, and where they are live: that, in a captured step."""
        found = self.live(numbers, dtype)
        if isinstance(found, self.xp.ndarray):
            return [0] * found.size + [found]
        return [*found, None]

    # ---- matrix products -------------------------------------------------------------------------

    def matmul(self, x: Array, y: Array) -> Array:
        out = None if self.products is None else self.products.matmul(x, y)
        return self.xp.matmul(x, y) if out is None else out

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
        if columns and 1 < n <= _ANY_INT and x.size > n and has_kernels(x.dtype):
            sums = self._column_sums(x.reshape(n, -1))
            return sums.reshape((1,) * (lead if keepdims else 0) + x.shape[lead:])
        if n > 2**17 or not has_kernels(x.dtype):
            return super()._sum(x, axes, keepdims)
        return x.sum(axis=axes, keepdims=keepdims)

    def batch_norm_statistics(self, rows: Array, eps: float) -> tuple[Array, Array, Array]:
        if not has_kernels(rows.dtype) or len(rows) > _ANY_INT:
            return super().batch_norm_statistics(rows, eps)
        (m, c), chunk = rows.shape, _chunk(*rows.shape)
        means, m2s = self.xp.empty((2, -(-m // chunk), c), rows.dtype)
        mean, variance, rstd = found = tuple(self.xp.empty((3, c), rows.dtype))
        self._over_columns(
            "column_moments", c, len(means), self.xp.ascontiguousarray(rows), means, m2s, m, c,
            chunk,
        )  # fmt: skip
        self._over_columns("join_moments", c, 1, means, m2s, *found, m, c, chunk, eps)
        return mean, variance, rstd

    def batch_norm_move(
        self, running: Sequence[Array], batch: Sequence[Array], momentum: float, correction: float
    ) -> None:
        arrays = (*running, *batch)
        real = running[0].dtype
        if not has_kernels(real) or any(x.dtype != real for x in arrays):
            super().batch_norm_move(running, batch, momentum, correction)
            return
        self.kernels.launch(
            "move_running", real, (blocks_of(running[0].size),), (256,),
            *arrays, 1 - momentum, momentum, correction, running[0].size,
        )  # fmt: skip

    def batch_norm_gradient(
        self, g: Array, rows: Array, mean: Array, rstd: Array, weight: Array | None
    ) -> tuple[Array, ...]:
        if not has_kernels(rows.dtype) or len(rows) > _ANY_INT:
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
        if not has_kernels(rows.dtype) or len(rows) > _ANY_INT:
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

    def leaky(self, g: Array, x: Array, slope: float) -> Array:
        if not _alike(g, x):
            return super().leaky(g, x, slope)
        out = self.xp.empty(x.shape, x.dtype)
        self._over_elements("leaky", g, x, out, slope)
        return out

    def _over_elements(self, kernel: str, first: Array, *rest: Any) -> None:
        """A kernel over the elements of arrays, with numbers behind them."""
        values = [self._contiguous(v) for v in (first, *rest)]
        grid = (blocks_of(first.size),)
        self.kernels.launch(kernel, first.dtype, grid, (256,), *values, first.size)

    def _contiguous(self, value: Any) -> Any:
        return self.xp.ascontiguousarray(value) if isinstance(value, self.xp.ndarray) else value

    def adam(self, parameters: Sequence[list[Array]], numbers: Numbers) -> bool:
        arrays = [x for group in parameters for x in group]
        real = arrays[0].dtype
        if not has_kernels(real) or not all(
            x.flags.c_contiguous and x.dtype == real for x in arrays
        ):
            return False
        values = self.as_arguments(numbers, real)
        for begin in range(0, len(parameters), MANY):
            some = parameters[begin : begin + MANY]
            sizes = [group[0].size for group in some]
            tables = [list(table) for table in zip(*some)]
            grid = (blocks_of(max(sizes)), len(some))
            self.kernels.launch("adam", real, grid, (256,), *tables, sizes, *values)
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
