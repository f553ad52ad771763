"""Functions of single elements; operands broadcast as in NumPy.

Where a function has a kink, the gradient there is PyTorch's choice: abs 0, clip 1 at its ends,
maximum and minimum half for each operand of a tie.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..broadcasting import arithmetic, cast, elementwise

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "abs", "add", "clamp", "clip", "cos", "divide", "exp", "expm1", "log", "log1p", "maximum",
    "minimum", "mul", "multiply", "neg", "negative", "pow", "power", "sign", "sin", "sqrt",
    "square", "sub", "subtract",
]  # fmt: skip

# ---- arithmetic ----------------------------------------------------------------------------------


@arithmetic
def _add(xp, x, y):
    return xp.add(x, y)


_add.gradient("x")(lambda g: g)
_add.gradient("y")(lambda g: g)


@arithmetic
def _subtract(xp, x, y):
    return xp.subtract(x, y)


_subtract.gradient("x")(lambda g: g)
_subtract.gradient("y")(lambda g: -g)


def add(x: Tensor | float, y: Tensor | float, *, alpha: float = 1) -> Tensor:
    """x + alpha y."""
    return _add(x, y if alpha == 1 else multiply(y, alpha))


def subtract(x: Tensor | float, y: Tensor | float, *, alpha: float = 1) -> Tensor:
    """x - alpha y."""
    return _subtract(x, y if alpha == 1 else multiply(y, alpha))


@arithmetic
def multiply(xp, x, y):
    """x y."""
    return xp.multiply(x, y)


multiply.gradient("x")(lambda g, y: g * y)
multiply.gradient("y")(lambda g, x: g * x)


@arithmetic
def divide(xp, x, y):
    """x / y."""
    return xp.true_divide(x, y)


divide.gradient("x")(lambda g, y: g / y)
divide.gradient("y")(lambda g, y, out: -g * out / y)


@elementwise
def negative(xp, x):
    """-x."""
    return xp.negative(x)


negative.gradient("x")(lambda g: -g)


@elementwise
def _power(xp, x, y):
    return x**y  # and not xp.power: the operator knows squares and square roots


@_power.gradient("x")
def _(g, x, y):
    if isinstance(y, int | float):
        return g * 0 if y == 0 else g * (y * x ** (y - 1))
    return g * where(y == 0, 0, y * x ** where(y == 0, 1, y - 1))


@_power.gradient("y")
def _(g, x, y, out):
    if isinstance(x, int | float) and x != 0:
        return g * (out * (math.log(x) if x > 0 else math.nan))
    no_slope = (x == 0) & (y >= 0)
    if isinstance(x, int | float):
        return g * where(no_slope, 0, -math.inf)
    return g * where(no_slope, 0, out * log(where(no_slope, 1, x)))


def power(x: Tensor | float, y: Tensor | float) -> Tensor:
    """x to the power y; the gradient for y is 0 where x is 0 and y is not negative. ValueError for
    integers to a negative integer."""
    if type(y) is int and y < 0 and getattr(x, "dtype", np.dtype(float)).kind in "iub":
        # NOTE: CuPy computes something, without a word.
        raise ValueError("power: Integers to negative integer powers are not allowed.")
    return _power(_as_number(x), _as_number(y))


def _as_number(x):
    """x, with a tensor of bools as integers."""
    return cast(x, dtype=np.dtype(np.int64)) if getattr(x, "dtype", None) == np.bool_ else x


def square(x: Tensor) -> Tensor:
    """x squared."""
    x = _as_number(x)
    return multiply(x, x)


# PyTorch's other names for the same functions.
sub, mul, neg, pow = subtract, multiply, negative, power

# ---- exponentials and roots ----------------------------------------------------------------------


@elementwise
def exp(xp, x):
    """e to the power x."""
    return xp.exp(x)


exp.gradient("x")(lambda g, out: g * out)


@elementwise
def expm1(xp, x):
    """exp(x) - 1, accurate near 0."""
    return xp.expm1(x)


expm1.gradient("x")(lambda g, out: g * (out + 1))


@elementwise
def log(xp, x):
    """The natural logarithm of x."""
    return xp.log(x)


log.gradient("x")(lambda g, x: g / x)


@elementwise
def log1p(xp, x):
    """log(1 + x), accurate near 0."""
    return xp.log1p(x)


log1p.gradient("x")(lambda g, x: g / (x + 1))


@elementwise
def sqrt(xp, x):
    """The square root of x."""
    return xp.sqrt(x)


sqrt.gradient("x")(lambda g, out: g / (out * 2))


@elementwise
def abs(xp, x):
    """The absolute value of x; its gradient at 0 is 0."""
    return xp.abs(x)


@elementwise
def sign(xp, x):
    """-1, 0 or 1, as x is below, at or above 0."""
    return xp.sign(x)


sign.gradient("x")(lambda g: g * 0)
abs.gradient("x")(lambda g, x: g * sign(x))


@elementwise
def sin(xp, x):
    """The sine of x, which is in radians."""
    return xp.sin(x)


@elementwise
def cos(xp, x):
    """The cosine of x, which is in radians."""
    return xp.cos(x)


sin.gradient("x")(lambda g, x: g * cos(x))
cos.gradient("x")(lambda g, x: -g * sin(x))

# ---- choices -------------------------------------------------------------------------------------


@elementwise
def maximum(xp, x, y):
    """The larger of x and y; each gets half of the gradient where they are equal."""
    return xp.maximum(x, y)


@elementwise
def minimum(xp, x, y):
    """The smaller of x and y; each gets half of the gradient where they are equal."""
    return xp.minimum(x, y)


def _share(g, wins, ties):
    """g where an operand was chosen, half of it where both were equal."""
    return where(ties, g * 0.5, where(wins, g, 0))


maximum.gradient("x")(lambda g, x, y: _share(g, x > y, x == y))
maximum.gradient("y")(lambda g, x, y: _share(g, y > x, x == y))
minimum.gradient("x")(lambda g, x, y: _share(g, x < y, x == y))
minimum.gradient("y")(lambda g, x, y: _share(g, y < x, x == y))


@elementwise
def _clip(xp, x, *, min, max):
    if min is not None:
        x = xp.maximum(x, min)
    if max is not None:
        x = xp.minimum(x, max)
    return x


@_clip.gradient("x")
def _(g, x, min, max):
    inside = True if min is None else x >= min
    return where(inside if max is None else (x <= max) & inside, g, 0)


def clip(x: Tensor, min: Tensor | float | None = None, max: Tensor | float | None = None) -> Tensor:
    """x kept between two bounds, numbers or tensors, either of which may be None.

    A bound gets the gradient of the elements that it replaces, and x that of the others.
    """
    if min is None and max is None:
        raise TypeError("clip: needs min, max or both")
    if not (hasattr(min, "shape") or hasattr(max, "shape")):
        return _clip(x, min=min, max=max)
    if min is not None:
        x = where(x < min, min, x)
    return x if max is None else where(x > max, max, x)


clamp = clip


@elementwise
def select(xp, x, y, condition):
    return xp.where(condition, x, y)


select.gradient("x")(lambda g, condition: where(condition, g, 0))
select.gradient("y")(lambda g, condition: where(condition, 0, g))


def where(condition: Tensor | bool, x: Tensor | float, y: Tensor | float) -> Tensor:
    """x where `condition` holds, else y; no gradient crosses the condition, or reaches what was not
    chosen. Of two numbers the result is float32, int64 or bool."""
    chosen = select(x, y, condition)
    if {type(x), type(y)} <= {int, float, bool} and chosen.dtype.kind == "f":
        return cast(chosen, dtype=np.dtype(np.float32))
    return chosen
