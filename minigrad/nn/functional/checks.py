"""What functions ask of their arguments."""

from ...backend import cpu, device_of
from ...tensor import Tensor


def check_tensor(name: str, what: str, x: object) -> None:
    """TypeError unless x is a tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: {what} must be a tensor, got {type(x).__name__}")


def on_cpu(x: Tensor) -> bool:
    """Whether looking at values is free.

    On a GPU it would stop every step until the device has caught up, and so is not done.
    """
    return device_of(x.array) is cpu


def check_indices(name: str, index: Tensor, count: int) -> None:
    """TypeError unless index is a tensor of integers, IndexError unless all are below `count`.

    The values, which must not be negative either, are looked at on the CPU only.
    """
    check_tensor(name, "an index", index)
    array = index.array
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: needs integers as indices, got {array.dtype}")
    if on_cpu(index) and array.size and not (array.min() >= 0 and array.max() < count):
        raise IndexError(
            f"{name}: indices must be in 0 ... {count - 1}, got {array.min()} ... {array.max()}"
        )
