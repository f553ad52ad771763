"""What were classes in PyTorch's first years: FloatTensor & co."""

from typing import Any

from .backend import Device
from .creation import empty, tensor
from .dtypes import TENSOR_TYPES
from .tensor import Tensor

__all__ = [
    "BoolTensor", "ByteTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "TensorType",
]  # fmt: skip


class TensorType:
    """FloatTensor(2, 3) is a tensor that is not filled, FloatTensor([1, 2]) one of these elements,
    and x.type(FloatTensor) is x in that dtype, on that device."""

    def __init__(self, name: str, device: str | Device = "cpu") -> None:
        self.name, self.dtype, self.device = name, TENSOR_TYPES[name], device

    def __call__(self, *args: Any) -> Tensor:
        if len(args) == 1 and not isinstance(args[0], int):
            return tensor(args[0], dtype=self.dtype, device=self.device)
        return empty(*args or (0,), dtype=self.dtype, device=self.device)

    def __repr__(self) -> str:
        return f"<minigrad.{self.name}>"


HalfTensor, FloatTensor = TensorType("HalfTensor"), TensorType("FloatTensor")
DoubleTensor, ByteTensor = TensorType("DoubleTensor"), TensorType("ByteTensor")
IntTensor, LongTensor = TensorType("IntTensor"), TensorType("LongTensor")
BoolTensor = TensorType("BoolTensor")
