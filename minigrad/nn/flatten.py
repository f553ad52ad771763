"""Layers that change shapes."""

from collections.abc import Sequence

from .. import ops
from ..ops.checks import axis
from ..options import MOST, whole_number, whole_numbers
from ..tensor import Tensor
from .module import Module


class Flatten(Module):
    """The axes from start_dim to end_dim made into one: (N, C, H, W) -> (N, C H W) by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        whole_number("Flatten", "start_dim", start_dim, -MOST)
        whole_number("Flatten", "end_dim", end_dim, -MOST)
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return ops.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The axis `dim` cut into axes of the sizes `unflattened_size`, one of which may be -1."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        whole_number("Unflatten", "dim", dim, -MOST)
        axes = len(unflattened_size) if isinstance(unflattened_size, Sequence) else 1
        self.dim = dim
        self.unflattened_size = whole_numbers(
            "Unflatten", "unflattened_size", unflattened_size, -1, axes
        )

    def forward(self, input: Tensor) -> Tensor:
        d = axis("Unflatten", input.ndim, self.dim)
        shape = input.shape
        return ops.reshape(input, (*shape[:d], *self.unflattened_size, *shape[d + 1 :]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
