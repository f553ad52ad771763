"""minigrad: reverse-mode automatic differentiation from scratch, on NumPy and CuPy."""

from .autograd import backward, grad
from .backend import Device, device
from .creation import (
    arange,
    as_tensor,
    bool_,
    empty,
    eye,
    float32,
    float64,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    int64,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from .modes import detect_anomaly, enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .op import elementwise, op
from .ops import *  # noqa: F403
from .random import get_rng_state, manual_seed, set_rng_state
from .tensor import Tensor

__version__ = "0.1.0"
