"""Reparameterization against the score function

How does the mean of f(z) change when the distribution that z is drawn from does? A draw has no
derivative, but there are two ways around it. For z ~ N(mu, 1):

    reparameterization   z = mu + eps, eps ~ N(0, 1): then d f(z) / d mu = f'(mu + eps)
    score function       d p(z) / d mu = p(z) d log p(z) / d mu: so f(z) (z - mu), also REINFORCE

Both have the right mean. The first needs the slope of f, and goes through the tape; the second only
its value, and pays with variance: it does not know whether f is large here because of mu or anyway.
A VAE trains by the first (Kingma & Welling 2013, section 2.4; `reparameterize` in models/vae.py).
With f(z) = z^2, E f = mu^2 + 1, the gradient is 2 mu, and both variances can be worked out.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
from models.likelihoods import gaussian_log_prob
from models.vae import reparameterize


def f(z: mg.Tensor) -> mg.Tensor:
    return z * z


def by_reparameterization(mu: mg.Tensor, eps: mg.Tensor) -> mg.Tensor:
    """The gradient of each sample: a number for each eps."""
    each = mu.expand(len(eps))  # a mu of its own for each sample, so that each has a gradient
    z = reparameterize(each, mg.zeros_like(each), eps)
    return mg.grad(f(z).sum(), each)[0]


def by_score(mu: mg.Tensor, eps: mg.Tensor, baseline: float = 0.0) -> mg.Tensor:
    z = (mu + eps).detach()  # a number that was drawn: nothing goes through it
    each = mu.expand(len(z))
    log_p = gaussian_log_prob(z, each, mg.zeros_like(each))
    return mg.grad(((f(z) - baseline) * log_p).sum(), each)[0]


def main(out: Path) -> None:
    mg.manual_seed(0)
    mu = mg.tensor(1.5, dtype=mg.float64, requires_grad=True)
    eps = mg.randn(100_000, dtype=mg.float64)
    ways = {
        "reparameterization": by_reparameterization(mu, eps),
        "score function": by_score(mu, eps),
        "with a baseline": by_score(mu, eps, baseline=mu.item() ** 2 + 1),
    }
    for name, samples in ways.items():
        print(f"{name}: mean {samples.mean().item():.3f}, variance {samples.var().item():.2f}")
    # → reparameterization: mean 2.998, variance 4.00
    # → score function: mean 2.991, variance 52.04
    # → with a baseline: mean 2.994, variance 28.44

    # What they must be, from the moments of eps: mean 2 mu; variances 4, and mu^4 + 14 mu^2 + 15.
    # A baseline, here E f, can be subtracted from f since the score's mean is 0: 8 mu^2 + 10.
    m = 1.5
    print(2 * m, 4.0, m**4 + 14 * m**2 + 15, 8 * m**2 + 10)  # → 3.0 4.0 51.5625 28.0

    # What it means: samples for the same precision, a standard error of 0.1.
    print([f"{samples.var().item() / 0.1**2:.0f}" for samples in ways.values()])
    # → ['400', '5204', '2844']

    # The tape shows it: one path leads from f back to mu through z, or from log p alone.
    few = mg.randn(4, dtype=mg.float64)
    z = reparameterize(mu, mg.zeros_like(mu), few)
    mg.draw(f(z).mean(), out / "08_through_z.svg", names={"mu": mu, "z": z})
    fixed = z.detach()
    surrogate = (f(fixed) * gaussian_log_prob(fixed, mu, mg.zeros(()))).mean()
    mg.draw(surrogate, out / "08_through_log_p.svg", names={"mu": mu})
    draw(out, ways)


def draw(out: Path, ways: dict[str, mg.Tensor]) -> None:
    figure = Figure(figsize=(6.5, 5.2), dpi=100, layout="constrained")
    bins = np.linspace(-20, 60, 161)
    panels = figure.subplots(3, 1, sharex=True, sharey=True)
    for axes, (name, samples) in zip(panels, ways.items(), strict=True):
        axes.hist(samples.numpy(), bins, density=True, color="#0072b2", alpha=0.6)
        axes.axvline(3.0, color="k", linestyle="--", linewidth=1)
        axes.set_title(f"{name}: variance {samples.var().item():.1f}", fontsize=10)
        axes.set_yscale("log")
        axes.set_ylim(1e-4, 2)
        axes.set_ylabel("density")
    axes.set_xlabel("the gradient that one sample gives; dashed: the true one, 3")
    figure.savefig(out / "08_reparameterization.png")
