"""GANs of four f-divergences fit one Gaussian to two: each comes to the divergence's own minimiser.

On a line the minimisers can be computed on a grid, and so can the divergences, which the
discriminators are to estimate. KL makes the broadest Gaussian, which covers all data, and the
reverse KL the narrowest; it has a second minimum, at one part of the data alone, which is higher.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, bars, curves, sheet
from demos.common.seeds import over_seeds, seconds, table_row
from demos.experiments.finding import Finding, Setting
from minigrad import Tensor, nn, optim
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.gan import GAN, MLPDiscriminator
from models.measures.distances import Mixture, Normal, closest_normal, f_divergence
from models.zoo.fgan import DIVERGENCES, f_gan

CLAIM = "f-GAN: a GAN for every f-divergence; what one Gaussian makes of two parts of data differs"
DATA = Mixture((0.6, 0.4), (Normal(-1, 0.6), Normal(2, 0.6)))
PLACES = np.linspace(-7, 8, 1501)
STEPS, BATCH, SEEDS, LR = 6_000, 512, 1, 2e-3
WITHIN = 0.05
MEASURES = ("mean", "std", "estimate", "core seconds")


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = SEEDS, jobs: int | None = 1
) -> Finding:
    """Each divergence with `seeds` seeds, beside its minimiser on the grid, and, as a control, the
    minimisers of the others."""
    rows = {name: {"divergence": name, "steps": steps} for name in DIVERGENCES}
    runs = over_seeds(setting, "f-gan", play, rows, seeds, jobs)
    exact = {n: closest_normal(d.f, DATA, PLACES) for n, d in DIVERGENCES.items()}
    errors = {
        name: max(
            max(abs(r["mean"] - exact[name].mean), abs(r["std"] - exact[name].std)) for r in some
        )
        for name, some in runs.items()
    }
    estimates = {
        name: max(abs(r["estimate"] - r["divergence"]) for r in some) for name, some in runs.items()
    }
    table = {name: table_row(some, MEASURES) for name, some in runs.items()}
    numbers = {
        "largest error of mean and deviation": errors,
        "largest error of the divergence's estimate": estimates,
        "core seconds of all trainings": seconds(runs),
        "tables": {f"{steps} steps": table},
    }
    control = {
        "exact minimisers": {
            name: {**at._asdict(), "divergence": divergence(name, at)} for name, at in exact.items()
        },
        "distances between them": {
            f"{a}, {b}": max(abs(x - y) for x, y in zip(exact[a], exact[b], strict=True))
            for i, a in enumerate(exact)
            for b in list(exact)[:i]
        },
    }
    met = sum(error <= WITHIN for error in errors.values())
    result = (
        f"{met} of {len(errors)} within {WITHIN} of the exact minimiser (largest errors: "
        + ", ".join(f"{name} {error:.3f}" for name, error in errors.items())
        + f"); divergences estimated within {max(estimates.values()):.3f}"
    )
    beside = "exact mean and deviation: " + "; ".join(
        f"{name} {at.mean:.3f}, {at.std:.3f}" for name, at in exact.items()
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(runs, exact))


class Affine(nn.Module):
    """mean + std z: a generator of points on a line that has all normal distributions."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(mg.zeros(1))
        self.log_std = nn.Parameter(mg.zeros(1))

    def forward(self, z: Tensor) -> Tensor:
        return self.mean + self.log_std.exp() * z

    def normal(self) -> Normal:
        return Normal(self.mean.item(), self.log_std.exp().item())


def play(divergence: str, steps: int, seed: int) -> dict[str, Any]:
    """One game: the averaged generator's mean and deviation, the divergence there, and the
    discriminator's estimate of it at the last one."""
    mg.manual_seed(seed)
    rng = np.random.default_rng(seed)
    networks = Affine(), MLPDiscriminator((1,), (64, 64))
    adams = [optim.Adam(net.parameters(), LR, (0.0, 0.99)) for net in networks]
    gan = GAN(*networks, *adams, f_gan(divergence), noise=1, ema=0.999)
    schedules = [CosineAnnealingLR(adam, max(1, steps), 0.01 * LR) for adam in adams]
    for _ in range(steps):
        gan.train_step(mg.from_numpy(DATA.draw(BATCH, rng)[:, None]))
        for schedule in schedules:
            schedule.step()
    with mg.no_grad():
        x = mg.from_numpy(DATA.draw(100_000, rng)[:, None])
        samples = gan.generator(gan.draw_noise(len(x)))
        bound = -gan.objective.discriminator_loss(gan.discriminator, x, samples)[0].item()
    found = gan.sampler.normal()
    return {
        **found._asdict(),
        "estimate": bound,
        "divergence": globals()["divergence"](divergence, gan.generator.normal()),
    }


def divergence(name: str, q: Normal) -> float:
    """D_f(data || q)."""
    return f_divergence(DIVERGENCES[name].f, DATA.density(PLACES), q.density(PLACES), PLACES)


def draw(runs: Mapping[str, list[dict[str, Any]]], exact: Mapping[str, Normal]) -> Figure:
    """The densities of the first seed, and the numbers beside the exact ones."""
    figure, (left, right) = sheet("ab", (11, 3.8))
    lines: dict[str, Any] = {"data": (PLACES, DATA.density(PLACES), "k")}
    for i, (name, some) in enumerate(runs.items()):
        lines[name] = (PLACES, Normal(some[0]["mean"], some[0]["std"]).density(PLACES), f"C{i}")
        lines[f"_{name}"] = (PLACES, exact[name].density(PLACES), f"C{i}:")
    curves(left, lines, "what each divergence makes of the data; dotted: exact", "x", "density")
    series = {
        "exact": {name: at.std for name, at in exact.items()},
        "f-GAN": {name: [r["std"] for r in some] for name, some in runs.items()},
    }
    bars(right, series, "deviation", text="{:.2f}", legend="upper center", colours=("0.7", "C0"))
    right.set_ylim(1.3, 1.7)
    return figure
