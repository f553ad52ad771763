"""BEGAN: the discriminator is an autoencoder, and a number k keeps samples' errors at a share gamma
of data's. The measure of convergence falls and the ratio is right for a generator of one single
face too; so spread and distance of samples are beside them. EBGAN has a margin instead of k.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, curves, sheet, strips
from demos.common.kept import Setting
from demos.common.seeds import over_seeds, seconds, table_row
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.face_distance import SAMPLES, eye, spread
from demos.experiments.finding import Finding
from demos.experiments.translations import READER
from minigrad import optim
from minigrad.data import ImageDataset
from models.began import BEGAN, AutoencoderDiscriminator, BEGANGenerator, energy_based
from models.gan import GAN
from models.measures.parts import in_parts

CLAIM = "BEGAN: energies of samples come to gamma of data's, M falls; diversity grows with gamma"
# NOTE: with the paper's rate of 1e-3, k moves by 5e-5 in a step: in minutes it never gets anywhere.
ROWS: dict[str, dict[str, float]] = {
    "gamma 0.3": {"gamma": 0.3, "rate": 0.02},
    "gamma 0.7": {"gamma": 0.7, "rate": 0.02},
    "k = 0": {"gamma": 0.7, "rate": 0.0},
    "EBGAN": {"margin": 0.2},
}
STEPS, BATCH, NOISE, WIDTH, LR, EMA = 200, 16, 32, 8, 1e-3, 0.99
MEASURES = ("M", "ratio", "k", "spread", "frechet", "core seconds")
SHOWN, TENTHS = 12, 10


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = 1, samples: int = SAMPLES,
    jobs: int | None = 1, reader: ReaderRecipe = READER,
) -> Finding:  # fmt: skip
    """Both gammas, k fixed at 0, and a margin; each for so many steps."""
    judge = eye(setting, "began", reader)
    rows = {name: {"steps": steps, **how} for name, how in ROWS.items()}
    runs = over_seeds(setting, "began", partial(play, judge.train, samples), rows, seeds, jobs)
    for some in runs.values():
        for one in some:
            one["spread"] = spread(one["images"])
            one["frechet"] = judge.distance(one["images"])
    table = {name: table_row(some, MEASURES) for name, some in runs.items()}
    real = judge.test[:samples][0]
    control = {"spread of test faces": spread(real), "Fréchet distance": judge.controls(samples)}
    mean = {name: {m: row[m]["mean"] for m in MEASURES if m in row} for name, row in table.items()}
    low, high = mean["gamma 0.3"], mean["gamma 0.7"]
    fall = {n: [run["curves"][0][i] for i in (0, -1)] for n, (run, *_) in runs.items()}
    result = (
        f"gamma 0.7: M {fall['gamma 0.7'][0]:.3f} -> {fall['gamma 0.7'][1]:.3f}, ratio "
        f"{high['ratio']:.2f}, spread {high['spread']:.3f}, Fréchet distance {high['frechet']:.0f};"
        f" gamma 0.3: ratio {low['ratio']:.2f}, spread {low['spread']:.3f}, {low['frechet']:.0f}"
    )
    told = (f"{n} {mean[n]['spread']:.3f}, {mean[n]['frechet']:.0f}" for n in ("k = 0", "EBGAN"))
    found = control["Fréchet distance"]
    beside = f"spread and distance: {'; '.join(told)}; test faces {spread(real):.3f}, " + ", ".join(
        f"{name} {value:.0f}" for name, value in found.items()
    )
    numbers = {
        "M in the first and the last tenth": fall,
        "core seconds of all trainings": seconds(runs),
        "tables": {f"{steps} steps": table},
    }
    return Finding(CLAIM, result, beside, numbers, control, draw(runs, real))


def game(gamma: float = 0.5, rate: float = 1e-3, margin: float = 0.0) -> GAN:
    """A BEGAN of faces, or with a margin an EBGAN of the same networks."""
    shape = (3, 32, 32)
    networks = BEGANGenerator(NOISE, shape, WIDTH), AutoencoderDiscriminator(shape, NOISE, WIDTH)
    adams = [optim.Adam(network.parameters(), LR, (0.5, 0.999)) for network in networks]
    if margin:
        return GAN(*networks, *adams, energy_based(margin), noise=NOISE, ema=EMA)
    return BEGAN(*networks, *adams, noise=NOISE, gamma=gamma, rate=rate, ema=EMA)


def play(
    train: ImageDataset, samples: int, *, steps: int, seed: int, **how: float
) -> dict[str, Any]:
    """One training: means of M, the ratio and k over its tenths, and samples in [0, 1]. The rates
    of Adam fall in its second half."""
    mg.manual_seed(seed)
    gan = game(**how)
    rng = np.random.default_rng(seed)
    absent = dict.fromkeys(("M", "k"), mg.full((), math.nan))  # of an EBGAN
    rows = []
    for step in range(steps):
        for optimizer in (gan.g_optimizer, gan.d_optimizer):
            optimizer.param_groups[0]["lr"] = LR * min(1.0, 2 * (1 - step / steps))
        x = train[rng.integers(0, len(train), BATCH)][0]
        losses = {**absent, **gan.train_step(2 * mg.from_numpy(x) - 1)}
        ratio = losses["g"] / losses["real"]
        rows.append([value.item() for value in (losses["M"], ratio, losses["k"])])
    tenths = np.array([part.mean(0) for part in np.array_split(np.array(rows), TENTHS)])
    m, ratio, k = tenths[-1].tolist()
    images = in_parts(samples, 500, lambda rows: (gan.sample(rows.stop - rows.start) + 1) / 2)
    return {"M": m, "ratio": ratio, "k": k, "curves": tenths.T.copy(), "images": images}


def draw(runs: Mapping[str, list[dict[str, Any]]], real: Any) -> Figure:
    """Samples of each, and M, the ratio and k on the way."""
    figure, (left, *panels) = sheet("aaab;aaac;aaad", (12, 5.6))
    rows = {"test faces": real[:SHOWN]}
    for name, (first, *_) in runs.items():
        text = f"{name}\nspread {first['spread']:.3f}\nFréchet {first['frechet']:.0f}"
        rows[text] = np.clip(first["images"][:SHOWN], 0, 1)
    strips(left, rows, f"samples; spread of test faces {spread(real):.3f}", scale=2)
    for i, (axes, title) in enumerate(zip(panels, ("M", "L(G(z)) / L(x)", "k"), strict=True)):
        lines = {n: (range(1, TENTHS + 1), some[0]["curves"][i]) for n, some in runs.items()}
        curves(axes, lines, title, "tenth of the training" if title == "k" else "",
               legend="best" if title == "M" else "")  # fmt: skip
    return figure
