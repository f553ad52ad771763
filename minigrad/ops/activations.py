"""Activations that are used by layers alone; those that tensors have are in elementwise.py."""

from __future__ import annotations

from ..backend import quiet
from ..broadcasting import elementwise
from .choosing import where
from .elementwise import exp, minimum


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
