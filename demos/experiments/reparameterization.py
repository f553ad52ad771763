"""z = mu + sigma eps can be differentiated through: the gradient that it gives is unbiased, and far
less noisy than the score function's, f(z) times the gradient of log q(z) (REINFORCE)."""

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

import minigrad as mg
from demos.common.kept import Setting
from demos.experiments.finding import Finding
from minigrad import Tensor
from models.vae import kl_per_latent, reparameterize

CLAIM = "sampling is differentiable by the reparameterization trick; the KL to the prior is closed"
PAIRS = ((0.0, 0.5), (1.5, 0.0), (0.0, -3.0), (-0.7, 1.2), (2.5, -4.0))  # mu and logvar
DIMENSIONS = (1, 2, 4, 8, 16, 32, 64, 128)
SIGMAS = (0.03, 0.1, 0.3, 1.0, 3.0)
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
        values: Tensor = 0.5 * (z - mg.tensor(self.c)).square().sum(1)
        return values

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

    def off(self, exact: Array) -> float:
        """How many standard errors the means are off, at most."""
        return float(np.abs((self.mean - exact) / self.error).max())


def run(setting: Setting, *, samples: int = 1_000_000) -> Finding:
    """Samples against what is known exactly: the KL, and the gradient of a quadratic's mean."""
    mg.manual_seed(setting.seed)
    kls = {f"mu {mu}, logvar {logvar}": check_kl(mu, logvar, samples) for mu, logvar in PAIRS}
    plain = Quadratic(2, 0.5)
    gradients = {name: m.off(plain.gradient) for name, m in estimate(plain, samples).items()}
    cases = [*(Quadratic(d, 0.5) for d in DIMENSIONS), *(Quadratic(8, s) for s in SIGMAS)]
    rows = [
        noise(case, samples // case.d) for case in tqdm(cases, "noise", leave=False, disable=None)
    ]
    by_dimension, by_sigma = rows[: len(DIMENSIONS)], rows[len(DIMENSIONS) :]
    most = by_dimension[-1]
    numbers = {
        "samples": samples,
        "KL": kls,
        "KL, most standard errors off": max(row["off"] for row in kls.values()),
        "gradients, most standard errors off": gradients,
        "variance by dimension, sigma 0.5": by_dimension,
        "variance by sigma, 8 dimensions": by_sigma,
    }
    control = {
        "score function's variance / pathwise, 1 dimension": by_dimension[0]["ratio"],
        f"score function's variance / pathwise, {most['d']} dimensions": most["ratio"],
        "the same with a baseline": most["ratio with baseline"],
    }
    result = (
        f"KL within {numbers['KL, most standard errors off']:.1f} s.e. of {samples:,} samples; "
        f"pathwise gradient within {gradients['pathwise']:.1f} s.e. of the exact one"
    )
    beside = (
        f"score function: unbiased too ({gradients['score']:.1f} s.e.), its variance "
        f"{by_dimension[0]['ratio']:.0f} times as large in 1 dimension, {most['ratio']:.0f} in "
        f"{most['d']}"
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(kls, by_dimension, by_sigma))


def check_kl(mu: float, logvar: float, samples: int) -> dict[str, float]:
    """KL(N(mu, exp(logvar)) || N(0, 1)) in closed form, and as the mean of log q(z) - log p(z)."""
    pair = [mg.tensor(value, dtype=mg.float64) for value in (mu, logvar)]
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
    pathwise = joined(mg.grad(f.sum(), [mu, logvar]))
    z, f = z.detach(), f.detach().numpy()[:, None]
    log_q = -0.5 * (logvar + (z - mu).square() / logvar.exp())
    score = joined(mg.grad(log_q.sum(), [mu, logvar]))
    return dict(zip(ESTIMATORS, (pathwise, f * score, (f - case.mean) * score), strict=True))


def joined(parts: tuple[Tensor, ...]) -> Array:
    return np.concatenate([part.numpy() for part in parts], axis=1)


def noise(case: Quadratic, samples: int) -> dict[str, float]:
    """The variances of the gradient in mu, summed over its coordinates."""
    found = estimate(case, samples)
    path, score, baseline = (found[name].variance[: case.d].sum() for name in ESTIMATORS)
    ratios = {"ratio": score / path, "ratio with baseline": baseline / path}
    variances = dict(zip(ESTIMATORS, (path, score, baseline), strict=True))
    return {"d": case.d, "sigma": case.sigma, **variances, **ratios}


def moments(values: Array) -> Moments:
    """Over the first axis."""
    variance = values.var(0)
    return Moments(values.mean(0), np.sqrt(variance / len(values)), variance)


def chunks(samples: int) -> list[int]:
    """Numbers that add up to samples, none above ROWS."""
    return [min(ROWS, samples - i) for i in range(0, samples, ROWS)]


def draw(kls: Any, by_dimension: list[Any], by_sigma: list[Any]) -> Figure:
    figure = Figure((12, 3.8), dpi=100, layout="constrained")
    closed, dimensions, sigmas = figure.subplots(1, 3)
    exact = [row["closed form"] for row in kls.values()]
    closed.loglog(exact, [row["samples"] for row in kls.values()], "C0o")
    closed.axline((1, 1), (2, 2), color="0.6", linewidth=0.8)
    closed.set_xlabel("closed form (nats)")
    closed.set_title("KL(q || p(z)) as the mean of log q - log p", fontsize=10)
    for axes, rows, x in ((dimensions, by_dimension, "d"), (sigmas, by_sigma, "sigma")):
        for name, colour in zip(ESTIMATORS, ("C0", "C3", "C1"), strict=True):
            values = [row[name] for row in rows]
            axes.loglog([row[x] for row in rows], values, f"{colour}o-", label=name)
    dimensions.set_xlabel("dimensions, sigma = 0.5")
    dimensions.set_title("variance of the gradient in mu, one sample", fontsize=10)
    sigmas.set_xlabel("sigma, 8 dimensions")
    sigmas.set_title("the same", fontsize=10)
    dimensions.legend(frameon=False, fontsize=9)
    for axes in (closed, dimensions, sigmas):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
    return figure
