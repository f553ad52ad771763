"""Sums, means and extremes over any axes.

`dim` is an int, several, or None for all; NumPy's spelling `axis`, `keepdims` is accepted too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from ..backend import Shape, quiet
from ..broadcasting import expand
from ..op import not_differentiable, op
from .elementwise import exp, where
from .indexing import gather
from .shape import reshape

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "amax", "amin", "argmax", "argmin", "log_softmax", "logsumexp", "max", "mean", "min",
    "softmax", "std", "sum", "var",
]  # fmt: skip

Dim = int | tuple[int, ...] | list[int] | None


def axes(name: str, ndim: int, dim: Dim) -> tuple[int, ...]:
    """`dim` as sorted non-negative numbers; IndexError or ValueError if it names no axes of such a
    tensor."""
    if dim is None:
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, int | np.integer) else tuple(dim)
    for d in given:
        if not -(ndim or 1) <= d < (ndim or 1):
            raise IndexError(f"{name}: dim {d} is out of range for a tensor with {ndim} dimensions")
    found = sorted({d % ndim for d in given}) if ndim else []
    if ndim and len(found) != len(given):
        raise ValueError(f"{name}: dim {given} names an axis twice")
    return tuple(found)


def spread(g, shape, dim):
    """A reduction's result, put back over the axes that it was reduced over."""
    return expand(reshape(g, _kept(shape, dim)), shape=shape)


def _kept(shape: Shape, dim: tuple[int, ...]) -> Shape:
    return tuple([1 if i in dim else n for i, n in enumerate(shape)])


def _size(shape: Shape, dim: tuple[int, ...]) -> int:
    return math.prod([shape[i] for i in dim])


# ---- the ops: `dim` is a tuple of axes here ------------------------------------------------------


@op
def _sum(xp, x, *, dim, keepdim):
    return x.sum(axis=dim, keepdims=keepdim)


@_sum.gradient("x")
def _(g, x_shape, dim):
    return spread(g, x_shape, dim)


@op
def _mean(xp, x, *, dim, keepdim):
    return x.sum(axis=dim, keepdims=keepdim) * (1 / _size(x.shape, dim) if x.size else math.nan)


@_mean.gradient("x")
def _(g, x_shape, dim):
    return spread(g * (1 / (_size(x_shape, dim) or 1)), x_shape, dim)


@op
def _amax(xp, x, *, dim, keepdim):
    return x.max(axis=dim, keepdims=keepdim)


@op
def _amin(xp, x, *, dim, keepdim):
    return x.min(axis=dim, keepdims=keepdim)


@_amax.gradient("x")
@_amin.gradient("x")
def _(g, x, out, x_shape, dim):
    """Ties share the gradient equally."""
    ties = x == spread(out, x_shape, dim)
    number = _sum(ties, dim=dim, keepdim=True).astype(g.dtype)
    return where(ties, expand(reshape(g, _kept(x_shape, dim)) / number, shape=x_shape), 0)


@op
@quiet
def _logsumexp(xp, x, *, dim, keepdim):
    if not _size(x.shape, dim):
        return xp.full(
            _kept(x.shape, dim) if keepdim else _without(x.shape, dim), -math.inf, x.dtype
        )
    top = x.max(axis=dim, keepdims=True)
    shift = xp.where(xp.isfinite(top), top, 0)  # where all are -inf, so is the result, and not NaN
    total = xp.exp(x - shift).sum(axis=dim, keepdims=True)
    out = xp.where(total > 0, xp.log(xp.where(total > 0, total, 1)) + shift, top)
    return out if keepdim else out.reshape(_without(x.shape, dim))


def _without(shape: Shape, dim: tuple[int, ...]) -> Shape:
    return tuple([n for i, n in enumerate(shape) if i not in dim])


@_logsumexp.gradient("x")
def _(g, x, out, x_shape, dim):
    return spread(g, x_shape, dim) * exp(x - spread(out, x_shape, dim))


@op
@quiet
def _softmax(xp, x, *, dim):
    if not x.size:
        return x.copy()
    y = xp.exp(x - x.max(axis=dim, keepdims=True))
    y /= y.sum(axis=dim, keepdims=True)
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
    y -= xp.log(xp.exp(y).sum(axis=dim, keepdims=True))
    return y


@_log_softmax.gradient("x")
def _(g, out, dim):
    return g - exp(out) * _sum(g, dim=dim, keepdim=True)


# ---- the functions that users call ---------------------------------------------------------------


def _arguments(
    name: str, x: Tensor, dim: Dim, keepdim: bool, numpy_spelling: dict[str, Any]
) -> dict[str, Any]:
    dim = numpy_spelling.pop("axis", dim)
    keepdim = numpy_spelling.pop("keepdims", keepdim)
    if numpy_spelling:
        raise TypeError(f"{name}: unexpected arguments {sorted(numpy_spelling)}")
    return {"dim": axes(name, x.ndim, dim), "keepdim": bool(keepdim)}


