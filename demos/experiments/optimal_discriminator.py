"""The discriminator that is best against a generator is p / (p + q): Goodfellow et al. 2014,
proposition 1. The value of the game is then -log 4 + 2 JSD(p, q), theorem 1."""

import math

import numpy as np
from tqdm import trange

import minigrad as mg
from demos.common.figures import EXACT, Figure, curves, sheet
from demos.experiments.finding import Finding, Setting
from minigrad import nn, optim
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.gan import GAN, MLPDiscriminator
from models.measures.distances import Normal
from models.measures.game import Discriminator, against_best

CLAIM = "a trained D is p / (p + q); the value of the game is -log 4 + 2 JSD, and -1.386 at p = q"
PLACES = np.linspace(-8, 10, 3601)  # where densities are integrated
DATA, SAMPLES = Normal(-1.0, 1.0), Normal(1.5, 1.5)


def run(setting: Setting, *, steps: int = 3000, batch: int = 1024) -> Finding:
    """Two different Gaussians, and as a control two equal ones and a D that has not learned."""
    apart = fit(DATA, SAMPLES, setting.seed, steps, batch)
    equal = fit(DATA, DATA, setting.seed, steps, batch)
    untrained = fit(DATA, SAMPLES, setting.seed, 0, batch)
    numbers = {
        "largest error of D": apart.error,
        "value": apart.value,
        "-log 4 + 2 JSD": apart.best_value,
        "largest error at equality": equal.error,
        "loss at equality": -equal.value,
        "log 4": math.log(4),
    }
    control = {"largest error untrained": untrained.error, "value untrained": untrained.value}
    result = (
        f"largest error of D {apart.error:.4f}; value {apart.value:.4f}, -log 4 + 2 JSD "
        f"{apart.best_value:.4f}; loss at equality {-equal.value:.4f}"
    )
    beside = f"untrained: error {untrained.error:.2f}, value {untrained.value:.2f}"
    invariants = {
        "no D has a higher value than the best one": all(
            found.value < found.best_value + 1e-6 for found in (apart, equal, untrained)
        )
    }
    return Finding(CLAIM, result, beside, numbers, control, draw(apart, equal), invariants)


def fit(data: Normal, samples: Normal, seed: int, steps: int, batch: int) -> Discriminator:
    """Trains a discriminator only, against a generator that is a linear function of the noise."""
    mg.manual_seed(seed)
    generator = nn.Linear(1, 1)
    with mg.no_grad():
        generator.weight.fill_(samples.std)
        generator.bias.fill_(samples.mean)
    discriminator = MLPDiscriminator((1,), (64, 64))
    optimizer = optim.Adam(discriminator.parameters(), 1e-2)
    schedule = CosineAnnealingLR(optimizer, max(1, steps))
    gan = GAN(generator, discriminator, optim.SGD(generator.parameters()), optimizer, noise=1)
    for _ in trange(steps, desc="D", leave=False, disable=None):
        gan.discriminator_step(data.mean + data.std * mg.randn(batch, 1))
        schedule.step()
    with mg.no_grad():
        scores = discriminator(mg.tensor(PLACES[:, None], dtype=mg.float32)).double().numpy()
    return against_best(scores, data.density(PLACES), samples.density(PLACES), PLACES)


def draw(apart: Discriminator, equal: Discriminator) -> Figure:
    title = (
        "the discriminator that is best against two fixed Gaussians; "
        "on grey, where a thousandth of the points are, no error counts"
    )
    figure, panels = sheet("ab", (9.6, 3.8), title)
    for axes, found, samples in zip(panels, (apart, equal), (SAMPLES, DATA), strict=True):
        for normal, colour, name in ((DATA, "C0", "p, data"), (samples, "C1", "q, samples")):
            p = normal.density(PLACES)
            axes.fill_between(PLACES, p, color=colour, alpha=0.25, linewidth=0, label=name)
        lines = {"p / (p + q)": (PLACES, found.best, EXACT), "trained D": (PLACES, found.d, "C3--")}
        counts = PLACES[found.common]
        for ends in ((PLACES[0], counts[0]), (counts[-1], PLACES[-1])):
            axes.axvspan(*ends, color="0.9", linewidth=0)
        title = (
            f"largest error on white {found.error:.3f}; value {found.value:.3f}, "
            f"$-\\log 4 + 2\\,$JSD = {found.best_value:.3f}"
        )
        curves(axes, lines, title, "x", legend="upper right")
        axes.set(xlim=(-5, 7), ylim=(0, 1.02))
    return figure
