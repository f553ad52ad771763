"""Elements repeated, rolled, cut to a triangle; axes moved; tensors side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..op import op
from .checks import axis, need_arrays, shape_of
from .indexing import index
from .shape import broadcast_shapes, concat, expand, permute, reshape, transpose, unsqueeze

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "broadcast_to", "expand_as", "hstack", "meshgrid", "movedim", "repeat", "repeat_interleave",
    "roll", "swapaxes", "t", "tile", "tril", "triu", "view_as", "vstack",
]  # fmt: skip


def repeat(x: Tensor, *repeats: Any) -> Tensor:
    """x so many times along each axis: [4, 5] becomes [8, 15] by repeat(2, 3). More numbers than
    axes make new axes in front."""
    times = shape_of(repeats)
    lead = len(times) - x.ndim
    if lead < 0 or any(n < 0 for n in times):
        raise ValueError(f"repeat: {list(times)} are not numbers of times for {list(x.shape)}")
    shape = (*[1] * lead, *x.shape)
    apart = [n for size in shape for n in (1, size)]
    copies = [n for both in zip(times, shape, strict=True) for n in both]
    whole = tuple([n * size for n, size in zip(times, shape, strict=True)])
    return reshape(expand(reshape(x, tuple(apart)), tuple(copies)), whole)


def tile(x: Tensor, *dims: Any) -> Tensor:
    """As `repeat`, but fewer numbers than axes are for the last ones."""
    times = shape_of(dims)
    return repeat(x, (*[1] * (x.ndim - len(times)), *times))


def repeat_interleave(x: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each element, or each slice along `dim`, so many times in a row; each as often as a tensor
    `repeats` says, which waits for the device."""
    if dim is None:
        x, dim = reshape(x, (math.prod(x.shape),)), 0
    d = axis("repeat_interleave", x.ndim, dim)
    if hasattr(repeats, "ndim") and repeats.ndim:
        times = repeats.tolist()
        if len(times) not in (1, x.shape[d]) or any(n < 0 for n in times):
            raise ValueError(f"repeat_interleave: {times} do not fit {x.shape[d]} slices")
        times = times * x.shape[d] if len(times) == 1 else times
        places = [i for i, n in enumerate(times) for _ in range(n)]
        return index(x, (*[slice(None)] * d, places))
    if not isinstance(repeats, int) or repeats < 0:
        raise TypeError(f"repeat_interleave: repeats must be a number >= 0, got {repeats!r:.60}")
    copies = expand(unsqueeze(x, d + 1), (*x.shape[: d + 1], repeats, *x.shape[d + 1 :]))
    return reshape(copies, (*x.shape[:d], x.shape[d] * repeats, *x.shape[d + 1 :]))


@op
def _roll(xp, x, *, shifts, dims):
    return xp.roll(x, shifts, axis=dims)


@_roll.gradient("x")
def _(g, shifts, dims):
    back = -shifts if isinstance(shifts, int) else tuple([-n for n in shifts])
    return _roll(g, shifts=back, dims=dims)


def roll(x: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """x with its elements moved by `shifts` along `dims`, and in again at the other end; without
    dims in the order of the flattened tensor."""
    if dims is None:
        if not isinstance(shifts, int):
            raise TypeError(f"roll: without dims one shift, got {shifts!r}")
        return _roll(x, shifts=shifts, dims=None)
    by = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    over = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(by) != len(over):
        raise ValueError(f"roll: {len(by)} shifts for {len(over)} dims")
    return _roll(x, shifts=by, dims=tuple([axis("roll", x.ndim, d) for d in over]))


@op
def _tril(xp, x, *, diagonal):
    return xp.tril(x, diagonal)


@op
def _triu(xp, x, *, diagonal):
    return xp.triu(x, diagonal)


_tril.gradient("x")(lambda g, diagonal: _tril(g, diagonal=diagonal))
_triu.gradient("x")(lambda g, diagonal: _triu(g, diagonal=diagonal))


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    """The matrices of x (..., M, N) with zeros above a diagonal: the main one, or that so many
    places above it."""
    _need_matrices("tril", x)
    return _tril(x, diagonal=diagonal)


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    """The matrices of x (..., M, N) with zeros below a diagonal."""
    _need_matrices("triu", x)
    return _triu(x, diagonal=diagonal)


def _need_matrices(name: str, x: Any) -> None:
    need_arrays(name, x)
    if x.ndim < 2:
        raise ValueError(f"{name}: needs matrices, got shape {list(x.shape)}")


# ---- axes and shapes -----------------------------------------------------------------------------


def t(x: Tensor) -> Tensor:
    """A matrix transposed: a view. ValueError for more axes than two."""
    if x.ndim > 2:
        raise ValueError(f"t: needs at most 2 axes, got {list(x.shape)}; use transpose or permute")
    return transpose(x, 0, 1) if x.ndim == 2 else permute(x, tuple(range(x.ndim)))


swapaxes = transpose


def movedim(x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """x with some axes at other places, the others in their order: a view."""
    given = [(n,) if isinstance(n, int) else tuple(n) for n in (source, destination)]
    at, to = ([axis("movedim", x.ndim, d) for d in dims] for dims in given)
    if len(at) != len(to) or len({*at}) < len(at) or len({*to}) < len(to):
        raise ValueError(f"movedim: {source} and {destination} are not axes and their new places")
    moved = dict(zip(to, at, strict=True))
    others = iter([d for d in range(x.ndim) if d not in at])
    return permute(x, [moved[d] if d in moved else next(others) for d in range(x.ndim)])


def view_as(x: Tensor, other: Tensor) -> Tensor:
    """x in the shape of another tensor."""
    return reshape(x, other.shape)


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """x broadcast to the shape of another tensor."""
    return expand(x, other.shape)


def broadcast_to(x: Tensor, size: Any) -> Tensor:
    """x broadcast to a shape: a view that cannot be written to."""
    return expand(x, size)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """For vectors of lengths M, N, ... their values at every point of the grid (M, N, ...); with
    indexing "xy" (N, M, ...)."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    need_arrays("meshgrid", *given)
    if indexing not in ("ij", "xy"):
        raise ValueError(f'meshgrid: indexing is "ij" or "xy", got {indexing!r}')
    lines = [reshape(x, (-1, *[1] * (len(given) - 1 - i))) for i, x in enumerate(given)]
    shape = broadcast_shapes("meshgrid", *lines)
    grids = [expand(x, shape) for x in lines]
    if indexing == "xy" and len(grids) > 1:
        grids = [transpose(x, 0, 1) for x in grids]
    return tuple(grids)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors below each other; vectors are rows."""
    return concat([x if x.ndim > 1 else reshape(x, (1, -1)) for x in tensors], 0)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side; of vectors one vector."""
    lines = [x if x.ndim else reshape(x, (1,)) for x in tensors]
    return concat(lines, 0 if lines[0].ndim == 1 else 1)
