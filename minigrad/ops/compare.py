"""Comparisons: booleans, never on the tape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..op import not_differentiable
from .checks import Dim, reduction

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "all", "allclose", "any", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq",
    "equal", "ge", "gt", "isclose", "isfinite", "isinf", "isnan", "le", "logical_and",
    "logical_not", "logical_or", "logical_xor", "lt", "ne",
]  # fmt: skip


@not_differentiable
def eq(xp, x, y):
    """Where x == y."""
    return xp.equal(x, y)


@not_differentiable
def ne(xp, x, y):
    """Where x != y."""
    return xp.not_equal(x, y)


@not_differentiable
def lt(xp, x, y):
    """Where x < y."""
    return xp.less(x, y)


@not_differentiable
def le(xp, x, y):
    """Where x <= y."""
    return xp.less_equal(x, y)


@not_differentiable
def gt(xp, x, y):
    """Where x > y."""
    return xp.greater(x, y)


@not_differentiable
def ge(xp, x, y):
    """Where x >= y."""
    return xp.greater_equal(x, y)


@not_differentiable
def bitwise_and(xp, x, y):
    """x & y, bit by bit, of integers or bools."""
    return xp.bitwise_and(x, y)


@not_differentiable
def bitwise_or(xp, x, y):
    """x | y, bit by bit, of integers or bools."""
    return xp.bitwise_or(x, y)


@not_differentiable
def bitwise_not(xp, x):
    """~x, bit by bit, of integers or bools."""
    return xp.invert(x)


@not_differentiable
def bitwise_xor(xp, x, y):
    """x ^ y, bit by bit, of integers or bools."""
    return xp.bitwise_xor(x, y)


NO_NONE = "needs two operands; None is neither true nor false"  # as NumPy thinks it is


@not_differentiable
def logical_and(xp, x, y):
    """Where neither x nor y is 0."""
    if x is None or y is None:
        raise TypeError(NO_NONE)
    return xp.logical_and(x, y)


@not_differentiable
def logical_or(xp, x, y):
    """Where x or y is not 0."""
    if x is None or y is None:
        raise TypeError(NO_NONE)
    return xp.logical_or(x, y)


@not_differentiable
def logical_xor(xp, x, y):
    """Where one of x and y is 0, and not the other."""
    if x is None or y is None:
        raise TypeError(NO_NONE)
    return xp.logical_xor(x, y)


@not_differentiable
def logical_not(xp, x):
    """Where x is 0."""
    return xp.logical_not(x)


@not_differentiable
def isinf(xp, x):
    """Where x is infinite."""
    return xp.isinf(x)


@not_differentiable
def isfinite(xp, x):
    """Where x is neither infinite nor NaN."""
    return xp.isfinite(x)


@not_differentiable
def isnan(xp, x):
    """Where x is NaN."""
    return xp.isnan(x)


@not_differentiable
def _any(xp, x, *, dim, keepdim):
    return xp.any(x, axis=dim, keepdims=keepdim)


@not_differentiable
def _all(xp, x, *, dim, keepdim):
    return xp.all(x, axis=dim, keepdims=keepdim)


def any(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """Whether an element, or one along `dim`, is not zero."""
    return _any(x, **reduction("any", x, dim, keepdim, numpy_spelling))


def all(x: Tensor, dim: Dim = None, keepdim: bool = False, **numpy_spelling: Any) -> Tensor:
    """Whether every element, or every one along `dim`, is not zero."""
    return _all(x, **reduction("all", x, dim, keepdim, numpy_spelling))


@not_differentiable
def _isclose(xp, x, y, *, rtol, atol, equal_nan):
    return xp.isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)


def isclose(
    x: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |x - other| <= atol + rtol |other|."""
    if rtol < 0 or atol < 0:
        raise ValueError(f"isclose: tolerances must be >= 0, got rtol={rtol} and atol={atol}")
    return _isclose(x, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(
    x: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether |x - other| <= atol + rtol |other| everywhere: a bool, which waits for the device."""
    return bool(all(isclose(x, other, rtol, atol, equal_nan)))


def equal(x: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements: a bool, which waits for the device."""
    return tuple(x.shape) == tuple(other.shape) and bool(all(eq(x, other)))
