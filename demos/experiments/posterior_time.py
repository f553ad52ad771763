"""What richer posteriors gain on the bound when each model has the same time to learn in.

The KL of two stochastic layers is weighted in slowly, lest z2 goes out of use (Sønderby et al.
2016, section 2.2).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from time import process_time
from typing import Any

import minigrad as mg
from demos.common.figures import Figure, bars, curves, sheet
from demos.common.games import learn
from demos.common.kept import Setting
from demos.common.seeds import over_seeds, table_row
from demos.experiments.finding import Finding
from demos.experiments.likelihood_vaes import HIDDEN, LATENT, first_weights
from minigrad import Tensor, nn, optim
from models.flows import with_flows
from models.hierarchical import two_layer_vae
from models.likelihoods import binarize
from models.measures.bounds import bounds, elbo
from models.model import Learner
from models.vae import VAE, mlp_vae

CLAIM = "richer posteriors and two stochastic layers give better bounds; here in equal time"
PLAIN, TWO = "gaussian", "two layers"
# The maps after the encoder's Gaussian.
POSTERIORS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "planar": {"steps": 8},
    "iaf": {"steps": 2, "hidden": 100},
    TWO: {},
}
SECONDS = 20.0  # of one core, for each
BATCH, LR = 100, 2e-3
WARM_UP = 0.3  # of the time, in which the weight of two layers' KL grows to 1
CURVE = 8  # measurements on the way
TESTED = 2000  # test images
MEASURES = ("-ELBO", "-L_50", "-L", "kl", "steps")


def run(
    setting: Setting, *, seconds: float = SECONDS, seeds: int = 1, samples: int = 1000,
    images: int = 200, names: Sequence[str] = tuple(POSTERIORS), limit: int | None = None,
) -> Finding:  # fmt: skip
    """The network of `likelihood`, with each posterior, trained for as many seconds of a core."""
    seconds *= setting.longer
    dataset = setting.dataset or "mnist"
    setting.grey_test("posterior-time", dataset, limit)
    how = {"dataset": dataset, "seconds": seconds, "images": images, "samples": samples}
    rows = {name: {"posterior": name, **how, "limit": limit} for name in names}
    runs = over_seeds(setting, "posterior-time", partial(play, setting), rows, seeds, jobs=1)
    table = {name: table_row(some, MEASURES) for name, some in runs.items()}
    means = {name: {m: row[m]["mean"] for m in MEASURES} for name, row in table.items()}
    gains = {
        name: {m: means[PLAIN][m] - means[name][m] for m in ("-ELBO", "-L")}
        for name in names
        if name != PLAIN
    }
    result = f"gain of -ELBO after {seconds:g} s: " + ", ".join(
        f"{name} {gain['-ELBO']:.2f}" for name, gain in gains.items()
    )
    result += f"; of -L_{samples}: " + ", ".join(f"{gain['-L']:.2f}" for gain in gains.values())
    plain = means[PLAIN]
    beside = (
        f"gaussian: -ELBO {plain['-ELBO']:.2f}, -L_{samples} {plain['-L']:.2f}; steps "
        + ", ".join(f"{name} {means[name]['steps']:,.0f}" for name in names)
    )
    numbers = {"gain in nats": gains, "tables": {f"{seconds:g} seconds of one core": table}}
    return Finding(CLAIM, result, beside, numbers, {PLAIN: means[PLAIN]}, draw(runs))


def network(posterior: str, mean: Any) -> VAE:
    """For images with the mean (C, H, W)."""
    if posterior == TWO:
        vae: VAE = two_layer_vae(mean.shape)
    else:
        vae = mlp_vae(mean.shape, LATENT, HIDDEN, nn.Tanh)
        if how := POSTERIORS[posterior]:
            with_flows(vae, posterior, **how)
    first_weights(vae, mean)
    return vae


def play(
    setting: Setting, *, posterior: str, dataset: str, seconds: float, images: int, samples: int,
    limit: int | None, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """One training: the bounds after it, and the test set's -ELBO on the way."""
    train, test = setting._replace(dataset=dataset).images(dataset, limit)
    mg.manual_seed(seed)
    x_test = binarize(mg.tensor(test[:TESTED][0]))
    model = network(posterior, train.images.mean(0) / 255)
    learner = Learner(model, optim.Adam(model.parameters(), LR))
    there = x_test.to(setting.device)
    shares = Shares(seconds, lambda: sum(elbo(model, there)))

    def prepared(x: Tensor, labels: Tensor) -> tuple[Tensor]:
        if posterior == TWO:
            model.beta = mg.each_step(lambda: min(1.0, shares.last / WARM_UP), x)
        return (binarize(x),)

    how = {"batch": BATCH, "seed": seed, "device": setting.device}
    losses = learn(learner, train, shares, **how, prepared=prepared)
    model.beta = 1.0
    found = bounds(model, x_test, min(images, len(x_test)), samples, seed)
    return {**found, "steps": len(losses["kl"]), "curve": shares.curve}


class Shares:
    """The share of so many seconds of a core that is used up, until all are; that of a GPU is one
    that waits for it. What is measured on the way, CURVE times, does not count."""

    def __init__(self, seconds: float, measure: Callable[[], float]) -> None:
        self.seconds, self.measure = seconds, measure
        self.last = 0.0
        self.curve: list[list[float]] = []  # seconds, and what was measured

    def __iter__(self) -> Iterator[float]:
        start = process_time()
        while (used := process_time() - start) < self.seconds:
            self.last = used / self.seconds
            yield self.last
            if (used := process_time() - start) * CURVE >= self.seconds * (len(self.curve) + 1):
                self.curve.append([used, self.measure()])
                start = process_time() - used


def draw(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """The bound over time, and the bounds at the end."""
    figure, (left, right) = sheet((1, 2), (11, 4.2))
    lines = {name: (*zip(*some[0]["curve"], strict=True), "o-") for name, some in runs.items()}
    curves(left, lines, f"-ELBO of {TESTED:,} test images", "seconds of one core", "nats", log="y")
    series = {
        m: {name: [one[m] for one in some] for name, some in runs.items()}
        for m in ("-ELBO", "-L_50", "-L")
    }
    bars(right, series, "at the end: less is better", text="{:.1f}", colours=("0.7", "C0", "C2"))
    heights = [v for of in series.values() for some in of.values() for v in some]
    span = max(heights) - min(heights)
    right.set_ylim(min(heights) - 0.5 * span, max(heights) + 0.5 * span)
    return figure
