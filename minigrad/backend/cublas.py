"""Matrix products on a GPU by cuBLAS itself, on handles of our own.

CuPy's products refuse to be part of a captured step, copy what is transposed where there are stacks
of matrices, and let TF32 act on two matrices alone. cuBLAS counts columns first: a matrix in C
order is to it the transposed one, so that x @ y is its yᵀ times xᵀ, without a copy.
"""

import ctypes
import threading
from typing import Any

import numpy as np

from .base import Array

WORKSPACE = 32 << 20  # bytes: what NVIDIA advises for Hopper; without it a capture has none

_N, _T, _DEFAULT = 0, 1, -1
# dtype: the kind of the numbers, that of the sums, that of the sums with TF32, and 1 and 0
_KINDS = {
    np.dtype(np.float32): (0, 68, 77, *(ctypes.byref(ctypes.c_float(x)) for x in (1, 0))),
    np.dtype(np.float64): (1, 70, 70, *(ctypes.byref(ctypes.c_double(x)) for x in (1, 0))),
}


def load(cupy: Any) -> ctypes.CDLL | None:
    """The cuBLAS that CuPy uses, if there is one."""
    if not cupy.ndarray.__module__.startswith("cupy"):  # a stand-in, whose memory is the host's
        return None
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except Exception:
        return None


class Products:
    """x @ y for stacks of matrices of float32 or float64; each thread has a handle of its own."""

    def __init__(self, cupy: Any, library: ctypes.CDLL) -> None:
        self._xp, self._library = cupy, library
        self._local = threading.local()
        self.tf32 = False
        pointer: Any = ctypes.c_void_p
        number: Any = ctypes.c_int
        library.cublasSetStream_v2.argtypes = [pointer, pointer]
        library.cublasSetWorkspace_v2.argtypes = [pointer, pointer, ctypes.c_size_t]
        matrix: list[Any] = [pointer, number, number]
        self._gemm = library.cublasGemmEx
        self._gemm.argtypes = [
            pointer, *[number] * 5, pointer, *matrix, *matrix, pointer, *matrix, number, number,
        ]  # fmt: skip
        matrix = [pointer, number, number, ctypes.c_longlong]
        self._stacks = library.cublasGemmStridedBatchedEx
        self._stacks.argtypes = [
            pointer, *[number] * 5, pointer, *matrix, *matrix, pointer, *matrix, *[number] * 3,
        ]  # fmt: skip

    def matmul(self, x: Array, y: Array) -> Array | None:
        """x @ y, in C order; None for what is left to CuPy."""
        kinds = _KINDS.get(x.dtype)
        if kinds is None or y.dtype != x.dtype or min(x.ndim, y.ndim) < 2:
            return None
        (m, k), n = x.shape[-2:], y.shape[-1]
        plain = x.ndim == y.ndim == 2
        stack = () if plain else np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        out = self._xp.empty((*stack, m, n), x.dtype)
        if out.size == 0 or k == 0:
            out.fill(0)
            return out
        kind, exact, fast, one, zero = kinds
        compute = fast if self.tf32 else exact
        if plain:
            x, flip_x, step_x = self._matrix(x)
            y, flip_y, step_y = self._matrix(y)
            wrong = self._gemm(
                self._handle(), flip_y, flip_x, n, m, k, one,
                y.data.ptr, kind, step_y, x.data.ptr, kind, step_x, zero,
                out.data.ptr, kind, n, compute, _DEFAULT,
            )  # fmt: skip
        else:
            x, from_x = self._stack(x, stack)
            y, from_y = self._stack(y, stack)
            wrong = self._stacks(
                self._handle(), _N, _N, n, m, k, one,
                y.data.ptr, kind, n, from_y, x.data.ptr, kind, k, from_x, zero,
                out.data.ptr, kind, n, m * n, out.size // (m * n), compute, _DEFAULT,
            )  # fmt: skip
        if wrong:
            raise RuntimeError(f"cuBLAS: status {wrong} for {list(x.shape)} @ {list(y.shape)}")
        return out

    def _matrix(self, x: Array) -> tuple[Array, int, int]:
        """The matrix, whether cuBLAS has to turn it, and the distance of its rows or columns."""
        rows, columns = x.shape
        down, across = (step // x.itemsize for step in x.strides)
        if (columns == 1 or across == 1) and (rows == 1 or down >= columns):
            return x, _N, down if rows > 1 else columns
        if (rows == 1 or down == 1) and (columns == 1 or across >= rows):
            return x, _T, across if columns > 1 else rows
        return self._xp.ascontiguousarray(x), _N, columns

    def _stack(self, x: Array, stack: tuple[int, ...]) -> tuple[Array, int]:
        """The matrices in C order, and the distance from one to the next: 0 for one for all."""
        if x.size != x.shape[-2] * x.shape[-1] and x.shape[:-2] != stack:
            x = self._xp.broadcast_to(x, (*stack, *x.shape[-2:]))
        x = self._xp.ascontiguousarray(x)
        size = x.shape[-2] * x.shape[-1]
        return x, 0 if x.size == size else size

    def _handle(self) -> Any:
        """This thread's handle, on the stream that CuPy is at."""
        local, stream = self._local, self._xp.cuda.get_current_stream().ptr
        if not hasattr(local, "handle"):
            local.handle, local.stream = ctypes.c_void_p(), None
            if wrong := self._library.cublasCreate_v2(ctypes.byref(local.handle)):
                raise RuntimeError(f"cuBLAS: no handle, status {wrong}")
            local.memory = {}
        if stream != local.stream:  # NOTE: the workspace after the stream, which resets it
            if stream not in local.memory:
                local.memory[stream] = self._xp.empty(WORKSPACE, np.uint8)
            place = local.memory[stream].data.ptr
            self._library.cublasSetStream_v2(local.handle, stream)
            self._library.cublasSetWorkspace_v2(local.handle, place, WORKSPACE)
            local.stream = stream
        return local.handle
