"""The losses, in nats where they are likelihoods, with PyTorch's signatures (see `functional`).

`reduction` is "mean" over all elements, "sum", or "none". Input and target have one shape and one
dtype: a target that would broadcast is an error, and not a loss of another size.
"""

import math

from ... import ops
from ...ops.indexing import take_along
from ...ops.losses import bce, bce_with_logits, bce_with_logits_sum
from ...tensor import Tensor
from .checks import check_indices, check_tensor, on_cpu


def _reduced(name: str, loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def _check_target(name: str, input: Tensor, target: Tensor) -> None:
    check_tensor(name, "input", input)
    check_tensor(name, "target", target)
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: target of shape {list(target.shape)} does not fit input of shape "
            f"{list(input.shape)}{_way_out(input, target)}"
        )
    if input.dtype != target.dtype:
        raise TypeError(
            f"{name}: input is {input.dtype} and target {target.dtype}; use .to(dtype) on one of "
            "them"
        )


def _way_out(input: Tensor, target: Tensor) -> str:
    if math.prod(input.shape) == math.prod(target.shape):
        return f"; use target.reshape({', '.join(map(str, input.shape))})"
    if input.ndim > 1 and tuple(target.shape) == (input.shape[0], *input.shape[2:]):
        return "; classes must be integers, use target.long()"
    return ""


# ---- distances -----------------------------------------------------------------------------------


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input - target)², for tensors of any one shape."""
    _check_target("mse_loss", input, target)
    return _reduced("mse_loss", (input - target) ** 2, reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """|input - target|, for tensors of any one shape."""
    _check_target("l1_loss", input, target)
    return _reduced("l1_loss", ops.abs(input - target), reduction)


# ---- two classes ---------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-target log(input) - (1 - target) log(1 - input), for probabilities; logarithms end at -100.

    With logits at hand use binary_cross_entropy_with_logits, which loses nothing near 0 and 1.
    ValueError for an input outside of [0, 1] (looked at on the CPU only).
    """
    name = "binary_cross_entropy"
    _check_target(name, input, target)
    p = input.array
    if on_cpu(input) and p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"{name}: input must be in [0, 1], got {p.min()} ... {p.max()}")
    loss = bce(input, target)
    return _reduced(name, loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross entropy of sigmoid(input) and target: max(x, 0) - x target + log1p(exp(-|x|)).

    `pos_weight` multiplies the term of target 1, `weight` all of the loss; both broadcast.
    """
    name = "binary_cross_entropy_with_logits"
    _check_target(name, input, target)
    n = math.prod(input.shape)
    if n and pos_weight is None and weight is None and reduction in ("sum", "mean"):
        total = bce_with_logits_sum(input, target)
        return total if reduction == "sum" else total * (1 / n)
    if pos_weight is None:
        loss = bce_with_logits(input, target)
    else:
        loss = (1 - target) * input + (1 + (pos_weight - 1) * target) * ops.softplus(-input)
    return _reduced(name, loss if weight is None else loss * weight, reduction)


# ---- many classes --------------------------------------------------------------------------------


def _picked(name: str, x: Tensor, target: Tensor) -> Tensor:
    """The elements of x (N, C, ...) that the classes of target (N, ...) name: (N, ...)."""
    if x.ndim < 2 or tuple(target.shape) != (x.shape[0], *x.shape[2:]):
        raise ValueError(
            f"{name}: input (N, C, ...) of shape {list(x.shape)} does not fit target (N, ...) of "
            f"shape {list(target.shape)}"
        )
    check_indices(name, target, x.shape[1])
    return take_along(x, 1, ops.unsqueeze(target, 1)).squeeze(1)


def nll_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """-input[n, target[n]] for log-probabilities input (N, C, ...) and classes target (N, ...)."""
    return _reduced("nll_loss", -_picked("nll_loss", input, target), reduction)


def cross_entropy(
    input: Tensor, target: Tensor, *, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """-log softmax(input)[target] for logits (N, C, ...), averaged over all but the classes.

    `target` is classes (N, ...), or probabilities in the shape of the input. Label smoothing s
    gives 1 - s to the target and spreads s over all classes.
    """
    name = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be between 0 and 1, got {label_smoothing}")
    if input.ndim < 2:
        raise ValueError(f"{name}: expected input (N, C, ...), got {list(input.shape)}")
    log_p = ops.log_softmax(input, 1)
    if target.dtype.kind == "f":
        _check_target(name, input, target)
        loss = -(log_p * target).sum(1)
    else:
        loss = -_picked(name, log_p, target)
    if label_smoothing:
        loss = loss * (1 - label_smoothing) - log_p.mean(1) * label_smoothing
    return _reduced(name, loss, reduction)


# ---- a normal distribution -----------------------------------------------------------------------


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log var + (input - target)² / var) / 2, with log(2 pi) / 2 besides if `full`.

    `var` has the input's shape, or lacks its last axis, or has 1 there, or is a number. It counts
    as at least eps, and its gradient is that at eps where it is smaller, as in PyTorch.
    ValueError for a negative variance (looked at on the CPU only).
    """
    name = "gaussian_nll_loss"
    _check_target(name, input, target)
    spread = input.detach() * 0 + var if isinstance(var, int | float) else var
    if spread.shape == input.shape[:-1] and input.ndim:
        spread = ops.unsqueeze(spread, -1)
    if spread.shape != input.shape and spread.shape != (*input.shape[:-1], 1):
        raise ValueError(
            f"{name}: var of shape {list(spread.shape)} does not fit {list(input.shape)}"
        )
    if on_cpu(spread) and spread.array.size and spread.array.min() < 0:
        raise ValueError(f"{name}: var must not be negative, got {spread.array.min()}")
    spread = spread + (ops.clip(spread, min=eps) - spread).detach()
    loss = (ops.log(spread) + (input - target) ** 2 / spread) * 0.5
    return _reduced(name, loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)
