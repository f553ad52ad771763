"""What experiments have found in a folder, as tables in Markdown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from demos.run import CommandError, Run


def of(folder: Path, names: Iterable[str]) -> list[str]:
    """All tables in Markdown: a row for each result, in the order of the names; what some measured
    over several seeds; what is kept. Raises CommandError if there is no result."""
    found = [result for name in names if (result := read(folder / f"{name}.json"))]
    if not found:
        raise CommandError(f"{folder} has no results")
    rows = [
        (f["claim"], f["result"], f["beside"], f"`{f['command']}`", f["seconds"]) for f in found
    ]
    head = ("the lecture", "measured", "beside it", "command", "seconds")
    return [markdown(head, rows), *chain.from_iterable(map(spreads, found)), kept(folder)]


def spreads(found: Mapping[str, Any]) -> list[str]:
    """What a result has under "tables", {table: {row: {measure: {mean, std}}}}."""
    made = []
    for title, rows in found["numbers"].get("tables", {}).items():
        first = next(iter(rows.values()))
        measures = [k for k, v in first.items() if isinstance(v, Mapping) and "mean" in v]
        cells = [(name, *(spread(row.get(key)) for key in measures)) for name, row in rows.items()]
        made.append(markdown((f"{found['experiment']}: {title}", *measures), cells))
    return made


def spread(value: Mapping[str, float] | None) -> str:
    """A mean and the spread around it; nothing where no run had a number."""
    return f"{value['mean']:.3g} ± {value['std']:.2g}" if value else ""


def kept(folder: Path) -> str:
    """What experiments keep in a folder, as a Markdown table: trained networks, which all share,
    and runs of which a table of theirs is made.

    Their times are in no experiment's seconds but the one's that did the work.
    """
    rows: list[tuple[str, str, str]] = []
    for path in sorted(folder.glob("*/times.csv")):
        last = Run(path.parent, resume=True).read_table("times.csv")[-1]
        rows.append((f"`{path.parent.name}`", f"{last['epoch']} epochs", seconds(last["seconds"])))
    for path in sorted(folder.glob("*-runs.json")):
        runs = (read(path) or {}).values()
        total = sum(run["numbers"]["core seconds"] for run in runs)
        rows.append((f"`{path.name}`", f"{len(runs)} runs", f"{seconds(total)} of one core"))
    return markdown(("kept", "is of", "seconds"), rows)


def seconds(value: str | float) -> str:
    return f"{float(value):,.0f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (head, *rows)]
    cells.insert(1, ["---"] * len(head))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def read(path: Path) -> dict[str, Any] | None:
    """What an experiment wrote, if it did."""
    if not path.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CommandError(f"{path} is not a result of an experiment: {error}") from error
    return found
