"""pix2pix: faces of line drawings, with L1, with a GAN, with both; what each is good for, and how
much of the noise is left in the result."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Array, Figure, bars, sheet, strips
from demos.common.games import in_steps, learn
from demos.common.seeds import seconds, tabled
from demos.common.translation import in_colour, prepared, translated
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.finding import Finding, Setting
from demos.experiments.translations import READER, faces_of, reference
from minigrad.data.pairs import paired
from models.measures.faces import features
from models.measures.frechet import frechet_distance
from models.measures.spectrum import blurred, high_frequencies
from models.measures.translations import absolute_error, controls, spread_of_backgrounds
from models.pix2pix import pix2pix

CLAIM = "pix2pix: a conditional GAN translates images; L1 alone is blurred, and grey"
SEEDS, STEPS, BATCH, LIMIT, TESTED = 1, 500, 16, 8000, 2000
BOTH = "L1 + GAN"
VARIANTS: dict[str, dict[str, Any]] = {
    "L1": {"adversarial": 0.0},
    BOTH: {},
    "GAN": {"l1": 0.0},
    "L1 + GAN, D sees y alone": {"conditional": False},
}
MEASURES = ("l1", "frechet", "sharpness", "backgrounds", "noise", "core seconds")
SHOWN = 10
Runs = list[dict[str, Any]]


def run(
    setting: Setting, *, seeds: int = SEEDS, steps: int = STEPS, limit: int = LIMIT,
    tested: int = TESTED, reader: ReaderRecipe = READER, jobs: int | None = None, **widths: int,
) -> Finding:  # fmt: skip
    """Each variant of the loss for as many steps; `faces`, of which the reader has the features
    that Fréchet distances are of."""
    faces = faces_of(setting, reader)
    steps = setting.times(steps)
    how = {"steps": steps, "limit": limit, "tested": tested, **widths}
    rows = {name: {**how, "weights": weights} for name, weights in VARIANTS.items()}
    play_faces = partial(play, setting, reader)
    runs, table, mean = tabled(setting, "pix2pix", play_faces, rows, seeds, MEASURES, jobs=jobs)
    y, x = faces.tested(tested, "edges")
    others = {"true faces": y, "blurred by 0.7 pixels": blurred(y, 0.7), **controls(x, y)}
    control = {n: measures(setting, reader, np.array(made), y) for n, made in others.items()}
    result = "; ".join(f"{name}: {said(row)}" for name, row in mean.items())
    result += f"; two passes of {BOTH} differ by {mean[BOTH]['noise']:.3f} per pixel"
    wanted = ("true faces", "mean image", "wrong pairs")
    beside = "; ".join(f"{name}: {said(control[name])}" for name in wanted)
    numbers = {
        "steps": steps,
        "core seconds of all trainings": seconds(runs),
        "tables": {"faces of lines": table},
    }
    return Finding(CLAIM, result, beside, numbers, control, draw(runs, x, y, control))


def play(
    setting: Setting, reader: ReaderRecipe, *, seed: int, steps: int, limit: int, tested: int,
    weights: Mapping[str, Any], **widths: int,
) -> dict[str, Any]:  # fmt: skip
    """Trains one variant, and measures the faces that it makes of lines that it has not seen."""
    faces = faces_of(setting, reader)
    y, x = faces.tested(tested, "edges")
    pairs = paired(faces.first(limit), "edges")
    pairs.tensors = pairs.tensors[::-1]  # from lines to faces
    mg.manual_seed(seed)
    model = pix2pix(1, 3, **widths, **weights)
    how = {"batch": BATCH, "seed": seed, "device": setting.device}
    learn(model, pairs, in_steps(steps), **how, prepared=prepared)
    made, again = (translated(model.translate, x) for _ in range(2))
    found = {**measures(setting, reader, made, y), "noise": absolute_error(made, again)}
    return {**found, "pictures": made[:SHOWN], "again": again[:1]}


def measures(setting: Setting, reader: ReaderRecipe, made: Array, y: Array) -> dict[str, float]:
    """How far images are from their partners y, and how far all are from faces: L1, the Fréchet
    distance to faces for training, and, those of y being 1, the share of high frequencies and the
    spread of background colours."""
    found = features(faces_of(setting, reader).reader, made)
    return {
        "l1": absolute_error(made, y),
        "frechet": frechet_distance(reference(setting, reader), found),
        "sharpness": high_frequencies(made) / high_frequencies(y),
        "backgrounds": spread_of_backgrounds(made) / spread_of_backgrounds(y),
    }


def said(row: Mapping[str, float]) -> str:
    """A row of measures."""
    return (
        f"L1 {row['l1']:.3f}, Fréchet {row['frechet']:.1f}, sharpness {row['sharpness']:.2f}, "
        f"backgrounds {row['backgrounds']:.2f}"
    )


def draw(
    runs: Mapping[str, Runs], x: Array, y: Array, control: Mapping[str, Mapping[str, float]]
) -> Figure:
    """What each variant makes of the same lines, and its measures."""
    figure, (left, *others) = sheet("aab;aac;aad;aae", (13, 8))
    rows = {"lines": in_colour(x[:SHOWN])}
    for name, some in runs.items():
        for i, found in enumerate(some):
            rows[f"{name}, {i}".replace(", D", ",\nD")] = found["pictures"]
    strips(left, {**rows, "true faces": y[:SHOWN]}, "faces of lines: each seed", scale=2)
    titles = ("L1: less is better", "Fréchet distance", "sharpness: data 1", "backgrounds: data 1")
    for axes, measure, title in zip(others, MEASURES, titles):
        heights = {name: [run[measure] for run in some] for name, some in runs.items()}
        heights |= {name: control[name][measure] for name in ("true faces", "mean image")}
        bars(axes, {"": heights}, title, text="{:.3g}", lying=True)
    return figure
