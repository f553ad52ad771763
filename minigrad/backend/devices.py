"""Finding a device by its name or by an array that lives on it."""

from typing import Any

import numpy as np

from .base import Array, Device
from .cpu import CPU

cpu = CPU()
_by_array_type: dict[type, Device] = {np.ndarray: cpu}
elsewhere: dict[type, Device] = {}  # the same without the CPU


def device(name: "str | Device" = "cpu") -> Device:
    """The device of that name ("cpu" or "cuda"). RuntimeError says why where it cannot be used."""
    if isinstance(name, Device):
        return name
    known = name if isinstance(name, str) else None  # a tensor has an == of its own
    if known == "cpu":
        return cpu
    if known in ("cuda", "cuda:0"):
        from .probe import cuda  # CuPy is imported only when a cuda device is asked for

        found: Device = cuda()
        know(found)
        return found
    raise ValueError(f"device: unknown name {name!r}; expected 'cpu' or 'cuda'")


def know(place: Device) -> None:
    """From now on arrays of a device's type are known to be there."""
    _by_array_type[place.xp.ndarray] = elsewhere[place.xp.ndarray] = place


def device_of(array: Array) -> Device:
    """The device that an array lives on; Python and NumPy scalars count as the CPU's."""
    found = _by_array_type.get(type(array))
    if found is not None:
        return found
    # An array of CuPy's own, before anybody has asked for the GPU.
    return device("cuda") if type(array).__module__ == "cupy" else cpu


def xp_of(*operands: Any) -> Any:
    """The array module (numpy or cupy) of the first device array among the operands."""
    for x in operands:
        if type(x) in elsewhere:
            return elsewhere[type(x)].xp
    return np


def on_same_device(*operands: Any) -> bool:
    """Whether all arrays among the operands live on one device."""
    return len({d for d in (_by_array_type.get(type(x)) for x in operands) if d is not None}) <= 1
