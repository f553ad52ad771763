"""Rows of an image taken again or left out: what resizing is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..backend import device_of
from ..op import op

if TYPE_CHECKING:
    from ..tensor import Tensor

Tap = tuple[Sequence[int], Sequence[float]]


@op
def _take(xp, x, *, dim, places):
    rows, times = _last(x), len(places) // max(1, x.shape[dim])
    if places == tuple(i // times for i in range(times * x.shape[dim])):
        return _first(xp.repeat(rows, times, axis=dim - 1))  # no index has to go to the device
    return _first(xp.take(rows, xp.asarray(places), axis=dim - 1))


@op
def _put(xp, g, *, dim, places, n):
    """Each row of g added to that of n rows from which `_take` took it.

    NOTE: in rounds in which no row is met twice, so that nothing has to be added up in order; with
    regular steps these are views.
    """
    rows = _last(g)
    shape = list(rows.shape)
    shape[dim - 1] = n
    out = xp.zeros(shape, g.dtype)
    before = (slice(None),) * (dim - 1)
    for taken, wanted in _rounds(places):
        out[(*before, _steps(xp, wanted))] += rows[(*before, _steps(xp, taken))]
    return _first(out)


@op
def _blend(xp, x, *, dim, taps):
    """Sums of rows, each tap being (places, weights): the rows that it takes, and what of them."""
    rows, out = _last(x), None
    for places, weights in taps:
        part = xp.take(rows, xp.asarray(places), axis=dim - 1)
        part *= xp.asarray(weights, x.dtype).reshape(-1, *[1] * (x.ndim - dim))
        if out is None:
            out = part
        else:
            out += part
    return _first(out)


@op
def _unblend(xp, g, *, dim, taps, n):
    """The adjoint of _blend, as a product with its matrix: faster than scattering."""
    rows, columns = _last(g), xp.arange(g.shape[dim])
    matrix = xp.zeros((n, g.shape[dim]), g.dtype)
    for places, weights in taps:
        matrix[xp.asarray(places), columns] += xp.asarray(weights, g.dtype)
    shape = rows.shape
    flat = rows.reshape(math.prod(shape[: dim - 1]), g.shape[dim], -1)
    out = device_of(g).matmul(matrix, flat)
    return _first(out.reshape(*shape[: dim - 1], n, *shape[dim:]))


@_take.gradient("x")
def _(g, x_shape, dim, places):
    return _put(g, dim=dim, places=places, n=x_shape[dim])


@_put.gradient("g")
def _(g, dim, places):
    return _take(g, dim=dim, places=places)


@_blend.gradient("x")
def _(g, x_shape, dim, taps):
    return _unblend(g, dim=dim, taps=taps, n=x_shape[dim])


@_unblend.gradient("g")
def _(g, dim, taps):
    return _blend(g, dim=dim, taps=taps)


def _last(x: Any) -> Any:
    """(N, C, ...) with the channels last, as images lie in memory."""
    return x.transpose(0, *range(2, x.ndim), 1)


def _first(x: Any) -> Any:
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _rounds(places: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The numbers of `places`, and they themselves, in parts in which all are different."""
    met: dict[int, int] = {}
    rounds: list[tuple[list[int], list[int]]] = []
    for i, at in enumerate(places):
        turn = met[at] = met.get(at, -1) + 1
        if turn == len(rounds):
            rounds.append(([], []))
        rounds[turn][0].append(i)
        rounds[turn][1].append(at)
    return rounds


def _steps(xp: Any, places: list[int]) -> Any:
    """The places as a slice, if they go up in equal steps, or as an array."""
    step = places[1] - places[0] if len(places) > 1 else 1
    regular = step > 0 and places == list(range(places[0], places[-1] + 1, step))
    return slice(places[0], places[-1] + 1, step) if regular else xp.asarray(places)


def take(x: Tensor, dim: int, places: Sequence[int]) -> Tensor:
    """x (N, C, ...) at several places along an axis from 2 on."""
    return _take(x, dim=dim, places=tuple(places))


def blend(x: Tensor, dim: int, taps: Sequence[Tap]) -> Tensor:
    """The sum over taps (places, weights) of the rows of x (N, C, ...) at these places along an
    axis from 2 on, times these weights."""
    return _blend(x, dim=dim, taps=tuple([(tuple(at), tuple(how)) for at, how in taps]))
