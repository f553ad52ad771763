"""Filling tensors with their first values, in place: PyTorch's names and distributions.

Random numbers are drawn in the order of the indices whatever the order in memory, so that a seed
gives the same weights for any layout.
"""

import math

from .. import creation, ops
from ..autograd import no_grad
from ..tensor import Tensor

_GAINS = {
    "linear": 1.0,
    "conv2d": 1.0,
    "conv_transpose2d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
    "conv1d": 1.0,
    "conv_transpose1d": 1.0,
}


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Draw from the uniform distribution on [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Draw from the normal distribution."""
    with no_grad():
        return tensor.normal_(mean, std)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Set every element to `val`."""
    with no_grad():
        return tensor.fill_(val)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Draw from the normal distribution, and again what is not in [a, b]."""
    if not a < b or mean < a - 8 * std or mean > b + 8 * std:
        raise ValueError(f"trunc_normal_: [{a}, {b}] is out of reach of mean {mean} and std {std}")
    with no_grad():
        out = tensor.normal_(mean, std)
        while (outside := (out < a) | (out > b)).any():
            again = creation.empty(*out.shape, dtype=out.dtype, device=out.device)
            out.copy_(ops.where(outside, again.normal_(mean, std), out))
        return out


def eye_(tensor: Tensor) -> Tensor:
    """The identity, in two dimensions."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: needs two dimensions, got {list(tensor.shape)}")
    with no_grad():
        return tensor.copy_(creation.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Rows, or columns where there are fewer, of length `gain` at right angles (Saxe et al.
    2014)."""
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: needs two dimensions, got {list(tensor.shape)}")
    rows = tensor.shape[0]
    columns = math.prod(tensor.shape[1:])
    size = (max(rows, columns), min(rows, columns))
    with no_grad():
        flat = creation.empty(*size, dtype=tensor.dtype, device=tensor.device).normal_()
        q, r = tensor.device.xp.linalg.qr(flat.array)
        q = q * tensor.device.xp.sign(tensor.device.xp.diagonal(r))  # so that it is uniform
        q = q.T if rows < columns else q
        return tensor.copy_(Tensor(q.reshape(tensor.shape) * gain))


def zeros_(tensor: Tensor) -> Tensor:
    """Set every element to 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Set every element to 1."""
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """One over the factor by which a nonlinearity shrinks a standard deviation.

    `param` is leaky_relu's slope (0.01 if None). ValueError for a nonlinearity it does not know.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}; expected one of "
            f"{', '.join([*_GAINS, 'leaky_relu'])}"
        )
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """(size(1), size(0)), times the number of taps of a kernel.

    NOTE: as in PyTorch, also for conv_transpose2d's weight (in, out / groups, kh, kw), whose "fan
    in" is thereby out / groups * kh * kw: for 64 -> 1 channels and 4 x 4 the default bound is 0.25,
    where the 64 * 16 / stride² inputs of an output would give 0.0625 at stride 2.
    """
    if tensor.ndim < 2:
        raise ValueError(f"init: fan in and fan out need two dimensions, got {list(tensor.shape)}")
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"init: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode) or 1)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Uniform with standard deviation gain / sqrt(fan): He et al. 2015, equation 10."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan): He et al. 2015, equation 10."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2 / (sum(_calculate_fan_in_and_fan_out(tensor)) or 1))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform with variance 2 gain² / (fan in + fan out): Glorot and Bengio 2010, equation 16."""
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Normal with variance 2 gain² / (fan in + fan out): Glorot and Bengio 2010, equation 12."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain))


def default_(weight: Tensor, bias: Tensor | None) -> None:
    """What Linear and the convolutions start from: uniform within ±1 / sqrt(fan in), and 0 without
    inputs."""
    kaiming_uniform_(weight, a=math.sqrt(5))
    fan_in, _ = _calculate_fan_in_and_fan_out(weight)
    if bias is not None:
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        uniform_(bias, -bound, bound)
