"""Mixtures of points in the plane, and how many of their modes a generator has found.

The two data sets and the measures are those of VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et
al. 2018). Counting modes with one good sample saturates: a generator that strays everywhere hits
them all. So modes with 20 samples are counted too, and how evenly the samples are spread.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[Any]
SAMPLES = 2500  # that the measures are customarily taken of


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equally many points around each of the `modes` (K, 2), normal with standard deviation
    `std`."""

    modes: Points
    std: float

    def draw(self, n: int, rng: np.random.Generator) -> Points:
        """n points: float32 (n, 2)."""
        which = rng.integers(len(self.modes), size=n)
        noise = self.std * rng.standard_normal((n, 2))
        return (self.modes[which] + noise).astype(np.float32)


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture:
    """Modes at equal distances on a circle.

    NOTE: linspace(0, 2 pi, 8) puts two of them in one place: a reference implementation has 7.
    """
    angles = 2 * math.pi * np.arange(modes) / modes
    return Mixture(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), std)


def grid(side: int = 5, step: float = 2.0, std: float = 0.05) -> Mixture:
    """side x side modes, `step` apart, around 0."""
    at = step * (np.arange(side) - (side - 1) / 2)
    return Mixture(np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2), std)


MIXTURES = {"ring": ring, "grid": grid}


@dataclass(frozen=True)
class Coverage:
    """How samples cover the modes of a mixture.

    A sample is of high quality within 3 standard deviations of its nearest mode: 98.9 % of real
    data are.
    """

    modes: int  # with at least 1 sample of high quality
    modes_20: int  # with at least 20
    high_quality: float  # the share of samples
    kl: float  # of the modes of the samples of high quality, to all modes alike, in nats


def coverage(samples: Points, mixture: Mixture) -> Coverage:
    """The coverage of samples (N, 2). Without a sample of high quality, `kl` is infinite."""
    if samples.ndim != 2 or samples.shape[1] != 2 or not len(samples):
        raise ValueError(f"coverage: needs samples (N, 2), got shape {list(samples.shape)}")
    squares = ((samples[:, None] - mixture.modes) ** 2).sum(2, dtype=np.float64)
    # A NaN is near nothing.
    good = squares.min(1) <= (3 * mixture.std) ** 2
    counts = np.bincount(squares.argmin(1)[good], minlength=len(mixture.modes))
    return Coverage(
        modes=int((counts >= 1).sum()),
        modes_20=int((counts >= 20).sum()),
        high_quality=float(good.mean()),
        kl=kl_to_uniform(counts),
    )


def kl_to_uniform(counts: NDArray[Any]) -> float:
    """KL(p || uniform) in nats of p = counts / sum: from 0 to log K; infinite if all are 0."""
    total = counts.sum()
    if not total:
        return math.inf
    p = counts[counts > 0] / total
    return max(0.0, float((p * np.log(p * len(counts))).sum()))


def controls(name: str, rng: np.random.Generator) -> dict[str, Coverage]:
    """What real data of one of MIXTURES get, and what points spread evenly over the square do."""
    mixture = MIXTURES[name]()
    reach = 1.2 * np.abs(mixture.modes).max()
    even = rng.uniform(-reach, reach, (SAMPLES, 2))
    return {
        f"{name}, real data": coverage(mixture.draw(SAMPLES, rng), mixture),
        f"{name}, points spread evenly": coverage(even, mixture),
    }
