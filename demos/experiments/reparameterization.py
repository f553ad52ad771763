"""z = mu + sigma eps can be differentiated through: the gradient that it gives is unbiased, and far
less noisy than the score function's, f(z) times the gradient of log q(z) (REINFORCE)."""

from typing import Any

from tqdm import tqdm

import minigrad as mg
from demos.common.figures import Figure, curves, sheet
from demos.experiments.finding import Finding, Setting
from models.measures.gradients import ESTIMATORS, Quadratic, check_kl, estimate, noise

CLAIM = "sampling is differentiable by the reparameterization trick; the KL to the prior is closed"
PAIRS = ((0.0, 0.5), (1.5, 0.0), (0.0, -3.0), (-0.7, 1.2), (2.5, -4.0))  # mu and logvar
DIMENSIONS = (1, 2, 4, 8, 16, 32, 64, 128)
SIGMAS = (0.03, 0.1, 0.3, 1.0, 3.0)


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
    invariants = {
        "the KL in closed form is the mean over samples": numbers["KL, most standard errors off"]
        < 5,
        "both gradients are unbiased": max(gradients.values()) < 5,
    }
    figure = draw(kls, by_dimension, by_sigma)
    return Finding(CLAIM, result, beside, numbers, control, figure, invariants)


def draw(kls: Any, by_dimension: list[Any], by_sigma: list[Any]) -> Figure:
    figure, (closed, dimensions, sigmas) = sheet("abc", (12, 3.8))
    exact, sampled = ([row[of] for row in kls.values()] for of in ("closed form", "samples"))
    title = "KL(q || p(z)) as the mean of log q - log p"
    label = "mean over samples, nats"
    curves(closed, {"_kl": (exact, sampled, "C0o")}, title, "closed form, nats", label, log="xy")
    closed.axline((1, 1), (2, 2), color="0.6", linewidth=0.8)
    for axes, rows, x, label in (
        (dimensions, by_dimension, "d", "dimensions of z, with sigma = 0.5"),
        (sigmas, by_sigma, "sigma", "sigma, with 8 dimensions"),
    ):
        at = [row[x] for row in rows]
        lines = {
            name: (at, [row[name] for row in rows], f"{colour}o-")
            for name, colour in zip(ESTIMATORS, ("C0", "C3", "C1"), strict=True)
        }
        curves(axes, lines, "the gradient in mu from one sample", label, "variance", log="xy")
    return figure
