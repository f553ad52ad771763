"""Batch norm on the CPU: rows (M, C), a piece at a time, so that what is computed of it stays in
the cache.

In a piece, rows lie side by side: as many as make a wide one are taken for it, and the columns' own
numbers are repeated for them. Columns' numbers are float64 until they meet rows.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .base import Array
from .sums import column_sums, side_by_side
from .threads import for_blocks

T = TypeVar("T")

# A piece has so many rows of about so many numbers: 512 KB of float32. NOTE: the width is no power
# of 2: rows of 4096 bytes may all meet one set of a cache, and took 7 times as long then.
_ROWS, _WIDE = 256, 500
_BLOCK = 32  # rows whose products are added by one product with ones


def statistics(rows: Array) -> tuple[Array, Array]:
    """Mean and biased variance of each column, in float64."""
    rows, (m, c) = _wide(rows), rows.shape

    def of(piece: slice, width: int) -> tuple[float, Array, Array]:
        some = rows[piece].reshape(-1, width)
        n = some.size / c
        mean = column_sums(some).reshape(-1, c).sum(axis=0, dtype=np.float64) / n
        rounded = mean.astype(rows.dtype)
        squares = _sum_of_squares(some - np.tile(rounded, width // c))
        return n, mean, squares.reshape(-1, c).sum(axis=0) - n * np.square(mean - rounded)

    pieces = _for_pieces(rows, of)
    mean = sum(n * its for n, its, _ in pieces) / m
    total = sum(squares + n * np.square(its - mean) for n, its, squares in pieces)
    if (total < m * np.square(1e-3 * mean)).any():
        return _statistics_far_from_zero(rows, mean)
    return mean, np.maximum(total / m, 0)


def _statistics_far_from_zero(rows: Array, mean: Array) -> tuple[Array, Array]:
    """The same where the mean is a thousand standard deviations from 0, so that its last digits
    count: they are the mean of the deviations. A column of equal numbers has exactly their value as
    its mean, and variance 0."""
    m, rounded = len(rows), mean.astype(rows.dtype)
    mean = rounded + _sum_centred(rows, rounded, column_sums) / m
    variance = _sum_centred(rows, rounded, _sum_of_squares) / m
    return mean, np.maximum(variance - np.square(mean - rounded), 0)


def normalized(rows: Array, mean: Array, scale: Array, bias: Array | float) -> Array:
    """(rows - mean) * scale + bias.

    NOTE: in this order, since rows * scale - mean * scale has a mean's error where the rows are all
    near it. What was rounded off the mean is in the bias.
    """
    rows, dtype = _wide(rows), rows.dtype
    rounded = mean.astype(rows.dtype)
    middle, factor, shift = _repeated(rows, rounded, scale, bias - (mean - rounded) * scale)
    out = np.empty_like(rows)

    def work(piece: slice, width: int) -> None:
        to = out[piece].reshape(-1, width)
        np.subtract(rows[piece].reshape(-1, width), middle[:width], out=to)
        to *= factor[:width]
        to += shift[:width]

    _for_pieces(rows, work)
    return out.astype(dtype, copy=False)


def gradient(g: Array, rows: Array, mean: Array, rstd: Array, scale: Array) -> tuple[Array, ...]:
    """Gradients for rows, weight and bias: g_rows = (g - plain - (rows - mean) * tilt) * scale."""
    g, rows, m, dtype = _wide(g), _wide(rows), len(rows), g.dtype
    rounded = mean.astype(rows.dtype)
    g_bias, g_weight = _sum_centred(rows, rounded, _sum_and_sum_of_products, g)
    g_weight = (g_weight - (mean - rounded) * g_bias) * rstd
    tilt = g_weight * rstd / m
    plain = g_bias / np.float64(m) - (mean - rounded) * tilt
    middle, shift, slope, factor = _repeated(rows, rounded, plain, tilt, scale)
    g_rows = np.empty_like(g)

    def work(piece: slice, width: int) -> None:
        lean = rows[piece].reshape(-1, width) - middle[:width]
        lean *= slope[:width]
        to = g_rows[piece].reshape(-1, width)
        np.subtract(g[piece].reshape(-1, width), shift[:width], out=to)
        to -= lean
        to *= factor[:width]

    _for_pieces(rows, work)
    return g_rows.astype(dtype, copy=False), g_weight.astype(dtype), g_bias.astype(dtype)


# ---- pieces --------------------------------------------------------------------------------------


def _wide(rows: Array) -> Array:
    """Rows contiguous, and float32 for float16."""
    return np.ascontiguousarray(rows, np.result_type(rows.dtype, np.float32))


def _for_pieces(rows: Array, work: Callable[[slice, int], T]) -> list[T]:
    """work(piece, width) for the rows in pieces, each with the width that it is to be seen in."""
    m, c = rows.shape
    side = side_by_side(m, c, _WIDE)
    whole = m - m % side
    pieces = [
        (slice(at, min(at + _ROWS * side, whole)), side * c) for at in range(0, whole, _ROWS * side)
    ]
    pieces += [(slice(at, min(at + _ROWS, m)), c) for at in range(whole, m, _ROWS)]
    return for_blocks(len(pieces), lambda i: work(*pieces[i]))


def _repeated(rows: Array, *columns: Array) -> list[Array]:
    """One number for each column, in the rows' dtype, for each number of a wide row."""
    side = side_by_side(len(rows), rows.shape[1], _WIDE)
    return [np.tile(v.astype(rows.dtype), side) for v in columns]


def _sum_centred(rows: Array, about: Array, summed: Callable[..., Any], *others: Array) -> Array:
    """The sums over rows, in float64, that `summed` makes of pieces of rows - about, and of those
    of the others."""
    c = rows.shape[1]
    (about,) = _repeated(rows, about)

    def sums(piece: slice, width: int) -> Array:
        centred = rows[piece].reshape(-1, width) - about[:width]
        return summed(centred, *[x[piece].reshape(-1, width) for x in others])

    pieces = _for_pieces(rows, sums)
    total = np.zeros((*pieces[0].shape[:-1], len(about)))
    for some in pieces:
        total[..., : some.shape[-1]] += some
    return total.reshape(*total.shape[:-1], -1, c).sum(axis=-2)


def _sum_of_products(x: Array, y: Array) -> Array:
    """Of x * y, in place of x."""
    x *= y
    whole = len(x) - len(x) % _BLOCK
    blocks = np.matmul(np.ones(_BLOCK, x.dtype), x[:whole].reshape(-1, _BLOCK, x.shape[1]))
    total = blocks.sum(axis=0, dtype=np.float64)
    return total + column_sums(x[whole:]) if whole < len(x) else total


def _sum_and_sum_of_products(x: Array, y: Array) -> Array:
    """Of y and of x * y, in place of x."""
    return np.stack([column_sums(y), _sum_of_products(x, y)])


def _sum_of_squares(x: Array) -> Array:
    return _sum_of_products(x, x)
