"""Reshaping, joining, cutting and indexing. Views stay views where NumPy's would."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Device, Shape, device_of, in_memory_order, xp_of
from ..nodes import Variable
from ..op import expand as expand_op
from ..op import need_arrays, op


def axis(name: str, ndim: int, dim: int) -> int:
    """`dim` as a non-negative number; IndexError if there is no such axis."""
    if not -ndim <= dim < ndim:
        raise IndexError(f"{name}: dim {dim} is out of range for a tensor with {ndim} dimensions")
    return dim % ndim


def shape_of(args: tuple[Any, ...]) -> Shape:
    """A shape given as one sequence or as several ints."""
    given = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
    try:
        return tuple([operator.index(n) for n in given])
    except TypeError:
        raise TypeError(f"a shape is made of ints, got {given!r}") from None


# ---- views ---------------------------------------------------------------------------------------


@op
def reshape_(xp: Any, x: Any, *, shape: Any) -> Any:
    return x.reshape(shape)


@reshape_.gradient("x")
def _(g: Any, x_shape: Any) -> Any:
    return reshape_(g, shape=x_shape)


def reshape(x: Any, *shape: Any) -> Any:
    """x in another shape with as many elements; one length may be -1. A view where the memory
    allows it."""
    wanted = shape_of(shape)
    have, known = math.prod(x.shape), math.prod([n for n in wanted if n >= 0])
    fits = have == known if -1 not in wanted else known > 0 and have % known == 0
    if not fits or wanted.count(-1) > 1 or any(n < -1 for n in wanted):
        raise ValueError(
            f"reshape: {list(x.shape)} ({have} elements) does not fit into {list(wanted)}"
        )
    return reshape_(x, shape=wanted)


@op
def permute_(xp: Any, x: Any, *, dims: Any) -> Any:
    return x.transpose(dims)


@permute_.gradient("x")
def _(g: Any, dims: Any) -> Any:
    back = [0] * len(dims)
    for to, at in enumerate(dims):
        back[at] = to
    return permute_(g, dims=tuple(back))


def permute(x: Any, *dims: Any) -> Any:
    """x with its axes in another order: a view."""
    given = shape_of(dims)
    order = tuple([axis("permute", x.ndim, d) for d in given])
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(
            f"permute: {list(given)} is no order of the {x.ndim} axes of {list(x.shape)}"
        )
    return permute_(x, dims=order)


def transpose(x: Any, dim0: int, dim1: int) -> Any:
    """x with two axes exchanged: a view."""
    a, b = axis("transpose", x.ndim, dim0), axis("transpose", x.ndim, dim1)
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return permute_(x, dims=tuple(order))


def expand(x: Any, *sizes: Any) -> Any:
    """x broadcast to a shape, where -1 keeps an axis as it is: a view that cannot be written to."""
    wanted = shape_of(sizes)
    lead = len(wanted) - x.ndim
    shape = tuple([x.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(wanted)])
    fits = all(n in (1, shape[lead + i]) for i, n in enumerate(x.shape)) if lead >= 0 else False
    if not fits or any(n < 0 for n in shape):
        raise ValueError(f"expand: {list(x.shape)} cannot be expanded to {list(wanted)}")
    return expand_op(x, shape=shape)


def squeeze(x: Any, dim: int | None = None) -> Any:
    """x without its axes of size 1, or without that one if it is of size 1."""
    dropped = {i for i, n in enumerate(x.shape) if n == 1}
    if dim is not None:
        dropped &= {axis("squeeze", max(x.ndim, 1), dim)}
    return reshape_(x, shape=tuple([n for i, n in enumerate(x.shape) if i not in dropped]))


def unsqueeze(x: Any, dim: int) -> Any:
    """x with a new axis of size 1 before `dim`."""
    at = axis("unsqueeze", x.ndim + 1, dim)
    return reshape_(x, shape=(*x.shape[:at], 1, *x.shape[at:]))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """x with the axes from start_dim to end_dim made into one."""
    if x.ndim == 0:
        return reshape_(x, shape=(1,))
    first, last = axis("flatten", x.ndim, start_dim), axis("flatten", x.ndim, end_dim)
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    joined = math.prod(x.shape[first : last + 1])
    return reshape_(x, shape=(*x.shape[:first], joined, *x.shape[last + 1 :]))


@op
def flip_(xp: Any, x: Any, *, dims: Any) -> Any:
    return xp.flip(x, dims)


flip_.gradient("x")(lambda g, dims: flip_(g, dims=dims))


def flip(x: Any, *dims: Any) -> Any:
    """x with the order of the elements along `dims` reversed."""
    return flip_(x, dims=tuple([axis("flip", x.ndim, d) for d in shape_of(dims)]))


# ---- joining and cutting -------------------------------------------------------------------------


@op
def concat_(xp: Any, *xs: Any, dim: int, sizes: Any) -> Any:
    return xp.concatenate(xs, axis=dim)


@concat_.gradient("xs")
def _(g: Any, dim: int, sizes: Any) -> Any:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [_cut(g, dim, end - n, end) for end, n in zip(ends, sizes, strict=True)]


def _check_listed(name: str, tensors: Any) -> None:
    if not isinstance(tensors, list | tuple) or not tensors:
        raise TypeError(f"{name}: needs a list of one tensor or more, got {tensors!r:.60}")
    need_arrays(name, *tensors)


def concat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors joined along an axis that exists."""
    _check_listed("concat", tensors)
    d = axis("concat", tensors[0].ndim, dim)
    rest = {(*x.shape[:d], *x.shape[d + 1 :]) for x in tensors}
    if len(rest) > 1 or len({x.ndim for x in tensors}) > 1:
        raise ValueError(
            f"concat: shapes {[list(x.shape) for x in tensors]} differ in more than dim {dim}"
        )
    return concat_(*tensors, dim=d, sizes=tuple([x.shape[d] for x in tensors]))


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape joined along a new axis."""
    _check_listed("stack", tensors)
    if len({tuple(x.shape) for x in tensors}) > 1:
        raise ValueError(f"stack: shapes {[list(x.shape) for x in tensors]} differ")
    d = axis("stack", tensors[0].ndim + 1, dim)
    return concat([unsqueeze(x, d) for x in tensors], d)


def split(x: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
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


def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """x cut along an axis into at most that many pieces of one size (the last may be smaller):
    views."""
    if chunks <= 0:
        raise ValueError(f"chunk: needs a positive number of chunks, got {chunks}")
    n = x.shape[axis("chunk", x.ndim, dim)]
    return split(x, max(-(-n // chunks), 1), dim)


def _cut(x: Any, dim: int, start: int, end: int) -> Any:
    return index_(x, key=(*[slice(None)] * dim, slice(start, end)))


@op
def pad_(xp: Any, x: Any, *, widths: Any, value: float) -> Any:
    return xp.pad(x, widths, mode="constant", constant_values=value)


@pad_.gradient("x")
def _(g: Any, x_shape: Any, widths: Any) -> Any:
    return index_(
        g, key=tuple([slice(a, a + n) for (a, _), n in zip(widths, x_shape, strict=True)])
    )


def pad(x: Any, pad: Sequence[int], value: float = 0.0) -> Any:
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
        x = index_(
            x,
            key=tuple(
                [slice(max(-a, 0), n + min(b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True)]
            ),
        )
        pairs = [(max(a, 0), max(b, 0)) for a, b in pairs]
    return pad_(x, widths=tuple(pairs), value=value)


# ---- indexing ------------------------------------------------------------------------------------


@op
def index_(xp: Any, x: Any, *, key: Any) -> Any:
    return x[key]


@index_.gradient("x")
def _(g: Any, x_shape: Any, key: Any) -> Any:
    return scatter_(g, shape=x_shape, key=key)


@op
def scatter_(xp: Any, g: Any, *, shape: Any, key: Any) -> Any:
    """Zeros of `shape` with `g` added at x[key]: the adjoint of indexing."""
    out = xp.zeros(shape, g.dtype)
    if _is_basic(key):
        out[key] = g
    else:
        device_of(out).add_at(out, key, g)
    return out


@scatter_.gradient("g")
def _(g: Any, key: Any) -> Any:
    return index_(g, key=key)


def _is_basic(key: Any) -> bool:
    """Whether the key names no element twice: slices, ints, None and ... only."""
    return all(k is None or k is Ellipsis or isinstance(k, slice | int) for k in key)


def index(x: Any, key: Any) -> Any:
    """x[key]: ints, slices, ..., None, masks and index arrays (lists, arrays or tensors), as in
    NumPy."""
    return index_(x, key=plain_key(key, device_of(x.data if isinstance(x, Variable) else x)))


def plain_key(key: Any, place: Device) -> tuple[Any, ...]:
    """A key made of Python's own objects and of arrays on `place` that nobody else will change."""
    return tuple([_plain_part(k, place) for k in (key if isinstance(key, tuple) else (key,))])