def sum(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """The sum over `dim`."""
    return _sum(x, **_arguments("sum", x, dim, keepdim, numpy_spelling))


def mean(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """The mean over `dim`; TypeError for integers, as in PyTorch."""
    _need_floats("mean", x)
    return _mean(x, **_arguments("mean", x, dim, keepdim, numpy_spelling))


def var(
    x: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
    **numpy_spelling: Any,
) -> Tensor:
    """The variance over `dim`: the sum of squared deviations over n - correction."""
    _need_floats("var", x)
    return _variance(x, correction, **_arguments("var", x, dim, keepdim, numpy_spelling))


def std(
    x: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
    **numpy_spelling: Any,
) -> Tensor:
    """The square root of `var`; its gradient is 0 where all numbers are equal."""
    _need_floats("std", x)
    how = _arguments("std", x, dim, keepdim, numpy_spelling)
    return _root(_variance(x, correction, **how))


def _need_floats(name: str, x: Tensor) -> None:
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: needs a floating dtype, got {x.dtype}; use .float() first")


def _variance(x: Tensor, correction: float, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    deviations = x - _mean(x, dim=dim, keepdim=True)
    n = _size(x.shape, dim) - correction
    return _sum(deviations * deviations, dim=dim, keepdim=keepdim) * (1 / n if n > 0 else math.nan)


@op
def _root(xp, x):
    return xp.sqrt(x)


@_root.gradient("x")
def _(g, out):
    return where(out == 0, 0, g / (2 * where(out == 0, 1, out)))


def amax(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """The largest values over `dim`; ties share the gradient equally."""
    return _amax(x, **_arguments("amax", x, dim, keepdim, numpy_spelling))


def amin(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """The smallest values over `dim`; ties share the gradient equally."""
    return _amin(x, **_arguments("amin", x, dim, keepdim, numpy_spelling))


class ValuesAndIndices(NamedTuple):
    """What max(dim) and min(dim) return."""

    values: Tensor
    indices: Tensor


@overload
def max(x: Tensor) -> Tensor: ...


@overload
def max(x: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...


@overload
def max(x: Tensor, dim: int | None = None, keepdim: bool = False, **numpy_spelling: Any) -> Any: ...


def max(x: Tensor, dim: int | None = None, keepdim: bool = False, **numpy_spelling: Any) -> Any:
    """Without `dim` the largest value (ties share its gradient); with it, (values, indices), where
    of equal values the first is taken and gets all of the gradient."""
    return _extreme("max", _amax, x, dim, keepdim, numpy_spelling)


@overload
def min(x: Tensor) -> Tensor: ...


@overload
def min(x: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...


@overload
def min(x: Tensor, dim: int | None = None, keepdim: bool = False, **numpy_spelling: Any) -> Any: ...


def min(x: Tensor, dim: int | None = None, keepdim: bool = False, **numpy_spelling: Any) -> Any:
    """The smallest, as `max` is the largest."""
    return _extreme("min", _amin, x, dim, keepdim, numpy_spelling)


def _extreme(
    name: str, over_all: Any, x: Tensor, dim: int | None, keepdim: bool, spelling: dict[str, Any]
) -> Any:
    how = _arguments(name, x, dim, keepdim, spelling)
    if dim is None and len(how["dim"]) == x.ndim:
        return over_all(x, **how)
    if len(how["dim"]) != 1:
        raise ValueError(f"{name}: takes one dim, got {how['dim']}; amax and amin take several")
    (d,) = how["dim"]
    indices = (argmax if name == "max" else argmin)(x, d, keepdim=True)
    values = gather(x, d, indices)
    if not keepdim:
        values, indices = (
            reshape(values, _without(x.shape, (d,))),
            reshape(indices, _without(x.shape, (d,))),
        )
    return ValuesAndIndices(values, indices)


@not_differentiable
def _argmax(xp, x, *, dim):
    return xp.expand_dims(xp.argmax(x, axis=dim), dim)


@not_differentiable
def _argmin(xp, x, *, dim):
    return xp.expand_dims(xp.argmin(x, axis=dim), dim)


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest value is: its place along `dim`, or in the flattened tensor; of equal ones
    the first."""
    return _place("argmax", _argmax, x, dim, keepdim)


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest value is, as `argmax`."""
    return _place("argmin", _argmin, x, dim, keepdim)


def _place(name: str, over_one: Any, x: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    if dim is None:
        return reshape(
            over_one(reshape(x, (math.prod(x.shape),)), dim=0), (1,) * x.ndim if keepdim else ()
        )
    (d,) = axes(name, x.ndim, dim)
    places = over_one(x, dim=d)
    return places if keepdim else reshape(places, _without(x.shape, (d,)))


def logsumexp(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """log(sum(exp(x))) over `dim`, without overflow."""
    return _logsumexp(x, **_arguments("logsumexp", x, dim, keepdim, numpy_spelling))


def softmax(x: Tensor, dim: Dim = None, **numpy_spelling: Any) -> Tensor:
    """exp(x) over its sum along `dim`."""
    return _softmax(x, dim=_arguments("softmax", x, dim, True, numpy_spelling)["dim"])


def log_softmax(x: Tensor, dim: Dim = None, **numpy_spelling: Any) -> Tensor:
    """The logarithm of `softmax`, without underflow."""
    return _log_softmax(x, dim=_arguments("log_softmax", x, dim, True, numpy_spelling)["dim"])
