"""The objectives of the two players of a GAN, as losses to be minimised.

All are functions of scores: the discriminator's output for data or for samples, before any sigmoid.
Where the discriminator is a classifier, the score a is a logit: D(x) = sigmoid(a), so that

    -log D(x) = softplus(-a)        -log(1 - D(x)) = softplus(a)

which stay exact where D(x) is nearly 0 or 1. The losses are elementwise, in nats for the first two
objectives, and are averaged over the batch.
"""

from collections.abc import Callable
from typing import NamedTuple

import minigrad.nn.functional as F
from minigrad import Tensor

Loss = Callable[[Tensor], Tensor]


class Objective(NamedTuple):
    """What the discriminator minimises on scores of data and of samples, and the generator on
    scores of samples.

    `smoothed(a, s)` is the loss on data with the label 1 - s instead of 1, where there is a label.
    """

    real: Loss
    fake: Loss
    generator: Loss
    smoothed: Callable[[Tensor, float], Tensor] | None = None


def _minus_log_d(a: Tensor) -> Tensor:
    loss: Tensor = F.softplus(-a)
    return loss


def _minus_log_one_minus_d(a: Tensor) -> Tensor:
    loss: Tensor = F.softplus(a)
    return loss


def _smoothed_cross_entropy(a: Tensor, s: float) -> Tensor:
    """-(1 - s) log D - s log(1 - D)."""
    loss: Tensor = F.softplus(-a) + s * a
    return loss


def _half_square(a: Tensor) -> Tensor:
    loss: Tensor = 0.5 * a.square()
    return loss


OBJECTIVES = {
    # Goodfellow et al. 2014, equation 1: G minimises log(1 - D), as if it were D's opponent only.
    "minimax": Objective(
        real=_minus_log_d,
        fake=_minus_log_one_minus_d,
        generator=lambda a: -_minus_log_one_minus_d(a),
        smoothed=_smoothed_cross_entropy,
    ),
    # Section 3 there: G minimises -log D, whose slope is largest where a sample is known as fake.
    "non-saturating": Objective(
        real=_minus_log_d,
        fake=_minus_log_one_minus_d,
        generator=_minus_log_d,
        smoothed=_smoothed_cross_entropy,
    ),
    # Mao et al. 2017, equation 9: least squares to the labels 1 and 0.
    "lsgan": Objective(
        real=lambda a: _half_square(a - 1),
        fake=_half_square,
        generator=lambda a: _half_square(a - 1),
        smoothed=lambda a, s: _half_square(a - (1 - s)),
    ),
    # Arjovsky et al. 2017, equation 2: minus the discriminator's loss estimates the Wasserstein
    # distance, if its slope is kept from growing: by clipping, or by a gradient penalty.
    "wgan": Objective(
        real=lambda a: -a,
        fake=lambda a: a,
        generator=lambda a: -a,
    ),
    # Lim and Ye 2017: scores of data above 1 and of samples below -1 are good enough.
    "hinge": Objective(
        real=lambda a: F.relu(1 - a),
        fake=lambda a: F.relu(1 + a),
        generator=lambda a: -a,
    ),
}