def _plain_part(k: Any, place: Device) -> Any:
    if isinstance(k, Variable):
        return place.asarray(k.data.copy())
    if isinstance(k, int | np.integer) and not isinstance(k, bool):
        return int(k)
    if isinstance(k, float):
        raise IndexError(f"index: a float ({k}) cannot be an index")
    if k is None or k is Ellipsis or isinstance(k, slice):
        return k
    if isinstance(k, list | tuple):
        k = np.asarray(k, None if len(k) else np.intp)
    return place.asarray(k.copy() if hasattr(k, "copy") else k)


def gather(x: Any, dim: int, index: Any) -> Any:
    """x's elements at places `index` along `dim`: out[i][j] = x[index[i][j]][j] for dim 0."""
    d = axis("gather", x.ndim, dim)
    places = index.data if isinstance(index, Variable) else index
    if places.ndim != x.ndim:
        raise ValueError(f"gather: index has {places.ndim} dimensions, x has {x.ndim}")
    xp = xp_of(places)
    key = [xp.arange(n).reshape(-1, *[1] * (x.ndim - 1 - i)) for i, n in enumerate(places.shape)]
    key[d] = places
    return index_(x, key=tuple(key))


# ---- copies and moves ----------------------------------------------------------------------------


@op
def clone(xp: Any, x: Any, *, order: str = "K") -> Any:
    """A copy, in the same memory order unless told otherwise."""
    return x.copy(order=order)


clone.gradient("x")(lambda g: g)


@op
def move_to(xp: Any, x: Any, *, device: Device) -> Any:
    """A copy on another device."""
    here = device_of(x)
    return in_memory_order(lambda array: device.asarray(here.to_numpy(array)), (x,))


@move_to.gradient("x")
def _(g: Any, x_device: Any) -> Any:
    return move_to(g, device=x_device)
