"""Functions of single elements; operands broadcast as in NumPy.

Where a function has a kink, the gradient there is PyTorch's choice: relu and abs 0, leaky_relu the
slope, clip 1 at its ends, maximum and minimum half for each operand of a tie.
"""

import math
from typing import Any

import numpy as np

from ..backend import log_of_rounded, quiet
from ..op import cast, elementwise, not_differentiable

# ---- arithmetic ----------------------------------------------------------------------------------


@elementwise
def add(xp: Any, x: Any, y: Any) -> Any:
    return xp.add(x, y)


add.gradient("x")(lambda g: g)
add.gradient("y")(lambda g: g)


@elementwise
def subtract(xp: Any, x: Any, y: Any) -> Any:
    return xp.subtract(x, y)


subtract.gradient("x")(lambda g: g)
subtract.gradient("y")(lambda g: -g)


@elementwise
def multiply(xp: Any, x: Any, y: Any) -> Any:
    return xp.multiply(x, y)


multiply.gradient("x")(lambda g, y: g * y)
multiply.gradient("y")(lambda g, x: g * x)


@elementwise
def divide(xp: Any, x: Any, y: Any) -> Any:
    return xp.true_divide(x, y)


divide.gradient("x")(lambda g, y: g / y)
divide.gradient("y")(lambda g, y, out: -g * out / y)


@elementwise
def negative(xp: Any, x: Any) -> Any:
    return xp.negative(x)


negative.gradient("x")(lambda g: -g)


@elementwise
def power_(xp: Any, x: Any, y: Any) -> Any:
    return x**y  # and not xp.power: the operator knows squares and square roots


@power_.gradient("x")
def _(g: Any, x: Any, y: Any) -> Any:
    if isinstance(y, int | float):
        return g * 0 if y == 0 else g * (y * x ** (y - 1))
    return g * where(y == 0, 0, y * x ** where(y == 0, 1, y - 1))


@power_.gradient("y")
def _(g: Any, x: Any, y: Any, out: Any) -> Any:
    if isinstance(x, int | float):
        return g * (out * (math.log(x) if x > 0 else 0.0 if x == 0 else math.nan))
    no_slope = (x == 0) & (y >= 0)
    return g * where(no_slope, 0, out * log(where(no_slope, 1, x)))


def power(x: Any, y: Any) -> Any:
    """x to the power y; the gradient for y is 0 where x is 0 and y is not negative."""
    return power_(_as_number(x), _as_number(y))


def _as_number(x: Any) -> Any:
    """x, with a tensor of bools as integers."""
    return cast(x, dtype=np.dtype(np.int64)) if getattr(x, "dtype", None) == np.bool_ else x


# ---- exponentials and roots ----------------------------------------------------------------------


@elementwise
def exp(xp: Any, x: Any) -> Any:
    return xp.exp(x)


exp.gradient("x")(lambda g, out: g * out)


@elementwise
def expm1(xp: Any, x: Any) -> Any:
    return xp.expm1(x)


expm1.gradient("x")(lambda g, out: g * (out + 1))


@elementwise
def log(xp: Any, x: Any) -> Any:
    return xp.log(x)


log.gradient("x")(lambda g, x: g / x)


@elementwise
def log1p(xp: Any, x: Any) -> Any:
    return xp.log1p(x)


log1p.gradient("x")(lambda g, x: g / (x + 1))


@elementwise
def sqrt(xp: Any, x: Any) -> Any:
    return xp.sqrt(x)


sqrt.gradient("x")(lambda g, out: g / (out * 2))


@elementwise
def abs_(xp: Any, x: Any) -> Any:
    return xp.abs(x)


@elementwise
def sign(xp: Any, x: Any) -> Any:
    return xp.sign(x)


sign.gradient("x")(lambda g: g * 0)
abs_.gradient("x")(lambda g, x: g * sign(x))


@elementwise
def sin(xp: Any, x: Any) -> Any:
    return xp.sin(x)


@elementwise
def cos(xp: Any, x: Any) -> Any:
    return xp.cos(x)


sin.gradient("x")(lambda g, x: g * cos(x))
cos.gradient("x")(lambda g, x: -g * sin(x))

# ---- activations ---------------------------------------------------------------------------------


