"""Rounding, and division with a remainder: flat between their steps, so their slope is 0 there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..broadcasting import elementwise
from ..op import Op
from .elementwise import divide

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "ceil", "div", "floor", "floor_divide", "fmod", "frac", "remainder", "round", "trunc",
]  # fmt: skip


@elementwise
def floor(xp, x):
    """The largest whole number that is not above x."""
    return xp.floor(x)


@elementwise
def ceil(xp, x):
    """The smallest whole number that is not below x."""
    return xp.ceil(x)


@elementwise
def trunc(xp, x):
    """x without what is behind the point."""
    return xp.trunc(x)


@elementwise
def _round(xp, x, *, decimals):
    return xp.around(x, decimals)


def _flat(op: Op[...]) -> None:
    op.gradient("x")(lambda g: g * 0)


_flat(floor)
_flat(ceil)
_flat(trunc)
_flat(_round)


def round(x: Tensor, *, decimals: int = 0) -> Tensor:
    """x rounded to so many decimals; a half goes to the even neighbour."""
    return _round(x, decimals=decimals)


def frac(x: Tensor) -> Tensor:
    """What is behind the point of x, with x's sign."""
    return x - trunc(x)


@elementwise
def floor_divide(xp, x, y):
    """floor(x / y)."""
    return xp.floor_divide(x, y)


floor_divide.gradient("x")(lambda g: g * 0)
floor_divide.gradient("y")(lambda g: g * 0)


@elementwise
def remainder(xp, x, y):
    """x - floor(x / y) y, which has the sign of y."""
    return xp.remainder(x, y)


remainder.gradient("x")(lambda g: g)
remainder.gradient("y")(lambda g, x, y: -g * floor_divide(x, y))


@elementwise
def fmod(xp, x, y):
    """x - trunc(x / y) y, which has the sign of x."""
    return xp.fmod(x, y)


fmod.gradient("x")(lambda g: g)
fmod.gradient("y")(lambda g, x, y: -g * trunc(x / y))


def div(x: Tensor | float, y: Tensor | float, *, rounding_mode: str | None = None) -> Tensor:
    """x / y; with rounding_mode "floor" or "trunc" a whole number."""
    if rounding_mode is None:
        return divide(x, y)
    if rounding_mode == "floor":
        return floor_divide(x, y)
    if rounding_mode != "trunc":
        raise ValueError(f'div: rounding_mode is None, "floor" or "trunc", got {rounding_mode!r}')
    if _is_float(x) or _is_float(y):
        return trunc(divide(x, y))
    return floor_divide(x - fmod(x, y), y)


def _is_float(x):
    return isinstance(x, float) or (hasattr(x, "dtype") and x.dtype.kind == "f")
