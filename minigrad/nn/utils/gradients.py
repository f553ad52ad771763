"""Gradients that are too large, cut."""

import math
from collections.abc import Iterable

from ... import creation, ops
from ...tensor import Tensor


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of all elements of all tensors together; of none, 0.

    RuntimeError if it is not finite and that is asked for, which waits for the device.
    """
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not given:
        return creation.tensor(0.0)
    parts = [ops.abs(x.detach()) for x in given]
    if norm_type == math.inf:
        total = ops.amax(ops.stack([ops.amax(x) for x in parts]))
    elif norm_type == 2:
        largest = ops.amax(ops.stack([ops.amax(x) for x in parts if x.numel()]))
        unit = ops.where(ops.isfinite(largest) & (largest > 0), largest, 1.0)
        squares = [(x / unit).square().sum() for x in parts]  # no square overflows
        total = ops.sqrt(ops.stack(squares).sum()) * unit
    else:
        total = ops.stack([(x**norm_type).sum() for x in parts]).sum() ** (1 / norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"clip_grad_norm_: the total norm of the gradients is {total.item()}; leave "
            "error_if_nonfinite=True out to go on"
        )
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place, so that their total norm is at most max_norm (Pascanu et al.
    2013), and return what it was.

    They are multiplied with min(1, max_norm / (norm + 1e-6)), without waiting for the device.
    """
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    factor = ops.clip(max_norm / (total + 1e-6), max=1.0)
    for grad in grads:
        grad.mul_(factor)
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Keep all elements of all gradients from -clip_value to clip_value, in place."""
    for grad in _gradients(parameters):
        grad.clamp_(-clip_value, clip_value)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in given if p.grad is not None]
