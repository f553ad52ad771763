"""All parameters of a model as one vector."""

import math
from collections.abc import Iterable

from ... import ops
from ...autograd import no_grad
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements, one parameter after the other: differentiable."""
    return ops.concat([ops.reshape(p, -1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the elements of a vector into the parameters. ValueError if it is longer or shorter."""
    params = list(parameters)
    wanted = sum(math.prod(p.shape) for p in params)
    if vec.shape != (wanted,):
        raise ValueError(
            f"vector_to_parameters: vec has shape {list(vec.shape)}, expected [{wanted}]"
        )
    at = 0
    with no_grad():
        for p in params:
            size = math.prod(p.shape)
            p.copy_(ops.reshape(vec[at : at + size].detach(), p.shape))
            at += size
