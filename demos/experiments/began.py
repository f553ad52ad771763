"""BEGAN: the discriminator is an autoencoder, and a number k keeps samples' errors at a share gamma
of data's. The measure of convergence falls and the ratio is right for a generator of one single
face too; so spread and distance of samples are beside them. EBGAN has a margin instead of k.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, curves, sheet, strips
from demos.common.games import in_steps, learn
from demos.common.kept import Setting
from demos.common.seeds import seconds, tabled
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.face_distance import SAMPLES, eye, spread, told
from demos.experiments.finding import Finding
from demos.experiments.translations import READER
from demos.experiments.zoo_games import signed
from minigrad import optim
from minigrad.data import ImageDataset
from models.began import BEGAN, AutoencoderDiscriminator, BEGANGenerator, energy_based
from models.gan import GAN
from models.measures.parts import in_parts

CLAIM = "BEGAN: energies of samples come to gamma of data's, M falls; diversity grows with gamma"
# NOTE: with the paper's rate of 1e-3, k moves by 5e-5 in a step: in minutes it never gets anywhere.
ROWS: dict[str, dict[str, float]] = {
    "gamma 0.3": {"gamma": 0.3, "rate": 0.05},
    "gamma 0.5": {"gamma": 0.5, "rate": 0.05},
    "gamma 0.7": {"gamma": 0.7, "rate": 0.05},
    "k = 0": {"gamma": 0.7, "rate": 0.0},
    "EBGAN": {"margin": 0.2},
}
GAMMAS = ("gamma 0.3", "gamma 0.5", "gamma 0.7")
STEPS, BATCH, NOISE, WIDTH, LR, EMA = 200, 16, 32, 16, 1e-3, 0.999
MEASURES = ("M", "ratio", "k", "spread", "frechet", "core seconds")
SHOWN, TENTHS = 12, 10


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = 1, samples: int = SAMPLES,
    reader: ReaderRecipe = READER,
) -> Finding:  # fmt: skip
    """Some gammas, k fixed at 0, and a margin; each for so many steps."""
    judge = eye(setting, "began", reader)
    steps = setting.times(steps)
    rows = {name: {"steps": steps, **how} for name, how in ROWS.items()}
    play_faces = partial(play, judge.train, samples, setting.device)

    def measure(found: dict[str, Any]) -> dict[str, float]:
        images = found["images"]
        return {"spread": spread(images), "frechet": judge.distance(images)}

    runs, table, mean = tabled(setting, "began", play_faces, rows, seeds, MEASURES, measure, 1)
    real = judge.test[:samples][0]
    control = {"spread of test faces": spread(real), "Fréchet distance": judge.controls(samples)}
    fall = {n: [run["curves"][0][i] for i in (0, -1)] for n, (run, *_) in runs.items()}
    result = "; ".join(
        f"{name}: M {fall[name][0]:.3f} -> {fall[name][1]:.3f}, ratio {mean[name]['ratio']:.2f}, "
        f"spread {mean[name]['spread']:.3f}, Fréchet distance {mean[name]['frechet']:.0f}"
        for name in GAMMAS
    )
    others = (
        f"{n} {m['spread']:.3f}, {m['frechet']:.0f}" for n, m in mean.items() if n not in GAMMAS
    )
    beside = f"spread and distance: {'; '.join(others)}; test faces {spread(real):.3f}, "
    beside += told(control["Fréchet distance"])
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
    train: ImageDataset, samples: int, device: str, *, steps: int, seed: int, **how: float
) -> dict[str, Any]:
    """One training: means of M, the ratio and k over its tenths, and samples in [0, 1]."""
    mg.manual_seed(seed)
    gan = game(**how)
    setup = {"batch": BATCH, "seed": seed, "device": device}
    losses = learn(gan, train, in_steps(steps), **setup, prepared=signed)
    absent = np.full(steps, np.nan)  # of an EBGAN
    curves = losses.get("M", absent), losses["g"] / losses["real"], losses.get("k", absent)
    tenths = np.array([[part.mean() for part in np.array_split(c, TENTHS)] for c in curves])
    m, ratio, k = tenths[:, -1].tolist()
    images = in_parts(samples, 500, lambda rows: (gan.sample(rows.stop - rows.start) + 1) / 2)
    return {"M": m, "ratio": ratio, "k": k, "curves": tenths, "images": images}


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
