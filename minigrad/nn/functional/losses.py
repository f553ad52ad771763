"""The losses, in nats where they are likelihoods, with PyTorch's signatures (see `functional`).

`reduction` is "mean" over all elements, "sum", or "none"; PyTorch's older words for it,
`size_average` and `reduce`, are understood. Input and target have one shape and one dtype: a target
that would broadcast is an error, and not a loss of another size.
"""

import math

from ... import ops
from ...ops.losses import bce, bce_with_logits, bce_with_logits_sum
from ...tensor import Tensor
from .checks import check_one_dtype, check_tensor, on_cpu

Flag = bool | None


def legacy(size_average: Flag, reduce: Flag, reduction: str) -> str:
    """The reduction that PyTorch's older words ask for; they win, as in PyTorch."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def reduced(name: str, loss: Tensor, reduction: str) -> Tensor:
    """The mean or sum of a loss, or itself; ValueError for another word."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def check_target(name: str, input: Tensor, target: Tensor) -> None:
    """TypeError or ValueError unless both are tensors of one shape and dtype."""
    check_tensor(name, "input", input)
    check_tensor(name, "target", target)
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: target of shape {list(target.shape)} does not fit input of shape "
            f"{list(input.shape)}{_way_out(input, target)}"
        )
    check_one_dtype(name, input, target=target)


def _way_out(input: Tensor, target: Tensor) -> str:
    if math.prod(input.shape) == math.prod(target.shape):
        return f"; use target.reshape({', '.join(map(str, input.shape))})"
    if input.ndim > 1 and tuple(target.shape) == (input.shape[0], *input.shape[2:]):
        return "; classes must be integers, use target.long()"
    return ""


# ---- distances -----------------------------------------------------------------------------------


def _weighted(name: str, loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """PyTorch's: a mean is over the weights."""
    if weight is None:
        return reduced(name, loss, reduction)
    if weight.shape != loss.shape:
        raise ValueError(
            f"{name}: weight {list(weight.shape)} does not fit input {list(loss.shape)}"
        )
    if reduction == "mean":
        return (loss * weight).sum() / weight.sum()
    return reduced(name, loss * weight, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)², for tensors of any one shape."""
    check_target("mse_loss", input, target)
    how = legacy(size_average, reduce, reduction)
    return _weighted("mse_loss", (input - target) ** 2, weight, how)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|, for tensors of any one shape."""
    check_target("l1_loss", input, target)
    how = legacy(size_average, reduce, reduction)
    return _weighted("l1_loss", ops.abs(input - target), weight, how)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d² / (2 beta) where d = |input - target| is below beta, else d - beta / 2 (Girshick 2015).

    ValueError for a negative beta; 0 gives l1_loss.
    """
    name = "smooth_l1_loss"
    check_target(name, input, target)
    if beta < 0:
        raise ValueError(f"{name}: beta must not be negative, got {beta}")
    how = legacy(size_average, reduce, reduction)
    d = ops.abs(input - target)
    if beta == 0:
        return reduced(name, d, how)
    near = ops.clip(d, max=beta)  # so that no square overflows
    return reduced(name, ops.where(d < beta, near * near * (0.5 / beta), d - 0.5 * beta), how)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d² / 2 where d = |input - target| is at most delta, else delta (d - delta / 2) (Huber 1964).

    ValueError for a delta that is not positive.
    """
    check_target("huber_loss", input, target)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    d = ops.abs(input - target)
    near = ops.clip(d, max=delta)
    loss = ops.where(d < delta, near * near * 0.5, (d - 0.5 * delta) * delta)
    if weight is not None and weight.shape == loss.shape and reduction == "mean":
        return (loss * weight).mean()  # PyTorch's, unlike that of mse_loss
    return _weighted("huber_loss", loss, weight, reduction)


# ---- two classes ---------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """-target log(input) - (1 - target) log(1 - input), for probabilities; logarithms end at -100.

    With logits at hand use binary_cross_entropy_with_logits, which loses nothing near 0 and 1.
    ValueError for an input outside of [0, 1] (looked at on the CPU only).
    """
    name = "binary_cross_entropy"
    check_target(name, input, target)
    p = input.array
    if on_cpu(input) and p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"{name}: input must be in [0, 1], got {p.min()} ... {p.max()}")
    loss = bce(input, target)
    how = legacy(size_average, reduce, reduction)
    return reduced(name, loss if weight is None else loss * weight, how)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross entropy of sigmoid(input) and target: max(x, 0) - x target + log1p(exp(-|x|)).

    `pos_weight` multiplies the term of target 1, `weight` all of the loss; both broadcast.
    """
    name = "binary_cross_entropy_with_logits"
    check_target(name, input, target)
    how = legacy(size_average, reduce, reduction)
    n = math.prod(input.shape)
    if n and pos_weight is None and weight is None and how in ("sum", "mean"):
        total = bce_with_logits_sum(input, target)
        return total if how == "sum" else total * (1 / n)
    if pos_weight is None:
        loss = bce_with_logits(input, target)
    else:
        loss = (1 - target) * input + (1 + (pos_weight - 1) * target) * ops.softplus(-input)
    return reduced(name, loss if weight is None else loss * weight, how)


# ---- distributions -------------------------------------------------------------------------------


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input), for log-probabilities `input` and probabilities `target`, which
    with log_target are log-probabilities too; 0 where the target is 0.

    The reduction "batchmean" gives the Kullback-Leibler divergence: the sum over the batch's size.
    """
    check_target("kl_div", input, target)
    if log_target:
        loss = ops.exp(target) * (target - input)
    else:
        some = target > 0
        log_t = ops.log(ops.where(some, target, 1.0))
        loss = ops.where(some, target * (log_t - input), ops.where(target == 0, 0.0, math.nan))
    how = legacy(size_average, reduce, reduction)
    if how == "batchmean":
        return loss.sum() / (input.shape[0] if input.ndim else 1)
    return reduced("kl_div", loss, how)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log var + (input - target)² / var) / 2, with log(2 pi) / 2 besides if `full`.

    `var` has the input's shape, where an axis may be 1 or the last one lack, or is a number. It
    counts as at least eps, and its gradient is that at eps where it is smaller, as in PyTorch.
    ValueError for a negative variance (looked at on the CPU only).
    """
    name = "gaussian_nll_loss"
    check_target(name, input, target)
    spread = input.detach() * 0 + var if isinstance(var, int | float) else var
    if spread.shape == input.shape[:-1] and input.ndim:
        spread = ops.unsqueeze(spread, -1)
    if spread.ndim != input.ndim or any(
        n not in (1, m) for n, m in zip(spread.shape, input.shape, strict=True)
    ):
        raise ValueError(
            f"{name}: var of shape {list(spread.shape)} does not fit {list(input.shape)}"
        )
    if on_cpu(spread) and spread.array.size and spread.array.min() < 0:
        raise ValueError(f"{name}: var must not be negative, got {spread.array.min()}")
    spread = spread + (ops.clip(spread, min=eps) - spread).detach()
    loss = (ops.log(spread) + (input - target) ** 2 / spread) * 0.5
    return reduced(name, loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)
