"""Activations. At a kink relu has the gradient 0, and leaky_relu its slope, as in PyTorch."""

from __future__ import annotations

import numpy as np

from ..backend import device_of, in_parts, log_of_rounded, quiet
from ..broadcasting import elementwise
from .choosing import where
from .elementwise import exp, minimum

__all__ = ["leaky_relu", "relu", "sigmoid", "softplus", "tanh"]


@elementwise
@in_parts
def tanh(xp, x):
    """The hyperbolic tangent of x."""
    return xp.tanh(x)


tanh.gradient("x")(in_parts(lambda g, out: g * (1 - out * out)))


@elementwise
@in_parts
@quiet
def sigmoid(xp, x):
    """1 / (1 + exp(-x)): accurate to the last digits on both sides, as tanh(x / 2) is not on the
    left."""
    limit = 709.0 if getattr(x, "dtype", np.float64) == np.float64 else 88.0  # exp(limit) is finite
    y = xp.exp(xp.negative(xp.maximum(x, -limit)))
    y += 1
    return xp.reciprocal(y)


sigmoid.gradient("x")(in_parts(lambda g, out: g * (out * (1 - out))))


def log1p_exp(xp, x):
    """log(1 + exp(x)) for x <= 0, accurate also where exp(x) is small."""
    e = xp.exp(x)
    return log_of_rounded(xp, e, e + 1)


@elementwise
@quiet
def softplus(xp, x):
    """log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)): exact where PyTorch switches to x above
    20."""
    y = log1p_exp(xp, -xp.abs(x))
    y += xp.maximum(x, 0)
    return y


softplus.gradient("x")(lambda g, x: g * sigmoid(x))


@elementwise
def relu(xp, x):
    """x where it is positive, else 0."""
    return xp.maximum(x, 0)


relu.gradient("x")(lambda g, out: g * (out > 0))
relu.fused("x")(lambda g, out: device_of(g).leaky(g, out, 0.0))


@elementwise
def leaky_relu(xp, x, *, negative_slope=0.01):
    """x where x > 0, else negative_slope * x."""
    if xp is not np:
        return device_of(x).leaky(x, x, negative_slope)
    y = x * negative_slope
    return xp.maximum(x, y) if negative_slope <= 1 else xp.minimum(x, y)


@leaky_relu.gradient("x")
def _(g, x, negative_slope):
    return where(x > 0, g, g * negative_slope)


leaky_relu.fused("x")(lambda g, x, negative_slope: device_of(g).leaky(g, x, negative_slope))


# ---- those that layers alone have ---------------------------------------------------------------


@elementwise
@quiet
def elu(xp, x, *, alpha):
    """x where x > 0, else alpha (exp(x) - 1)."""
    return xp.where(x > 0, x, xp.expm1(xp.minimum(x, 0)) * alpha)


@elu.gradient("x")
def _(g, x, alpha):
    return g * where(x > 0, 1, exp(minimum(x, 0)) * alpha)


@elementwise
def hardtanh(xp, x, *, min_val, max_val):
    """x kept from min_val to max_val."""
    return xp.minimum(xp.maximum(x, min_val), max_val)


@hardtanh.gradient("x")
def _(g, x, min_val, max_val):
    return where((x > min_val) & (x < max_val), g, 0)
