"""Convolutional layers.

Their weights are channels-last in memory, as images are, and shown as PyTorch shapes them: so the
matrix that ops/conv needs is a view in every step.
"""

from collections.abc import Sequence
from typing import Any

from .. import creation
from ..ops.conv import conv_transpose_size
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

Size = int | tuple[int, int]


def _pair(layer: Module, what: str, value: Any) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else value
    is_pair = isinstance(pair, tuple | list) and len(pair) == 2
    if not (is_pair and all(isinstance(n, int) for n in pair)):
        raise ValueError(
            f"{type(layer).__name__}: {what} must be an int or a pair of ints, got {value!r}"
        )
    return pair[0], pair[1]


class _Conv(Module):
    """What both directions have in common; `shape` is that of the weight, kernel left out."""

    output_padding = (0, 0)

    def __init__(
        self,
        sizes: tuple[int, int],
        shape: tuple[int, int],
        geometry: tuple[Size, Size, Size, Size],
        groups: int,
        bias: bool,
        device: creation.Place,
        dtype: creation.DTypeLike,
    ) -> None:
        self.in_channels, self.out_channels = sizes
        self.groups = groups
        if groups < 1 or any(n % groups for n in sizes):
            raise ValueError(
                f"{type(self).__name__}: in_channels {sizes[0]} and out_channels {sizes[1]} "
                f"must be multiples of groups {groups}"
            )
        names = ("kernel_size", "stride", "padding", "dilation")
        self.kernel_size, self.stride, self.padding, self.dilation = (
            _pair(self, name, size) for name, size in zip(names, geometry, strict=True)
        )
        first, second = shape
        memory = creation.empty(first, *self.kernel_size, second, dtype=dtype, device=device)
        self.weight = Parameter(memory.permute(0, 3, 1, 2))
        self.bias = (
            Parameter(creation.empty(self.out_channels, dtype=dtype, device=device))
            if bias
            else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.default_(self.weight, self.bias)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        parts.append(f"stride={self.stride}")
        usual = {"padding": (0, 0), "dilation": (1, 1), "output_padding": (0, 0), "groups": 1}
        for name, value in usual.items():
            if getattr(self, name) != value:
                parts.append(f"{name}={getattr(self, name)}")
        if self.bias is None:
            parts.append("bias=False")
        return ", ".join(parts)


class Conv2d(_Conv):
    """Images (N, in_channels, H, W) -> (N, out_channels, OH, OW): see functional.conv2d.

    `weight` is (out_channels, in_channels / groups, kh, kw). ValueError for channels that are no
    multiples of groups, and for geometry that is no int or pair of ints.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        device: creation.Place = None,
        dtype: creation.DTypeLike = creation.float32,
    ) -> None:
        super().__init__(
            (in_channels, out_channels),
            (out_channels, in_channels // max(groups, 1)),
            (kernel_size, stride, padding, dilation),
            groups,
            bias,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class ConvTranspose2d(_Conv):
    """Images (N, in_channels, H, W) -> (N, out_channels, OH, OW): see functional.conv_transpose2d.

    `weight` is (in_channels, out_channels / groups, kh, kw). ValueError as Conv2d.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        *,
        device: creation.Place = None,
        dtype: creation.DTypeLike = creation.float32,
    ) -> None:
        super().__init__(
            (in_channels, out_channels),
            (in_channels, out_channels // max(groups, 1)),
            (kernel_size, stride, padding, dilation),
            groups,
            bias,
            device,
            dtype,
        )
        self.output_padding = _pair(self, "output_padding", output_padding)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The images; `output_size` (OH, OW) chooses the output_padding that gives it.

        ValueError for a size that none gives.
        """
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        return F.conv_transpose2d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _extra(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, int]:
        args = zip(
            input.shape[2:],
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            strict=True,
        )
        least = [conv_transpose_size(*each) for each in args]
        extra = [wanted - size for wanted, size in zip(output_size[-2:], least, strict=True)]
        limit = [max(s, d) for s, d in zip(self.stride, self.dilation, strict=True)]
        if any(not 0 <= e < n for e, n in zip(extra, limit, strict=True)):
            most = [size + n - 1 for size, n in zip(least, limit, strict=True)]
            raise ValueError(
                f"ConvTranspose2d: output_size {list(output_size)} must be from {least} to {most}"
            )
        return extra[0], extra[1]
