"""x[key], its adjoint, and gather."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Device, cpu, device_of, xp_of
from ..op import op
from ..tape import Variable
from .checks import axis
from .elementwise import where

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
    """x[key]: ints, slices, ..., None, masks and index arrays (lists, arrays or tensors).

    As in PyTorch an int takes its axis away before arrays are looked at: x[0, :, [1, 2]] is
    x[0][:, [1, 2]], where NumPy puts the axis of the array in front.
    """
    for part in in_parts(plain_key(key, device_of(x.array if isinstance(x, Variable) else x))):
        x = _index(x, key=part)
    return x


def in_parts(key: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """A key that has ints beside arrays as two keys, to be applied one after the other: that of the
    ints, which gives a view, and that of the arrays."""
    arrays = [hasattr(k, "dtype") for k in key]
    if True not in arrays or not any(isinstance(k, int) for k in key):
        return [key]
    whole = slice(None)
    first, then = [], []
    for k, is_array in zip(key, arrays, strict=True):
        if is_array:
            first += [whole] * (k.ndim if k.dtype.kind == "b" else 1)
            then.append(k)
        else:
            first.append(k)
            then += [] if isinstance(k, int) else [k if k is Ellipsis else whole]
    return [tuple(first), tuple(then)]


def plain_key(key: Any, place: Device) -> tuple[Any, ...]:
    """A key made of Python's own objects and of arrays on `place` that nobody else will change."""
    return tuple([_plain_part(k, place) for k in (key if isinstance(key, tuple) else (key,))])


def _plain_part(k: Any, place: Device) -> Any:
    if isinstance(k, Variable):
        k = k.array
    if getattr(k, "dtype", None) == np.uint8 and k.ndim:
        raise IndexError("index: uint8 may mean a mask or places; use .bool() or .long()")
    if device_of(k) is not cpu or (hasattr(k, "ndim") and k.ndim):
        return place.asarray(k.copy())
    if hasattr(k, "ndim") and k.dtype.kind in "iu":
        return int(k)
    if isinstance(k, int | np.integer) and not isinstance(k, bool):
        return int(k)
    if isinstance(k, float):
        raise IndexError(f"index: a float ({k}) cannot be an index")
    if k is None or k is Ellipsis or isinstance(k, slice):
        return k
    if isinstance(k, list | tuple):
        k = np.asarray(k, None if len(k) else np.intp)
    return place.asarray(k.copy() if hasattr(k, "copy") else k)


def known(x: Tensor, index: Any, n: int) -> Tensor:
    """x, which was taken from places `index`; on a GPU with NaN where one is not in 0 ... n - 1.

    NOTE: CuPy takes places modulo n without a word: a label 9 of 3 classes had a loss. To look at
    them would stop every step; NaN is seen with the next number that is fetched.
    """
    places = index.array if isinstance(index, Variable) else index
    if device_of(places) is cpu:
        return x
    within = (places >= 0) & (places < n)
    return where(within.reshape(within.shape + (1,) * (x.ndim - within.ndim)), x, math.nan)


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """x's elements at places `index` along `dim`: out[i][j] = x[index[i][j]][j] for dim 0.

    IndexError for a place that is not in 0 ... n - 1; on a GPU, where looking at values would stop
    every step, what comes from there is NaN.
    """
    d = axis("gather", x.ndim, dim)
    check_places("gather", index, x.shape[d])
    taken = take_along(x, d, index)
    return known(taken, index, x.shape[d]) if taken.dtype.kind == "f" else taken


def take_along(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """`gather` for places that are known to be in range."""
    return _index(x, key=key_along("gather", x, dim, index))


def key_along(name: str, x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    """The key of the elements at places `index` along `dim`."""
    places = index.array if isinstance(index, Variable) else index
    if places.ndim != x.ndim:
        raise ValueError(f"{name}: index has {places.ndim} dimensions, x has {x.ndim}")
    xp = xp_of(places)
    key = [xp.arange(n).reshape(-1, *[1] * (x.ndim - 1 - i)) for i, n in enumerate(places.shape)]
    key[dim] = places.copy()
    return tuple(key)


def check_places(name: str, index: Any, n: int) -> None:
    """TypeError for what is no tensor of integers, IndexError for one that is not in 0 ... n - 1.

    NOTE: NumPy takes negative ones from the end without a word.
    """
    places = index.array if isinstance(index, Variable) else index
    if not hasattr(places, "dtype") or places.dtype.kind not in "iu":
        raise TypeError(f"{name}: index must be a tensor of integers, got {index!r:.60}")
    if device_of(places) is cpu and places.size and not (places.min() >= 0 and places.max() < n):
        raise IndexError(
            f"{name}: index must be in 0 ... {n - 1}, got {places.min()} ... {places.max()}"
        )
