"""The functions behind the layers, with PyTorch's names and signatures."""

from collections.abc import Sequence
from typing import Any

from .. import ops, random
from ..backend import device_of
from ..ops import (
    batch_norm,
    conv2d,
    conv_transpose2d,
    linear,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from ..tensor import Tensor
from .checks import check_indices, check_tensor
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll_loss,
    l1_loss,
    mse_loss,
    nll_loss,
)

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "embedding",
    "gaussian_nll_loss",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else negative_slope * x, also at 0."""
    return ops.leaky_relu(input, negative_slope=negative_slope)


def softplus(input: Any, beta: float = 1.0) -> Any:
    """log(1 + exp(beta x)) / beta, accurate on both sides: PyTorch's `threshold` is not needed."""
    return ops.softplus(input) if beta == 1 else ops.softplus(input * beta) / beta


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """x with `value` (0 if None) around it: `pad` is (left, right) of the last axis, then of the
    one before, and so on."""
    if mode != "constant":
        raise ValueError(f"pad: only mode 'constant' is there, got {mode!r}")
    return ops.pad(input, pad, 0.0 if value is None else value)


def dropout(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """In training each element is 0 with probability p, and else divided by 1 - p."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1, got {p}")
    check_tensor("dropout", "input", input)
    if not training or p == 0:
        return input
    x = input.data
    device = device_of(x)
    mask = device.xp.empty_like(x)  # in the memory order of x
    device.xp.greater_equal(random.uniform(x.shape, x.dtype, device), p, out=mask)
    if p < 1:
        mask *= 1 / (1 - p)
    return input * Tensor(mask)


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """The rows of weight (V, D) that the integers of input (...) name: (..., D).

    The row `padding_idx` gets no gradient. IndexError for a number that is not in 0 ... V - 1.
    """
    check_indices("embedding", input, weight.shape[0])
    rows = ops.index(weight, input)
    if padding_idx is None:
        return rows
    is_padding = ops.unsqueeze(input == padding_idx % weight.shape[0], -1)
    return ops.where(is_padding, rows.detach(), rows)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """int64 (..., num_classes) with a 1 where the class is that of the integers `tensor` (...).

    Without num_classes there is one class more than the largest number, which waits for the device.
    """
    if num_classes == -1:
        num_classes = int(ops.amax(tensor).item()) + 1
    check_indices("one_hot", tensor, num_classes)
    classes = Tensor(device_of(tensor.data).xp.arange(num_classes))
    return (ops.unsqueeze(tensor, -1) == classes).long()
