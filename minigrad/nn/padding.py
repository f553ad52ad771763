"""More around images (N, C, H, W) or (C, H, W): see functional.pad."""

from typing import ClassVar

from ..options import MOST, no_nan, whole_numbers
from ..tensor import Tensor
from . import functional as F
from .module import Module

Widths = int | tuple[int, int, int, int]


class _Pad2d(Module):
    """`padding` is (left, right, top, bottom), or one width for all."""

    mode: ClassVar = "constant"
    value: float | None = None

    def __init__(self, padding: Widths) -> None:
        self.padding = whole_numbers(type(self).__name__, "padding", padding, -MOST, 4)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(_Pad2d):
    """A value around each image. `padding` is (left, right, top, bottom), or one for all."""

    def __init__(self, padding: Widths, value: float) -> None:
        super().__init__(padding)
        no_nan("ConstantPad2d", "value", value)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad2d(_Pad2d):
    """Zeros around each image. `padding` is (left, right, top, bottom), or one for all."""


class ReflectionPad2d(_Pad2d):
    """The image mirrored at its edges, which are not repeated."""

    mode: ClassVar = "reflect"


class ReplicationPad2d(_Pad2d):
    """The image's edges repeated."""

    mode: ClassVar = "replicate"


class CircularPad2d(_Pad2d):
    """The image's other side, as if it were a tile among equal ones."""

    mode: ClassVar = "circular"
