"""CycleGAN: translations that are learned without pairs, measured against the pairs that training
did not see; what the cycle is worth, and that its small error proves nothing."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Array, Figure, bars, sheet, strips
from demos.common.games import in_steps, learn
from demos.common.seeds import over_seeds, seconds, table_row
from demos.common.store import split
from demos.common.translation import in_colour, prepared, there_and_back, translated
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.finding import Finding, Setting
from demos.experiments.translations import FOUR, READER, faces_of
from minigrad.data.captions import slots_of
from minigrad.data.pairs import paired, unpaired
from models.cyclegan import cyclegan
from models.measures.translations import controls, squared_error
from models.pix2pix import pix2pix

CLAIM = "CycleGAN: source -> target domain transfer, without pairs of images"
SEEDS, STEPS, BATCH, LIMIT, TESTED = 2, 250, 4, 4000, 500
CYCLE, ALONE, KNOWN = "cycle 10", "no cycle", "pairs known"
WAYS = ("forth", "back")
MEASURES = (*WAYS, "attributes", "core seconds")
SHOWN = 6
NOISE = 0.05  # of grey levels from 0 to 1: hardly seen, and enough to wash out what is hidden
Runs = list[dict[str, Any]]


def run(
    setting: Setting, *, seeds: int = SEEDS, steps: int = STEPS, limit: int = LIMIT,
    reader: ReaderRecipe = READER, jobs: int | None = None, **widths: int,
) -> Finding:  # fmt: skip
    """Faces and their negatives in exchanged colours, of different faces, with and without cycles;
    beside these pix2pix, which knows the pairs, and what takes no learning. Then faces and line
    drawings, which have no colours: where does F find them again?

    It is always `faces`, whose attributes a reader reads.
    """
    faces = faces_of(setting, reader)  # trained here, so that the processes only read it
    steps = setting.times(steps)
    how = {"steps": steps, "limit": limit, **widths}
    rows: dict[str, dict[str, Any]] = {
        CYCLE: {"cycle": 10.0, **how},
        ALONE: {"cycle": 0.0, **how},
        KNOWN: {"known": True, **how},
    }
    runs = over_seeds(setting, "cyclegan", partial(play, setting, reader), rows, seeds, jobs)
    lines = {"lines": how}
    play_lines = partial(hide, setting, reader)
    (hidden,) = over_seeds(setting, "cyclegan-lines", play_lines, lines, 1, 1)["lines"]
    x, y = faces.tested(TESTED, "negative")
    floor = {name: squared_error(made, y) for name, made in controls(x, y).items()}
    result = "; ".join(f"{name}: {said(runs[name])}" for name in (CYCLE, ALONE))
    beside = (
        f"{KNOWN}: {said(runs[KNOWN])}; "
        + ", ".join(f"{name} {error:.4f}" for name, error in floor.items())
        + f"; faces by lines and back {hidden['cycle']:.4f}, with noise of {NOISE} on the lines "
        f"{hidden['cycle with noise']:.4f}, by true lines {hidden['back']:.4f}"
    )
    four = faces.right(x, slots_of(faces.test.factors)[: len(x)])[:, FOUR].all(axis=1)
    numbers = {
        "steps": steps,
        "core seconds of all trainings": seconds(runs) + hidden["core seconds"],
        "faces and lines": split(hidden)[0],
        "tables": {
            "faces and negatives": {name: table_row(r, MEASURES) for name, r in runs.items()}
        },
    }
    control = {**floor, "attributes read in real faces": float(four.mean())}
    return Finding(CLAIM, result, beside, numbers, control, draw(runs, hidden, x, y, floor))


def play(
    setting: Setting, reader: ReaderRecipe, *, seed: int, steps: int, limit: int,
    cycle: float = 10.0, known: bool = False, **widths: int,
) -> dict[str, Any]:  # fmt: skip
    """Trains, and measures against the hidden pairs: mean squares of the errors of both directions,
    and in how many of the faces that come back gender, smile, glasses and hair are all right.
    Where the pairs are known, each direction is learned by itself."""
    faces = faces_of(setting, reader)
    x, y = faces.tested(TESTED, "negative")
    how = {"batch": BATCH, "seed": seed, "device": setting.device, "prepared": prepared}
    mg.manual_seed(seed)
    found: dict[str, Any] = {}
    if known:
        pairs = paired(faces.first(limit), "negative")
        made = {}
        for way, given in (("G(x)", x), ("F(y)", y)):
            model = pix2pix(3, 3, **widths)
            learn(model, pairs, in_steps(steps), **how)
            made[way] = translated(model.translate, given)
            pairs.tensors = pairs.tensors[::-1]
    else:
        gan = cyclegan(3, 3, cycle=cycle, **widths)
        learn(gan, unpaired(faces.first(limit), "negative"), in_steps(steps), **how)
        made = there_and_back(gan, x, y)
        found["cycle error"] = squared_error(made["F(G(x))"], x)
    right = faces.right(made["F(y)"], slots_of(faces.test.factors)[: len(x)])
    return {
        **found,
        "forth": squared_error(made["G(x)"], y),
        "back": squared_error(made["F(y)"], x),
        "attributes": float(right[:, FOUR].all(axis=1).mean()),
        "forth pictures": made["G(x)"][:SHOWN],
        "back pictures": made["F(y)"][:SHOWN],
    }


def hide(
    setting: Setting, reader: ReaderRecipe, *, seed: int, steps: int, limit: int, **widths: int
) -> dict[str, Any]:
    """Learns faces and line drawings without pairs: the error of faces that are drawn and found
    again, with the drawing as it is, rounded to bytes, or with noise; and that of true drawings."""
    faces = faces_of(setting, reader)
    x, y = faces.tested(TESTED, "edges")
    how = {"batch": BATCH, "seed": seed, "device": setting.device, "prepared": prepared}
    mg.manual_seed(seed)
    gan = cyclegan(3, 1, **widths)
    learn(gan, unpaired(faces.first(limit), "edges"), in_steps(steps), **how)
    made = there_and_back(gan, x, y)
    noise = np.random.default_rng(seed).normal(0, NOISE, y.shape)
    between = {
        "cycle": made["G(x)"],
        "cycle in bytes": np.rint(made["G(x)"] * 255) / 255,
        "cycle with noise": made["G(x)"] + noise,
    }
    again = {name: translated(gan.back, drawing) for name, drawing in between.items()}
    rows = {
        "x": x,
        "G(x)": made["G(x)"],
        "F(G(x))": again["cycle"],
        "F(G(x) + noise)": again["cycle with noise"],
        "true lines": y,
        "F of these": made["F(y)"],
    }
    return {
        **{name: squared_error(image, x) for name, image in again.items()},
        "forth": squared_error(made["G(x)"], y),
        "back": squared_error(made["F(y)"], x),
        "rows": list(rows),
        "pictures": np.stack([in_colour(images[:SHOWN]) for images in rows.values()]),
    }


def said(runs: Runs) -> str:
    """What every seed gave."""
    errors = ", ".join(f"{way} " + " ".join(f"{found[way]:.4f}" for found in runs) for way in WAYS)
    return f"{errors}, attributes " + " ".join(f"{found['attributes']:.0%}" for found in runs)


def draw(
    runs: Mapping[str, Runs], hidden: Mapping[str, Any], x: Array, y: Array,
    floor: Mapping[str, float],
) -> Figure:  # fmt: skip
    """Every seed's translations in both directions; faces by lines and back; all errors."""
    figure, (first, second, third, fourth) = sheet("abc;abd", (15, 8))
    for axes, way, given, truth in ((first, "forth", x, y), (second, "back", y, x)):
        rows = {"given": given[:SHOWN], "hidden partner": truth[:SHOWN]}
        for name, some in runs.items():
            for i, found in enumerate(some):
                rows[f"{name}, {i}: {found[way]:.4f}"] = found[f"{way} pictures"]
        strips(axes, rows, f"{way}: each seed, and its mean square error", scale=2)
    rows = dict(zip(hidden["rows"], hidden["pictures"], strict=True))
    strips(third, rows, "G hides in lines what F needs", scale=2)
    errors = {
        f"{name}, {way}": [r[way] for r in some] for name, some in runs.items() for way in WAYS
    }
    bars(fourth, {"": {**errors, **floor}}, "mean square error", text="{:.4f}", lying=True)
    return figure
