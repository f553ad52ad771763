"""How many discriminator steps k before each generator step: "some find k = 1 more stable, others
use k > 1, no best rule", says the lecture.

All have the same number of discriminator updates, so that with k = 5 the generator has a fifth of
the steps that it has with k = 1.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from demos.experiments.finding import Finding, Setting
from demos.experiments.runs import mean_and_spread, measured
from demos.experiments.toys import toy

CLAIM = "some find k = 1 more stable, others use k > 1, no best rule: at equal updates of D"
KS = (1, 2, 5)
SEEDS = 5
UPDATES = 4_000  # of the discriminator
RULES: dict[str, dict[str, Any]] = {
    "non-saturating": {"objective": "non-saturating"},
    "WGAN-GP": {"objective": "wgan", "gp": 0.1},
    "non-saturating + R1": {"objective": "non-saturating", "r1": 1.0},
}
MEASURES = {"modes_20": "modes with at least 20 samples", "high_quality": "share of high quality"}


def run(
    setting: Setting, *, seeds: int = SEEDS, updates: int = UPDATES, jobs: int | None = None
) -> Finding:
    """Trains with each k on the ring with `seeds` seeds, from `seed` on."""
    seed = setting.seed
    arguments = {
        key(name, k, s): {"k": k, "seed": s, "updates": updates, "rules": rules}
        for name, rules in RULES.items()
        for k in KS
        for s in range(seed, seed + seeds)
    }
    runs = measured(setting.folder / "k-steps-runs.json", play, arguments, jobs)
    tables: dict[str, dict[str, Any]] = {}
    for name in RULES:
        tables[name] = {}
        for k in KS:
            mine = [runs[key(name, k, s)] for s in range(seed, seed + seeds)]
            row: dict[str, Any] = {m: mean_and_spread(r[m] for r in mine) for m in MEASURES}
            row["each seed"] = mine
            tables[name][f"k = {k}"] = row
    best = {
        name: max(rows, key=lambda k: rows[k]["high_quality"]["mean"])
        for name, rows in tables.items()
    }
    numbers = {
        "best k by high quality": best,
        "discriminator updates": updates,
        "core seconds of all trainings": sum(r["core seconds"] for r in runs.values()),
        "tables": tables,
    }
    control = {"before training": play(1, seed, 0, RULES["non-saturating"])}
    result = "best k: " + ", ".join(f"{best[name][4:]} for {name}" for name in tables)
    shares = "; ".join(
        f"{name} {', '.join(share(row) for row in rows.values())}" for name, rows in tables.items()
    )
    beside = f"share of high quality with k = {', '.join(map(str, KS))}: {shares}"
    return Finding(CLAIM, result, beside, numbers, control, draw(tables))


def share(row: Mapping[str, Any]) -> str:
    """The share of high quality over the seeds, as a table has it."""
    found = row["high_quality"]
    return f"{found['mean']:.0%} ± {found['std']:.0%}"


def key(name: str, k: int, seed: int) -> str:
    return f"{name}, k {k}, seed {seed}"


def play(k: int, seed: int, updates: int, rules: dict[str, Any]) -> dict[str, Any]:
    """One game on the ring: its coverage."""
    game = toy("ring", seed, steps=updates // k, rules={**rules, "k": k})
    game.train()
    return dict(vars(game.coverage()))


def draw(tables: Mapping[str, Mapping[str, Any]]) -> Figure:
    figure = Figure((9.6, 3.6), dpi=100, layout="constrained")
    width = 0.8 / len(KS)
    for axes, (measure, label) in zip(figure.subplots(1, 2), MEASURES.items(), strict=True):
        for i, k in enumerate(KS):
            places = [j + (i - (len(KS) - 1) / 2) * width for j in range(len(tables))]
            rows = [rows[f"k = {k}"] for rows in tables.values()]
            means = [row[measure]["mean"] for row in rows]
            axes.bar(places, means, width * 0.92, color=f"C{i}", alpha=0.55, label=f"k = {k}")
            for place, row in zip(places, rows, strict=True):
                each = [r[measure] for r in row["each seed"]]
                axes.plot([place] * len(each), each, "k.", markersize=4, alpha=0.6)
        axes.set_xticks(range(len(tables)), list(tables), fontsize=9)
        axes.set_title(label, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6, axis="y")
        axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9, loc="upper center", ncols=len(KS))
    axes.set_ylim(0, 1.15)
    figure.suptitle(
        "the 8-mode ring at equal discriminator updates: means, and every seed", fontsize=11
    )
    return figure
