"""How many discriminator steps k before each generator step: "some find k = 1 more stable, others
use k > 1, no best rule", says the lecture.

All have the same number of discriminator updates, so that with k = 5 the generator has a fifth of
the steps that it has with k = 1.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from demos.common.figures import bars, sheet
from demos.common.kept import Setting
from demos.common.seeds import over_seeds, seconds, table_row
from demos.experiments.finding import Finding
from demos.experiments.toys import OBJECTIVES, toy

CLAIM = "some find k = 1 more stable, others use k > 1, no best rule: at equal updates of D"
KS = (1, 2, 5)
SEEDS = 5
UPDATES = 4_000  # of the discriminator
RULES = {name: OBJECTIVES[name] for name in ("non-saturating", "WGAN-GP", "non-saturating + R1")}
MEASURES = {"modes_20": "modes with at least 20 samples", "high_quality": "share of high quality"}


def run(
    setting: Setting, *, seeds: int = SEEDS, updates: int = UPDATES, jobs: int | None = None
) -> Finding:
    """Trains with each k on the ring with `seeds` seeds, from `seed` on."""
    rows = {
        f"{name}, k {k}": {"k": k, "updates": updates, "rules": rules}
        for name, rules in RULES.items()
        for k in KS
    }
    runs = over_seeds(setting, "k-steps", play, rows, seeds, jobs)
    tables = {
        name: {f"k = {k}": table_row(runs[f"{name}, k {k}"], MEASURES) for k in KS}
        for name in RULES
    }
    best = {
        name: max(rows, key=lambda k: rows[k]["high_quality"]["mean"])
        for name, rows in tables.items()
    }
    numbers = {
        "best k by high quality": best,
        "discriminator updates": updates,
        "core seconds of all trainings": seconds(runs),
        "tables": tables,
    }
    control = {"before training": play(1, setting.seed, 0, RULES["non-saturating"])}
    result = "best k: " + ", ".join(f"{best[name][4:]} for {name}" for name in tables)
    shares = "; ".join(
        f"{name} {', '.join(share(row) for row in rows.values())}" for name, rows in tables.items()
    )
    beside = f"share of high quality with k = {', '.join(map(str, KS))}: {shares}"
    return Finding(CLAIM, result, beside, numbers, control, draw(tables))


def play(k: int, seed: int, updates: int, rules: dict[str, Any]) -> dict[str, Any]:
    """One game on the ring: its coverage."""
    game = toy("ring", seed, steps=updates // k, rules={**rules, "k": k})
    game.train()
    return dict(vars(game.coverage()))


def share(row: Mapping[str, Any]) -> str:
    """The share of high quality over the seeds, as a table has it."""
    found = row["high_quality"]
    return f"{found['mean']:.0%} ± {found['std']:.0%}"


def draw(tables: Mapping[str, Mapping[str, Any]]) -> Figure:
    title = "the 8-mode ring at equal discriminator updates: means, and every seed"
    figure, panels = sheet("ab", (9.6, 3.6), title)
    for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        series = {
            f"k = {k}": {
                name: [run[measure] for run in rows[f"k = {k}"]["each seed"]]
                for name, rows in tables.items()
            }
            for k in KS
        }
        bars(axes, series, label, legend="" if axes is panels[0] else "upper center")
    panels[1].set_ylim(0, 1.15)
    return figure
