"""The order of an array's axes in memory, kept through elementwise functions on every device."""

from collections.abc import Callable, Sequence
from typing import Any

from .base import Array


def in_memory_order(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """function(*operands), where it is elementwise, with a result that lies in memory as they do.

    NOTE: NumPy's ufuncs keep the order of their operands, CuPy's give C order whatever it was: a
    channels-last image would be turned around by each activation, and back by each convolution.
    So the function gets views whose axes are in the order of memory, and its result is turned back;
    neither copies anything.
    """
    order = _order(operands)
    if order is None:
        return function(*operands)
    out = function(*[_turned(x, order) for x in operands])
    back = sorted(range(len(order)), key=order.__getitem__)
    if isinstance(out, tuple):
        return tuple([part.transpose(back) for part in out])
    return out.transpose(back)


def _order(operands: Sequence[Any]) -> tuple[int, ...] | None:
    """The axes from the slowest to the fastest of the first operand that is not in C order."""
    ndim = max([getattr(x, "ndim", 0) for x in operands])
    for x in operands:
        if ndim < 2 or getattr(x, "ndim", 0) != ndim or x.flags.c_contiguous:
            continue
        strides = x.strides
        if 0 in strides:
            continue  # a broadcast view lies in no order
        order = tuple(sorted(range(ndim), key=lambda i: -strides[i]))
        if order != tuple(range(ndim)):
            return order
    return None


def _turned(x: Any, order: tuple[int, ...]) -> Array:
    """x with its axes, which are the last of `order`'s, in that order: a view."""
    if not getattr(x, "ndim", 0):
        return x
    return x.reshape((1,) * (len(order) - x.ndim) + x.shape).transpose(order)
