"""A game that collapses, and six ideas of the zoo against it: a ring of eight modes, in which the
discriminator is slow, so that the generator runs from mode to mode with all of its samples.

The unrolled generator sees the discriminator come; a packed discriminator, and one that knows how
near samples are to each other, see that all are alike; one with a bounded slope leaves no place
where it falls steeply; and mean features are not matched by one mode.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, points, sheet
from demos.common.seeds import seconds, tabled
from demos.experiments.finding import Finding, Setting
from minigrad import nn, optim
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.measures.modes import SAMPLES, coverage, ring
from models.zoo.improved import FeatureMatching, MinibatchDiscrimination, Packed
from models.zoo.spectral import spectrally_normalized
from models.zoo.unrolled import UnrolledGAN

CLAIM = "mode collapse: a generator that looks ahead, or a discriminator that sees several, helps"
GAME, PACK = "GAN", 4
# NOTE: blunter than that of `modes`: within 1,000 steps no game is sharp to 0.01.
STD = 0.05
STEPS, SEEDS, BATCH, HIDDEN = 1_000, 2, 128, 64
LR, D_LR = 1e-3, 1e-4
# NOTE: with one, the second layer's largest singular value is 1.03 at the end: its weights move
# faster, at the rate of 1e-3, than the iteration follows.
ITERATIONS = 5
SCALE = 3.0  # of SNGAN's points: its slope is at most 1, and modes are to be told apart
MEASURES = ("modes_20", "high_quality", "core seconds")


def discriminator(kind: str) -> nn.Module:
    if kind == "PacGAN":
        return Packed(MLPDiscriminator((2 * PACK,), (HIDDEN, HIDDEN)), PACK)
    plain = MLPDiscriminator((2,), (HIDDEN, HIDDEN))
    if kind == "SNGAN":
        return spectrally_normalized(plain, ITERATIONS)
    if kind == "minibatch discrimination":
        near = MinibatchDiscrimination(HIDDEN, kernels=8, dims=4)
        return nn.Sequential(*plain.layers[:-1], near, nn.Linear(HIDDEN + 8, 1), nn.Flatten(0))
    return plain


# What is not a GAN, and not of its usual options.
GAMES: dict[str, dict[str, Any]] = {
    GAME: {},
    "unrolled GAN": {"make": UnrolledGAN, "unroll": 5, "eta": 0.1},
    "minibatch discrimination": {},
    "feature matching": {"make": FeatureMatching},
    "PacGAN": {},
    "SNGAN": {"d_lr": 1e-3, "scale": SCALE},
}


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = SEEDS, jobs: int | None = 1,
    kinds: Sequence[str] = tuple(GAMES),
) -> Finding:  # fmt: skip
    """Each game with `seeds` seeds, from `seed` on, for equally many steps."""
    rows = {kind: {"kind": kind, "steps": steps} for kind in kinds}
    runs, table, mean = tabled(setting, "mode-collapse", play, rows, seeds, MEASURES, jobs=jobs)
    sigmas = [s for run in runs.get("SNGAN", []) for s in run["singular values"]]
    numbers = {
        "largest distance of SNGAN's singular values from 1": max(abs(s - 1) for s in sigmas),
        "core seconds of all trainings": seconds(runs),
        "tables": {f"{steps} steps": table},
    }
    told = {kind: f"{row['modes_20']:.1f}" for kind, row in mean.items()}
    result = f"modes of 8 with 20 samples after {steps:,} steps: " + ", ".join(
        f"{kind} {modes}" for kind, modes in told.items() if kind != GAME
    )
    far = numbers["largest distance of SNGAN's singular values from 1"]
    result += f"; SNGAN's largest singular values are within {far:.1%} of 1"
    real = coverage(ring(std=STD).draw(SAMPLES, np.random.default_rng(setting.seed)), ring(std=STD))
    beside = f"the same GAN without any of them {told[GAME]}; data {real.modes_20}"
    return Finding(CLAIM, result, beside, numbers, {"data": vars(real)}, draw(runs))


def play(kind: str, steps: int, seed: int) -> dict[str, Any]:
    """One game: its coverage of the ring, and points."""
    mg.manual_seed(seed)
    rng, mixture = np.random.default_rng(seed), ring(std=STD)
    how = {"make": GAN, "d_lr": D_LR, "scale": 1.0, **GAMES[kind]}
    make: Callable[..., GAN] = how.pop("make")
    d_lr, scale = how.pop("d_lr"), np.float32(how.pop("scale"))
    networks = MLPGenerator(2, (HIDDEN, HIDDEN), (2,)), discriminator(kind)
    rates = zip(networks, (LR, d_lr), strict=True)
    adams = [optim.Adam(network.parameters(), rate, (0.5, 0.999)) for network, rate in rates]
    gan = make(*networks, *adams, noise=2, **how)
    for _ in range(steps):
        gan.train_step(mg.from_numpy(scale * mixture.draw(BATCH, rng)))
    samples = gan.sample(SAMPLES).numpy() / scale
    found = {**vars(coverage(samples, mixture)), "points": samples[:600].astype(np.float32)}
    if kind == "SNGAN":
        found["singular values"] = [
            float(np.linalg.svd(layer.weight.numpy(force=True), compute_uv=False)[0])
            for layer in gan.discriminator.modules()
            if isinstance(layer, nn.Linear)
        ]
    return found


def draw(runs: Mapping[str, list[dict[str, Any]]]) -> Figure:
    """Of each game the seed that found the fewest modes."""
    title = f"the worst seed of each; modes of 8 with 20 of {SAMPLES:,} samples, share within 3 std"
    figure, panels = sheet((1, len(runs)), (2.2 * len(runs), 2.9), title)
    centres = ring().modes
    for axes, (kind, some) in zip(panels, runs.items(), strict=True):
        worst = min(some, key=lambda r: (r["modes_20"], r["high_quality"]))
        axes.scatter(*centres.T, s=90, facecolors="none", edgecolors="0.75", linewidths=1)
        text = f"{kind}\n{worst['modes_20']} modes, {worst['high_quality']:.0%}"
        points(axes, {kind: np.array(worst["points"])}, text, reach=1.6)
    return figure
