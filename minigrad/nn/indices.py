"""Checking integers that name classes or rows."""

from typing import Any

from ..backend import cpu, device_of


def check_indices(name: str, index: Any, count: int) -> None:
    """IndexError unless all of `index` is in 0 ... count - 1, TypeError unless it is integers.

    NOTE: on a GPU the values are not looked at, for the question would stop every step until the
    device has caught up.
    """
    array = index.data
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: needs integers as indices, got {array.dtype}")
    if device_of(array) is cpu and array.size and not (0 <= array.min() and array.max() < count):
        raise IndexError(
            f"{name}: indices must be in 0 ... {count - 1}, got {array.min()} ... {array.max()}"
        )
