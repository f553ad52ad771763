"""Sums on the CPU whose error does not grow with the number of terms.

NumPy adds pairwise along the fastest axis of memory, and one by one along all others. So those are
summed in blocks of 128, each a product with ones; the blocks' sums are added in float64.

NOTE: after a ReLU, float32, relative to the sum: a million rows of 8 added one by one are wrong by
5e-5 and take 90 ms, one product with ones by 1e-5 in 18, blocks by 2e-9 (and then the rounding,
6e-8) in 6 to 15.
"""

import math

import numpy as np

from .base import Array
from .threads import for_blocks

BLOCK = 128  # numbers that are added one by one, or four by four, as BLAS likes it
_PART = 1 << 17  # numbers: as many are summed at a time


def long_sum(x: Array, axes: tuple[int, ...]) -> Array:
    """x of float32 or float64 summed over `axes` (not negative), which are left out; in float64
    where many blocks were added."""
    repeats = math.prod([x.shape[i] for i in axes if x.strides[i] == 0])
    if repeats != 1:  # what broadcasting has repeated is counted
        once = [slice(0, 1 if i in axes and not s else None) for i, s in enumerate(x.strides)]
        x = x[tuple(once)]
    order = sorted(range(x.ndim), key=lambda i: -x.strides[i])  # the fastest axis last
    total = np.ascontiguousarray(x.transpose(order))
    n = inner = 1
    for i in reversed(order):
        if i in axes:
            n *= x.shape[i]
        elif x.shape[i] > 1:
            total, n = _summed(total, n, inner), 1
            inner *= x.shape[i]
    total = _summed(total, n, inner)
    kept = [i for i in order if i not in axes]
    total = total.reshape([x.shape[i] for i in kept]).transpose(np.argsort(kept))
    return total if repeats == 1 else total * repeats


def _summed(x: Array, n: int, inner: int) -> Array:
    return x if n == 1 else _sum_middle(x.reshape(-1, n, inner))


def column_sums(rows: Array) -> Array:
    """The sum of each column of rows (M, C), contiguous; float64 where many blocks were added."""
    if rows.size <= _PART or len(rows) <= BLOCK:
        return _column_sums(rows)
    some = -(-_PART // rows.shape[1])
    some += -some % BLOCK
    parts = for_blocks(
        -(-len(rows) // some), lambda i: _column_sums(rows[i * some : (i + 1) * some])
    )
    return np.sum(parts, axis=0, dtype=np.float64)


def _column_sums(rows: Array) -> Array:
    m = len(rows)
    if m <= BLOCK:
        return np.matmul(np.ones(m, rows.dtype), rows)
    if m > 16 * BLOCK:
        return _sum_middle(rows[None])[0]
    # NOTE: the same for a few blocks without what many need: 15 microseconds instead of 36 for
    # 1000 rows of 64.
    whole, shape = m - m % BLOCK, (m // BLOCK, BLOCK, rows.shape[1])
    blocks = np.matmul(np.ones(BLOCK, rows.dtype), rows[:whole].reshape(shape))
    total = blocks.sum(axis=0, dtype=np.float64)
    return total if whole == m else total + rows[whole:].sum(axis=0)


def _sum_middle(x: Array) -> Array:
    """x (outer, n, inner) summed over n, for slices x[i] that are contiguous."""
    outer, n, inner = x.shape
    if inner == 1:
        return x[:, :, 0].sum(axis=1, keepdims=True)
    if n <= BLOCK:
        return np.matmul(np.ones(n, x.dtype), x)
    side = side_by_side(n // BLOCK, inner, 500)
    whole = n - n % (BLOCK * side)
    blocks = x[:, :whole].reshape(outer, -1, BLOCK, side * inner)
    sums = np.matmul(np.ones(BLOCK, x.dtype), blocks).astype(np.float64)
    total = _sum_middle(sums.reshape(outer, -1, inner))
    if whole < n:
        total = total + _sum_middle(x[:, whole:])
    return total


def side_by_side(rows: int, width: int, wide: int) -> int:
    """How many of so many rows to take as one, which is at most `wide`."""
    return max(min(rows, wide // max(width, 1)), 1)
