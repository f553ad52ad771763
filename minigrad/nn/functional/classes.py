"""The losses of many classes, of logits and of log-probabilities.

As in PyTorch a class may have a weight, by which a mean divides; targets that are `ignore_index`
count for nothing; one example may come without a batch.
"""

from ... import ops
from ...ops.indexing import known, take_along
from ...tensor import Tensor
from .checks import check_indices, check_one_dtype, check_tensor, on_cpu
from .losses import Flag, check_target, legacy, reduced


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight[t] input[n, t] with t = target[n], for log-probabilities input (N, C, ...) or (C) and
    classes target (N, ...) or ()."""
    name = "nll_loss"
    check_tensor(name, "input", input)
    check_tensor(name, "target", target)
    how = legacy(size_average, reduce, reduction)
    if input.ndim == 1:
        one = nll_loss(input[None], target[None], weight, None, ignore_index, None, how)
        return one.squeeze(0) if how == "none" else one
    loss, weights = _weighted(name, input, target, weight, ignore_index)
    return _finished(name, loss, weights, how)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-weight[t] log softmax(input)[t] for logits (N, C, ...) or (C), averaged over all but the
    classes.

    `target` is classes (N, ...) or (), or probabilities in the shape of the input. Label smoothing
    s gives 1 - s to the target and spreads s over all classes.

    >>> mg.nn.functional.cross_entropy(mg.tensor([[2.0, 0.0]]), mg.tensor([0]))
    tensor(0.1269)
    """
    name = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be between 0 and 1, got {label_smoothing}")
    check_tensor(name, "input", input)
    check_tensor(name, "target", target)
    how = legacy(size_average, reduce, reduction)
    if input.ndim == 1:
        rest = (weight, None, ignore_index, None, how, label_smoothing)
        one = cross_entropy(input[None], target[None], *rest)
        return one.squeeze(0) if how == "none" else one
    if not input.ndim:
        raise ValueError(f"{name}: expected input (N, C, ...), got []")
    log_p = ops.log_softmax(input, 1)
    by_class = log_p if weight is None else log_p * _of_classes(name, weight, input)
    if target.dtype.kind == "f":
        if ignore_index >= 0:
            raise ValueError(
                f"{name}: ignore_index is for classes, and the target is probabilities"
            )
        check_target(name, input, target)
        loss = -(by_class * target).sum(1)
        if label_smoothing:
            loss = loss * (1 - label_smoothing) - by_class.mean(1) * label_smoothing
        return reduced(name, loss, how)
    loss, weights = _weighted(name, log_p, target, weight, ignore_index)
    if label_smoothing:
        smooth = -by_class.mean(1)
        if weights is not None:
            smooth = ops.where(target == ignore_index, 0.0, smooth)
        loss = loss * (1 - label_smoothing) + smooth * label_smoothing
    return _finished(name, loss, weights, how)


def _of_classes(name: str, weight: Tensor, input: Tensor) -> Tensor:
    """The weights of the classes, to be multiplied with (N, C, ...)."""
    if tuple(weight.shape) != (input.shape[1],):
        raise ValueError(
            f"{name}: weight of shape {list(weight.shape)} does not fit {input.shape[1]} classes"
        )
    check_one_dtype(name, input, weight=weight)
    return ops.reshape(weight, (-1,) + (1,) * (input.ndim - 2))


def _weighted(
    name: str, log_p: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> tuple[Tensor, Tensor | None]:
    """The loss of each target (N, ...), and what each counts, or None if all count alike."""
    if log_p.ndim < 2 or tuple(target.shape) != (log_p.shape[0], *log_p.shape[2:]):
        raise ValueError(
            f"{name}: input (N, C, ...) of shape {list(log_p.shape)} does not fit target (N, ...) "
            f"of shape {list(target.shape)}"
        )
    ignored = None
    if weight is not None or _occurs(target, ignore_index):
        ignored = target == ignore_index
        target = ops.where(ignored, 0, target)
    check_indices(name, target, log_p.shape[1])
    loss = -take_along(log_p, 1, ops.unsqueeze(target, 1)).squeeze(1)
    loss = known(loss, target, log_p.shape[1])
    if ignored is None:
        return loss, None
    if weight is None:
        return ops.where(ignored, 0.0, loss), ~ignored
    _of_classes(name, weight, log_p)
    counts = ops.where(ignored, 0.0, weight[target])
    return ops.where(ignored, 0.0, loss * weight[target]), counts


def _occurs(target: Tensor, ignore_index: int) -> bool:
    """Whether targets are to be ignored; on a GPU, where looking would wait, perhaps."""
    return not on_cpu(target) or bool((target.array == ignore_index).any())


def _finished(name: str, loss: Tensor, weights: Tensor | None, how: str) -> Tensor:
    if weights is not None and how == "mean":
        return loss.sum() / weights.sum()
    return reduced(name, loss, how)
