"""The functions behind the layers that are more than an op."""

from ... import ops, random
from ...backend import device_of
from ...ops.indexing import index, known
from ...ops.shape import broadcast_shapes
from ...tensor import Tensor
from .checks import check_indices, check_tensor, in_place


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each element is 0 with probability p, and else divided by 1 - p.

    ValueError for a p outside of [0, 1].
    """
    return _dropped("dropout", input, p, training, inplace, input.shape)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """dropout of whole channels of images (N, C, H, W), or of one (C, H, W) (Tompson et al. 2015).

    As in PyTorch (N, C) loses single numbers. ValueError for a p outside of [0, 1].
    """
    if input.ndim not in (2, 3, 4):
        raise ValueError(f"dropout2d: expected (N, C, H, W) or (C, H, W), got {list(input.shape)}")
    kept = input.ndim - 2 if input.ndim > 2 else 2
    shape = (*input.shape[:kept], *[1] * (input.ndim - kept))
    return _dropped("dropout2d", input, p, training, inplace, shape)


def _dropped(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]
) -> Tensor:
    """The input times a mask of a shape that broadcasts to the input's."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be from 0 to 1, got {p}")
    check_tensor(name, "input", input)
    if not training or p == 0:
        return input
    x = input.array
    device = device_of(x)
    whole = shape == input.shape
    # In the memory order of x.
    mask = device.xp.empty_like(x) if whole else device.xp.empty(shape, x.dtype)
    device.xp.greater_equal(random.uniform(shape, x.dtype, device), p, out=mask)
    if p < 1:
        mask *= 1 / (1 - p)
    return in_place(name, input, input * Tensor(mask), inplace)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of weight (V, D) that the integers of input (...) name: (..., D).

    The row `padding_idx` gets no gradient. IndexError for a number that is not in 0 ... V - 1, on a
    GPU NaN for its row; ValueError for a weight of another number of axes.
    """
    check_tensor("embedding", "weight", weight)
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must be (V, D), got {list(weight.shape)}")
    check_indices("embedding", input, weight.shape[0])
    rows = known(index(weight, input), input, len(weight))
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


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x over its p-norm along `dim`, which counts as at least eps."""
    return input / ops.clip(ops.norm(input, p, dim, True), min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between x1 and x2, which broadcast, along `dim`; a norm counts as at
    least eps."""
    # First, since `dim` may be longer by it.
    shape = broadcast_shapes("cosine_similarity", x1, x2)
    both = [ops.expand(x, *shape) for x in (x1, x2)]
    first, second = (x / ops.clip(ops.norm(x, 2, dim, True), min=eps) for x in both)
    return (first * second).sum(dim)
