"""DCGAN with one guideline undone at a time: what each of them is good for."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import minigrad as mg
from demos.common import datasets
from demos.common.kept import Setting
from demos.common.pictures import tiles
from demos.common.seeds import mean_and_spread
from demos.common.store import measured
from demos.common.training import random_numbers
from demos.experiments import dcgans
from demos.experiments.dcgans import Recipe
from demos.experiments.finding import Finding
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
SHOWN, COLUMNS = 24, 6


def run(
    setting: Setting, *, seeds: int = SEEDS, steps: int = STEPS, n: int = SAMPLES,
    width: int = Recipe().width, jobs: int | None = None,
) -> Finding:  # fmt: skip
    """Trains each variant for as many steps, with `seeds` seeds, from `seed` on."""
    name, seed = setting.dataset or "glyphs", setting.seed
    judge = judge_of(setting, "glyphs")  # trained here, so that the processes only read it
    arguments = {
        f"{variant}, seed {s}": {
            "folder": str(setting.folder), "dataset": name, "data_dir": setting.data_dir,
            "seed": s, "undone": undone, "steps": steps, "n": n, "width": width,
        }
        for variant, undone in UNDONE.items()
        for s in range(seed, seed + seeds)
    }  # fmt: skip
    runs = measured(setting.folder / f"guidelines-{name}-runs.json", play, arguments, jobs)
    table = {v: [runs[f"{v}, seed {s}"] for s in range(seed, seed + seeds)] for v in UNDONE}
    numbers = {
        "steps": steps,
        "core seconds of all trainings": sum(r["core seconds"] for r in runs.values()),
        "tables": {name: {variant: summary(mine) for variant, mine in table.items()}},
    }
    distance = {v: row["frechet"]["mean"] for v, row in numbers["tables"][name].items()}
    took = {v: row["core seconds"]["mean"] for v, row in numbers["tables"][name].items()}
    slower = {
        v: f" in {t / took[FOLLOWED]:.1f} times the time" if t > 1.5 * took[FOLLOWED] else ""
        for v, t in took.items()
    }
    result = f"Fréchet distance after {steps} steps: {distance[FOLLOWED]:.0f} with all; without: "
    result += ", ".join(f"{v} {d:.0f}{slower[v]}" for v, d in distance.items() if v != FOLLOWED)
    control = {"before training": play(**{**arguments[f"{FOLLOWED}, seed {seed}"], "steps": 0})}
    del control["before training"]["pictures"]
    control |= judge.controls(n)
    spread = numbers["tables"][name][FOLLOWED]["frechet"]["std"]
    beside = (
        f"{spread:.1f} is the spread over {seeds} seeds with all; real data "
        f"{control['real']['frechet']:.1f}, before training "
        f"{control['before training']['frechet']:.0f}"
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(table, steps))


def play(
    folder: str, dataset: str, data_dir: str | None, seed: int, undone: dict[str, Any],
    steps: int, n: int, width: int,
) -> dict[str, Any]:  # fmt: skip
    """Trains one variant: its measures, and the first of its samples."""
    judge = judge_of(Setting(seed, Path(folder), dataset, data_dir), dataset)
    data, _ = datasets.load(dataset, data_dir)
    recipe = Recipe(undone=undone, width=width)
    mg.manual_seed(seed)
    gan = dcgans.build(data.images.shape[1:], recipe=recipe)
    batches = DataLoader(
        data, recipe.batch_size, shuffle=True, drop_last=True, seed=seed, device="cpu"
    )
    done = 0
    while done < steps:
        for x, _ in batches:
            losses = gan.train_step(2 * x - 1)
            done += 1
            if done == steps:
                break
    with random_numbers(seed):
        images = dcgans.samples(gan, n)
    found = judge.measure(images)
    scores = {k: v.item() for k, v in losses.items()} if steps else {}
    return {**found, "last step": scores, "pictures": encoded(images[:SHOWN])}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of the table: mean and spread over seeds, and every seed's own numbers."""
    measures = ("frechet", "kernel", "score", "core seconds")
    found: dict[str, Any] = {m: mean_and_spread(r[m] for r in runs) for m in measures}
    found["each seed"] = [{k: v for k, v in r.items() if k != "pictures"} for r in runs]
    return found


def draw(table: Mapping[str, list[dict[str, Any]]], steps: int) -> Figure:
    """Samples of the first seed of each variant, and all seeds' distances."""
    figure = Figure((2.3 * len(table), 5.2), dpi=100, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2.2))
    for axes, (variant, runs) in zip(above.subplots(1, len(table)), table.items(), strict=True):
        axes.imshow(tiles(decoded(runs[0]["pictures"]), COLUMNS, scale=1, gap=1))
        axes.set_title(variant, fontsize=10)
        axes.set_axis_off()
    axes = below.subplots()
    means = [np.mean([r["frechet"] for r in runs]) for runs in table.values()]
    bars = axes.bar(range(len(table)), means, 0.6, color=["C2", *["C0"] * (len(table) - 1)])
    axes.bar_label(bars, [f"{mean:.0f}" for mean in means], fontsize=9, padding=3)
    for place, runs in enumerate(table.values()):
        axes.plot([place] * len(runs), [r["frechet"] for r in runs], "k.", markersize=5, alpha=0.6)
    axes.set_xticks(range(len(table)), list(table), fontsize=9)
    axes.set_yscale("log")
    axes.set_ylim(top=max(means) * 3)
    axes.set_ylabel("Fréchet distance", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6, axis="y")
    axes.set_axisbelow(True)
    seeds = len(next(iter(table.values())))
    figure.suptitle(
        f"after {steps} steps: samples of one seed; means over {seeds} seeds, and each", fontsize=11
    )
    return figure


def encoded(images: NDArray[Any]) -> dict[str, Any]:
    """Images (N, C, H, W) in [0, 1] as JSON can hold them."""
    pixels = np.rint(images * 255).astype(np.uint8)
    return {"shape": pixels.shape, "bytes": base64.b64encode(pixels.tobytes()).decode()}


def decoded(pictures: Mapping[str, Any]) -> NDArray[Any]:
    """The images that were `encoded`."""
    pixels = np.frombuffer(base64.b64decode(pictures["bytes"]), np.uint8)
    return pixels.reshape(pictures["shape"]) / 255
