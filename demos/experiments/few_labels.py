"""The encoder as the beginning of a classifier, where labels are few.

Pairs of trainings of one classifier on the same labelled images, in the same order, with the same
last layer to begin with: once from the encoder of an autoencoder that has seen all images without
labels, once from random weights. The classifier's last layer is on the code, as in the lecture's
picture; or in its place, on the last hidden layer, past the bottleneck. Beside it, what can be read
off the codes without training them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from demos.common.figures import Figure, curves, sheet
from demos.common.seeds import mean_and_spread
from demos.common.store import measured
from demos.experiments.few_labels_pairs import ENCODER, HEADS, READERS, SCRATCH, Pairs, Row
from demos.experiments.finding import Finding, Setting

CLAIM = "the encoder can initialize a supervised model, sometimes with small data"
LABELS = (100, 1000)
DRAWS, STEPS, EPOCHS = 10, 300, 5


def run(
    setting: Setting, *, draws: int = DRAWS, steps: int = STEPS, epochs: int = EPOCHS,
    sizes: tuple[int, ...] = LABELS, limit: int | None = None,
) -> Finding:  # fmt: skip
    """Trains `draws` pairs for each number of labels, on labels drawn anew for each pair."""
    pairs = Pairs(setting, epochs, steps, limit)
    arguments = {
        f"{n} labels, draw {draw}": {
            "n": n, "draw": draw, "seed": setting.seed, "steps": steps,
            "autoencoder": pairs.autoencoder.folder.name,
        }
        for n in sizes
        for draw in range(draws)
    }  # fmt: skip
    kept = measured(setting.runs("few-labels"), pairs.errors, arguments, jobs=1)
    rows = {n: [kept[f"{n} labels, draw {draw}"] for draw in range(draws)] for n in sizes}
    tables = {f"{n} labels": table(rows[n]) for n in sizes}
    numbers: dict[str, Any] = {
        "draws": draws,
        "steps": steps,
        "autoencoder's test mse": pairs.autoencoder.rows[-1]["test_mse"],
        "core seconds": sum(row["core seconds"] for row in kept.values()),
        **tables,
        "each draw": {f"{n} labels": rows[n] for n in sizes},
    }
    result, beside = (f"{head}: {told(tables, head)}" for head in HEADS)
    control = {
        name: {key: found[key]["mean"] for key in found if key.startswith(tuple(READERS))}
        for name, found in tables.items()
    }
    return Finding(CLAIM, result, beside, numbers, control, draw_figure(rows))


def table(rows: list[Row]) -> dict[str, Any]:
    """Means and spreads over the draws, and those of the pairs' differences."""
    found: dict[str, Any] = {name: mean_and_spread(row[name] for row in rows) for name in rows[0]}
    del found["core seconds"]
    for head in HEADS:
        gains = [row[f"{SCRATCH}, {head}"] - row[f"{ENCODER}, {head}"] for row in rows]
        gain = mean_and_spread(gains)
        found[f"gain, {head}"] = {
            **gain,
            "standard error": gain["std"] / len(rows) ** 0.5,
            "draws in which the encoder is better": sum(g > 0 for g in gains),
        }
    return found


def told(tables: Mapping[str, Mapping[str, Any]], head: str) -> str:
    """The pairs' results in a few words."""
    parts = []
    for name, found in tables.items():
        before, after = (100 * found[f"{start}, {head}"]["mean"] for start in (SCRATCH, ENCODER))
        gain = found[f"gain, {head}"]
        spread = f"{100 * gain['mean']:.2f} ± {100 * gain['standard error']:.2f}"
        parts.append(f"{name} {before:.1f} -> {after:.1f} % (gain {spread})")
    return ", ".join(parts)


def draw_figure(rows: Mapping[int, list[Row]]) -> Figure:
    """Every pair as a line; beside them what needs no training of a network; bars are means."""
    title = "lines join trainings on the same labels; bars are means"
    figure, panels = sheet((1, len(rows)), (12.4, 4), title)
    for axes, (n, found) in zip(panels, rows.items(), strict=True):
        others = [name for name in found[0] if name.startswith(tuple(READERS))]
        groups = [[f"{start}, {head}" for start in (SCRATCH, ENCODER)] for head in HEADS]
        lines: dict[str, Any] = {}
        names: list[str] = []
        for i, group in enumerate([*groups, *([name] for name in others)]):
            places = np.arange(len(names), len(names) + len(group))
            each = 100 * np.array([[row[name] for name in group] for row in found])
            style = f"C{i}o-" if i < len(HEADS) else "ko"
            lines |= {f"_{i} {j}": (places, pair, style) for j, pair in enumerate(each)}
            axes.hlines(each.mean(0), places - 0.25, places + 0.25, color="k", zorder=3)
            names += group
        curves(axes, lines, f"{n:,} labels", "", "test error in %" if axes is panels[0] else "")
        short = {SCRATCH: "random", "on the ": "", " hidden layer": "\nhidden\nlayer", ", ": ",\n"}
        for old, new in short.items():
            names = [name.replace(old, new) for name in names]
        axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names])
    return figure
