"""The differentiable functions, a small file for each family."""

from .compare import (
    all,
    any,
    eq,
    ge,
    gt,
    isfinite,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    lt,
    ne,
)
from .conv import conv2d, conv_transpose2d
from .elementwise import (
    abs_,
    add,
    clip,
    cos,
    divide,
    exp,
    expm1,
    leaky_relu,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    subtract,
    tanh,
    where,
)
from .linalg import linear, matmul
from .losses import bce_with_logits
from .norm import batch_norm
from .reduce import (
    amax,
    amin,
    argmax,
    argmin,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    softmax,
    std,
    sum,
    var,
)
from .shape import (
    chunk,
    clone,
    concat,
    expand,
    flatten,
    flip,
    gather,
    index,
    move_to,
    pad,
    permute,
    plain_key,
    reshape,
    split,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)

__all__ = [name for name in dir() if not name.startswith("_")]
