"""Matrix products."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..backend import device_of
from ..broadcasting import sum_to
from ..op import op
from .checks import need_arrays, need_one_dtype
from .shape import reshape, transpose

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["bmm", "dot", "linear", "matmul", "mm", "mv", "outer"]


@op
def _matmul(xp, x, y):
    return device_of(x).matmul(x, y)


@_matmul.gradient("x")
def _(g, y, x_shape):
    return _fit(_matmul(g, transpose(y, -1, -2)), x_shape)


@_matmul.gradient("y")
def _(g, x, y_shape):
    return _fit(_matmul(transpose(x, -1, -2), g), y_shape)


def _fit(g, shape):
    return g if g.shape == shape else sum_to(g, shape=shape)


def matmul(x: Tensor, y: Tensor) -> Tensor:
    """The product of two matrices, of batches of them (which broadcast), or with vectors, as in
    NumPy."""
    need_arrays("matmul", x, y)
    if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: shapes {list(x.shape)} and {list(y.shape)} do not fit: the inner sizes differ"
        )
    need_one_dtype("matmul", x=x, y=y)
    if x.ndim == 2 and y.ndim == 2:
        return _matmul(x, y)
    a = reshape(x, (1, *x.shape)) if x.ndim == 1 else x
    b = reshape(y, (*y.shape, 1)) if y.ndim == 1 else y
    if b.ndim == 2:  # one matrix for the whole batch: one product, and one for its gradient
        out = reshape(
            _matmul(reshape(a, (math.prod(a.shape[:-1]), a.shape[-1])), b),
            (*a.shape[:-1], b.shape[-1]),
        )
    else:
        out = _matmul(a, b)
    shape = [
        *out.shape[:-2],
        *([out.shape[-2]] if x.ndim > 1 else []),
        *([out.shape[-1]] if y.ndim > 1 else []),
    ]
    return out if out.ndim == len(shape) else reshape(out, tuple(shape))


def mm(x: Tensor, y: Tensor) -> Tensor:
    """The product of two matrices."""
    return _of("mm", x, 2, y, 2)


def bmm(x: Tensor, y: Tensor) -> Tensor:
    """The products of a batch of matrices (B, M, K) with another (B, K, N)."""
    if hasattr(x, "shape") and hasattr(y, "shape") and x.shape[:1] != y.shape[:1]:
        raise ValueError(f"bmm: batches of {list(x.shape)} and {list(y.shape)} differ")
    return _of("bmm", x, 3, y, 3)


def mv(x: Tensor, y: Tensor) -> Tensor:
    """The product of a matrix with a vector."""
    return _of("mv", x, 2, y, 1)


def dot(x: Tensor, y: Tensor) -> Tensor:
    """The sum of the products of two vectors' elements."""
    return _of("dot", x, 1, y, 1)


def outer(x: Tensor, y: Tensor) -> Tensor:
    """The products of all elements of a vector with all of another."""
    need_arrays("outer", x, y)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"outer: needs vectors, got {list(x.shape)} and {list(y.shape)}")
    return reshape(x, (-1, 1)) * y


def _of(name: str, x: Tensor, x_ndim: int, y: Tensor, y_ndim: int) -> Tensor:
    """matmul, of so many axes only."""
    need_arrays(name, x, y)
    if (x.ndim, y.ndim) != (x_ndim, y_ndim):
        raise ValueError(
            f"{name}: needs {x_ndim} and {y_ndim} axes, got {list(x.shape)} and {list(y.shape)}"
        )
    return matmul(x, y)


@op
def _linear(xp, x, weight, bias):
    out = device_of(x).matmul(x, weight.T)
    if bias is not None:
        out += bias
    return out


_linear.gradient("x")(lambda g, weight: _matmul(g, weight))
_linear.gradient("weight")(lambda g, x: _matmul(transpose(g, 0, 1), x))
_linear.gradient("bias")(lambda g: sum_to(g, shape=g.shape[1:]))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias, for x of shape (..., in), weight (out, in), bias (out) or None."""
    need_arrays("linear", x, weight)
    if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x of shape {list(x.shape)} does not fit weight of shape "
            f"{list(weight.shape)}: "
            f"the last size of x must be {weight.shape[-1]}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(f"linear: bias has shape {list(bias.shape)}, expected [{weight.shape[0]}]")
    need_one_dtype("linear", x=x, weight=weight, bias=bias)
    if x.ndim == 2:
        return _linear(x, weight, bias)
    rows = reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
    return reshape(_linear(rows, weight, bias), (*x.shape[:-1], weight.shape[0]))
