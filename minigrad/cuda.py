"""What PyTorch has in `torch.cuda`: whether there is a GPU, and waiting for it. There is one."""

from typing import Any

from .backend import Device, device
from .legacy import TensorType
from .random import manual_seed as manual_seed
from .random import manual_seed as manual_seed_all

__all__ = [
    "BoolTensor", "ByteTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "current_device", "device_count", "empty_cache", "get_device_name",
    "is_available", "manual_seed", "manual_seed_all", "set_device", "synchronize",
]  # fmt: skip

HalfTensor, FloatTensor, DoubleTensor, ByteTensor, IntTensor, LongTensor, BoolTensor = (
    TensorType(f"{kind}Tensor", "cuda")
    for kind in ("Half", "Float", "Double", "Byte", "Int", "Long", "Bool")
)


def is_available() -> bool:
    """Whether `device("cuda")` can be used: a first call computes something there."""
    try:
        device("cuda")
    except RuntimeError:
        return False
    return True


def device_count() -> int:
    """1 where there is a GPU that can be used, else 0."""
    return int(is_available())


def current_device() -> int:
    """0, the number of the only GPU. RuntimeError where there is none."""
    device("cuda")
    return 0


def set_device(place: "int | str | Device") -> None:
    """Accepted for the only GPU; ValueError for another."""
    if place not in (0, "cuda", "cuda:0") and not isinstance(place, Device):
        raise ValueError(f"cuda.set_device: one GPU is used, number 0, got {place!r}")


def get_device_name(place: Any = None) -> str:
    """The name of the GPU. RuntimeError where there is none."""
    runtime = device("cuda").xp.cuda.runtime
    return str(runtime.getDeviceProperties(0)["name"].decode())


def synchronize(place: Any = None) -> None:
    """Wait until all that was queued is done. RuntimeError without a GPU."""
    device("cuda").xp.cuda.runtime.deviceSynchronize()


def empty_cache() -> None:
    """Give memory that no array uses back to the driver; nothing without a GPU."""
    if is_available():
        device("cuda").xp.get_default_memory_pool().free_all_blocks()
