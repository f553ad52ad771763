"""Activations, with PyTorch's names, signatures, and slopes at the kinks."""

import math

from ... import ops
from ...ops.activation import elu as _elu
from ...ops.activation import hardtanh as _hardtanh
from ...tensor import Tensor
from .checks import check_tensor, in_place


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), elementwise."""
    return in_place("relu", input, ops.relu(input), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope * x, also at 0; elementwise."""
    out = ops.leaky_relu(input, negative_slope=negative_slope)
    return in_place("leaky_relu", input, out, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6), elementwise."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x kept from min_val to max_val, elementwise; its slope is 0 at both. ValueError unless
    min_val <= max_val."""
    if not min_val <= max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is larger than max_val {max_val}")
    out = _hardtanh(input, min_val=min_val, max_val=max_val)
    return in_place("hardtanh", input, out, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x) - 1), elementwise (Clevert et al. 2016)."""
    return in_place("elu", input, _elu(input, alpha=alpha), inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight * x, with a weight for each channel (axis 1) or one for all."""
    check_tensor("prelu", "input", input)
    channels = input.shape[1] if input.ndim > 1 else 1
    count = math.prod(weight.shape)
    if count not in (1, channels) or weight.ndim > 1:
        raise ValueError(
            f"prelu: weight of shape {list(weight.shape)} does not fit the {channels} channels of "
            f"input {list(input.shape)}"
        )
    if input.ndim == 0 or count > 1:
        weight = ops.reshape(weight, (-1,) + (1,) * (input.ndim - 2) if input.ndim else ())
    return ops.where(input > 0, input, weight * input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x), elementwise (Hendrycks and Gimpel 2016)."""
    return in_place("silu", input, input * ops.sigmoid(input), inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x P(a standard normal number is at most x) (Hendrycks and Gimpel 2016).

    With approximate="tanh": x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))) / 2.
    """
    if approximate == "none":
        return input * (ops.erf(input * math.sqrt(0.5)) + 1) * 0.5
    if approximate != "tanh":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    inner = (input + input * input * input * 0.044715) * math.sqrt(2 / math.pi)
    return input * (ops.tanh(inner) + 1) * 0.5


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), accurate on both sides."""
    return -ops.softplus(-input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, accurate on both sides; x where beta x is above a threshold
    below 20. From 20 on, PyTorch's own is not needed."""
    out = ops.softplus(input) if beta == 1 else ops.softplus(input * beta) / beta
    return out if threshold >= 20 else ops.where(input * beta > threshold, input, out)
