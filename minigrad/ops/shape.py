"""Reshaping, joining, cutting and indexing. Views stay views where NumPy's would."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import device_of, in_memory_order
from ..broadcasting import cast
from ..broadcasting import expand as _expand
from ..op import op
from .checks import Dim, axes, axis, need_arrays, shape_of
from .indexing import _index

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "cat", "chunk", "clone", "concat", "expand", "flatten", "flip", "pad", "permute",
    "reshape", "split", "squeeze", "stack", "transpose", "unsqueeze",
]  # fmt: skip


# ---- views ---------------------------------------------------------------------------------------


@op
def _reshape(xp, x, *, shape):
    return x.reshape(shape)


@_reshape.gradient("x")
def _(g, x_shape):
    return _reshape(g, shape=x_shape)


def reshape(x: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """x in another shape with as many elements; one length may be -1. A view where the memory
    allows it."""
    wanted = shape_of(sizes if shape is None else (shape,))
    have, known = math.prod(x.shape), math.prod([n for n in wanted if n >= 0])
    fits = have == known if -1 not in wanted else known > 0 and have % known == 0
    if not fits or wanted.count(-1) > 1 or any(n < -1 for n in wanted):
        raise ValueError(
            f"reshape: {list(x.shape)} ({have} elements) does not fit into {list(wanted)}"
        )
    return _reshape(x, shape=wanted)


@op
def _permute(xp, x, *, dims):
    return x.transpose(dims)


@_permute.gradient("x")
def _(g, dims):
    back = [0] * len(dims)
    for to, at in enumerate(dims):
        back[at] = to
    return _permute(g, dims=tuple(back))


def permute(x: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """x with its axes in another order: a view."""
    given = shape_of(order if dims is None else (dims,))
    axes_of = tuple([axis("permute", x.ndim, d) for d in given])
    if sorted(axes_of) != list(range(x.ndim)):
        raise ValueError(
            f"permute: {list(given)} is no order of the {x.ndim} axes of {list(x.shape)}"
        )
    return _permute(x, dims=axes_of)


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """x with two axes exchanged: a view."""
    a, b = axis("transpose", x.ndim, dim0), axis("transpose", x.ndim, dim1)
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return _permute(x, dims=tuple(order))


def expand(x: Tensor, *sizes: Any) -> Tensor:
    """x broadcast to a shape, where -1 keeps an axis as it is: a view that cannot be written to."""
    wanted = shape_of(sizes)
    lead = len(wanted) - x.ndim
    shape = tuple([x.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(wanted)])
    fits = all(n in (1, shape[lead + i]) for i, n in enumerate(x.shape)) if lead >= 0 else False
    if not fits or any(n < 0 for n in shape):
        raise ValueError(f"expand: {list(x.shape)} cannot be expanded to {list(wanted)}")
    return _expand(x, shape=shape)


def broadcast_shapes(name: str, *tensors: Any) -> tuple[int, ...]:
    """The shape that tensors have together."""
    try:
        return np.broadcast_shapes(*[tuple(x.shape) for x in tensors])
    except ValueError:
        shapes = " and ".join(str(list(x.shape)) for x in tensors)
        raise ValueError(f"{name}: shapes {shapes} do not broadcast") from None


def squeeze(x: Tensor, dim: Dim = None) -> Tensor:
    """x without its axes of size 1, or without those of `dim` that are of size 1."""
    dropped = {i for i, n in enumerate(x.shape) if n == 1} & {*axes("squeeze", x.ndim, dim)}
    return _reshape(x, shape=tuple([n for i, n in enumerate(x.shape) if i not in dropped]))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """x with a new axis of size 1 before `dim`."""
    at = axis("unsqueeze", x.ndim + 1, dim)
    return _reshape(x, shape=(*x.shape[:at], 1, *x.shape[at:]))


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """x with the axes from start_dim to end_dim made into one."""
    if x.ndim == 0:
        return _reshape(x, shape=(1,))
    first, last = axis("flatten", x.ndim, start_dim), axis("flatten", x.ndim, end_dim)
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    joined = math.prod(x.shape[first : last + 1])
    return _reshape(x, shape=(*x.shape[:first], joined, *x.shape[last + 1 :]))


@op
def _flip(xp, x, *, dims):
    return xp.flip(x, dims)


_flip.gradient("x")(lambda g, dims: _flip(g, dims=dims))


def flip(x: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """x with the order of the elements along some axes reversed."""
    given = shape_of(axes if dims is None else (dims,))
    return _flip(x, dims=tuple([axis("flip", x.ndim, d) for d in given]))


# ---- joining and cutting -------------------------------------------------------------------------


@op
def _concat(xp, *xs, dim, sizes):
    return xp.concatenate(xs, axis=dim)


@_concat.gradient("xs")
def _(g, dim, sizes):
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [_cut(g, dim, end - n, end) for end, n in zip(ends, sizes, strict=True)]


def _check_listed(name: str, tensors: Any) -> None:
    if not isinstance(tensors, list | tuple) or not tensors:
        raise TypeError(f"{name}: needs a list of one tensor or more, got {tensors!r:.60}")
    need_arrays(name, *tensors)


def concat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors joined along an axis that exists."""
    _check_listed("concat", tensors)
    d = axis("concat", tensors[0].ndim, dim)
    rest = {(*x.shape[:d], *x.shape[d + 1 :]) for x in tensors}
    if len(rest) > 1 or len({x.ndim for x in tensors}) > 1:
        raise ValueError(
            f"concat: shapes {[list(x.shape) for x in tensors]} differ in more than dim {dim}"
        )
    dtype = common_dtype(tensors)
    together = [x if x.dtype == dtype else cast(x, dtype=dtype) for x in tensors]
    return _concat(*together, dim=d, sizes=tuple([x.shape[d] for x in tensors]))


