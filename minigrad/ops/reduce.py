"""Sums and means over any axes.

`dim` is an int, several, or None for all; NumPy's spelling `axis`, `keepdims` is accepted too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Shape, device_of, find_dtype, quiet
from ..broadcasting import cast, expand
from ..op import op
from .checks import Dim, reduction
from .elementwise import exp, where
from .shape import reshape

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "log_softmax", "logsumexp", "mean", "softmax", "std", "sum", "var",
]  # fmt: skip


def spread(g, shape, dim):
    """A reduction's result, put back over the axes that it was reduced over."""
    return expand(reshape(g, kept(shape, dim)), shape=shape)


def kept(shape: Shape, dim: tuple[int, ...]) -> Shape:
    return tuple([1 if i in dim else n for i, n in enumerate(shape)])


def _size(shape: Shape, dim: tuple[int, ...]) -> int:
    return math.prod([shape[i] for i in dim])


# ---- the ops: `dim` is a tuple of axes here ------------------------------------------------------


@op
def _sum(xp, x, *, dim, keepdim):
    return device_of(x).sum(x, dim, keepdim)


@_sum.gradient("x")
def _(g, x_shape, dim):
    return spread(g, x_shape, dim)


@op
def _mean(xp, x, *, dim, keepdim):
    return device_of(x).mean(x, dim, keepdim)


@_mean.gradient("x")
def _(g, x_shape, dim):
    return spread(g * (1 / (_size(x_shape, dim) or 1)), x_shape, dim)


@op
def _var(xp, x, *, dim, keepdim, correction):
    return device_of(x).variance(x, dim, keepdim, correction)


@_var.gradient("x")
def _(g, x, dim, correction):
    n = _size(x.shape, dim) - correction
    deviations = x - spread(_mean(x, dim=dim, keepdim=True), x.shape, dim)
    return spread(g * (2 / n if n > 0 else math.nan), x.shape, dim) * deviations


@op
@quiet
def _logsumexp(xp, x, *, dim, keepdim):
    if not _size(x.shape, dim):
        return xp.full(kept(x.shape, dim) if keepdim else without(x.shape, dim), -math.inf, x.dtype)
    top = x.max(axis=dim, keepdims=True)
    shift = xp.where(xp.isfinite(top), top, 0)  # where all are -inf, so is the result, and not NaN
    total = device_of(x).sum(xp.exp(x - shift), dim, True)
    out = xp.where(total > 0, xp.log(xp.where(total > 0, total, 1)) + shift, top)
    return out if keepdim else out.reshape(without(x.shape, dim))


def without(shape: Shape, dim: tuple[int, ...]) -> Shape:
    return tuple([n for i, n in enumerate(shape) if i not in dim])


@_logsumexp.gradient("x")
def _(g, x, out, x_shape, dim):
    least = where(out == -math.inf, 0, out)  # where all are -inf, 0 is their gradient, and not NaN
    return spread(g, x_shape, dim) * exp(x - spread(least, x_shape, dim))


@op
@quiet
def _softmax(xp, x, *, dim):
    if not x.size:
        return x.copy()
    y = xp.exp(x - x.max(axis=dim, keepdims=True))
    y /= device_of(x).sum(y, dim, True)
    return y


@_softmax.gradient("x")
def _(g, out, dim):
    return out * (g - _sum(g * out, dim=dim, keepdim=True))


@op
@quiet
def _log_softmax(xp, x, *, dim):
    if not x.size:
        return x.copy()
    y = x - x.max(axis=dim, keepdims=True)
    y -= xp.log(device_of(x).sum(xp.exp(y), dim, True))
    return y


@_log_softmax.gradient("x")
def _(g, out, dim):
    return g - exp(out) * _sum(g, dim=dim, keepdim=True)


# ---- the functions that users call ---------------------------------------------------------------


def sum(
    x: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    **numpy_spelling: Any,
) -> Tensor:
    """The sum over `dim`; of integers and bools it is int64. With `dtype`, of x in that dtype."""
    how = reduction("sum", x, dim, keepdim, numpy_spelling)
    return _sum(summands("sum", x, dtype), **how)


