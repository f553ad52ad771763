"""More around images (N, C, H, W) or (C, H, W): see functional.pad."""

from typing import ClassVar

from ..tensor import Tensor
from . import functional as F
from .module import Module

Widths = int | tuple[int, int, int, int]


class _Pad2d(Module):
    """`padding` is (left, right, top, bottom), or one width for all."""

    mode: ClassVar = "constant"
    value: float | None = None

    def __init__(self, padding: Widths) -> None:
        widths = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
        if len(widths) != 4 or any(not isinstance(n, int) for n in widths):
            raise ValueError(
                f"{type(self).__name__}: padding must be an int or four of them, got {padding!r}"
            )
        self.padding = widths

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(_Pad2d):
    """A value around each image. `padding` is (left, right, top, bottom), or one for all."""

    def __init__(self, padding: Widths, value: float) -> None:
        super().__init__(padding)
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
