"""The table that a person reads and the JSON file that a program does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from minigrad.files import write_json

from .cases import CHANNELS_LAST, FLOOR, GRAPH, MINIGRAD, NUMPY, PYTORCH_GRAPH
from .runner import Result

HEADER = ("case", "unit", "minigrad", "PyTorch", "NumPy", "floor", "÷ PyTorch", "÷ NumPy", "target")


def number(value: float | None) -> str:
    """Return three significant digits, a dash for what is not there."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def row(result: Result) -> tuple[str, ...]:
    """Return one line of the table."""
    case, pytorch = result.case, result.pytorch()
    medians = {name: number(result.median(name)) for name in (MINIGRAD, pytorch, NUMPY, FLOOR)}
    for name in result.absent:
        medians[name] = "absent"
    best = medians[pytorch] + (" cl" if pytorch == CHANNELS_LAST else "")
    ratios = (number(result.ratio(name)) for name in (pytorch, NUMPY))
    title = f"{case.number}. {case.title}"
    ours, numpy, floor = medians[MINIGRAD], medians[NUMPY], medians[FLOOR]
    return title, case.unit, ours, best, numpy, floor, *ratios, case.target


def table(results: list[Result]) -> str:
    """Return the table in Markdown: medians over blocks, and minigrad's ratios to the others."""
    notes = [
        "",
        "Medians over blocks. ÷: minigrad's number over the other's, of blocks that are neighbours",
        "in time. PyTorch has its fused Adam; cl: channels_last, its better setting. floor: the",
        "bare matrix products.",
    ]
    reasons = {reason for result in results for reason in result.absent.values()}
    notes += [f"absent: {reason}" for reason in sorted(reasons)]
    return "\n".join([markdown([HEADER, *map(row, results)]), *notes])


def gpu_table(results: list[Result]) -> str:
    """Return the table of steps on a GPU in Markdown, each op by op and as a CUDA graph."""
    rows = [
        ("step", "minigrad", "PyTorch", "÷", "as a graph", "PyTorch as a graph", "÷", "÷ PyTorch",
         "target"),
    ]  # fmt: skip
    for result in results:
        eager = result.pytorch()
        numbers = {name: result.median(name) for name in (MINIGRAD, eager, GRAPH, PYTORCH_GRAPH)}
        ours, theirs, graph, their_graph = (number(x) for x in numbers.values())
        ratios = [
            number(result.ratio(them, us))
            for us, them in ((MINIGRAD, eager), (GRAPH, PYTORCH_GRAPH), (GRAPH, eager))
        ]
        title = f"{result.case.number}. {result.case.title}"
        rows.append(
            (title, ours, theirs, ratios[0], graph, their_graph, ratios[1], ratios[2],
             result.case.target)
        )  # fmt: skip
    notes = [
        "",
        "Milliseconds, medians over blocks; TF32 for all products. ÷: minigrad's over PyTorch's,",
        "op by op, as graphs, and minigrad's graph over PyTorch op by op.",
    ]
    return "\n".join([markdown(rows), *notes])


def markdown(rows: list[tuple[str, ...]]) -> str:
    """Return rows as a table in Markdown; the first is its head."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    lines = [" | ".join(f"{cell:{width}}" for cell, width in zip(cells, widths)) for cells in rows]
    return "\n".join(f"| {line} |" for line in lines)


def heading(facts: dict[str, Any]) -> str:
    """Return one line on what the numbers were taken on."""
    versions = [f"{name} {version}" for name, version in facts["versions"].items() if version]
    threads = f"{facts['cpu']}, {facts['settings']['OMP_NUM_THREADS']} threads"
    blas = "{name} {version}".format(**facts["blas"])
    kernels = f", {facts['blas']['kernels']} kernels" if "kernels" in facts["blas"] else ""
    return "; ".join([threads, ", ".join(versions), blas + kernels])


def as_dict(result: Result) -> dict[str, Any]:
    """Return all there is to know about one case."""
    contestants = {
        name: {"median": result.median(name), "blocks": blocks, "steps": result.steps[name]}
        for name, blocks in result.blocks.items()
    }
    ratios = {name: result.ratio(name) for name in result.blocks if name != MINIGRAD}
    return {
        **asdict(result.case),
        "contestants": contestants,
        "ratios": ratios if MINIGRAD in result.blocks else {},
        "absent": result.absent,
    }


def write(path: Path, facts: dict[str, Any], results: list[Result]) -> None:
    """Write the JSON file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**facts, "cases": [as_dict(result) for result in results]})