def summands(name: str, x: Any, dtype: Any) -> Any:
    """x in the dtype in which PyTorch adds or multiplies its elements up."""
    if dtype is not None:
        return in_dtype(x, find_dtype(name, dtype))
    return x if x.dtype.kind == "f" else in_dtype(x, np.dtype(np.int64))


def in_dtype(x: Any, dtype: Any) -> Any:
    """x in another dtype; itself if it is in it."""
    return x if x.dtype == dtype else cast(x, dtype=dtype)


def mean(
    x: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    **numpy_spelling: Any,
) -> Tensor:
    """The mean over `dim`, of x in `dtype` if that is given; TypeError for integers."""
    x = x if dtype is None else in_dtype(x, find_dtype("mean", dtype))
    need_floats("mean", x)
    return _mean(x, **reduction("mean", x, dim, keepdim, numpy_spelling))


def var(
    x: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **numpy_spelling: Any,
) -> Tensor:
    """The variance over `dim`: the sum of squared deviations over n - correction.

    `correction` is 1, or 0 with `unbiased=False`. As in PyTorch, `var(False)` means the latter.
    """
    return _var(x, **_how_spread("var", x, dim, unbiased, keepdim, correction, numpy_spelling))


def std(
    x: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **numpy_spelling: Any,
) -> Tensor:
    """The square root of `var`; its gradient is 0 where all numbers are equal."""
    how = _how_spread("std", x, dim, unbiased, keepdim, correction, numpy_spelling)
    return root(_var(x, **how))


def _how_spread(
    name: str,
    x: Tensor,
    dim: Dim | bool,
    unbiased: bool | None,
    keepdim: bool,
    correction: float | None,
    numpy_spelling: dict[str, Any],
) -> dict[str, Any]:
    """The correction, the axes, and whether they are kept."""
    need_floats(name, x)
    if isinstance(dim, bool):
        if unbiased is not None:
            raise TypeError(f"{name}: takes (unbiased) or (dim, unbiased), got {dim}, {unbiased}")
        dim, unbiased = None, dim
    if unbiased is not None:
        if not isinstance(unbiased, bool) or correction is not None:
            raise TypeError(
                f"{name}: unbiased is True or False, and excludes correction; got unbiased "
                f"{unbiased!r}, correction {correction!r}"
            )
        correction = int(unbiased)
    how = reduction(name, x, dim, keepdim, numpy_spelling)
    return {"correction": 1 if correction is None else correction, **how}


def need_floats(name: str, x: Tensor) -> None:
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: needs a floating dtype, got {x.dtype}; use .float() first")


@op
def root(xp, x):
    """sqrt(x), whose gradient is 0 where x is 0."""
    return xp.sqrt(x)


@root.gradient("x")
def _(g, out):
    return where(out == 0, 0, g / (2 * where(out == 0, 1, out)))


def logsumexp(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """log(sum(exp(x))) over `dim`, without overflow; of integers in float32."""
    x = x if x.dtype.kind == "f" else in_dtype(x, np.dtype(np.float32))
    return _logsumexp(x, **reduction("logsumexp", x, dim, keepdim, numpy_spelling))


def softmax(x: Tensor, dim: Dim = None, *, dtype: Any = None, **numpy_spelling: Any) -> Tensor:
    """exp(x) over its sum along `dim`, which has to be given; of x in `dtype` if that is given."""
    x, along = _along("softmax", x, dim, dtype, numpy_spelling)
    return _softmax(x, dim=along)


def log_softmax(x: Tensor, dim: Dim = None, *, dtype: Any = None, **numpy_spelling: Any) -> Tensor:
    """The logarithm of `softmax`, without underflow."""
    x, along = _along("log_softmax", x, dim, dtype, numpy_spelling)
    return _log_softmax(x, dim=along)


def _along(
    name: str, x: Any, dim: Dim, dtype: Any, spelling: dict[str, Any]
) -> tuple[Any, tuple[int, ...]]:
    if dim is None and spelling.get("axis") is None:
        raise TypeError(f"{name}: over which dim? {name}(x, dim=1) is over the classes of (N, C)")
    x = x if dtype is None else in_dtype(x, find_dtype(name, dtype))
    need_floats(name, x)
    return x, reduction(name, x, dim, True, spelling)["dim"]
