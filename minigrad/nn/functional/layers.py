"""The functions behind the layers that are more than an op."""

from collections.abc import Sequence

from ... import ops, random
from ...backend import device_of
from ...ops.indexing import index
from ...tensor import Tensor
from .checks import check_indices, check_tensor


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else negative_slope * x, also at 0; elementwise."""
    return ops.leaky_relu(input, negative_slope=negative_slope)


def softplus(input: Tensor, beta: float = 1.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, accurate on both sides: PyTorch's `threshold` is not needed."""
    return ops.softplus(input) if beta == 1 else ops.softplus(input * beta) / beta


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """x with `value` (0 if None) around it.

    `pad` is (left, right) of the last axis, then of the one before, and so on. ValueError for
    another mode than "constant".
    """
    if mode != "constant":
        raise ValueError(f"pad: only mode 'constant' is there, got {mode!r}")
    return ops.pad(input, pad, 0.0 if value is None else value)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """In training each element is 0 with probability p, and else divided by 1 - p.

    ValueError for a p outside of [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1, got {p}")
    check_tensor("dropout", "input", input)
    if not training or p == 0:
        return input
    x = input.array
    device = device_of(x)
    mask = device.xp.empty_like(x)  # in the memory order of x
    device.xp.greater_equal(random.uniform(x.shape, x.dtype, device), p, out=mask)
    if p < 1:
        mask *= 1 / (1 - p)
    return input * Tensor(mask)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of weight (V, D) that the integers of input (...) name: (..., D).

    The row `padding_idx` gets no gradient. IndexError for a number that is not in 0 ... V - 1.
    """
    check_indices("embedding", input, weight.shape[0])
    rows = index(weight, input)
    if padding_idx is None:
        return rows
    is_padding = ops.unsqueeze(input == padding_idx % weight.shape[0], -1)
    return ops.where(is_padding, rows.detach(), rows)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """int64 (..., num_classes) with a 1 where the class is that of the integers `tensor` (...).

    Without num_classes there is one class more than the largest number, which waits for the device.
    """
    if num_classes == -1:
        num_classes = int(ops.amax(tensor).item()) + 1
    check_indices("one_hot", tensor, num_classes)
    classes = Tensor(device_of(tensor.array).xp.arange(num_classes))
    return (ops.unsqueeze(tensor, -1) == classes).long()
