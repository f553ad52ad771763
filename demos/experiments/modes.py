"""How many modes of a ring and of a grid each objective finds, over five seeds.

The failures are in the table, and in the picture, with the rest.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from demos.common.figures import Figure, points, sheet
from demos.common.seeds import over_seeds, seconds, table_row
from demos.experiments.finding import Finding, Setting
from demos.experiments.toys import OBJECTIVES, toy
from models.measures.modes import MIXTURES, SAMPLES, controls, coverage

CLAIM = "objectives differ in the modes that they find; at least one finds all, with every seed"
SEEDS, STEPS = 5, {"ring": 6_000, "grid": 10_000}
SHOWN = 600  # points of each run in the picture
# What the recipe of toys.py adds to a usual setting: averaged weights, a falling rate, no momentum.
USUAL = "non-saturating, Adam (0.5, 0.999)"
USUAL_RECIPE = {"lr": 2e-4, "betas": [0.5, 0.999], "last_lr": 1.0, "ema": 0.0}
# What the target is: modes with 20 samples each, and the share of samples of high quality.
TARGETS = {"ring": (8, 0.92), "grid": (25, 0.78)}
MEASURES = ("modes", "modes_20", "high_quality", "kl", "core seconds")
Runs = list[dict[str, Any]]


def run(
    setting: Setting, *, seeds: int = SEEDS, steps: Mapping[str, int] = STEPS,
    objectives: Mapping[str, dict[str, Any]] = OBJECTIVES, jobs: int | None = None,
) -> Finding:  # fmt: skip
    """Trains every objective on both mixtures with `seeds` seeds, from `seed` on; as a control, one
    of them without the recipe's additions."""
    games: dict[str, dict[str, Any]] = {n: {"rules": dict(r)} for n, r in objectives.items()}
    games[USUAL] = {"rules": OBJECTIVES["non-saturating"], "recipe": USUAL_RECIPE}
    rows = {
        f"{data}, {name}": {"data": data, "steps": steps[data], **how}
        for data in MIXTURES
        for name, how in games.items()
    }
    runs = over_seeds(setting, "modes", play, rows, seeds, jobs)
    summary = {
        data: {name: table_row(runs[f"{data}, {name}"], MEASURES) for name in games}
        for data in MIXTURES
    }
    usual = {data: rows.pop(USUAL) for data, rows in summary.items()}
    met = {d: sum(meets(d, runs[f"{d}, {name}"]) for name in objectives) for d in MIXTURES}
    rng = np.random.default_rng(setting.seed)
    control = {n: vars(found) for data in MIXTURES for n, found in controls(data, rng).items()}
    control |= {f"{data}, {USUAL}": row for data, row in usual.items()}
    numbers = {
        **{f"objectives that meet the target with every seed, {d}": n for d, n in met.items()},
        "core seconds of all trainings": seconds(runs),
        "targets": TARGETS,
        "tables": summary,
    }
    result = "; ".join(
        f"{data}: all modes, {TARGETS[data][1]:.0%} of high quality, with every seed: "
        f"{n} of {len(objectives)} objectives"
        for data, n in met.items()
    )
    beside = f"{USUAL}: " + "; ".join(
        f"{data} {row['modes_20']['mean']:.1f} of {TARGETS[data][0]} modes"
        for data, row in usual.items()
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(runs, seeds))


def play(
    data: str, seed: int, steps: int, rules: dict[str, Any], recipe: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One game: the coverage by the averaged generator and by the last one, and points."""
    game = toy(data, seed, steps=steps, rules=rules, **(recipe or {}))
    game.train()
    samples = game.samples()
    game.gan.average = None
    last = vars(coverage(game.samples(), game.mixture))
    found = vars(coverage(samples, game.mixture))
    return {**found, "last weights": last, "points": samples[:SHOWN].astype(np.float32)}


def meets(data: str, runs: Runs) -> bool:
    modes, share = TARGETS[data]
    return all(r["modes_20"] >= modes and r["high_quality"] >= share for r in runs)


def draw(rows: Mapping[str, Runs], seeds: int) -> Figure:
    """For each mixture and objective the run with the fewest samples of high quality."""
    title = (
        f"the worst of {seeds} seeds: circles are the modes, points are samples. Above: modes with "
        f"at least 20 of {SAMPLES:,} samples, mean share of high quality;\n✓: all modes and "
        f"{TARGETS['ring'][1]:.0%} (ring), {TARGETS['grid'][1]:.0%} (grid), with every seed"
    )
    columns = len(rows) // len(MIXTURES)
    figure, panels = sheet((len(MIXTURES), columns), (2.05 * columns, 5.5), title)
    for axes, (row, runs) in zip(panels, rows.items(), strict=True):
        data, name = row.split(", ", 1)
        centres = MIXTURES[data]().modes
        worst = min(runs, key=lambda r: (r["modes_20"], r["high_quality"]))
        least, most = (of(r["modes_20"] for r in runs) for of in (min, max))
        span = f"{least}" if least == most else f"{least}-{most}"
        share = np.mean([r["high_quality"] for r in runs])
        axes.scatter(*centres.T, s=90, facecolors="none", edgecolors="0.75", linewidths=1)
        points(axes, {name: np.array(worst["points"])}, reach=1.25 * np.abs(centres).max())
        heading = name.replace(", A", ",\nA", 1)
        mark = "✓" if meets(data, runs) else "✗"
        axes.set_title(f"{heading}\n{mark} {span} of {len(centres)} modes, {share:.0%}", fontsize=9)
    return figure
