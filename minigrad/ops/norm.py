"""Batch normalization (Ioffe and Szegedy, 2015)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..backend import device_of
from ..op import op
from ..tape import mutated
from .reduce import mean as mean_over
from .reduce import var
from .shape import reshape

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["batch_norm"]


@op(keeps="mean variance rstd")
def _batch_norm(xp, x, weight, bias, *, eps):
    """x normalised by the mean and biased variance of each channel, scaled and shifted."""
    rows = _rows(x)
    mean, variance, rstd = device_of(x).batch_norm_statistics(rows, eps)
    out = device_of(x).batch_norm_rows(rows, mean, rstd, weight, bias)
    return _like(out, x), mean, variance, rstd


@_batch_norm.gradient("x", "weight", "bias")
def _(g, x, weight, eps):
    others = tuple([i for i in range(x.ndim) if i != 1])
    mean = mean_over(x, others, True)
    rstd = (var(x, others, keepdim=True, correction=0) + eps) ** -0.5
    xhat = (x - mean) * rstd
    g_bias, g_weight = g.sum(others), (g * xhat).sum(others)
    m = math.prod(x.shape) // x.shape[1]
    g_x = (g - (_column(g_bias, x) + xhat * _column(g_weight, x)) * (1 / m)) * rstd
    return (g_x if weight is None else g_x * _column(weight, x)), g_weight, g_bias


@_batch_norm.fused("x", "weight", "bias")
def _(g, x, weight, mean, rstd):
    rows, *others = device_of(x).batch_norm_gradient(_rows(g), _rows(x), mean, rstd, weight)
    return _like(rows, x), *others


def _rows(x):
    """(N, C) or (N, C, ...) as a matrix with a column for each channel: a view where memory is
    channels-last."""
    return x.transpose(0, *range(2, x.ndim), 1).reshape(-1, x.shape[1])


def _like(rows, x):
    """The matrix `_rows(x)` in the shape of x, channels-last in memory."""
    last = x.ndim - 1
    return rows.reshape(x.shape[0], *x.shape[2:], x.shape[1]).transpose(0, last, *range(1, last))


def _column(v: Any, x: Any) -> Tensor:
    return reshape(v, (1, -1) + (1,) * (x.ndim - 2))


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of x (N, C) or (N, C, ...) with mean 0 and variance 1, then times weight plus
    bias.

    In training the batch's own mean and biased variance are used, and the running ones moved
    towards its mean and unbiased variance: running = (1 - momentum) running + momentum batch. In
    evaluation the running ones are used, as constants. ValueError if a training batch has one value
    per channel.
    """
    if x.ndim < 2:
        raise ValueError(f"batch_norm: expected x (N, C) or (N, C, ...), got {list(x.shape)}")
    for name, v in (
        ("weight", weight),
        ("bias", bias),
        ("running_mean", running_mean),
        ("running_var", running_var),
    ):
        if v is not None and tuple(v.shape) != (x.shape[1],):
            raise ValueError(
                f"batch_norm: {name} has shape {list(v.shape)}, expected [{x.shape[1]}] for x "
                f"{list(x.shape)}"
            )
    if not training and running_mean is not None and running_var is not None:
        scale = (running_var + eps) ** -0.5
        scale = scale if weight is None else scale * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        return x * _column(scale, x) + _column(shift, x)
    m = math.prod([n for i, n in enumerate(x.shape) if i != 1])
    if m <= 1:
        raise ValueError(
            "batch_norm: more than one value per channel is needed in training, got x "
            f"{list(x.shape)}; use larger batches (DataLoader's drop_last=True drops a small last "
            "one), or eval()"
        )
    out, mean, variance, _ = _batch_norm(x, weight, bias, eps=eps)
    if running_mean is not None and running_var is not None:
        running = running_mean.array, running_var.array
        device_of(mean).batch_norm_move(running, (mean, variance), momentum, m / (m - 1))
        for array in running:
            mutated(array)
    return out
