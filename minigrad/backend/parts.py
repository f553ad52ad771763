"""Functions of single elements on the CPU: large arrays go through them a part at a time."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from .base import Array, Shape
from .threads import for_parts

F = TypeVar("F", bound=Callable[..., Any])

_LARGE = 1 << 16  # numbers: fewer take less time than handing them over
_AT_ONCE = 4  # arrays that are in the cache: operands, the result, and what is made on the way


def in_parts(function: F) -> F:
    """Let large NumPy arrays go through a function of single elements a part at a time: what it
    makes on the way stays in the cache, and all cores compute.

    The arrays are the operands from the first on, or the second if the first is called `xp`. Other
    operands, and arrays that do not lie in memory as the first does, go through whole.
    """
    names = function.__code__.co_varnames
    first = 1 if names[0] == "xp" else 0

    @wraps(function)
    def by_parts(*operands: Any, **settings: Any) -> Any:
        x = operands[first]
        if type(x) is not np.ndarray or x.size < _LARGE:
            return function(*operands, **settings)
        order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
        if not all(_lies_so(y, x.shape, order) for y in operands if _is_array(y)):
            return function(*operands, **settings)
        flat = [y.transpose(order).reshape(-1) if _is_array(y) else y for y in operands]
        out = _all_parts(function, flat, settings).reshape([x.shape[i] for i in order])
        return out.transpose(sorted(range(x.ndim), key=order.__getitem__))

    return by_parts  # type: ignore[return-value]


def _all_parts(
    function: Callable[..., Any], operands: list[Any], settings: dict[str, Any]
) -> Array:
    def of(part: slice) -> Array:
        return function(*[y[part] if _is_array(y) else y for y in operands], **settings)

    size = max(y.size for y in operands if _is_array(y))
    out = np.empty(size, of(slice(1)).dtype)

    def work(part: slice) -> None:
        out[part] = of(part)

    for_parts(size, _AT_ONCE, work)
    return out


def _is_array(y: Any) -> bool:
    return type(y) is np.ndarray and y.ndim > 0


def _lies_so(y: Array, shape: Shape, order: list[int]) -> bool:
    return y.shape == shape and bool(y.transpose(order).flags.c_contiguous)
