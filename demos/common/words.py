"""What programs say: numbers with the digits that mean something, and what they have left where."""

import math
import shlex
from pathlib import Path

PICTURES = (".png", ".gif", ".svg")


def number(value: float) -> str:
    """Four significant digits, and whole numbers whole: 105.6, 0.03407, 8."""
    if not math.isfinite(value):
        return str(value)
    if value == round(value) or abs(value) >= 1000:
        return f"{value:.0f}"
    places = 3 - math.floor(math.log10(abs(value)))
    return f"{value:.{places}f}"


def listed(numbers: dict[str, float]) -> str:
    """Names with their numbers, in a line."""
    return ", ".join(f"{name} {number(value)}" for name, value in numbers.items())


def farewell(folder: Path, explored: bool = False) -> None:
    """Says which pictures are in a run's folder, and what can be done with it."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix in PICTURES)
    print(f"pictures in {folder}/: {', '.join(names)}")
    if explored:
        print(f"next: python -m demos.explore {shlex.quote(str(folder))}", flush=True)
