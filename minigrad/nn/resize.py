"""Images in other sizes: see functional.interpolate and pixel_shuffle."""

from collections.abc import Sequence
from typing import Any

from ..options import positive, whole_number
from ..tensor import Tensor
from . import functional as F
from .module import Module


class Upsample(Module):
    """Images (N, C, H, W), or sequences (N, C, L), in another size."""

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        for n in _several(size):
            whole_number("Upsample", "size", n, 1)
        for factor in _several(scale_factor):
            positive("Upsample", "scale_factor", factor)
        self.size = size
        self.scale_factor: float | Sequence[float] | None = None
        if isinstance(scale_factor, tuple | list):
            self.scale_factor = tuple(map(float, scale_factor))
        elif scale_factor is not None:
            self.scale_factor = float(scale_factor)  # type: ignore[arg-type]
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        by_factor = self.scale_factor is not None
        size = f"scale_factor={self.scale_factor!r}" if by_factor else f"size={self.size!r}"
        return f"{size}, mode={self.mode!r}"


def _several(option: Any) -> Sequence[Any]:
    """An option for each axis, one for all, or none."""
    return option if isinstance(option, tuple | list) else [option] * (option is not None)


class PixelShuffle(Module):
    """(..., C r², H, W) -> (..., C, H r, W r) with r = upscale_factor (Shi et al. 2016)."""

    def __init__(self, upscale_factor: int) -> None:
        whole_number("PixelShuffle", "upscale_factor", upscale_factor, 1)
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(..., C, H r, W r) -> (..., C r², H, W) with r = downscale_factor: PixelShuffle's inverse."""

    def __init__(self, downscale_factor: int) -> None:
        whole_number("PixelUnshuffle", "downscale_factor", downscale_factor, 1)
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"
