"""Convolutional layers, along one axis or two.

Their weights are channels-last in memory, as images are, and shown as PyTorch shapes them: so the
matrix that ops/conv needs is a view in every step.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from .. import creation
from ..ops.conv import conv_transpose_size
from ..options import whole_number, whole_numbers
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

Size = int | tuple[int, ...]
Padding = int | tuple[int, ...] | str
_MODES = {
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "replicate",
    "circular": "circular",
}


class _Conv(Module):
    """What all have in common."""

    dims: ClassVar[int]  # how many axes the kernel moves along
    transposed: ClassVar = False  # then the weight's first axis is the channels of the input
    output_padding: tuple[int, ...] = ()

    def __init__(
        self,
        sizes: tuple[int, int],
        geometry: tuple[Size, Size, Padding, Size],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: creation.Place,
        dtype: creation.DTypeLike,
    ) -> None:
        self.in_channels, self.out_channels = sizes
        self.groups = groups
        kind = type(self).__name__
        whole_number(kind, "in_channels", sizes[0], 1)
        whole_number(kind, "out_channels", sizes[1], 1)
        whole_number(kind, "groups", groups, 1)
        if any(n % groups for n in sizes):
            raise ValueError(
                f"{kind}: in_channels {sizes[0]} and out_channels {sizes[1]} "
                f"must be multiples of groups {groups}"
            )
        kernel_size, stride, padding, dilation = geometry
        self.kernel_size = self._several("kernel_size", kernel_size, 1)
        self.stride = self._several("stride", stride, 1)
        name = isinstance(padding, str) and not self.transposed  # "same" or "valid"
        self.padding: Any = padding if name else self._several("padding", padding, 0)
        self.dilation = self._several("dilation", dilation, 1)
        self.padding_mode = padding_mode
        first, second = sizes if self.transposed else sizes[::-1]
        place: Any = {"dtype": dtype, "device": device}
        memory = creation.empty(first, *self.kernel_size, second // groups, **place)
        self.weight = Parameter(memory.permute(0, self.dims + 1, *range(1, self.dims + 1)))
        self.bias = Parameter(creation.empty(self.out_channels, **place)) if bias else None
        self.reset_parameters()

    def _several(self, what: str, value: Any, least: int) -> tuple[int, ...]:
        """An int of that size for each axis."""
        return whole_numbers(type(self).__name__, what, value, least, self.dims)

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.default_(self.weight, self.bias)

    def extra_repr(self) -> str:
        zeros, ones = (0,) * self.dims, (1,) * self.dims
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        parts.append(f"stride={self.stride}")
        usual = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        for name, value in usual.items():
            if getattr(self, name) not in (value, ()):
                parts.append(f"{name}={getattr(self, name)}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Forward(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
    ) -> None:
        name = type(self).__name__
        if padding_mode not in _MODES:
            raise ValueError(
                f"{name}: padding_mode must be one of {[*_MODES]}, got {padding_mode!r}"
            )
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(
                f"{name}: padding must be an int or a pair of ints, 'same' or 'valid', got "
                f"{padding!r}"
            )
        super().__init__(
            (in_channels, out_channels),
            (kernel_size, stride, padding, dilation),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError(f"{name}: padding='same' needs stride 1, got {stride}")

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """The input, with what a padding_mode puts around it, and the padding that is left."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return input, self.padding
        widths: list[int] = []
        for i in reversed(range(self.dims)):
            total = self.dilation[i] * (self.kernel_size[i] - 1)
            low = total // 2 if self.padding == "same" else int(self.padding[i])
            widths += [low, total - low if self.padding == "same" else low]
        return F.pad(input, widths, _MODES[self.padding_mode]), 0


class Conv1d(_Forward):
    """Sequences (N, in_channels, L) or (in_channels, L) -> (N, out_channels, OL), as Conv2d."""

    dims = 1

    def forward(self, input: Tensor) -> Tensor:
        x, padding = self._padded(input)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Forward):
    """Images (N, in_channels, H, W) -> (N, out_channels, OH, OW): see functional.conv2d.

    `weight` is (out_channels, in_channels / groups, kh, kw). ValueError for channels that are no
    multiples of groups, and for geometry that is no int or pair of ints.

    >>> down = mg.nn.Conv2d(3, 8, kernel_size=5, stride=2, padding=2)
    >>> down(mg.rand(4, 3, 32, 32)).shape
    (4, 8, 16, 16)
    """

    dims = 2

    def forward(self, input: Tensor) -> Tensor:
        x, padding = self._padded(input)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _Transposed(_Conv):
    transposed = True

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
        padding_mode: str = "zeros",
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(
                f"{type(self).__name__}: padding_mode must be 'zeros', got {padding_mode!r}"
            )
        super().__init__(
            (in_channels, out_channels),
            (kernel_size, stride, padding, dilation),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self.output_padding = self._several("output_padding", output_padding, 0)

    def _convolve(self, function: Any, input: Tensor, output_size: Sequence[int] | None) -> Tensor:
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        out: Tensor = function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )
        return out

    def _extra(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        args = zip(
            input.shape[-self.dims :],
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            strict=True,
        )
        least = [conv_transpose_size(*each) for each in args]
        wanted = output_size[-self.dims :]
        extra = [want - size for want, size in zip(wanted, least, strict=True)]
        limit = [max(s, d) for s, d in zip(self.stride, self.dilation, strict=True)]
        if any(not 0 <= e < n for e, n in zip(extra, limit, strict=True)):
            most = [size + n - 1 for size, n in zip(least, limit, strict=True)]
            raise ValueError(
                f"{type(self).__name__}: output_size {list(output_size)} must be from {least} to "
                f"{most}"
            )
        return tuple(extra)


class ConvTranspose1d(_Transposed):
    """Sequences (N, in_channels, L) or (in_channels, L) -> (N, out_channels, OL), as
    ConvTranspose2d."""

    dims = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The sequences; `output_size` (OL,) chooses the output_padding that gives it."""
        return self._convolve(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_Transposed):
    """Images (N, in_channels, H, W) -> (N, out_channels, OH, OW): see functional.conv_transpose2d.

    `weight` is (in_channels, out_channels / groups, kh, kw). ValueError as Conv2d.

    >>> up = mg.nn.ConvTranspose2d(8, 3, kernel_size=4, stride=2, padding=1)
    >>> up(mg.rand(4, 8, 16, 16)).shape
    (4, 3, 32, 32)
    """

    dims = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The images; `output_size` (OH, OW) chooses the output_padding that gives it.

        ValueError for a size that none gives.
        """
        return self._convolve(F.conv_transpose2d, input, output_size)
