"""What losses are made of: the ops that need care with large numbers."""

from typing import Any

from ..backend import device_of, quiet
from ..modes import mode
from ..nodes import Variable
from ..op import elementwise, op
from .elementwise import log1p_exp, sigmoid
from .reduce import _spread
from .reduce import sum as sum_over


@elementwise
@quiet
def bce_with_logits(xp: Any, x: Any, target: Any) -> Any:
    """-target log(sigmoid(x)) - (1 - target) log(1 - sigmoid(x)), as max(x, 0) - x target + log(1 +
    exp(-|x|))."""
    out = xp.maximum(x, 0) - x * target  # first, since both can be large and cancel
    return out + log1p_exp(xp, -xp.abs(x))


bce_with_logits.gradient("x")(lambda g, x, target: g * (sigmoid(x) - target))
bce_with_logits.gradient("target")(lambda g, x: -g * x)


def bce_with_logits_sum(x: Any, target: Any, dim: tuple[int, ...] | None = None) -> Any:
    """The sum of `bce_with_logits` over the axes `dim`, or all; ValueError unless x and target have
    one shape and one dtype.

    NOTE: the exponentials that the loss takes serve its slope too: in a step of the IWAE objective
    with 50 samples (784-200-200-50, batches of 100) this saves 20 of 170 ms on one core.
    """
    if (x.shape, x.dtype) != (target.shape, target.dtype):
        what = f"{x.dtype}{list(x.shape)} and {target.dtype}{list(target.shape)}"
        raise ValueError(f"bce_with_logits_sum: x and target need one shape and dtype, got {what}")
    if dim is None:
        dim = tuple(range(len(x.shape)))
    if not (isinstance(x, Variable) and x.node is not None and mode.recording):
        return sum_over(bce_with_logits(x, target), dim)
    array = target.data if isinstance(target, Variable) else target
    losses, slope = device_of(x.data).bce_terms(x.data, array)
    return bce_sum_(x, target, total=losses.sum(axis=dim), slope=slope, dim=dim)


@op
def bce_sum_(xp: Any, x: Any, target: Any, *, total: Any, slope: Any, dim: Any) -> Any:
    return total


@bce_sum_.gradient("x")
def _(g: Any, x: Any, target: Any, slope: Any, dim: Any) -> Any:
    g = _spread(g, x.shape, dim)
    return g * (sigmoid(x) - target) if isinstance(g, Variable) else slope * g


@bce_sum_.gradient("target")
def _(g: Any, x: Any, dim: Any) -> Any:
    return -_spread(g, x.shape, dim) * x
