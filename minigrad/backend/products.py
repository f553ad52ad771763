"""Matrix products on the CPU, large ones in blocks of their output: see `threads`."""

import numpy as np

from .base import Array
from .threads import for_blocks

# Multiplications: OpenBLAS takes one thread for so few anyway, of matrices and of vectors.
_FEW, _FEW_OF_VECTOR = 1 << 18, 9216
# Multiplications: of a product in two blocks, and of each block of more. NOTE: 256x128 by 128x128,
# half of the first, takes longer in two than in one: a toy GAN's step 1.48 times instead of 1.26.
_TWO, _BLOCK = 1 << 23, 1 << 24
_NARROW = 128  # rows or columns: BLAS is slower on fewer


def matmul(x: Array, y: Array) -> Array:
    """x @ y. Blocks are rows of the output or columns, or the matrices of a stack."""
    multiplications = x.size * y.shape[-1]
    vector = min(x.ndim, y.ndim) < 2 or min(x.shape[-2], y.shape[-1]) == 1
    if multiplications <= (_FEW_OF_VECTOR if vector else _FEW):
        return np.matmul(x, y)
    count = max(multiplications // _BLOCK, 2 if multiplications >= _TWO else 1)
    count = min(count, max(x.shape[0], y.shape[-1]) // _NARROW)
    if x.ndim == 2 and y.ndim == 2 and count > 1:
        return _blocks(x, y, count)
    return for_blocks(1, lambda _: np.matmul(x, y))[0]


def _blocks(x: Array, y: Array, count: int) -> Array:
    rows, columns = x.shape[0], y.shape[1]
    out = np.empty((rows, columns), np.result_type(x, y))
    by_rows = rows >= columns
    size = -(-max(rows, columns) // count)
    size += -size % 16  # what BLAS's kernels take at a time

    def work(i: int) -> None:
        part = slice(i * size, (i + 1) * size)
        if by_rows:
            np.matmul(x[part], y, out=out[part])
        else:
            np.matmul(x, y[:, part], out=out[:, part])

    for_blocks(-(-max(rows, columns) // size), work)
    return out
