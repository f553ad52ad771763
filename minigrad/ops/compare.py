"""Comparisons: booleans, never on the tape."""

from typing import Any

from ..op import not_differentiable


@not_differentiable
def eq(xp: Any, x: Any, y: Any) -> Any:
    return xp.equal(x, y)


@not_differentiable
def ne(xp: Any, x: Any, y: Any) -> Any:
    return xp.not_equal(x, y)


@not_differentiable
def lt(xp: Any, x: Any, y: Any) -> Any:
    return xp.less(x, y)


@not_differentiable
def le(xp: Any, x: Any, y: Any) -> Any:
    return xp.less_equal(x, y)


@not_differentiable
def gt(xp: Any, x: Any, y: Any) -> Any:
    return xp.greater(x, y)


@not_differentiable
def ge(xp: Any, x: Any, y: Any) -> Any:
    return xp.greater_equal(x, y)


@not_differentiable
def bitwise_and(xp: Any, x: Any, y: Any) -> Any:
    return xp.bitwise_and(x, y)


@not_differentiable
def bitwise_or(xp: Any, x: Any, y: Any) -> Any:
    return xp.bitwise_or(x, y)


@not_differentiable
def bitwise_not(xp: Any, x: Any) -> Any:
    return xp.invert(x)


@not_differentiable
def isfinite(xp: Any, x: Any) -> Any:
    return xp.isfinite(x)


@not_differentiable
def isnan(xp: Any, x: Any) -> Any:
    return xp.isnan(x)


@not_differentiable
def any_(xp: Any, x: Any, *, dim: Any, keepdim: bool) -> Any:
    return xp.any(x, axis=dim, keepdims=keepdim)


@not_differentiable
def all_(xp: Any, x: Any, *, dim: Any, keepdim: bool) -> Any:
    return xp.all(x, axis=dim, keepdims=keepdim)


def any(x: Any, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Any:
    """Whether an element, or one along `dim`, is not zero."""
    return any_(x, dim=dim, keepdim=keepdim)


def all(x: Any, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Any:
    """Whether every element, or every one along `dim`, is not zero."""
    return all_(x, dim=dim, keepdim=keepdim)
