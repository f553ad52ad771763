"""Normalization by the statistics of a batch, or of each example on its own."""

import math
from collections.abc import Sequence

from ... import ops
from ...ops.normalize import normalize as _normalize
from ...tensor import Tensor
from .checks import check_one_dtype, check_tensor


def _check(name: str, input: Tensor, **others: Tensor | None) -> None:
    check_tensor(name, "input", input)
    check_one_dtype(name, input=input, **others)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of (N, C) or (N, C, ...) with mean 0 and variance 1, times weight plus bias.

    In training by the batch's mean and biased variance, towards which the running ones move; else
    by the running ones. ValueError for an eps that is not positive, for one value per channel in
    training and for shapes that do not fit; TypeError for two dtypes.
    """
    parts = {"weight": weight, "bias": bias, "running_mean": running_mean}
    if not eps > 0:
        raise ValueError(f"batch_norm: eps must be positive, got {eps}")
    _check("batch_norm", input, **parts, running_var=running_var)
    return ops.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each example of the shape of the last axes with mean 0 and variance 1, times weight plus bias
    of that shape (Ba et al. 2016). ValueError for shapes that do not fit."""
    _check("layer_norm", input, weight=weight, bias=bias)
    shape = tuple(normalized_shape)
    n = len(shape)
    if not n or tuple(input.shape[-n:]) != shape:
        raise ValueError(
            f"layer_norm: input {list(input.shape)} does not end in normalized_shape {list(shape)}"
        )
    for what, x in (("weight", weight), ("bias", bias)):
        if x is not None and tuple(x.shape) != shape:
            raise ValueError(f"layer_norm: {what} has shape {list(x.shape)}, not {list(shape)}")
    out = _normalize(input, tuple(range(input.ndim - n, input.ndim)), eps)
    return _scaled(out, weight, bias)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The channels of (N, C, ...) in groups, each of an example's groups with mean 0 and variance
    1; then each channel times weight plus bias (Wu and He 2018). ValueError for shapes that do not
    fit."""
    _check("group_norm", input, weight=weight, bias=bias)
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: the channels of input {list(input.shape)} are no multiple of {num_groups}"
        )
    n, c, *rest = input.shape
    groups = ops.reshape(input, (n, num_groups, c // num_groups, *rest))
    out = _normalize(groups, tuple(range(2, groups.ndim)), eps)
    return _by_channel("group_norm", ops.reshape(out, input.shape), weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each example of (N, C, ...) with mean 0 and variance 1, then times weight
    plus bias (Ulyanov et al. 2016).

    Running statistics move towards the means over the batch; without use_input_stats they are used
    instead. ValueError for one value per channel and for shapes that do not fit.
    """
    name = "instance_norm"
    parts = {"weight": weight, "bias": bias, "running_mean": running_mean}
    _check(name, input, **parts, running_var=running_var)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError(f"{name}: without use_input_stats it needs running statistics")
        return ops.batch_norm(input, running_mean, running_var, weight, bias, False, 0.0, eps)
    m = math.prod(input.shape[2:])
    if input.ndim < 3 or m <= 1:
        raise ValueError(
            f"{name}: more than one value per channel is needed, got input {list(input.shape)}"
        )
    dims = tuple(range(2, input.ndim))
    if running_mean is not None and running_var is not None:
        x = input.detach()
        for running, batch in (
            (running_mean, x.mean(dims).mean(0)),
            (running_var, x.var(dims).mean(0)),
        ):
            running.copy_(running.detach() * (1 - momentum) + batch * momentum)
    return _by_channel(name, _normalize(input, dims, eps), weight, bias)


def _by_channel(name: str, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    shape = (-1,) + (1,) * (x.ndim - 2)
    parts = []
    for what, part in (("weight", weight), ("bias", bias)):
        if part is not None and tuple(part.shape) != (x.shape[1],):
            raise ValueError(f"{name}: {what} has shape {list(part.shape)}, not [{x.shape[1]}]")
        parts.append(None if part is None else ops.reshape(part, shape))
    return _scaled(x, *parts)


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias
