"""Who owns an array's memory: the questions that the tape asks before it writes into one."""

import sys

import numpy as np

from .base import Array


def storage(array: Array) -> Array:
    """The array at the bottom of a chain of views: two arrays that share memory have the same
    one."""
    base = array.base
    while base is not None and isinstance(base, type(array)):
        array, base = base, base.base
    return array


def overlaps_itself(array: Array) -> bool:
    """Whether two elements may lie at one address, as after a broadcast: such an array is never
    written to."""
    return 0 in array.strides and array.size > 1


def exclusive(array: Array) -> bool:
    """Whether the caller's variable is the only way to reach this memory, so that it may keep or
    change it.

    NOTE: this asks CPython how many references there are, as PyTorch's AccumulateGrad does: it
    saves one copy of every weight gradient (1.3 MB of the 784-400-20 VAE's step), and no rule has
    to declare what it shares. A view is the only way to its memory if it is the only one that knows
    its base.
    """
    if sys.getrefcount(array) > _ONE_OUTSIDE or not getattr(array.flags, "writeable", True):
        return False
    base = array.base
    if base is None:
        return True
    if not isinstance(base, type(array)) or base.base is not None or overlaps_itself(array):
        return False
    return sys.getrefcount(base) <= _ONE_OUTSIDE


def _count(array: Array) -> int:
    return sys.getrefcount(array)


def _calibrate() -> int:
    """What getrefcount says inside a function whose argument is known to one variable outside of
    it."""
    array = np.empty(1)
    return _count(array)


_ONE_OUTSIDE = _calibrate()
