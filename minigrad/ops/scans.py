"""Products over an axis, running sums and running products, and norms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..op import op
from .checks import Dim, axis, need_arrays, reduction
from .elementwise import abs, where
from .extremes import amax, amin
from .reduce import _sum, need_floats, root, summands
from .shape import _cut, concat, flip, reshape

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["cumprod", "cumsum", "norm", "prod"]


@op
def _cumsum(xp, x, *, dim):
    return xp.cumsum(x, axis=dim, dtype=x.dtype)


@_cumsum.gradient("x")
def _(g, dim):
    return flip(_cumsum(flip(g, dim), dim=dim), dim)


def cumsum(x: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The sums of the first elements along `dim`, up to each; of integers they are int64."""
    x, line = _as_lines("cumsum", x, dim, dtype)
    return _cumsum(x, dim=line) if x.ndim else x


def _as_lines(name: str, x: Any, dim: int, dtype: Any) -> tuple[Any, int]:
    need_arrays(name, x)
    return summands(name, x, dtype), axis(name, max(x.ndim, 1), dim)


def cumprod(x: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The products of the first elements along `dim`, up to each.

    By doubling: after k rounds each is a product of 2^k. So its gradient needs no division, and is
    right where an element is 0.
    """
    x, d = _as_lines("cumprod", x, dim, dtype)
    step = 1
    while x.ndim and step < x.shape[d]:
        n = x.shape[d]
        ahead = _cut(x, d, step, n) * _cut(x, d, 0, n - step)
        x = concat([_cut(x, d, 0, step), ahead], d)
        step *= 2
    return x


def prod(
    x: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    **numpy_spelling: Any,
) -> Tensor:
    """The product over `dim`, or of all elements; of integers it is int64.

    By halves, as in a tournament: its gradient needs no division, and is right for zeros.
    """
    if dim is None and numpy_spelling.get("axis") is None:
        kept = tuple([1] * x.ndim) if keepdim else ()
        return reshape(prod(reshape(x, (math.prod(x.shape),)), 0, dtype=dtype), kept)
    how = reduction("prod", x, dim, keepdim, numpy_spelling)
    x = summands("prod", x, dtype)
    if not how["dim"]:
        return x
    (d,) = how["dim"]
    n = x.shape[d]
    while n > 1:
        half = n // 2
        pairs = _cut(x, d, 0, half) * _cut(x, d, half, 2 * half)
        x = concat([pairs, _cut(x, d, 2 * half, n)], d) if n % 2 else pairs
        n = x.shape[d]
    if not n:  # the product of no numbers is 1
        return _sum(x, dim=(d,), keepdim=how["keepdim"]) + 1
    return x if how["keepdim"] else reshape(x, (*x.shape[:d], *x.shape[d + 1 :]))


def norm(
    x: Tensor,
    p: float | str | None = "fro",
    dim: Dim = None,
    keepdim: bool = False,
    dtype: Any = None,
    **numpy_spelling: Any,
) -> Tensor:
    """The p-norm over `dim`: (sum of |x|^p)^(1/p). "fro" is 2, infinity the largest |x|, -infinity
    the smallest, 0 the number of elements that are not 0.

    Where x is 0, so is its gradient: a gradient penalty may meet a gradient of 0.
    """
    x = x if dtype is None else summands("norm", x, dtype)
    need_floats("norm", x)
    power = 2.0 if p in ("fro", None) else p
    if isinstance(power, str):
        raise ValueError(f'norm: p is a number or "fro", got {p!r}')
    how = reduction("norm", x, dim, keepdim, numpy_spelling)
    if power == 2:
        return root(_sum(x * x, **how))
    if power == 1:
        return _sum(abs(x), **how)
    if math.isinf(power):
        return (amax if power > 0 else amin)(abs(x), **how)
    zero = x == 0
    if power == 0:
        return _sum(where(zero, x * 0, x * 0 + 1), **how)
    powers = where(zero, 0, abs(where(zero, 1, x)) ** power)
    return _positive_power(_sum(powers, **how), 1 / power)  # type: ignore[no-any-return]


def _positive_power(x, y):
    """x to the power y; where x is 0, so is it and its gradient."""
    zero = x == 0
    return where(zero, 0, where(zero, 1, x) ** y)
