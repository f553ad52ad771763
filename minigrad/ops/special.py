"""Functions of single elements that are rarer than those of elementwise.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..backend import quiet
from ..broadcasting import elementwise
from .elementwise import exp

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "addcdiv",
    "addcmul",
    "erf",
    "exp2",
    "lerp",
    "log2",
    "log10",
    "reciprocal",
    "rsqrt",
    "tan",
]  # fmt: skip


@elementwise
def reciprocal(xp, x):
    """1 / x."""
    return 1 / x  # and not xp.reciprocal, which is 0 for integers


reciprocal.gradient("x")(lambda g, out: -g * out * out)


@elementwise
def rsqrt(xp, x):
    """1 / sqrt(x)."""
    return 1 / xp.sqrt(x)


rsqrt.gradient("x")(lambda g, out: -0.5 * g * out * out * out)


@elementwise
def tan(xp, x):
    """The tangent of x, which is in radians."""
    return xp.tan(x)


tan.gradient("x")(lambda g, out: g * (1 + out * out))


@elementwise
def exp2(xp, x):
    """2 to the power x."""
    return xp.exp2(x)


exp2.gradient("x")(lambda g, out: g * out * math.log(2))


@elementwise
def log2(xp, x):
    """The logarithm of x to the base 2."""
    return xp.log2(x)


@elementwise
def log10(xp, x):
    """The logarithm of x to the base 10."""
    return xp.log10(x)


log2.gradient("x")(lambda g, x: g / (x * math.log(2)))
log10.gradient("x")(lambda g, x: g / (x * math.log(10)))


@elementwise
@quiet
def erf(xp, x):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Near 0 by its power series; elsewhere 1 - erfc(|x|), where erfc(x) = t exp(-x^2 + p(t)) with
    t = 2 / (2 + x) and a Chebyshev series p (Numerical Recipes, 3rd edition, 6.2.2).
    """
    x = xp.asarray(x, dtype=np.float32 if x.dtype.kind != "f" else x.dtype)
    a = xp.abs(x)
    t = 2 / (2 + a)
    enough = np.finfo(x.dtype).eps / 8  # terms below it change no digit
    terms = [c for c in _ERFC if abs(c) > enough]
    last, this = xp.zeros_like(a), xp.zeros_like(a)
    for c in terms[:0:-1]:  # Clenshaw's recurrence
        last, this = this, (4 * t - 2) * this - last + c
    far = 1 - t * xp.exp(-a * a + ((2 * t - 1) * this - last + 0.5 * terms[0]))
    small = xp.minimum(a, 0.5)
    near = xp.zeros_like(a)
    for n in range(12, -1, -1):
        near = near * (small * small) + (-1) ** n / (math.factorial(n) * (2 * n + 1))
    near *= small * (2 / math.sqrt(math.pi))
    return xp.copysign(xp.where(a < 0.5, near, far), x)


erf.gradient("x")(lambda g, x: g * (exp(-x * x) * (2 / math.sqrt(math.pi))))

_ERFC = (
    -1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2, -9.561514786808631e-3,
    -9.46595344482036e-4, 3.66839497852761e-4, 4.2523324806907e-5, -2.0278578112534e-5,
    -1.624290004647e-6, 1.303655835580e-6, 1.5626441722e-8, -8.5238095915e-8, 6.529054439e-9,
    5.059343495e-9, -9.91364156e-10, -2.27365122e-10, 9.6467911e-11, 2.394038e-12, -6.886027e-12,
    8.94487e-13, 3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15, -1.523e-15, -9.4e-17, 1.21e-16,
    -2.8e-17,
)  # fmt: skip


# ---- combinations that have a name ---------------------------------------------------------------


def lerp(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """From `input` to `end`, the part `weight` of the way."""
    return input + weight * (end - input)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return input + value * tensor1 * tensor2


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    return input + value * tensor1 / tensor2
