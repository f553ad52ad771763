"""Estimators of the gradient of E_q[f(z)] in the parameters of q, against what is known exactly.

pathwise     z = mu + sigma eps is differentiated through (reparameterization)
score        f(z) times the gradient of log q(z) (REINFORCE); with a baseline, f(z) - E[f(z)]
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor

from ..vae import kl_per_latent, reparameterize

ESTIMATORS = ("pathwise", "score", "score with baseline")
ROWS = 2**18  # samples drawn at once
Array = NDArray[Any]


class Quadratic(NamedTuple):
    """f(z) = |z - c|^2 / 2, c = (1, -1/2, 1/3, ...), where q is N(0, sigma^2 I) in d dimensions."""

    d: int
    sigma: float

    @property
    def c(self) -> Array:
        order = np.arange(1, self.d + 1)
        c: Array = (-1.0) ** (order + 1) / order
        return c

    def f(self, z: Tensor) -> Tensor:
        """(n, d) to (n,)."""
        return 0.5 * (z - mg.tensor(self.c)).square().sum(1)

    @property
    def mean(self) -> float:
        """E[f(z)]."""
        return 0.5 * (float(np.square(self.c).sum()) + self.d * self.sigma**2)

    @property
    def gradient(self) -> Array:
        """The gradient of E[f(z)] in mu, then in logvar: (2 d,)."""
        return np.concatenate([-self.c, np.full(self.d, 0.5 * self.sigma**2)])


class Moments(NamedTuple):
    """Of a sample: the means, their standard errors, and the variances of a single draw."""

    mean: Array
    error: Array
    variance: Array

    def off(self, exact: Array | float) -> float:
        """How many standard errors the means are off, at most."""
        return float(np.abs((self.mean - exact) / self.error).max())


def moments(values: Array) -> Moments:
    """Over the first axis."""
    variance = values.var(0)
    return Moments(values.mean(0), np.sqrt(variance / len(values)), variance)


def check_kl(mu: float, logvar: float, samples: int) -> dict[str, float]:
    """KL(N(mu, exp(logvar)) || N(0, 1)) in closed form, and as the mean of log q(z) - log p(z)."""
    pair = mg.tensor(mu, dtype=mg.float64), mg.tensor(logvar, dtype=mg.float64)
    values = []
    for n in chunks(samples):
        eps = mg.randn(n, dtype=mg.float64)
        z = reparameterize(*pair, eps).numpy()
        values.append(0.5 * (z * z - eps.numpy() ** 2 - logvar))
    sampled, exact = moments(np.concatenate(values)), kl_per_latent(*pair).item()
    return {"closed form": exact, "samples": float(sampled.mean), "off": sampled.off(exact)}


def estimate(case: Quadratic, samples: int) -> dict[str, Moments]:
    """What the estimators of the gradient in mu and logvar have as mean and variance."""
    parts = [single(case, n) for n in chunks(samples)]
    return {name: moments(np.concatenate([p[name] for p in parts])) for name in ESTIMATORS}


def single(case: Quadratic, n: int) -> dict[str, Array]:
    """n estimates of the gradient by a single sample each: (n, 2 d)."""
    # Every sample has a mu and a logvar of its own, and so a gradient of its own.
    mu = mg.zeros(n, case.d, dtype=mg.float64).requires_grad_()
    logvar = mg.full((n, case.d), 2 * math.log(case.sigma), dtype=mg.float64).requires_grad_()
    z = reparameterize(mu, logvar)
    f = case.f(z)
    pathwise = _joined(mg.grad(f.sum(), [mu, logvar]))
    z, values = z.detach(), f.detach().numpy()[:, None]
    log_q = -0.5 * (logvar + (z - mu).square() / logvar.exp())
    score = _joined(mg.grad(log_q.sum(), [mu, logvar]))
    both = values * score, (values - case.mean) * score
    return dict(zip(ESTIMATORS, (pathwise, *both), strict=True))


def _joined(parts: Any) -> Array:
    return np.concatenate([part.numpy() for part in parts], axis=1)


def noise(case: Quadratic, samples: int) -> dict[str, float]:
    """The variances of the gradient in mu, summed over its coordinates."""
    found = estimate(case, samples)
    path, score, baseline = (found[name].variance[: case.d].sum() for name in ESTIMATORS)
    ratios = {"ratio": score / path, "ratio with baseline": baseline / path}
    variances = dict(zip(ESTIMATORS, (path, score, baseline), strict=True))
    return {"d": case.d, "sigma": case.sigma, **variances, **ratios}


def chunks(samples: int) -> list[int]:
    """Numbers that add up to samples, none above ROWS."""
    return [min(ROWS, samples - i) for i in range(0, samples, ROWS)]
