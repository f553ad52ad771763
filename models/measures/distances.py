"""Distances of distributions on a line, exactly enough to compare others with."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor

Values = NDArray[Any]
Function = Callable[[Tensor], Tensor]


class Normal(NamedTuple):
    """A Gaussian on the line."""

    mean: float
    std: float

    def density(self, x: Values) -> Values:
        at: Values = (x - self.mean) / self.std
        return np.exp(-0.5 * at**2) / (self.std * math.sqrt(2 * math.pi))


class Mixture(NamedTuple):
    """Gaussians on the line, and the share of each."""

    shares: tuple[float, ...]
    parts: tuple[Normal, ...]

    def density(self, x: Values) -> Values:
        weighted = [w * part.density(x) for w, part in zip(self.shares, self.parts, strict=True)]
        total: Values = np.sum(weighted, axis=0)
        return total

    def draw(self, n: int, rng: np.random.Generator) -> Values:
        """n points: float32 (n,)."""
        which = rng.choice(len(self.parts), n, p=self.shares)
        means, stds = np.array(self.parts).T
        points = means[which] + stds[which] * rng.standard_normal(n)
        return np.asarray(points, np.float32)


def wasserstein_1d(x: Values, y: Values) -> float:
    """The Wasserstein-1 distance of two samples of one size (n,): sorted, the i-th go together.

    On a line no plan is cheaper than one in which no paths cross: the mean of |x_(i) - y_(i)|.
    ValueError for samples of other shapes.
    """
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ValueError(
            f"wasserstein_1d: needs two samples (n,), got {list(x.shape)} and {list(y.shape)}"
        )
    return float(np.abs(np.sort(x) - np.sort(y)).mean(dtype=np.float64))


def jensen_shannon(p: Values, q: Values, x: Values) -> float:
    """The Jensen-Shannon divergence in nats of densities p and q (n,) at increasing places x (n,).

    (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, by the trapezoid rule: from 0, for equal
    ones, to log 2 for those that are nowhere positive together.
    """
    m = (p + q) / 2
    return float(_kl(p, m, x) + _kl(q, m, x)) / 2


def _kl(p: Values, m: Values, x: Values) -> float:
    # Where p is 0 it adds nothing, as p log p goes to 0; nor where it is so small that m is 0.
    ratio = np.divide(p, m, out=np.ones_like(p), where=(p > 0) & (m > 0))
    return float(np.trapezoid(p * np.log(ratio), x))


def f_divergence(f: Function, p: Values, q: Values, x: Values) -> Any:
    """D_f(p || q) = E_q[f(p / q)] in nats of densities p (n,) and q (..., n) at places x (n,), by
    the trapezoid rule; f is of tensors."""
    q = np.maximum(q, 1e-280)  # where it is 0 in float64, p / q is large, and not infinite
    ratio = mg.tensor(np.maximum(p, 1e-280) / q)
    return np.trapezoid(q * f(ratio).numpy(), x)


def closest_normal(f: Function, data: Mixture, x: Values) -> Normal:
    """The Gaussian q with the least D_f(data || q), to four digits: by grids of means and
    deviations, each finer than the one before and around its best point.

    There may be two minima, as the reverse KL has to two separate parts: it is the lower one.
    """
    p = data.density(x)
    (mean, std), (wide, high) = (0.0, 1.6), (3.0, 1.4)
    for _ in range(6):
        means = mean + wide * np.linspace(-1, 1, 31)
        stds = np.maximum(std + high * np.linspace(-1, 1, 31), 0.05)
        found = [
            f_divergence(f, p, np.stack([Normal(m, s).density(x) for s in stds]), x) for m in means
        ]
        i, j = np.unravel_index(np.argmin(found), (31, 31))
        mean, std = float(means[i]), float(stds[j])
        wide, high = 0.2 * wide, 0.2 * high
    return Normal(mean, std)


def divergence_of_intervals(offset: float, side: float) -> float:
    """The Jensen-Shannon divergence of two uniform distributions on intervals of length `side`, one
    of them moved by an offset; or on squares, moved along a side."""
    # Half a cell off, so that no edge of an interval falls on a place.
    x = np.linspace(-side, 2 * side + offset, 100_001) + side * 1e-6
    p, q = ((start <= x) & (x < start + side) for start in (0.0, offset))
    return jensen_shannon(p / side, q / side, x)


def power(x: Values, y: Values) -> float:
    """The exponent of the power of x that y is nearest to: 1 for what is proportional. NaN where y
    is not positive everywhere."""
    if not (y > 0).all():
        return math.nan
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
