"""What a state dict does to the tensors of a module, and how they move.

All of it happens in place, so that an optimizer that holds the tensors goes on.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..backend import Device, DType
from ..backend import device as find_device
from ..creation import DTypeLike, Place, as_tensor
from ..tape import Leaf, mutated
from ..tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """What load_state_dict(strict=False) could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        """As PyTorch says it."""
        missing, unexpected = self
        if not missing and not unexpected:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={missing}, unexpected_keys={unexpected})"


def load(
    tensors: Mapping[str, Tensor], values: Mapping[str, Any], strict: bool, owner: str
) -> IncompatibleKeys:
    """Copy the values into the tensors of the same names, in place.

    RuntimeError lists every name that is missing or unexpected (if strict) and every value of
    another shape, or of integers for floats; then nothing has been changed.
    """
    keys = IncompatibleKeys(
        [name for name in tensors if name not in values],
        [name for name in values if name not in tensors],
    )
    faults = [f"missing: {name}" for name in keys.missing_keys if strict]
    faults += [f"unexpected: {name}" for name in keys.unexpected_keys if strict]
    fitting = {name: tensor for name, tensor in tensors.items() if name in values}
    for name, tensor in fitting.items():
        faults += _misfit(name, tensor, values[name])
    if faults:
        raise RuntimeError(
            f"load_state_dict: {len(faults)} entries do not fit {owner}:\n  " + "\n  ".join(faults)
        )
    for name, tensor in fitting.items():
        tensor.array[...] = as_tensor(values[name], device=tensor.device).array
        mutated(tensor.array)
    return keys


def _misfit(name: str, tensor: Tensor, value: Any) -> list[str]:
    """What is wrong with `value` as the new contents of `tensor`, if anything."""
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return [f"{name}: expected a tensor or an array, got {type(value).__name__}"]
    both_float = value.dtype.kind == tensor.dtype.kind == "f"
    if tuple(value.shape) == tensor.shape and (both_float or value.dtype == tensor.dtype):
        return []
    return [
        f"{name}: {value.dtype}{list(value.shape)} does not fit {tensor.dtype}{list(tensor.shape)}"
    ]


def destination(
    owner: str, args: tuple[Device | DTypeLike, ...], device: Place, dtype: DTypeLike
) -> tuple[Device | None, DType | None]:
    """The device and the dtype that `to` was given; TypeError for a dtype that is not floating."""
    for arg in args:
        if isinstance(arg, Device) or (isinstance(arg, str) and arg.startswith(("cpu", "cuda"))):
            device = arg
        else:
            dtype = arg
    kind = None if dtype is None else np.dtype(dtype)
    if kind is not None and kind.kind != "f":
        raise TypeError(f"{owner}.to: needs a floating dtype, got {kind}")
    return None if device is None else find_device(device), kind


def move(tensor: Tensor, device: Device | None, dtype: DType | None) -> None:
    """Move a leaf and its gradient, keeping the objects."""
    kind = dtype if tensor.dtype.kind == "f" else None
    tensor.array = tensor.detach().to(device=device, dtype=kind).array
    node = tensor.node or getattr(tensor, "_frozen", None)  # a frozen one may learn again
    if isinstance(node, Leaf):
        node.dtype = tensor.dtype
        if node.grad is not None:
            move(node.grad, device, dtype)
