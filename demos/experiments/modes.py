"""How many modes of a ring and of a grid each objective finds, over five seeds.

The failures are in the table, and in the picture, with the rest.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from demos.experiments.finding import Finding, Setting
from demos.experiments.runs import mean_and_spread, measured
from demos.experiments.toys import OBJECTIVES, toy
from models.measures.modes import MIXTURES, SAMPLES, coverage

CLAIM = "objectives differ in the modes that they find; at least one finds all, with every seed"
SEEDS = 5
STEPS = {"ring": 6_000, "grid": 10_000}
SHOWN = 600  # points of each run in the picture
# What the recipe of toys.py adds to a usual setting: averaged weights, a falling rate, no momentum.
USUAL = "non-saturating, Adam (0.5, 0.999)"
USUAL_RECIPE = {"lr": 2e-4, "betas": [0.5, 0.999], "last_lr": 1.0, "ema": 0.0}
# What the target is: modes with 20 samples each, and the share of samples of high quality.
TARGETS = {"ring": (8, 0.92), "grid": (25, 0.78)}
Runs = Mapping[str, dict[str, Any]]


def run(
    setting: Setting, *, seeds: int = SEEDS, steps: Mapping[str, int] = STEPS,
    objectives: Mapping[str, dict[str, Any]] = OBJECTIVES, jobs: int | None = None,
) -> Finding:  # fmt: skip
    """Trains every objective on both mixtures with `seeds` seeds, from `seed` on; as a control, one
    of them without the recipe's additions."""
    seed = setting.seed
    rows: dict[str, dict[str, Any]] = {n: {"rules": dict(r)} for n, r in objectives.items()}
    rows[USUAL] = {"rules": OBJECTIVES["non-saturating"], "recipe": USUAL_RECIPE}
    arguments = {
        key(data, name, s): {"data": data, "seed": s, "steps": steps[data], **row}
        for data in MIXTURES
        for name, row in rows.items()
        for s in range(seed, seed + seeds)
    }
    runs = measured(setting.folder / "modes-runs.json", play, arguments, jobs)
    table = {
        data: {name: [runs[key(data, name, s)] for s in range(seed, seed + seeds)] for name in rows}
        for data in MIXTURES
    }
    numbers: dict[str, Any] = {
        f"objectives that meet the target with every seed, {data}": sum(
            meets(data, table[data][name]) for name in objectives
        )
        for data in MIXTURES
    }
    numbers["core seconds of all trainings"] = sum(r["core seconds"] for r in runs.values())
    numbers["targets"] = TARGETS
    numbers["tables"] = {
        data: {name: summary(table[data][name]) for name in objectives} for data in table
    }
    usual = {f"{data}, {USUAL}": summary(table[data][USUAL]) for data in table}
    met = {data: [name for name in objectives if meets(data, table[data][name])] for data in table}
    result = "; ".join(
        f"{data}: all modes, {TARGETS[data][1]:.0%} of high quality, with every seed: "
        f"{len(names)} of {len(objectives)} objectives"
        for data, names in met.items()
    )
    beside = f"{USUAL}: " + "; ".join(
        f"{data} {np.mean([r['modes_20'] for r in rows[USUAL]]):.1f} of {TARGETS[data][0]} modes"
        for data, rows in table.items()
    )
    return Finding(CLAIM, result, beside, numbers, {**control(seed), **usual}, draw(table))


def key(data: str, name: str, seed: int) -> str:
    return f"{data}, {name}, seed {seed}"


def play(
    data: str, seed: int, steps: int, rules: dict[str, Any], recipe: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One game: the coverage by the averaged generator and by the last one, and points."""
    game = toy(data, seed, steps=steps, rules=rules, **(recipe or {}))
    game.train()
    samples = game.samples()
    averaged = vars(coverage(samples, game.mixture))
    game.gan.average = None
    last = vars(coverage(game.samples(), game.mixture))
    points = samples[:SHOWN].round(3).tolist()
    return {**averaged, "last weights": last, "points": points}


def meets(data: str, runs: list[dict[str, Any]]) -> bool:
    modes, share = TARGETS[data]
    return all(r["modes_20"] >= modes and r["high_quality"] >= share for r in runs)


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of the table: mean and spread over seeds, and every seed's own numbers."""
    measures = ("modes", "modes_20", "high_quality", "kl", "core seconds")
    finite = {m: [r[m] for r in runs if r[m] is not None] for m in measures}
    found: dict[str, Any] = {m: mean_and_spread(values) for m, values in finite.items() if values}
    found["each seed"] = [{m: r[m] for m in measures} for r in runs]
    found["last weights, each seed"] = [r["last weights"] for r in runs]
    return found


def control(seed: int) -> dict[str, Any]:
    """What real data get, and what points spread evenly over the square do."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    for data, make in MIXTURES.items():
        mixture = make()
        reach = 1.2 * np.abs(mixture.modes).max()
        even = rng.uniform(-reach, reach, (SAMPLES, 2))
        found[f"{data}, real data"] = vars(coverage(mixture.draw(SAMPLES, rng), mixture))
        found[f"{data}, points spread evenly"] = vars(coverage(even, mixture))
    return found


def draw(table: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> Figure:
    """For each mixture and objective the run with the fewest samples of high quality."""
    columns = len(next(iter(table.values())))
    figure = Figure((2.05 * columns, 2.45 * len(table) + 0.4), dpi=100, layout="constrained")
    grid = figure.subplots(len(table), columns, squeeze=False)
    for line, (data, rows) in zip(grid, table.items(), strict=True):
        mixture = MIXTURES[data]()
        reach = 1.25 * np.abs(mixture.modes).max()
        for axes, (name, runs) in zip(line, rows.items(), strict=True):
            worst = min(runs, key=lambda r: (r["modes_20"], r["high_quality"]))
            points = np.array(worst["points"])
            axes.scatter(*mixture.modes.T, s=90, facecolors="none", edgecolors="0.75", linewidths=1)
            axes.scatter(*points.T, s=2, color="C0", alpha=0.5, linewidths=0)
            modes = [r["modes_20"] for r in runs]
            share = np.mean([r["high_quality"] for r in runs])
            span = f"{min(modes)}" if min(modes) == max(modes) else f"{min(modes)}-{max(modes)}"
            heading = name.replace(", ", ",\n", 1)
            axes.set_title(
                f"{heading}\n{span} of {len(mixture.modes)} modes, {share:.0%}",
                fontsize=9,
                color="C2" if meets(data, runs) else "k",
            )
            axes.set_xlim(-reach, reach)
            axes.set_ylim(-reach, reach)
            axes.set_aspect("equal")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color("0.85")
    seeds = len(next(iter(next(iter(table.values())).values())))
    figure.suptitle(
        f"the worst of {seeds} seeds; modes with at least 20 of {SAMPLES:,} samples, mean share of "
        "high quality; green: meets the target with every seed",
        fontsize=10,
    )
    return figure
