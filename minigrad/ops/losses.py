"""What losses are made of: the ops that need care with large numbers."""

from typing import Any

from ..backend import quiet
from ..op import elementwise
from .elementwise import log1p_exp, sigmoid


@elementwise
@quiet
def bce_with_logits(xp: Any, x: Any, target: Any) -> Any:
    """-target log(sigmoid(x)) - (1 - target) log(1 - sigmoid(x)), as max(x, 0) - x target + log(1 +
    exp(-|x|))."""
    out = xp.maximum(x, 0) - x * target  # first, since both can be large and cancel
    return out + log1p_exp(xp, -xp.abs(x))


bce_with_logits.gradient("x")(lambda g, x, target: g * (sigmoid(x) - target))
bce_with_logits.gradient("target")(lambda g, x: -g * x)
