"""Layer, group and instance normalization are one op: they differ in the axes it goes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..op import op
from .elementwise import multiply, subtract
from .reduce import mean, var

if TYPE_CHECKING:
    from ..tensor import Tensor


@op(keeps="rstd")
def _normalize(xp, x, *, dim, eps):
    # By ops, which keep the order in memory on every device, as an array's own operators do not.
    centre = subtract(x, _mean(x, dim))
    rstd = (_mean(multiply(centre, centre), dim) + eps) ** -0.5
    return multiply(centre, rstd), rstd


@_normalize.gradient("x")
def _(g, x, out, dim, eps):
    rstd = (var(x, dim, keepdim=True, correction=0) + eps) ** -0.5
    return (g - mean(g, dim, True) - out * mean(g * out, dim, True)) * rstd


@_normalize.fused("x")
def _(g, out, rstd, dim):
    along = multiply(out, _mean(multiply(g, out), dim))
    return multiply(subtract(subtract(g, _mean(g, dim)), along), rstd)


def _mean(x, dim):
    """The mean over `dim`.

    NOTE: of groups of channels, which lie last in memory, over the pixels first: for 64 x 32 x 28 x
    28 in 4 groups 1.2 ms, and 6.5 in one go.
    """
    if x.ndim < 5:
        return mean(x, dim, True)
    return mean(mean(x, dim[1:], True), dim[:1], True)


def normalize(x: Tensor, dim: tuple[int, ...], eps: float) -> Tensor:
    """x minus its mean over the axes `dim`, over the root of its biased variance plus eps."""
    return _normalize(x, dim=dim, eps=eps)[0]
