"""The largest and the smallest of a tensor, their places, and sorting."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from ..broadcasting import expand
from ..op import not_differentiable, op
from ..tape import Variable
from .checks import Dim, axes, axis, reduction
from .elementwise import maximum, minimum, where
from .indexing import take_along
from .reduce import _sum, kept, spread, without
from .shape import _cut, reshape

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["amax", "amin", "argmax", "argmin", "argsort", "max", "min", "sort", "topk"]


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
    return where(ties, expand(reshape(g, kept(x_shape, dim)) / number, shape=x_shape), 0)


def amax(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """The largest values over `dim`; ties share the gradient equally."""
    return _amax(x, **reduction("amax", x, dim, keepdim, numpy_spelling))


def amin(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """The smallest values over `dim`; ties share the gradient equally."""
    return _amin(x, **reduction("amin", x, dim, keepdim, numpy_spelling))


class ValuesAndIndices(NamedTuple):
    """What max(dim) and min(dim) return."""

    values: Tensor
    indices: Tensor


@overload
def max(x: Tensor, other: Tensor, /) -> Tensor: ...


@overload
def max(x: Tensor) -> Tensor: ...


@overload
def max(x: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...


@overload
def max(x: Tensor, dim: int | None = None, keepdim: bool = False, **numpy_spelling: Any) -> Any: ...


def max(x: Tensor, dim: Any = None, keepdim: bool = False, **numpy_spelling: Any) -> Any:
    """Without `dim` the largest value (ties share its gradient); with it, (values, indices), where
    of equal values the first is taken and gets all of the gradient. Of two tensors their
    `maximum`."""
    if isinstance(dim, Variable):
        return maximum(x, dim)
    return _extreme("max", _amax, x, dim, keepdim, numpy_spelling)


@overload
def min(x: Tensor, other: Tensor, /) -> Tensor: ...


@overload
def min(x: Tensor) -> Tensor: ...


@overload
def min(x: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...


@overload
def min(x: Tensor, dim: int | None = None, keepdim: bool = False, **numpy_spelling: Any) -> Any: ...


def min(x: Tensor, dim: Any = None, keepdim: bool = False, **numpy_spelling: Any) -> Any:
    """The smallest, as `max` is the largest."""
    if isinstance(dim, Variable):
        return minimum(x, dim)
    return _extreme("min", _amin, x, dim, keepdim, numpy_spelling)


def _extreme(
    name: str, over_all: Any, x: Tensor, dim: int | None, keepdim: bool, spelling: dict[str, Any]
) -> Any:
    of_all = dim is None and spelling.get("axis") is None
    how = reduction(name, x, dim, keepdim, spelling)
    if of_all:
        return over_all(x, **how)
    if len(how["dim"]) != 1:
        raise ValueError(f"{name}: takes one dim, got {how['dim']}; amax and amin take several")
    (d,) = how["dim"]
    indices = (argmax if name == "max" else argmin)(x, d, keepdim=True)
    values = take_along(x, d, indices)
    if not keepdim:
        values, indices = (
            reshape(values, without(x.shape, (d,))),
            reshape(indices, without(x.shape, (d,))),
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
    if dim is None or (not x.ndim and dim in (0, -1)):
        return reshape(
            over_one(reshape(x, (math.prod(x.shape),)), dim=0), (1,) * x.ndim if keepdim else ()
        )
    (d,) = axes(name, x.ndim, dim)
    places = over_one(x, dim=d)
    return places if keepdim else reshape(places, without(x.shape, (d,)))


# ---- sorting -------------------------------------------------------------------------------------


@not_differentiable
def _argsort(xp, x, *, dim, descending):
    if not x.ndim:
        return xp.zeros((), int)
    if not descending:
        return xp.argsort(x, axis=dim, kind="stable")
    # From the back to the front, so that ties keep their order.
    backwards = xp.argsort(xp.flip(x, dim), axis=dim, kind="stable")
    return x.shape[dim] - 1 - xp.flip(backwards, dim)


def argsort(x: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:
    """The places along `dim` of the elements in their order; equal ones keep theirs."""
    return _argsort(x, dim=axis("argsort", builtins.max(x.ndim, 1), dim), descending=descending)


def sort(
    x: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> ValuesAndIndices:
    """(values, indices): x in order along `dim`, and where its elements were; equal ones keep their
    order."""
    indices = argsort(x, dim, descending)
    return ValuesAndIndices(take_along(x, dim % x.ndim, indices) if x.ndim else x, indices)


def topk(
    x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesAndIndices:
    """(values, indices) of the k largest elements along `dim`, or smallest, in their order."""
    d = axis("topk", builtins.max(x.ndim, 1), dim)
    if not 0 <= k <= (x.shape[d] if x.ndim else 1):
        raise ValueError(f"topk: there are no {k} elements along dim {dim} of {list(x.shape)}")
    values, indices = sort(x, d, largest)
    if not x.ndim:
        return ValuesAndIndices(values, indices)
    return ValuesAndIndices(_cut(values, d, 0, k), _cut(indices, d, 0, k))
