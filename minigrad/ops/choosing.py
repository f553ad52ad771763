"""Elements that are chosen by their places or by masks, and put where others were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..op import not_differentiable, op
from ..tape import Variable
from . import elementwise
from .checks import axis, need_arrays, need_one_dtype
from .indexing import _index, _scatter, check_places, index, key_along
from .shape import broadcast_shapes, expand, reshape

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "index_select", "masked_fill", "masked_select", "narrow", "nonzero", "scatter", "scatter_add",
    "select", "unbind", "where",
]  # fmt: skip


# ---- by places -----------------------------------------------------------------------------------


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of x along `dim` at the places `index`, which has one axis."""
    d = axis("index_select", x.ndim, dim)
    check_places("index_select", index, x.shape[d])
    if index.ndim > 1:
        raise ValueError(f"index_select: index has one axis, got shape {list(index.shape)}")
    places = (index.array if isinstance(index, Variable) else index).reshape(-1).copy()
    return _index(x, key=(*[slice(None)] * d, places))


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """x at one place along `dim`, without that axis: a view."""
    d = axis("select", x.ndim, dim)
    if not -x.shape[d] <= index < x.shape[d]:
        raise IndexError(f"select: {index} is out of range for {x.shape[d]} places along dim {dim}")
    return _index(x, key=(*[slice(None)] * d, int(index)))


def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` slices of x along `dim`, from `start` on: a view."""
    d = axis("narrow", x.ndim, dim)
    n = x.shape[d]
    first = start + n if start < 0 else start
    if not 0 <= first <= first + length <= n:
        raise IndexError(f"narrow: {length} places from {start} on are not within {n}")
    return _index(x, key=(*[slice(None)] * d, slice(first, first + length)))


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices of x along `dim`, each without that axis: views."""
    d = axis("unbind", x.ndim, dim)
    return tuple([select(x, d, i) for i in range(x.shape[d])])


@op
def _put(xp, x, values, *, key):
    out = x.copy()
    out[key] = values
    return out


_put.gradient("x")(lambda g, key: _put(g, 0.0, key=key))
_put.gradient("values")(lambda g, key: _index(g, key=key))


def scatter(x: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Tensor:
    """x with the elements of `src`, or one number, at places `index` along `dim`.

    Where a place is named twice any of its elements may win, as in PyTorch: it gets no more than
    one, but each of them gets the gradient.
    """
    src = value if src is None else src
    key = _places("scatter", x, dim, index)
    if not hasattr(src, "shape"):
        return _put(x, src, key=key)
    return _put(x, _part("scatter", src, x, index), key=key)


def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """x with the elements of `src` added at places `index` along `dim`: of a place that is named
    twice both."""
    key = _places("scatter_add", x, dim, index)
    return x + _scatter(_part("scatter_add", src, x, index), shape=tuple(x.shape), key=key)


def _places(name: str, x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    d = axis(name, x.ndim, dim)
    check_places(name, index, x.shape[d])
    return key_along(name, x, d, index)


def _part(name: str, src: Any, x: Any, index: Any) -> Any:
    """The part of src that index has places for."""
    need_arrays(name, src)
    need_one_dtype(name, x=x, src=src)
    if src.ndim != index.ndim or any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        raise ValueError(f"{name}: src {list(src.shape)} is smaller than index {list(index.shape)}")
    return _index(src, key=tuple([slice(n) for n in index.shape]))


# ---- by masks ------------------------------------------------------------------------------------


def masked_fill(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value`, a number or a tensor of one, where the mask holds, and x elsewhere."""
    _check_mask("masked_fill", mask)
    if hasattr(value, "ndim") and value.ndim:
        raise ValueError(f"masked_fill: needs one value, got a tensor of shape {list(value.shape)}")
    out = elementwise.where(mask, value, x)
    if out.dtype != x.dtype:
        raise TypeError(f"masked_fill: {value!r:.60} does not fit a tensor of {x.dtype}")
    return out


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """The elements of x where the mask holds, one after the other."""
    _check_mask("masked_select", mask)
    shape = broadcast_shapes("masked_select", x, mask)
    return index(expand(x, shape), expand(mask, shape))


def _check_mask(name: str, mask: Any) -> None:
    if getattr(mask, "dtype", None) != np.bool_:
        raise TypeError(f"{name}: mask must be a tensor of bools, got {mask!r:.60}; use .bool()")


@not_differentiable
def _nonzero(xp, x):
    return xp.stack(xp.nonzero(x), axis=1)


def nonzero(x: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not 0: one row for each, or a tuple of one tensor for
    each axis. It waits for the device."""
    places = _nonzero(x if x.ndim else reshape(x, (1,)))
    if as_tuple:
        return unbind(places, 1)
    return places if x.ndim else index(places, (slice(None), slice(0, 0)))


@overload
def where(condition: Tensor, /) -> tuple[Tensor, ...]: ...


@overload
def where(condition: Tensor | bool, x: Tensor | float, y: Tensor | float) -> Tensor: ...


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """x where `condition` holds, else y; no gradient crosses the condition, or reaches what was not
    chosen. Of two numbers the result is float32, int64 or bool.

    Without x and y the places where it holds, one tensor for each axis.
    """
    if x is None and y is None:
        return nonzero(condition, as_tuple=True)
    if getattr(condition, "dtype", np.bool_) != np.bool_:
        raise TypeError(f"where: condition must be bools, not {condition.dtype}; use .bool()")
    return elementwise.where(condition, x, y)
