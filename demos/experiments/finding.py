"""What an experiment leaves: NAME.png, and NAME.json with numbers, control, command, seconds."""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure


class Finding(NamedTuple):
    """What was claimed, what was measured, and what it is to be compared with."""

    claim: str
    numbers: Mapping[str, Any]
    control: Mapping[str, Any]
    figure: Figure


# Given a seed, and a folder where it may keep parts of its work, to go on from if it is stopped.
Experiment = Callable[[int, Path], Finding]


def experiments_main(
    experiments: Mapping[str, Experiment],
    names: Iterable[str],
    command: str,
    seed: int,
    out: str | None,
) -> int:
    """`perform` as a program: returns 2 if `out` cannot be written to, 130 after Ctrl-C."""
    try:
        perform(experiments, names, command, seed, Path(out or "runs/experiments"))
    except OSError as error:
        print(f"{command}: error: cannot write to {out}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\nstopped. The same command goes on from the trainings that it kept", file=sys.stderr
        )
        return 130
    return 0


def perform(
    experiments: Mapping[str, Experiment],
    names: Iterable[str],
    command: str,
    seed: int,
    folder: Path,
) -> None:
    """Does experiments one after the other, and writes what they found.

    `command` (python -m demos.gan) is what each of them can be repeated with.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        print(f"{name} ...", flush=True)
        start = time.perf_counter()
        found = experiments[name](seed, folder)
        seconds = time.perf_counter() - start
        found.figure.savefig(folder / f"{name}.png")
        values = {
            "experiment": name,
            "claim": found.claim,
            "numbers": found.numbers,
            "control": found.control,
            "command": f"{command} --experiment {name} --seed {seed}",
            "seed": seed,
            "seconds": round(seconds, 1),
        }
        write_json(folder / f"{name}.json", values)
        lines = found.claim, summary(found.numbers), f"{folder / name}.png and .json"
        print("\n".join(f"  {line}" for line in lines), flush=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Replaces a file, which is whole at all times; what is not finite becomes null."""
    part = path.with_name(f"{path.name}.part")
    text = json.dumps(_plain(values), indent=2, allow_nan=False)
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, path)


def _plain(value: Any) -> Any:
    """As JSON has it; floats keep the six digits that mean something."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def summary(numbers: Mapping[str, Any]) -> str:
    """The numbers that stand on their own, in one line."""
    alone = {k: v for k, v in numbers.items() if isinstance(v, int | float)}
    return ", ".join(f"{name} {value:.4g}" for name, value in alone.items())
