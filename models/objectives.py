"""The objectives of the two players of a GAN, as losses to be minimised.

All are functions of scores: the discriminator's output for data or for samples, before any sigmoid.
Where the discriminator is a classifier, the score a is a logit: D(x) = sigmoid(a), so that

    -log D(x) = softplus(-a)        -log(1 - D(x)) = softplus(a)

which stay exact where D(x) is nearly 0 or 1. The losses are elementwise, in nats for the first two
objectives, and are averaged over all scores: one of each image, or one of each patch of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from .adversarial import untouched_buffers
from .penalties import gradient_penalty, squared_slope

Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """What the discriminator minimises on scores of data and of samples, and the generator on
    scores of samples; and what keeps the discriminator's slope from growing.

    `smoothed(a, s)` is the loss on data with the label 1 - s instead of 1, where there is a label.
    Off when 0 are the weights of penalties, `r1` on the slope of D at data, `gp` on its difference
    from 1 between data and samples (WGAN-GP), and `clip`, the bound of D's weights (WGAN).
    """

    real: Loss
    fake: Loss
    generator: Loss
    smoothed: Callable[[Tensor, float], Tensor] | None = None
    r1: float = 0.0
    gp: float = 0.0
    clip: float = 0.0

    def discriminator_loss(
        self, discriminator: nn.Module, x: Tensor, samples: Tensor, *given: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The discriminator's loss, and its scores of data x and of samples. What both are `given`
        (labels, or the images to be translated) follows them into the network."""
        x = x.detach().requires_grad_(self.r1 > 0)
        # Two passes: a batch of data and one of samples, each with its own batch statistics.
        real, fake = discriminator(x, *given), discriminator(samples, *given)
        loss = self.real(real).mean() + self.fake(fake).mean()
        if self.r1:
            loss = loss + 0.5 * self.r1 * squared_slope(real, x)
        if self.gp:
            with untouched_buffers(discriminator):
                penalty = gradient_penalty(discriminator, x, samples, *given)
            loss = loss + self.gp * penalty
        return loss, real, fake

    def generator_loss(self, discriminator: nn.Module, samples: Tensor, *given: Tensor) -> Tensor:
        """The generator's loss, by the discriminator's scores of its samples."""
        return self.generator(discriminator(samples, *given)).mean()

    def clip_weights(self, discriminator: nn.Module) -> None:
        """Puts the discriminator's weights back into their bounds, if there are any."""
        if self.clip:
            with mg.no_grad():
                for parameter in discriminator.parameters():
                    parameter.clamp_(-self.clip, self.clip)


def _minus_log_d(a: Tensor) -> Tensor:
    return F.softplus(-a)


def _minus_log_one_minus_d(a: Tensor) -> Tensor:
    return F.softplus(a)


def _smoothed_cross_entropy(a: Tensor, s: float) -> Tensor:
    """-(1 - s) log D - s log(1 - D)."""
    return F.softplus(-a) + s * a


def _half_square(a: Tensor) -> Tensor:
    return 0.5 * a.square()


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


def named(
    objective: str = "non-saturating",
    *,
    r1: float = 0.0,
    gp: float = 0.0,
    clip: float = 0.0,
    label_smoothing: float = 0.0,
) -> Objective:
    """One of OBJECTIVES with these penalties. `label_smoothing` takes so much from the label 1 of
    data (Salimans et al. 2016). ValueError for a name that is none of theirs, and for numbers that
    are out of range."""
    if objective not in OBJECTIVES:
        expected = ", ".join(OBJECTIVES)
        raise ValueError(f"GAN: unknown objective {objective!r}; expected one of {expected}")
    weights = {"r1": r1, "gp": gp, "clip": clip}
    if wrong := [f"{name} {value}" for name, value in weights.items() if not value >= 0]:
        raise ValueError(f"GAN: must not be negative: {', '.join(wrong)}")
    found = replace(OBJECTIVES[objective], r1=r1, gp=gp, clip=clip)
    if not label_smoothing:
        return found
    smoothed = found.smoothed
    if smoothed is None or not 0 < label_smoothing < 1:
        raise ValueError(
            f"GAN: label_smoothing {label_smoothing} must be from 0 to below 1, and 0 where "
            f"there are no labels, as with {objective!r}"
        )
    return replace(found, real=lambda scores: smoothed(scores, label_smoothing))
