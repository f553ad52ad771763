"""What an experiment leaves: NAME.png, and NAME.json with numbers, control, command, seconds."""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from demos.common import datasets
from demos.common.run import CommandError
from minigrad.data import ImageDataset


class Finding(NamedTuple):
    """What was claimed, what was measured, and what it is to be compared with.

    `result` and `beside` are `numbers` and `control` in a line each: a row of the table of results.
    """

    claim: str
    result: str
    beside: str
    numbers: Mapping[str, Any]
    control: Mapping[str, Any]
    figure: Figure


class Setting(NamedTuple):
    """What an experiment is given: its random numbers' seed; a folder where it may keep parts of
    its work, to go on from if it is stopped; and data, None being the experiment's own choice."""

    seed: int
    folder: Path
    dataset: str | None = None
    data_dir: str | None = None

    def images(self, default: str, limit: int | None = None) -> tuple[ImageDataset, ImageDataset]:
        """The train and test splits of the data set that was asked for, else of `default`."""
        return datasets.load(self.dataset or default, self.data_dir, limit)


Experiment = Callable[[Setting], Finding]


def perform(name: str, experiment: Experiment, setting: Setting) -> None:
    """Does an experiment, and writes its picture and its numbers.

    Raises CommandError if the folder cannot be written to, or if data could not be read.
    """
    try:
        setting.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot write to {setting.folder}: {error.strerror}") from error
    start = time.perf_counter()
    found = experiment(setting)
    seconds = time.perf_counter() - start
    path = setting.folder / name
    found.figure.savefig(f"{path}.png")
    values = {
        "experiment": name,
        "claim": found.claim,
        "result": found.result,
        "beside": found.beside,
        "numbers": found.numbers,
        "control": found.control,
        "command": command_of(name, setting),
        "seed": setting.seed,
        "seconds": round(seconds, 1),
    }
    write_json(Path(f"{path}.json"), values)
    print(f"  {found.claim}\n  {found.result}\n  {path}.png and .json", flush=True)


def command_of(name: str, setting: Setting) -> str:
    """The command that repeats an experiment, wherever its data are."""
    dataset = f" --dataset {setting.dataset}" if setting.dataset else ""
    return f"python -m demos.experiments {name}{dataset} --seed {setting.seed}"


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
