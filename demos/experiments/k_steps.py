"""How many discriminator steps k before each generator step: "some find k = 1 more stable, others
use k > 1, no best rule", says the lecture.

All have the same number of discriminator updates, so that with k = 5 the generator has a fifth of
the steps that it has with k = 1.
"""

from typing import Any

from demos.common.figures import Figure, bars, sheet
from demos.common.seeds import over_seeds, seconds, table_row
from demos.experiments.finding import Finding, Setting
from demos.experiments.toys import OBJECTIVES, toy

CLAIM = "some find k = 1 more stable, others use k > 1, no best rule: at equal updates of D"
KS = (1, 2, 5)
SEEDS, UPDATES = 5, 4_000  # of the discriminator
RULES = {name: OBJECTIVES[name] for name in ("non-saturating", "WGAN-GP", "non-saturating + R1")}
MEASURES = {"modes_20": "modes with at least 20 samples", "high_quality": "share of high quality"}
Tables = dict[str, dict[str, Any]]


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
    tables: Tables = {
        name: {f"k = {k}": table_row(runs[f"{name}, k {k}"], MEASURES) for k in KS}
        for name in RULES
    }
    shares = {n: {k: row["high_quality"] for k, row in of.items()} for n, of in tables.items()}
    best = {n: max(of, key=lambda k: of[k]["mean"]) for n, of in shares.items()}
    numbers = {
        "best k by high quality": best,
        "discriminator updates": updates,
        "core seconds of all trainings": seconds(runs),
        "tables": tables,
    }
    control = {"before training": play(1, setting.seed, 0, RULES["non-saturating"])}
    result = "best k: " + ", ".join(f"{k.removeprefix('k = ')} for {n}" for n, k in best.items())
    told = "; ".join(
        f"{name} " + ", ".join("{mean:.0%} ± {std:.0%}".format(**share) for share in of.values())
        for name, of in shares.items()
    )
    beside = f"share of high quality with k = {', '.join(map(str, KS))}: {told}"
    return Finding(CLAIM, result, beside, numbers, control, draw(tables))


def play(k: int, seed: int, updates: int, rules: dict[str, Any]) -> dict[str, Any]:
    """One game on the ring: its coverage."""
    game = toy("ring", seed, steps=updates // k, rules={**rules, "k": k})
    game.train()
    return dict(vars(game.coverage()))


def draw(tables: Tables) -> Figure:
    title = "the 8-mode ring at equal discriminator updates: means, and every seed"
    figure, panels = sheet("ab", (9.6, 3.6), title)
    for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        series: dict[str, dict[str, list[float]]] = {f"k = {k}": {} for k in KS}
        for name, rows in tables.items():
            for k, row in rows.items():
                series[k][name] = [run[measure] for run in row["each seed"]]
        bars(axes, series, label, legend="" if axes is panels[0] else "upper center")
    panels[1].set_ylim(0, 1.15)
    return figure
