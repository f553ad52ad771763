"""What experiments have found in a folder, as tables in Markdown."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from demos.common.run import CommandError, read_table


def of(folder: Path, names: Iterable[str]) -> list[str]:
    """All tables in Markdown: a row for each result, in the order of the names; what some measured
    over several seeds; what is kept. Raises CommandError if there is no result."""
    found = [result for name in names if (result := read(folder / f"{name}.json"))]
    if not found:
        raise CommandError(f"{folder} has no results")
    rows = [
        (f["claim"], f["result"], f["beside"], f"`{f['command']}`", time_of(f, folder))
        for f in found
    ]
    head = ("the lecture", "measured", "beside it", "command", "seconds")
    return [markdown(head, rows), *chain.from_iterable(map(spreads, found)), kept(folder)]


def time_of(found: Mapping[str, Any], folder: Path) -> str:
    """The seconds that an experiment took, and what was kept of it by earlier calls."""
    runs = sorted(folder.glob(f"{found['experiment']}*-runs.json"))
    return "; ".join([seconds(found["seconds"]), *(f"its runs {core(path)}" for path in runs)])


def costs(page: Path) -> dict[str, str]:
    """How long experiments took, by name: of the rows of a page with the tables of this module, but
    for those of a GPU."""
    rows = re.findall(
        r"`python -m demos\.experiments ([\w-]+)([^`]*)` \| ([^|]*) \|$",
        page.read_text("utf-8") if page.exists() else "",
        re.M,
    )
    return {name: _time(text) for name, how, text in rows if "--device" not in how}


def _time(text: str) -> str:
    """What `time_of` writes, in short: the experiment's own seconds and those of its runs."""
    parts = [float(part.replace(",", "")) for part in re.findall(r"[\d,]+", text)]
    total = parts[0] if parts[0] > parts[-1] else sum(parts[:1] + parts[1:])
    return f"{total:.0f} s" if total < 120 else f"{total / 60:.0f} min"


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
    if not value:
        return ""
    mean, std = value["mean"], value["std"]
    return f"{mean:,.0f} ± {std:,.0f}" if mean >= 100 else f"{mean:.3g} ± {std:.2g}"


def kept(folder: Path) -> str:
    """What experiments keep in a folder, as a Markdown table: trained networks, which all share,
    and runs of which a table of theirs is made.

    Their times are in no experiment's seconds but the one's that did the work.
    """
    rows: list[tuple[str, str, str]] = []
    for path in sorted(folder.glob("*/times.csv")):
        last = read_table(path)[-1]
        rows.append((f"`{path.parent.name}`", f"{last['epoch']} epochs", seconds(last["seconds"])))
    for path in sorted(folder.glob("*-runs.json")):
        rows.append((f"`{path.name}`", f"{len(read(path) or ())} runs", core(path)))
    return markdown(("kept", "is of", "seconds"), rows)


def core(path: Path) -> str:
    """The time of all runs that are kept in a file."""
    total = sum(run["numbers"]["core seconds"] for run in (read(path) or {}).values())
    return f"{seconds(total)} of one core"


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
    if "command" in found:  # once each program had an --experiment
        found["command"] = re.sub(r"demos\.\w+ --experiment", "demos.experiments", found["command"])
    return found
