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
        return self.level_of(*self.parameters_of(h))

    def parameters_of(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """The location and the logarithm of the scale of each pixel, for pixels in [0, 1]."""
        return self.scaled(*h.chunk(2, 1))

    def scaled(self, location: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """A network's numbers around 0 as locations and logarithms of scales."""
        # A soft limit: a pixel at a hard one would have no gradient to come back by.
        log_scale = self.LEAST + F.softplus(g + (self.FIRST - self.LEAST))
        return 0.5 * (location + 1), log_scale

    def level_of(self, location: Tensor, log_scale: Tensor, u: Tensor | None = None) -> Tensor:
        """A logistic's value that has the share u below it, rounded to a level; u is drawn if not
        given."""
        u = (mg.rand_like(location) if u is None else u).clip(1e-7, 1 - 1e-7)
        x = location + log_scale.exp() * (u / (1 - u)).log()
        top = self.LEVELS - 1
        levels = (x * top + 0.5).clip(0, top).to(mg.int64)
        return levels.to(location.dtype) / top


def discretized_logistic_log_prob(
    x: Tensor, location: Tensor, log_scale: Tensor, levels: int = 256
) -> Tensor:
    """log P(level of x) in nats, elementwise, for x = i / (levels - 1); the operands broadcast.

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


class LogisticMixture(DiscretizedLogistic):
    """Every number is of a mixture of such logistics: what may be of one colour or of another has
    two humps (Salimans et al. 2017, equations 1 and 2).

    h's channels are the components' weights before their softmax, then locations, then scales; in
    each of these parts all colours of the first component, then those of the second.
    """

    COMPONENTS = 5
    numbers = 3 * COMPONENTS

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        log_weight, location, log_scale = self._parts(h)
        log_p = discretized_logistic_log_prob(x.unsqueeze(1), location, log_scale, self.LEVELS)
        return _per_image((log_weight + log_p).logsumexp(1))

    def mean(self, h: Tensor) -> Tensor:
        """The locations in [0, 1] by their weights."""
        log_weight, location, _ = self._parts(h)
        return (log_weight.exp() * location.clip(0, 1)).sum(1)

    def draw(self, h: Tensor) -> Tensor:
        return self.level_of(*_one_of(*self._parts(h)))

    def _parts(self, h: Tensor) -> list[Tensor]:
        """Logarithms of weights, locations, log scales: (N, COMPONENTS, C, H, W) each."""
        n, channels, *size = h.shape
        parts = h.reshape(n, -1, self.COMPONENTS, channels // self.numbers, *size)
        weight, location, g, *more = parts.unbind(1)
        return [weight.log_softmax(1), *self.scaled(location, g), *more]


class ColourMixture(LogisticMixture):
    """The colours of a pixel are of one component together, and in it green's location moves with
    red, and blue's with both (Salimans et al. 2017, equation 3).

    By how much is a fourth part of h, behind a tanh. A component's weight is one for all colours:
    the mean of theirs in h. ValueError for more than three colours.
    """

    numbers = 4 * LogisticMixture.COMPONENTS

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        log_weight, location, log_scale, share = self._parts(h)
        x = x.unsqueeze(1)
        location = location + moved(share, x)
        log_p = discretized_logistic_log_prob(x, location, log_scale, self.LEVELS)
        return _per_image((log_weight + log_p.sum(2, keepdim=True)).logsumexp(1))

    def mean(self, h: Tensor) -> Tensor:
        """Each component's locations, moved by those of the colours before, by their weights."""
        log_weight, location, _, share = self._parts(h)
        x = location.clip(0, 1)
        for _ in range(2):  # then green is right, and then blue
            x = (location + moved(share, x)).clip(0, 1)
        return (log_weight.exp() * x).sum(1)

    def draw(self, h: Tensor) -> Tensor:
        location, log_scale, share = _one_of(*self._parts(h))
        u = mg.rand_like(location)
        x = self.level_of(location, log_scale, u)
        for _ in range(2):
            x = self.level_of(location + moved(share, x), log_scale, u)
        return x

    def _parts(self, h: Tensor) -> list[Tensor]:
        if h.shape[1] > 3 * self.numbers:
            raise ValueError(f"ColourMixture: {h.shape[1]} channels are of more than three colours")
        log_weight, *others = super()._parts(h)
        return [log_weight.mean(2, keepdim=True).log_softmax(1), *others]


def moved(share: Tensor, x: Tensor) -> Tensor:
    """What the locations of up to three colours (..., C, H, W) are moved by for a pixel x: green's
    by the first share of red, blue's by the second of red and the third of green."""
    by, before = share.tanh().split(1, -3), (x - 0.5).split(1, -3)
    red = mg.zeros_like(by[0])
    green = [by[0] * before[0]] if len(by) > 1 else []
    blue = [by[1] * before[0] + by[2] * before[1]] if len(by) > 2 else []
    return mg.concat([red, *green, *blue], -3)


def _one_of(log_weight: Tensor, *parts: Tensor) -> list[Tensor]:
    """The parts (N, components, C, H, W) of one component, drawn by the weights: (N, C, H, W)."""
    gumbel = -(-mg.rand_like(log_weight).clip(1e-7, 1 - 1e-7).log()).log()
    chosen = (log_weight + gumbel).argmax(1, keepdim=True)
    return [p.gather(1, chosen.expand(len(p), 1, *p.shape[2:]))[:, 0] for p in parts]


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
    "mixture": LogisticMixture,
    "colours": ColourMixture,
}


def named(name: str) -> type[Likelihood]:
    """The likelihood of that name; ValueError if there is none."""
    if name not in LIKELIHOODS:
        expected = ", ".join(LIKELIHOODS)
        raise ValueError(f"VAE: unknown likelihood {name!r}; expected one of {expected}")
    return LIKELIHOODS[name]
