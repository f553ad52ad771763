"""What richer posteriors gain on the bound when each model has the same time to learn in."""

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, bars, curves, sheet
from demos.common.kept import Setting
from demos.common.seeds import over_seeds, table_row
from demos.experiments.finding import Finding
from demos.experiments.likelihood_vaes import HIDDEN, LATENT
from minigrad import nn, optim
from models.flows import with_flows
from models.hierarchical import two_layer_vae
from models.likelihoods import binarize
from models.measures.bounds import bounds, elbo
from models.model import Learner
from models.vae import VAE, mlp_vae

CLAIM = "richer posteriors and two stochastic layers give better bounds; here in equal, short time"
PLAIN, TWO = "gaussian", "two layers"
# The maps after the encoder's Gaussian.
POSTERIORS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "planar": {"steps": 8},
    "iaf": {"steps": 2, "hidden": 100},
    TWO: {},
}
SECONDS = 20.0  # of one core, for each
BATCH, LR, LAST_LR = 100, 2e-3, 1e-4
CURVE = 8  # measurements on the way
TESTED = 2000  # test images
MEASURES = ("-ELBO", "-L_50", "-L", "kl", "steps")


def run(
    setting: Setting, *, seconds: float = SECONDS, seeds: int = 1, samples: int = 1000,
    images: int = 200, names: Sequence[str] = tuple(POSTERIORS), limit: int | None = None,
) -> Finding:  # fmt: skip
    """The network of `likelihood`, with each posterior, trained for as many seconds of a core."""
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


def network(posterior: str) -> VAE:
    if posterior == TWO:
        return two_layer_vae()
    vae = mlp_vae((1, 28, 28), LATENT, HIDDEN, nn.Tanh)
    how = POSTERIORS[posterior]
    return with_flows(vae, posterior, **how) if how else vae


def play(
    setting: Setting, *, posterior: str, dataset: str, seconds: float, images: int, samples: int,
    limit: int | None, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """One training: the bounds after it, and the test set's -ELBO on the way. The rate falls with
    the time that is used up; what is measured on the way does not count."""
    train, test = setting._replace(dataset=dataset).images(dataset, limit)
    mg.manual_seed(seed)
    x_test = binarize(mg.tensor(test[:TESTED][0]))
    model = network(posterior)
    learner = Learner(model, optim.Adam(model.parameters(), LR))
    rng = np.random.default_rng(seed)
    used, steps, curve = 0.0, 0, []
    while used < seconds:
        start = time.process_time()
        share = 0.5 + 0.5 * math.cos(math.pi * used / seconds)
        learner.optimizer.param_groups[0]["lr"] = LAST_LR + (LR - LAST_LR) * share
        chosen = rng.integers(0, len(train), BATCH)
        learner.train_step(binarize(mg.tensor(train[chosen][0])))
        used += time.process_time() - start
        steps += 1
        if used >= seconds * (len(curve) + 1) / CURVE:
            curve.append([used, sum(elbo(model, x_test))])
    found = bounds(model, x_test, min(images, len(x_test)), samples, seed)
    return {**found, "steps": steps, "curve": curve}


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
