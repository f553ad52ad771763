"""Random tensors, from the stream of their device or from that of a `generator`."""

from typing import Any

from . import ops, random
from .backend import DType, device_of, find_dtype
from .creation import DTypeLike, Place, Size, _finished, _place, shape_for
from .dtypes import float32, int64
from .ops.checks import need_arrays
from .random import Generator
from .tensor import Tensor

__all__ = [
    "Generator", "bernoulli", "multinomial", "normal", "rand", "rand_like", "randint", "randn",
    "randn_like", "randperm",
]  # fmt: skip


def _floating(name: str, dtype: DTypeLike) -> DType:
    found = find_dtype(name, dtype or float32)
    if found.kind != "f":
        raise TypeError(f"{name}: draws floating numbers, not {found}; use randint for integers")
    return found


def rand(
    *sizes: Size,
    size: Size | None = None,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform random numbers from [0, 1), float32 unless another dtype is given."""
    shape, kind = shape_for(sizes, size), _floating("rand", dtype)
    return _finished(random.uniform(shape, kind, _place(device), generator), requires_grad)


def randn(
    *sizes: Size,
    size: Size | None = None,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from the standard normal distribution, float32 unless another dtype is
    given."""
    shape, kind = shape_for(sizes, size), _floating("randn", dtype)
    return _finished(random.normal(shape, kind, _place(device), generator), requires_grad)


def rand_like(
    x: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform random numbers from [0, 1), in the shape, dtype and device of x."""
    where: dict[str, Any] = {"dtype": dtype or x.dtype, "device": device or x.device}
    return rand(x.shape, generator=generator, requires_grad=requires_grad, **where)


def randn_like(
    x: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal random numbers in the shape, dtype and device of x."""
    where: dict[str, Any] = {"dtype": dtype or x.dtype, "device": device or x.device}
    return randn(x.shape, generator=generator, requires_grad=requires_grad, **where)


def randint(
    *limits_and_size: Any,
    low: int = 0,
    high: int | None = None,
    size: Size | None = None,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
) -> Tensor:
    """Random integers from low to high - 1: `randint(high, size)` or `randint(low, high, size)`,
    each of them by its name too."""
    given = list(limits_and_size)
    shape = given.pop() if size is None and given else size
    if high is None and given:
        high = given.pop()
    if given:
        low = given.pop()
    if given or high is None or shape is None:
        raise TypeError("randint: takes (high, size) or (low, high, size)")
    if not (hasattr(low, "__index__") and hasattr(high, "__index__")):
        raise TypeError(f"randint: the limits must be ints, got {low!r:.60} and {high!r:.60}")
    if low >= high:
        raise ValueError(f"randint: there is no integer from {low} to below {high}")
    drawn = random.stream(_place(device), generator).integers(low, high, shape_for((), shape))
    return Tensor(drawn.astype(find_dtype("randint", dtype or int64), copy=False))


def randperm(n: int, *, generator: Generator | None = None, device: Place = None) -> Tensor:
    """The integers from 0 to n - 1 in random order."""
    if n < 0:
        raise ValueError(f"randperm: needs a number that is not negative, got {n}")
    return Tensor(random.stream(_place(device), generator).permutation(n))


def normal(
    mean: Tensor | float,
    std: Tensor | float = 1.0,
    size: Size | None = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal random numbers: of one mean and deviation in a size, or one for each element of
    tensors. They are off the tape: for gradients write mean + std * randn_like(mean)."""
    tensors = [x.detach() for x in (mean, std) if isinstance(x, Tensor)]
    if not tensors:
        if size is None:
            raise TypeError("normal: needs a size, or a tensor as mean or std")
        drawn = randn(size, generator=generator, dtype=dtype, device=device)
        return _finished((drawn * std + mean).array, requires_grad)
    if size is not None:
        raise TypeError("normal: the size is that of the tensors")
    shape = ops.shape.broadcast_shapes("normal", *tensors)
    drawn = randn(shape, generator=generator, dtype=tensors[0].dtype, device=tensors[0].device)
    mean, std = (x.detach() if isinstance(x, Tensor) else x for x in (mean, std))
    return drawn * std + mean


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probabilities of `input`, or with probability p, else 0."""
    need_arrays("bernoulli", input)
    return input.bernoulli(p, generator=generator)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Places drawn with probabilities as the weights of `input` (K) or of its rows (N, K):
    (num_samples) or (N, num_samples).

    Without replacement those with the largest of weight / exponential number are taken (the
    exponential race). ValueError for weights that cannot be any, which are looked at on the CPU.
    """
    need_arrays("multinomial", input)
    if input.ndim not in (1, 2) or input.dtype.kind != "f":
        raise ValueError(f"multinomial: needs floats (K) or (N, K), got {input!r:.60}")
    weights, place = input.detach().double(), device_of(input.array)
    if place.name == "cpu":
        enough = 1 if replacement else num_samples
        fine = ((weights > 0).sum(-1) >= enough).all() & ((weights >= 0) & weights.isfinite()).all()
        if num_samples < 1 or not fine:
            raise ValueError(
                f"multinomial: {num_samples} samples need as many weights above 0, and none below"
            )
    if replacement:
        ends = ops.cumsum(weights / weights.sum(-1, keepdim=True), -1)
        drawn = rand(
            *input.shape[:-1], num_samples, 1, generator=generator, dtype=ends.dtype, device=place
        )
        before = (drawn >= ends[..., None, :]).long().sum(-1)
        last = weights.shape[-1] - 1 - ops.argmax(ops.flip(weights > 0, -1).long(), -1, True)
        return ops.minimum(before, last)  # where rounding leaves the last end below 1
    numbers = rand(*input.shape, generator=generator, dtype=weights.dtype, device=place)
    race = weights / -ops.log(1 - numbers).clamp(max=-1e-300)
    return ops.topk(race, num_samples).indices
