"""p(x|z): what the output h of a VAE's decoder says of images x (N, C, H, W), pixels in [0, 1]."""

import math
from abc import ABC, abstractmethod

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn
from minigrad.ops.losses import bce_with_logits_sum


class Likelihood(nn.Module, ABC):
    """A distribution of images, every pixel of which is independent given z.

    h has `numbers` channels for each one of the images.
    """

    numbers = 1

    @abstractmethod
    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over pixels: (N,)."""

    @abstractmethod
    def mean(self, h: Tensor) -> Tensor:
        """E[x|z], of x's shape."""

    @abstractmethod
    def draw(self, h: Tensor) -> Tensor:
        """x ~ p(x|z)."""


# ---- black and white -----------------------------------------------------------------------------


def binarize(x: Tensor) -> Tensor:
    """Black and white images: each pixel is 1 with the probability x that its grey level is.

    Drawn anew at every use of a grey image, this is dynamic binarization (Burda et al. 2016,
    section 5.1): the likelihood is then one of pixels that are 0 or 1, and no epoch repeats them.
    """
    return (mg.rand_like(x) < x).to(x.dtype)


class Bernoulli(Likelihood):
    """Every pixel is 1 with probability sigmoid(h), else 0: for black and white images.

    Grey images are customary targets too: the cross entropy of pixels that are on with the
    probability x. It has a floor above 0 then, 45.5 nats on MNIST's test set, and exp(log_prob) is
    no density of x: compare such numbers with each other only. `binarize` makes it a probability.
    """

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        return -bce_with_logits_sum(h, x, tuple(range(1, x.ndim)))

    def mean(self, h: Tensor) -> Tensor:
        return h.sigmoid()

    def draw(self, h: Tensor) -> Tensor:
        return binarize(h.sigmoid())


# ---- continuous ----------------------------------------------------------------------------------


class Gaussian(Likelihood):
    """Every pixel is normal around sigmoid(h), with one learned variance for all: for colours.

    One variance, and not one per pixel as in appendix C.2 of the paper: where a pixel has the same
    value in all images (a background), the density has no maximum in that pixel's own variance.
    log_prob is the logarithm of a density, and positive where sigma is well below 0.4.
    """

    # NOTE: Adam moves a parameter by about its learning rate per step, however far it has to go:
    # at 1e-3, 4,000 steps from log 0.05 to the log 0.001 of well reconstructed pixels. A tenth of
    # the logarithm gets there in 400.
    GAIN = 10.0

    def __init__(self, variance: float = 0.05) -> None:
        super().__init__()
        self.scaled_logvar = nn.Parameter(mg.full((1,), math.log(variance) / self.GAIN))

    @property
    def logvar(self) -> Tensor:
        """log sigma^2, shape (1,)."""
        return self.GAIN * self.scaled_logvar

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        return _per_image(gaussian_log_prob(x, self.mean(h), self.logvar))

    def mean(self, h: Tensor) -> Tensor:
        return h.sigmoid()

    def draw(self, h: Tensor) -> Tensor:
        """x ~ p(x|z); it may leave [0, 1]."""
        return self.mean(h) + (0.5 * self.logvar).exp() * mg.randn_like(h)


def gaussian_log_prob(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log N(x; mean, exp(logvar)) in nats, elementwise; the operands broadcast."""
    return -0.5 * (math.log(2 * math.pi) + logvar + (x - mean).square() / logvar.exp())


# ---- the 256 levels of a byte --------------------------------------------------------------------


class DiscretizedLogistic(Likelihood):
    """Every pixel is one of 256 levels, with the share of a logistic distribution that falls to it:
    half a level to each side, all that is below to 0 and all that is above to 1 (Kingma et al.
    2016, section 5.2; Salimans et al. 2017, section 2.1).

    The first half of h's channels are the locations, from -1 for black to 1 for white; the others
    the logarithms of the scales. A level's probability is at most 1: unlike a density, it stays
    bounded where every pixel has a scale of its own.
    """

    numbers = 2
    LEVELS = 256
    # Scales in [0, 1]: the first that is tried, for images that are not known yet, and the least,
    # at which all but 0.6 % of a pixel is of one level.
    FIRST, LEAST = math.log(0.1), -8.0

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        location, log_scale = self.parameters_of(h)
        return _per_image(discretized_logistic_log_prob(x, location, log_scale, self.LEVELS))

    def mean(self, h: Tensor) -> Tensor:
        """The logistic's location in [0, 1]: E[x|z], but for what the open ends keep back."""
        return self.parameters_of(h)[0].clip(0, 1)

    def draw(self, h: Tensor) -> Tensor:
        """x ~ p(x|z): one of the levels."""
        location, log_scale = self.parameters_of(h)
        u = mg.rand_like(location).clip(1e-7, 1 - 1e-7)
        x = location + log_scale.exp() * (u / (1 - u)).log()
        top = self.LEVELS - 1
        levels = (x * top + 0.5).clip(0, top).to(mg.int64)
        return levels.to(h.dtype) / top

    def parameters_of(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """The location and the logarithm of the scale of each pixel, for pixels in [0, 1]."""
        location, g = h.chunk(2, 1)
        # A soft limit: a pixel at a hard one would have no gradient to come back by.
        log_scale = self.LEAST + F.softplus(g + (self.FIRST - self.LEAST))
        return 0.5 * (location + 1), log_scale


def discretized_logistic_log_prob(
    x: Tensor, location: Tensor, log_scale: Tensor, levels: int = 256
) -> Tensor:
    """log P(level of x) in nats, elementwise, for x = i / (levels - 1) and one shape for all.

    With a and b the upper and the lower edge of the level, less the location, over the scale:

        sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))

    whose logarithm loses nothing however far x is from the location; sigmoid(a) alone is the lowest
    level's probability, and sigmoid(-b) the highest one's.
    """
    half = 0.5 / (levels - 1)
    inverse = (-log_scale).exp()
    distance = x - location
    below = F.softplus(-(distance + half) * inverse)  # -log sigmoid(a)
    above = F.softplus((distance - half) * inverse)  # -log sigmoid(-b)
    not_lowest, not_highest = ((x > half).to(x.dtype), (x < 1 - half).to(x.dtype))
    width = (-(-2 * half * inverse).expm1()).log()
    return not_lowest * not_highest * width - not_highest * below - not_lowest * above


def bits_per_dimension(nats: float, dimensions: int) -> float:
    """Nats per image as bits per pixel and channel, of which an image has `dimensions`."""
    return nats / (dimensions * math.log(2))


def _per_image(values: Tensor) -> Tensor:
    """(N, C, H, W) summed over the pixels: (N,)."""
    return values.flatten(1).sum(1)


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "logistic": DiscretizedLogistic,
}


def named(name: str) -> type[Likelihood]:
    """The likelihood of that name; ValueError if there is none."""
    if name not in LIKELIHOODS:
        expected = ", ".join(LIKELIHOODS)
        raise ValueError(f"VAE: unknown likelihood {name!r}; expected one of {expected}")
    return LIKELIHOODS[name]
