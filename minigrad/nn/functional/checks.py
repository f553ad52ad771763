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


def in_place(name: str, x: Tensor, out: Tensor, inplace: bool) -> Tensor:
    """`out`; where it is meant in place, x itself, which has become it.

    What is on the tape gets the result's memory and node, so that gradients stay right without a
    copy; a tensor that is not is written to. RuntimeError for a leaf that requires a gradient.
    """
    if not inplace:
        return out
    check_tensor(name, "input", x)
    if x.is_leaf and out.requires_grad:
        raise RuntimeError(
            f"{name}: a leaf that requires a gradient cannot be changed in place; leave "
            "inplace=True out"
        )
    if out.requires_grad:
        x.array, x.node = out.array, out.node
        return x
    return x.copy_(out)


def check_one_dtype(name: str, input: Tensor, **others: Tensor | None) -> None:
    """TypeError unless all are of the dtype of the input."""
    for what, x in others.items():
        if x is not None and x.dtype != input.dtype:
            raise TypeError(
                f"{name}: input is {input.dtype} and {what} {x.dtype}; use .to(dtype) on one of "
                "them"
            )