def common_dtype(tensors: Sequence[Any]) -> Any:
    """The dtype of several tensors together: that of the floating ones if there are any."""
    floats = [x.dtype for x in tensors if x.dtype.kind == "f"]
    return np.result_type(*(floats or [x.dtype for x in tensors]))


cat = concat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    _check_listed("stack", tensors)
    if len({tuple(x.shape) for x in tensors}) > 1:
        raise ValueError(f"stack: shapes {[list(x.shape) for x in tensors]} differ")
    d = axis("stack", tensors[0].ndim + 1, dim)
    return concat([unsqueeze(x, d) for x in tensors], d)


def split(
    x: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """x cut along an axis into pieces of one size (the last may be smaller), or of the sizes given:
    views."""
    d = axis("split", x.ndim, dim)
    n, step = x.shape[d], split_size_or_sections
    if not isinstance(step, int | list | tuple):
        raise TypeError(f"split: needs an int or a list of ints, got {step!r}")
    if isinstance(step, int):
        if step <= 0:
            raise ValueError(f"split: the size of the pieces must be positive, got {step}")
        sizes = [min(step, n - at) for at in range(0, n, step)] or [0]
    else:
        sizes = list(step)
        if sum(sizes) != n or any(s < 0 for s in sizes):
            raise ValueError(f"split: sections {sizes} do not add up to {n}, the size of dim {dim}")
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return tuple([_cut(x, d, end - s, end) for end, s in zip(ends, sizes, strict=True)])


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """x cut along an axis into at most that many pieces of one size (the last may be smaller):
    views."""
    if chunks <= 0:
        raise ValueError(f"chunk: needs a positive number of chunks, got {chunks}")
    n = x.shape[axis("chunk", x.ndim, dim)]
    return split(x, max(-(-n // chunks), 1), dim)


def _cut(x, dim, start, end):
    return _index(x, key=(*[slice(None)] * dim, slice(start, end)))


@op
def _pad(xp, x, *, widths, value):
    return xp.pad(x, widths, mode="constant", constant_values=value)


@_pad.gradient("x")
def _(g, x_shape, widths):
    return _index(
        g, key=tuple([slice(a, a + n) for (a, _), n in zip(widths, x_shape, strict=True)])
    )


def pad(x: Tensor, pad: Sequence[int], value: float = 0.0) -> Tensor:
    """x with `value` around it: `pad` is (left, right) of the last axis, then of the one before,
    ...

    A negative width cuts.
    """
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: needs pairs for at most {x.ndim} axes, got {list(pad)}")
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + [
        (pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)
    ]
    if any(a + n + b < 0 for (a, b), n in zip(pairs, x.shape, strict=True)):
        raise ValueError(f"pad: {list(pad)} cuts more than there is of {list(x.shape)}")
    if any(a < 0 or b < 0 for a, b in pairs):
        x = _index(
            x,
            key=tuple(
                [slice(max(-a, 0), n + min(b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True)]
            ),
        )
        pairs = [(max(a, 0), max(b, 0)) for a, b in pairs]
    return _pad(x, widths=tuple(pairs), value=value)


# ---- copies and moves ----------------------------------------------------------------------------


@op
def clone(xp, x, *, order="K"):
    """A copy, in the same memory order unless told otherwise."""
    return x.copy(order=order)


clone.gradient("x")(lambda g: g)


@op
def move_to(xp, x, *, device):
    """A copy on another device."""
    here = device_of(x)
    return in_memory_order(lambda array: device.asarray(here.to_numpy(array)), (x,))


@move_to.gradient("x")
def _(g, x_device):
    return move_to(g, device=x_device)
