"""Penalties on the slope of a discriminator, for its loss: second derivatives through the tape.

The slope is the gradient of the score with respect to the image. It is made on the tape
(create_graph=True), so that backward() of a function of it reaches the discriminator's weights.
"""

from collections.abc import Callable

import minigrad as mg
from minigrad import Tensor


def squared_slope(scores: Tensor, x: Tensor) -> Tensor:
    """The mean of |d score / dx|^2 over the batch: with weight gamma / 2 and x data, the penalty R1
    of Mescheder et al. 2018, equation 9.

    `scores` (N,) or (N, 1) were made from x (N, ...), which requires a gradient.
    """
    return _squared_slopes(scores, x).mean()


def gradient_penalty(
    critic: Callable[..., Tensor], real: Tensor, fake: Tensor, *labels: Tensor
) -> Tensor:
    """The mean of (|d score / dx| - 1)^2 at random points between data and samples, both (N, ...):
    Gulrajani et al. 2017, equation 3.

    The critic may not mix the images of a batch, as batch normalization does.
    """
    # One number per image, between 0 and 1.
    share = mg.rand(len(real), *[1] * (real.ndim - 1), dtype=real.dtype, device=real.device)
    between = (fake + share * (real - fake)).detach().requires_grad_()
    slopes = _squared_slopes(critic(between, *labels), between)
    # NOTE: the square root has no slope at 0, where a critic of ReLUs that are all off is flat.
    excess = (slopes + 1e-12).sqrt() - 1
    return excess.square().mean()


def _squared_slopes(scores: Tensor, x: Tensor) -> Tensor:
    """|d score / dx|^2 of each image: (N,)."""
    (slope,) = mg.grad(scores.sum(), [x], create_graph=True)
    return slope.square().flatten(1).sum(1)
