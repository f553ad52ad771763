"""What an experiment leaves: NAME.png, and NAME.json with numbers, control, command, seconds."""

import time
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from demos.common import pictures
from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.common.store import write_json


class Finding(NamedTuple):
    """What was claimed, what was measured, and what it is to be compared with.

    `result` and `beside` are `numbers` and `control` in a line each: a row of the table of results.
    `invariants` say what must hold whatever was learned, and whether it does.
    """

    claim: str
    result: str
    beside: str
    numbers: Mapping[str, Any]
    control: Mapping[str, Any]
    figure: Figure
    invariants: Mapping[str, bool] = {}


Experiment = Callable[..., Finding]  # of a Setting; those of several seeds take `seeds`, too


def perform(name: str, experiment: Experiment, setting: Setting) -> None:
    """Does an experiment, and writes its picture and its numbers.

    Raises CommandError if the folder cannot be written to, if data could not be read, if a number
    of seeds is given to an experiment of one, or, when all is written, if an invariant does not
    hold.
    """
    seeds = {} if setting.seeds is None else {"seeds": setting.seeds}
    if seeds and "seeds" not in signature(experiment).parameters:
        raise CommandError("--seeds: it has one training of each kind")
    try:
        setting.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot write to {setting.folder}: {error.strerror}") from error
    start = time.perf_counter()
    found = experiment(setting, **seeds)
    seconds = time.perf_counter() - start
    path = setting.folder / name
    pictures.save(f"{path}.png", found.figure)
    values = {
        "experiment": name,
        "claim": found.claim,
        "result": found.result,
        "beside": found.beside,
        "numbers": found.numbers,
        "control": found.control,
        "invariants": found.invariants,
        "command": command_of(name, setting),
        "seed": setting.seed,
        "seconds": round(seconds, 1),
    }
    write_json(Path(f"{path}.json"), values)
    print(f"  {found.claim}\n  {found.result}\n  {path}.png and .json", flush=True)
    if wrong := [name for name, holds in found.invariants.items() if not holds]:
        raise CommandError(
            f"THE RESULT IS WRONG: it does not hold that {', nor that '.join(wrong)}"
        )


def command_of(name: str, setting: Setting) -> str:
    """The command that repeats an experiment, wherever its data are."""
    dataset = f" --dataset {setting.dataset}" if setting.dataset else ""
    seeds = "" if setting.seeds is None else f" --seeds {setting.seeds}"
    device = f" --device {setting.device}" if setting.device != "cpu" else ""
    longer = f" --longer {setting.longer:g}" if setting.longer != 1 else ""
    which = f"{name}{dataset} --seed {setting.seed}{seeds}"
    return f"python -m demos.experiments {which}{device}{longer}"
