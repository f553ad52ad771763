"""What trainings with several seeds give: every one, and their mean and spread."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from demos.common.kept import Setting
from demos.common.store import Arguments, Numbers, measured, plain, split


class Tabled(NamedTuple):
    """Trainings with each seed for each row, a table of what was measured, and its means."""

    runs: dict[str, list[Numbers]]
    table: dict[str, Numbers]
    mean: dict[str, dict[str, float]]


Measure = Callable[[Numbers], Numbers]


def tabled(
    setting: Setting, name: str, play: Callable[..., Numbers], rows: Arguments, seeds: int,
    measures: Iterable[str], measure: Measure = lambda found: {}, jobs: int | None = None,
) -> Tabled:  # fmt: skip
    """The trainings of `over_seeds`, and the measures of what they give, to which `measure` adds
    what is not kept."""
    runs = over_seeds(setting, name, play, rows, seeds, jobs)
    for some in runs.values():
        for found in some:
            found |= measure(found)
    table = {row: table_row(some, measures) for row, some in runs.items()}
    mean = {row: {m: of[m]["mean"] for m in measures if m in of} for row, of in table.items()}
    return Tabled(runs, table, mean)


def over_seeds(
    setting: Setting, name: str, play: Callable[..., Numbers], rows: Arguments, seeds: int,
    jobs: int | None = None,
) -> dict[str, list[Numbers]]:  # fmt: skip
    """What `play(seed=..., **arguments)` gives for the arguments of each row, with `seeds` seeds
    from the setting's on. All is kept in NAME-runs.json (`measured`). A GPU has one process."""
    each = range(setting.seed, setting.seed + seeds)
    arguments = {f"{row}, seed {s}": {**rows[row], "seed": s} for row in rows for s in each}
    jobs = jobs if setting.device == "cpu" else 1
    runs = measured(setting.runs(name), play, arguments, jobs)
    return {row: [runs[f"{row}, seed {s}"] for s in each] for row in rows}


def table_row(runs: list[Numbers], measures: Iterable[str]) -> Numbers:
    """A row of a table: mean and spread of each measure over the seeds in which it is a number; all
    that was found with each seed, but for arrays."""
    finite = {m: [run[m] for run in runs if plain(run.get(m)) is not None] for m in measures}
    found: Numbers = {m: mean_and_spread(values) for m, values in finite.items() if values}
    return {**found, "each seed": [split(run)[0] for run in runs]}


def mean_and_spread(values: Iterable[float]) -> dict[str, float]:
    """The mean and the sample standard deviation."""
    listed = list(values)
    mean = sum(listed) / len(listed)
    squares = sum((v - mean) ** 2 for v in listed)
    return {"mean": mean, "std": (squares / max(1, len(listed) - 1)) ** 0.5}


def seconds(runs: Mapping[str, list[Numbers]]) -> float:
    """Of one core, that all runs took."""
    return sum(run["core seconds"] for some in runs.values() for run in some)
