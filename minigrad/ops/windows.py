"""Sums over the windows of an image, and choices from them: what pooling is made of.

A window has a tap for each place of the kernel. Both ops run through the taps, of which each is a
strided view of the whole image; so neither gathers windows, and there is no scatter.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

from ..backend import Pair
from ..op import not_differentiable, op


class Windows(NamedTuple):
    """Where the windows of an image (N, C, H, W) lie; there are `size` of them."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    size: Pair


def _taps(x: Any, how: Windows) -> Any:
    """For each tap its view of x: (N, OH, OW, C), channels last as images lie in memory."""
    last = x.transpose(0, 2, 3, 1)
    (sh, sw), (dh, dw), (oh, ow) = how.stride, how.dilation, how.size
    for i in range(how.kernel[0]):
        for j in range(how.kernel[1]):
            rows = slice(i * dh, i * dh + (oh - 1) * sh + 1, sh)
            yield last[:, rows, j * dw : j * dw + (ow - 1) * sw + 1 : sw]


@op
def _window_sum(xp, x, *, how, chosen=None):
    """The sum of each window, or the tap of it that `chosen` (N, OH, OW, C) names."""
    out: Any = None
    for tap, part in enumerate(_taps(x, how)):
        if chosen is not None:
            part = part * (chosen == tap)
        if out is None:
            out = part.copy()
        else:
            out += part
    return _first(out)


@op
def _window_spread(xp, g, *, how, shape, chosen=None):
    """Each number of g (N, C, OH, OW) added to all of its window, or to the chosen tap."""
    n, c, h, w = shape
    out = _first(xp.zeros((n, h, w, c), g.dtype))
    last = g.transpose(0, 2, 3, 1)
    apart = all(d * (k - 1) < s for k, s, d in zip(*how[:3], strict=True))  # windows share no pixel
    for tap, part in enumerate(_taps(out, how)):
        if apart and chosen is not None:
            xp.multiply(last, chosen == tap, out=part)
        else:
            part += last if chosen is None else last * (chosen == tap)
    return out


@_window_sum.gradient("x")
def _(g, x_shape, how, chosen):
    return _window_spread(g, how=how, shape=x_shape, chosen=chosen)


@_window_spread.gradient("g")
def _(g, how, chosen):
    return _window_sum(g, how=how, chosen=chosen)


@op
def _window_max(xp, x, *, how):
    """The largest of each window; of one with a NaN, that."""
    out: Any = None
    for part in _taps(x, how):
        out = part.copy() if out is None else xp.maximum(out, part, out=out)
    return _first(out)


@_window_max.gradient("x")
def _(g, x, out, x_shape, how):
    return _window_spread(g, how=how, shape=x_shape, chosen=largest(x, out, how))


@not_differentiable
def _largest(xp, x, out, *, how):
    """Which tap of each window is in `out`: the first of equals, or a NaN; (N, OH, OW, C)."""
    best = out.transpose(0, 2, 3, 1)
    taps = how.kernel[0] * how.kernel[1]
    places = xp.zeros(best.shape, "uint8" if taps < 256 else "int32")
    going = xp.ones(best.shape, "bool")  # where it has not been met
    for part in islice(_taps(x, how), taps - 1):
        going &= (part != best) & (part == part)
        places += going
    return places


def _first(x: Any) -> Any:
    """(N, H, W, C) as (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2)


def window_sum(x: Any, how: Windows) -> Any:
    """The sum of each window of x (N, C, H, W): (N, C, OH, OW)."""
    return _window_sum(x, how=how)


def window_max(x: Any, how: Windows) -> Any:
    """The largest of each window of x (N, C, H, W): (N, C, OH, OW)."""
    return _window_max(x, how=how)


def largest(x: Any, out: Any, how: Windows) -> Any:
    """Which tap of each window of x is in `out`, as an array (N, OH, OW, C)."""
    places = _largest(x, out, how=how)
    return getattr(places, "array", places)
