"""Batch normalization (Ioffe and Szegedy, 2015)."""

from functools import partial
from typing import ClassVar

from .. import creation
from ..tensor import Tensor
from . import functional as F
from .module import Module
from .parameter import Parameter


class _BatchNorm(Module):
    """Each channel with mean 0 and variance 1, times weight plus bias: algorithm 1 of the paper.

    Mean and variance are the batch's in training, and in evaluation the running ones, which move by
    `momentum` to those of each batch; with None they are averages over all batches alike.
    ValueError for an input of another shape than expected.
    """

    expected: ClassVar[dict[int, str]]  # number of dimensions: the shape in words

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        device: creation.Place = None,
        dtype: creation.DTypeLike = creation.float32,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        filled = partial(creation.full, num_features, dtype=dtype, device=device)
        self.weight = Parameter(filled(1.0)) if affine else None
        self.bias = Parameter(filled(0.0)) if affine else None
        self.running_mean: Tensor | None = None
        self.running_var: Tensor | None = None
        self.num_batches_tracked: Tensor | None = None
        tracked = track_running_stats
        batches = creation.zeros((), dtype=creation.int64, device=device) if tracked else None
        self.register_buffer("running_mean", filled(0.0) if tracked else None)
        self.register_buffer("running_var", filled(1.0) if tracked else None)
        self.register_buffer("num_batches_tracked", batches)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in self.expected or input.shape[1] != self.num_features:
            shapes = " or ".join(self.expected.values())
            raise ValueError(
                f"{type(self).__name__}: expected {shapes} with C = {self.num_features}, got "
                f"{list(input.shape)}"
            )
        momentum = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.array += 1
            if momentum is None:  # as in PyTorch, the one case that waits for the device
                momentum = 1 / self.num_batches_tracked.item()
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            0.0 if momentum is None else momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, C) or (N, C, L)."""

    expected: ClassVar = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Batch normalization of images (N, C, H, W)."""

    expected: ClassVar = {4: "(N, C, H, W)"}
