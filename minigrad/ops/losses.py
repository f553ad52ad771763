"""What losses are made of: the ops that need care with large numbers."""

from typing import Any

from ..backend import device_of, quiet
from ..modes import mode
from ..nodes import Variable
from ..op import elementwise, op
from .elementwise import log1p_exp, sigmoid
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


def bce_with_logits_sum(x: Any, target: Any) -> Any:
    """The sum of `bce_with_logits` over all elements, for x and target of one shape.

    NOTE: the exponentials that the loss takes serve its slope too: in the 784-400-20 VAE's step
    this saves 0.5 of the 1.4 ms that the loss takes, forward and backward, on one core.
    """
    if not (isinstance(x, Variable) and x.node is not None and mode.recording):
        return sum_over(bce_with_logits(x, target))
    array = target.data if isinstance(target, Variable) else target
    losses, slope = device_of(x.data).bce_terms(x.data, array)
    return bce_sum_(x, target, total=losses.sum(), slope=slope)


@op
def bce_sum_(xp: Any, x: Any, target: Any, *, total: Any, slope: Any) -> Any:
    return total


@bce_sum_.gradient("x")
def _(g: Any, x: Any, target: Any, slope: Any) -> Any:
    return g * (sigmoid(x) - target) if isinstance(g, Variable) else slope * g


bce_sum_.gradient("target")(lambda g, x: -g * x)