@elementwise
def tanh(xp: Any, x: Any) -> Any:
    return xp.tanh(x)


tanh.gradient("x")(lambda g, out: g * (1 - out * out))


@elementwise
@quiet
def sigmoid(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)): accurate to the last digits on both sides, as tanh(x / 2) is not on the
    left."""
    limit = 709.0 if getattr(x, "dtype", np.float64) == np.float64 else 88.0  # exp(limit) is finite
    y = xp.exp(xp.negative(xp.maximum(x, -limit)))
    y += 1
    return xp.reciprocal(y)


sigmoid.gradient("x")(lambda g, out: g * (out * (1 - out)))


def log1p_exp(xp: Any, x: Any) -> Any:
    """log(1 + exp(x)) for x <= 0, accurate also where exp(x) is small."""
    e = xp.exp(x)
    return log_of_rounded(xp, e, e + 1)


@elementwise
@quiet
def softplus(xp: Any, x: Any) -> Any:
    """log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)): exact where PyTorch switches to x above
    20."""
    y = log1p_exp(xp, -xp.abs(x))
    y += xp.maximum(x, 0)
    return y


softplus.gradient("x")(lambda g, x: g * sigmoid(x))


@elementwise
def relu(xp: Any, x: Any) -> Any:
    return xp.maximum(x, 0)


relu.gradient("x")(lambda g, out: g * (out > 0))


@elementwise
def leaky_relu(xp: Any, x: Any, *, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else negative_slope * x."""
    y = x * negative_slope
    return xp.maximum(x, y) if negative_slope <= 1 else xp.minimum(x, y)


@not_differentiable
def _slope(xp: Any, x: Any, *, negative_slope: float) -> Any:
    """1 where x > 0, else negative_slope.

    NOTE: by arithmetic on the mask, since xp.where is eight times slower on a mask without runs.
    """
    positive = (x > 0).astype(x.dtype)
    if 0 <= negative_slope <= 1:
        return xp.maximum(positive, negative_slope)
    return positive * (1 - negative_slope) + negative_slope


@leaky_relu.gradient("x")
def _(g: Any, x: Any, negative_slope: float) -> Any:
    return g * _slope(x, negative_slope=negative_slope)


# ---- choices -------------------------------------------------------------------------------------


@elementwise
def maximum(xp: Any, x: Any, y: Any) -> Any:
    return xp.maximum(x, y)


@elementwise
def minimum(xp: Any, x: Any, y: Any) -> Any:
    return xp.minimum(x, y)


def _share(g: Any, wins: Any, ties: Any) -> Any:
    """g where an operand was chosen, half of it where both were equal."""
    return where(ties, g * 0.5, where(wins, g, 0))


maximum.gradient("x")(lambda g, x, y: _share(g, x > y, x == y))
maximum.gradient("y")(lambda g, x, y: _share(g, y > x, x == y))
minimum.gradient("x")(lambda g, x, y: _share(g, x < y, x == y))
minimum.gradient("y")(lambda g, x, y: _share(g, y < x, x == y))


@elementwise
def clip_(xp: Any, x: Any, *, min: Any, max: Any) -> Any:
    if min is not None:
        x = xp.maximum(x, min)
    if max is not None:
        x = xp.minimum(x, max)
    return x


@clip_.gradient("x")
def _(g: Any, x: Any, min: Any, max: Any) -> Any:
    inside = True if min is None else x >= min
    return where(inside if max is None else (x <= max) & inside, g, 0)


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """x kept between two bounds, numbers or tensors, either of which may be None.

    A bound gets the gradient of the elements that it replaces, and x that of the others.
    """
    if min is None and max is None:
        raise TypeError("clip: needs min, max or both")
    if not (hasattr(min, "shape") or hasattr(max, "shape")):
        return clip_(x, min=min, max=max)
    if min is not None:
        x = where(x < min, min, x)
    return x if max is None else where(x > max, max, x)


@elementwise
def select(xp: Any, x: Any, y: Any, condition: Any) -> Any:
    return xp.where(condition, x, y)


select.gradient("x")(lambda g, condition: where(condition, g, 0))
select.gradient("y")(lambda g, condition: where(condition, 0, g))


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where `condition` holds, else y; no gradient crosses the condition, or reaches what was not
    chosen."""
    return select(x, y, condition)
