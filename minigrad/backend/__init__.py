"""Where arrays live: one Device per kind, and the only code that says "numpy" or "cupy" for device
data."""

from .base import Array, Device, DType, Geometry, Pair, Shape, find_dtype
from .devices import cpu, device, device_of, elsewhere, on_same_device, xp_of
from .memory import is_new, overlaps_itself, storage
from .memory_layout import in_memory_order
from .numeric import log_of_rounded, quiet
from .parts import in_parts
from .threads import for_parts

__all__ = [
    "Array",
    "DType",
    "Device",
    "Geometry",
    "Pair",
    "Shape",
    "cpu",
    "device",
    "device_of",
    "elsewhere",
    "find_dtype",
    "for_parts",
    "in_memory_order",
    "in_parts",
    "is_new",
    "log_of_rounded",
    "on_same_device",
    "overlaps_itself",
    "quiet",
    "storage",
    "xp_of",
]
