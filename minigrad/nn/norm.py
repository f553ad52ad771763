"""Batch, instance, layer and group normalization."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from .. import creation
from ..options import number, whole_number, whole_numbers
from ..tensor import Tensor
from . import functional as F
from .init import ones_, zeros_
from .module import Module
from .parameter import Parameter


class _Tracking(Module):
    """Weight, bias and running statistics for each channel.

    ValueError for an input of another shape than expected.
    """

    expected: ClassVar[dict[int, str]]  # number of dimensions: the shape in words
    channel: ClassVar[dict[int, int]] = {}  # number of dimensions: which is C, if it is not axis 1

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
        *,
        bias: bool = True,
    ) -> None:
        kind = type(self).__name__
        whole_number(kind, "num_features", num_features, 1)
        number(kind, "eps", eps, 0)
        if momentum is not None:
            number(kind, "momentum", momentum, 0, 1)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        filled = partial(creation.full, num_features, dtype=dtype, device=device)
        self.weight = Parameter(filled(1.0)) if affine else None
        self.bias = Parameter(filled(0.0)) if affine and bias else None
        self.running_mean: Tensor | None = None
        self.running_var: Tensor | None = None
        self.num_batches_tracked: Tensor | None = None
        tracked = track_running_stats
        batches = creation.zeros((), dtype=creation.int64, device=device) if tracked else None
        self.register_buffer("running_mean", filled(0.0) if tracked else None)
        self.register_buffer("running_var", filled(1.0) if tracked else None)
        self.register_buffer("num_batches_tracked", batches)

    def reset_running_stats(self) -> None:
        """Forget what was seen: the running mean is 0 again, and the variance 1."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Begin anew."""
        self.reset_running_stats()
        _begin(self.weight, self.bias)

    def _check(self, input: Tensor) -> None:
        fits = input.ndim in self.expected
        if not fits or input.shape[self.channel.get(input.ndim, 1)] != self.num_features:
            shapes = " or ".join(self.expected.values())
            raise ValueError(
                f"{type(self).__name__}: expected {shapes} with C = {self.num_features}, got "
                f"{list(input.shape)}"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


def _begin(weight: Tensor | None, bias: Tensor | None) -> None:
    if weight is not None:
        ones_(weight)
    if bias is not None:
        zeros_(bias)


class _BatchNorm(_Tracking):
    """Each channel with mean 0 and variance 1, times weight plus bias: algorithm 1 of the paper
    (Ioffe and Szegedy 2015).

    Mean and variance are the batch's in training, and in evaluation the running ones, which move by
    `momentum` to those of each batch; with None they are averages over all batches alike.
    """

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        momentum = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.array += 1
            if momentum is None:  # as in PyTorch, the one case that waits for the device
                momentum = 1 / self.num_batches_tracked.item()
        tracks = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracks else None,
            self.running_var if tracks else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            0.0 if momentum is None else momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, C) or (N, C, L)."""

    expected: ClassVar = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Batch normalization of images (N, C, H, W).

    >>> norm = mg.nn.BatchNorm2d(1)
    >>> x = mg.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
    >>> norm(x).detach().flatten()
    tensor([-1.,  1.])
    >>> norm.running_mean, norm.running_var
    (tensor([0.2]), tensor([1.1]))
    """

    expected: ClassVar = {4: "(N, C, H, W)"}


class _InstanceNorm(_Tracking):
    """Each channel of each example with mean 0 and variance 1 (Ulyanov et al. 2016).

    With track_running_stats, in evaluation by the running statistics.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
        *,
        bias: bool = True,
    ) -> None:
        rest = (affine, track_running_stats, device, dtype)
        super().__init__(num_features, eps, momentum, *rest, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        alone = input.ndim in self.channel
        out = F.instance_norm(
            input[None] if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out.squeeze(0) if alone else out


class InstanceNorm1d(_InstanceNorm):
    """Instance normalization of sequences (N, C, L) or (C, L)."""

    expected: ClassVar = {3: "(N, C, L)", 2: "(C, L)"}
    channel: ClassVar = {2: 0}


class InstanceNorm2d(_InstanceNorm):
    """Instance normalization of images (N, C, H, W) or (C, H, W)."""

    expected: ClassVar = {4: "(N, C, H, W)", 3: "(C, H, W)"}
    channel: ClassVar = {3: 0}


class LayerNorm(Module):
    """Each example, of the shape of the last axes, with mean 0 and variance 1, times weight plus
    bias of that shape (Ba et al. 2016)."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
    ) -> None:
        number("LayerNorm", "eps", eps, 0)
        axes = len(normalized_shape) if isinstance(normalized_shape, Sequence) else 1
        shape = whole_numbers("LayerNorm", "normalized_shape", normalized_shape, 1, axes)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        filled = partial(creation.full, self.normalized_shape, dtype=dtype, device=device)
        self.weight = Parameter(filled(1.0)) if elementwise_affine else None
        self.bias = Parameter(filled(0.0)) if elementwise_affine and bias else None

    def reset_parameters(self) -> None:
        """Begin anew."""
        _begin(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """The channels of (N, C, ...) in groups, each with mean 0 and variance 1; then each channel
    times weight plus bias (Wu and He 2018). ValueError for channels that are no multiple."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
        *,
        bias: bool = True,
    ) -> None:
        whole_number("GroupNorm", "num_groups", num_groups, 1)
        whole_number("GroupNorm", "num_channels", num_channels, 1)
        number("GroupNorm", "eps", eps, 0)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: {num_channels} channels are no multiple of {num_groups} groups"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        filled = partial(creation.full, num_channels, dtype=dtype, device=device)
        self.weight = Parameter(filled(1.0)) if affine else None
        self.bias = Parameter(filled(0.0)) if affine and bias else None

    def reset_parameters(self) -> None:
        """Begin anew."""
        _begin(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
