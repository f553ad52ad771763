"""The discriminator that is best against a generator is p / (p + q): Goodfellow et al. 2014,
proposition 1. The value of the game is then -log 4 + 2 JSD(p, q), theorem 1."""

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import trange

import minigrad as mg
from demos.experiments.finding import Finding, Setting
from minigrad import nn, optim
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.gan import GAN, MLPDiscriminator
from models.measures.distances import jensen_shannon

CLAIM = "a trained D is p / (p + q); the value of the game is -log 4 + 2 JSD, and -1.386 at p = q"
PLACES = np.linspace(-8, 10, 3601)  # where densities are integrated


class Normal(NamedTuple):
    mean: float
    std: float

    def density(self, x: NDArray[Any]) -> NDArray[Any]:
        at: NDArray[Any] = (x - self.mean) / self.std
        return np.exp(-0.5 * at**2) / (self.std * math.sqrt(2 * math.pi))


DATA = Normal(-1.0, 1.0)
SAMPLES = Normal(1.5, 1.5)


class Fit(NamedTuple):
    """What a discriminator has learned of data and samples; arrays are over PLACES."""

    d: NDArray[Any]
    best: NDArray[Any]  # p / (p + q)
    error: float  # the largest, where all but a thousandth of the points are
    value: float  # of the game, with this D
    best_value: float


def run(setting: Setting, *, steps: int = 3000, batch: int = 1024) -> Finding:
    """Two different Gaussians, and as a control two equal ones and a D that has not learned."""
    seed = setting.seed
    apart = fit(DATA, SAMPLES, seed, steps, batch)
    equal = fit(DATA, DATA, seed, steps, batch)
    untrained = fit(DATA, SAMPLES, seed, 0, batch)
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
    return Finding(CLAIM, result, beside, numbers, control, draw(apart, equal))


def fit(data: Normal, samples: Normal, seed: int, steps: int, batch: int) -> Fit:
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
    p, q = data.density(PLACES), samples.density(PLACES)
    shares = np.cumsum((p + q) / 2) * (PLACES[1] - PLACES[0])
    common = (shares > 0.0005) & (shares < 0.9995)
    d, best = 1 / (1 + np.exp(-scores)), p / (p + q)
    log_d, log_not_d = -np.logaddexp(0, -scores), -np.logaddexp(0, scores)
    return Fit(
        d,
        best,
        float(np.abs(d - best)[common].max()),
        float(np.trapezoid(p * log_d + q * log_not_d, PLACES)),
        -math.log(4) + 2 * jensen_shannon(p, q, PLACES),
    )


def draw(apart: Fit, equal: Fit) -> Figure:
    figure = Figure((9.6, 3.8), dpi=100, layout="constrained")
    for axes, found, samples in zip(
        figure.subplots(1, 2, sharey=True), (apart, equal), (SAMPLES, DATA), strict=True
    ):
        p, q = DATA.density(PLACES), samples.density(PLACES)
        axes.fill_between(PLACES, p, color="C0", alpha=0.25, linewidth=0, label="p, data")
        axes.fill_between(PLACES, q, color="C1", alpha=0.25, linewidth=0, label="q, samples")
        axes.plot(PLACES, found.best, "k", linewidth=3, alpha=0.3, label="p / (p + q)")
        axes.plot(PLACES, found.d, "C3--", linewidth=1.4, label="trained D")
        axes.set_xlim(-5, 7)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("x")
        axes.set_title(
            f"largest error {found.error:.3f}; value {found.value:.3f}, "
            f"$-\\log 4 + 2\\,$JSD = {found.best_value:.3f}",
            fontsize=10,
        )
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    figure.suptitle("the discriminator that is best against two fixed Gaussians", fontsize=11)
    return figure
