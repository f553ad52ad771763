"""LAPGAN: small faces first, then what each doubling of the size has more, by a GAN of its own.

Beside it a flat GAN of the same time. Levels are trained on blurred data, and used on blurred
samples: what that costs is the distance of faces whose smallest version is data's.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, sheet, strips
from demos.common.games import learn, until
from demos.common.kept import Setting
from demos.common.seeds import tabled
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.dcgans import build
from demos.experiments.face_distance import SAMPLES, eye, told
from demos.experiments.finding import Finding
from demos.experiments.translations import READER
from demos.experiments.zoo_games import signed
from minigrad.data import ImageDataset
from models.measures.parts import in_parts
from models.zoo.lapgan import LAPGAN, split

CLAIM = "LAPGAN: a pyramid of GANs, each of which adds the details of its size"
SECONDS, BATCH, LR, WIDTH, SHOWN = 40.0, 32, 6e-4, 16, 12
SHAPE = (3, 32, 32)
OF_DATA = "frechet on data's 8x8"
MEASURES = ("frechet", OF_DATA, "steps")


def run(
    setting: Setting, *, seconds: float = SECONDS, seeds: int = 1, samples: int = SAMPLES,
    reader: ReaderRecipe = READER,
) -> Finding:  # fmt: skip
    """Both for so many seconds of a core."""
    judge = eye(setting, "lapgan", reader)
    seconds *= setting.longer
    rows = {kind: {"kind": kind, "seconds": seconds} for kind in ("LAPGAN", "DCGAN")}

    def measure(found: dict[str, Any]) -> dict[str, float]:
        names = {"frechet": "images", OF_DATA: "of data"}
        return {name: judge.distance(found[key]) for name, key in names.items() if key in found}

    play_faces = partial(play, judge.train, samples, setting.device)
    runs, table, mean = tabled(setting, "lapgan", play_faces, rows, seeds, MEASURES, measure, 1)
    ours, theirs = mean.values()
    controls = judge.controls(samples)
    result = (
        f"Fréchet distance after {seconds:g} seconds: LAPGAN {ours['frechet']:.0f}, "
        f"DCGAN {theirs['frechet']:.0f}"
    )
    beside = f"LAPGAN on data's 8x8 {ours[OF_DATA]:.0f}; {told(controls)}"
    numbers = {"tables": {f"{seconds:g} seconds": table}}
    return Finding(CLAIM, result, beside, numbers, controls, draw(runs))


def play(
    train: ImageDataset, samples: int, device: str, *, kind: str, seconds: float, seed: int
) -> dict[str, Any]:
    """One training; samples in [0, 1], and of the pyramid those of data's smallest images."""
    mg.manual_seed(seed)
    model: Any = LAPGAN(SHAPE, width=WIDTH, lr=LR) if kind == "LAPGAN" else build(SHAPE)
    how = {"batch": BATCH, "seed": seed, "device": device}
    losses = learn(model, train, until(seconds), **how, prepared=signed)
    steps = len(next(iter(losses.values())))
    found = {"steps": steps, "images": in_parts(samples, 500, lambda r: drawn(model, len_of(r)))}
    if kind == "LAPGAN":
        x = train[:samples][0]
        found["of data"] = in_parts(len(x), 500, lambda r: detailed(model, x[r]))
    return found


def drawn(model: Any, n: int) -> mg.Tensor:
    return (model.sample(n) + 1) / 2


def detailed(model: LAPGAN, x: Any) -> mg.Tensor:
    """Images (N, C, H, W) in [0, 1] whose smallest versions are those of x."""
    small = 2 * mg.from_numpy(x) - 1
    for _ in model.details:
        small, _, _ = split(small)
    return (model.enlarged(small) + 1) / 2


def len_of(rows: slice) -> int:
    return rows.stop - rows.start


def draw(runs: Mapping[str, list[dict[str, Any]]]) -> Figure:
    figure, (axes,) = sheet("a", (9, 3.2))
    rows = {}
    for kind, (found, *_) in runs.items():
        rows[f"{kind}: {found['frechet']:.0f}"] = np.clip(found["images"][:SHOWN], 0, 1)
        if "of data" in found:
            rows["on data's 8x8"] = np.clip(found["of data"][:SHOWN], 0, 1)
    strips(axes, rows, "samples, and their Fréchet distances", scale=2)
    return figure
