"""x[key], its adjoint, and gather."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Device, device_of, xp_of
from ..op import op
from ..tape import Variable
from .checks import axis

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["gather"]


@op
def _index(xp, x, *, key):
    return x[key]


@_index.gradient("x")
def _(g, x_shape, key):
    return _scatter(g, shape=x_shape, key=key)


@op
def _scatter(xp, g, *, shape, key):
    """Zeros of `shape` with `g` added at x[key]: the adjoint of indexing."""
    out = xp.zeros(shape, g.dtype)
    if _is_basic(key):
        out[key] = g
    else:
        device_of(out).add_at(out, key, g)
    return out


@_scatter.gradient("g")
def _(g, key):
    return _index(g, key=key)


def _is_basic(key: Any) -> bool:
    """Whether the key names no element twice: slices, ints, None and ... only."""
    return all(k is None or k is Ellipsis or isinstance(k, slice | int) for k in key)


def index(x: Tensor, key: Any) -> Tensor:
    """x[key]: ints, slices, ..., None, masks and index arrays (lists, arrays or tensors), as in
    NumPy."""
    return _index(x, key=plain_key(key, device_of(x.array if isinstance(x, Variable) else x)))


def plain_key(key: Any, place: Device) -> tuple[Any, ...]:
    """A key made of Python's own objects and of arrays on `place` that nobody else will change."""
    return tuple([_plain_part(k, place) for k in (key if isinstance(key, tuple) else (key,))])


def _plain_part(k: Any, place: Device) -> Any:
    if isinstance(k, Variable):
        return place.asarray(k.array.copy())
    if isinstance(k, int | np.integer) and not isinstance(k, bool):
        return int(k)
    if isinstance(k, float):
        raise IndexError(f"index: a float ({k}) cannot be an index")
    if k is None or k is Ellipsis or isinstance(k, slice):
        return k
    if isinstance(k, list | tuple):
        k = np.asarray(k, None if len(k) else np.intp)
    return place.asarray(k.copy() if hasattr(k, "copy") else k)


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """x's elements at places `index` along `dim`: out[i][j] = x[index[i][j]][j] for dim 0."""
    d = axis("gather", x.ndim, dim)
    places = index.array if isinstance(index, Variable) else index
    if places.ndim != x.ndim:
        raise ValueError(f"gather: index has {places.ndim} dimensions, x has {x.ndim}")
    xp = xp_of(places)
    key = [xp.arange(n).reshape(-1, *[1] * (x.ndim - 1 - i)) for i, n in enumerate(places.shape)]
    key[d] = places
    return _index(x, key=tuple(key))
