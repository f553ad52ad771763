"""DCGAN with one guideline undone at a time: what each of them is good for."""

from collections.abc import Mapping
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, bars, sheet, strips
from demos.common.seeds import over_seeds, seconds, table_row
from demos.common.training import random_numbers
from demos.experiments import dcgans
from demos.experiments.dcgans import DCGANRecipe
from demos.experiments.finding import Finding, Setting
from demos.experiments.judge import judge_of
from minigrad.data import DataLoader

CLAIM = "strides, batch norm, no hidden dense layers, LeakyReLU make deep GANs train stably"
FOLLOWED = "all followed"
UNDONE: dict[str, dict[str, Any]] = {
    FOLLOWED: {},
    "no batch norm": {"batch_norm": False},
    "ReLU in the discriminator": {"leak": 0.0},
    "pooling and upsampling": {"strided": False},
    "hidden dense layers": {"hidden": 256},
}
SEEDS, STEPS, SAMPLES = 2, 500, 10_000
MEASURES = ("frechet", "kernel", "score", "core seconds")
SHOWN, COLUMNS = 24, 6
Runs = list[dict[str, Any]]


def run(
    setting: Setting, *, seeds: int = SEEDS, steps: int = STEPS, n: int = SAMPLES,
    width: int = DCGANRecipe().width, jobs: int | None = None,
) -> Finding:  # fmt: skip
    """Trains each variant for as many steps, with `seeds` seeds, from `seed` on."""
    name = setting.dataset or "glyphs"
    judge = judge_of(setting)  # trained here, so that the processes only read it
    how = {
        "out": str(setting.folder), "dataset": name, "data_dir": setting.data_dir,
        "steps": steps, "n": n, "width": width,
    }  # fmt: skip
    rows = {variant: {**how, "undone": undone} for variant, undone in UNDONE.items()}
    runs = over_seeds(setting, f"guidelines-{name}", play, rows, seeds, jobs)
    table = {variant: table_row(some, MEASURES) for variant, some in runs.items()}
    distance = {variant: row["frechet"]["mean"] for variant, row in table.items()}
    took = {variant: row["core seconds"]["mean"] for variant, row in table.items()}
    slower = {
        v: f" in {t / took[FOLLOWED]:.1f} times the time" if t > 1.5 * took[FOLLOWED] else ""
        for v, t in took.items()
    }
    result = f"Fréchet distance after {steps} steps: {distance[FOLLOWED]:.0f} with all; without: "
    result += ", ".join(f"{v} {d:.0f}{slower[v]}" for v, d in distance.items() if v != FOLLOWED)
    before = play(**{**rows[FOLLOWED], "seed": setting.seed, "steps": 0})
    del before["pictures"]
    control = {"before training": before, **judge.controls(n)}
    beside = (
        f"{table[FOLLOWED]['frechet']['std']:.1f} is the spread over {seeds} seeds with all; real "
        f"data {control['real']['frechet']:.1f}, before training {before['frechet']:.0f}"
    )
    numbers = {
        "steps": steps,
        "core seconds of all trainings": seconds(runs),
        "tables": {name: table},
    }
    return Finding(CLAIM, result, beside, numbers, control, draw(runs, steps, seeds))


def play(
    out: str, dataset: str, data_dir: str | None, seed: int, undone: dict[str, Any],
    steps: int, n: int, width: int,
) -> dict[str, Any]:  # fmt: skip
    """Trains one variant: its measures, and the first of its samples."""
    judge = judge_of(Setting(seed, Path(out), dataset, data_dir))
    data = judge.train
    recipe = DCGANRecipe(width=width)
    mg.manual_seed(seed)
    gan = dcgans.build(data.images.shape[1:], recipe=recipe, **undone)
    loader = DataLoader(data, recipe.batch, shuffle=True, drop_last=True, seed=seed, device="cpu")
    losses: Mapping[str, Any] = {}
    for x, _ in islice(chain.from_iterable(repeat(loader)), steps):
        losses = gan.train_step(2 * x - 1)
    with random_numbers(seed):
        images = dcgans.samples(gan, n)
    last = {name: value.item() for name, value in losses.items()}
    return {**judge.measure(images), "last step": last, "pictures": images[:SHOWN]}


def draw(runs: Mapping[str, Runs], steps: int, seeds: int) -> Figure:
    """Samples of the first seed of each variant, and all seeds' distances."""
    above = "abcde"[: len(runs)]
    title = f"after {steps} steps: samples of one seed; means over {seeds} seeds, and each"
    size = (2.3 * len(runs), 5.2)
    figure, (*pictures, below) = sheet(f"{above};{above};{above}/z;z", size, title)
    for axes, (variant, some) in zip(pictures, runs.items(), strict=True):
        strips(axes, some[0]["pictures"], variant, columns=COLUMNS, scale=1, gap=1)
    distances = {"": {variant: [r["frechet"] for r in some] for variant, some in runs.items()}}
    colours = ["C2", *["C0"] * (len(runs) - 1)]
    bars(below, distances, "", "Fréchet distance", text="{:.0f}", colours=colours)
    below.set_yscale("log")
    below.set_ylim(top=3 * max(np.mean(each) for each in distances[""].values()))
    return figure
