"""Many small trainings side by side, each in a process with one thread; what is done stays done."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import minigrad as mg
from minigrad import files

Numbers = dict[str, Any]
Arguments = Mapping[str, Mapping[str, Any]]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def measured(
    file: Path, play: Callable[..., Numbers], arguments: Arguments, jobs: int | None = None
) -> dict[str, Numbers]:
    """The result of `play` for each name's arguments: what JSON can hold, arrays, "core seconds".

    As many processes as there are cores (or `jobs`). Results are kept in `file` as they come, their
    arrays beside it, and are taken from there if they are there with the same arguments: so that
    after Ctrl-C or a kill the next call does the rest.
    """
    settings = {name: json.loads(json.dumps(dict(a))) for name, a in arguments.items()}
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    beside = file.with_suffix(".safetensors")
    arrays = mg.load(beside) if beside.exists() else {}
    kept = {
        name: run
        for name, run in before.items()
        if run["arguments"] == settings.get(name)
        and set(run.get("arrays", ())) <= set(arrays.get(name, ()))
    }
    results = {name: {**run["numbers"], **arrays.get(name, {})} for name, run in kept.items()}
    left = {name: arguments[name] for name in arguments if name not in results}
    with tqdm(total=len(arguments), initial=len(results), leave=False, disable=None) as bar:
        for name, found in _done(play, left, jobs or os.cpu_count() or 1):
            results[name] = found
            numbers, arrays[name] = split(found)
            kept[name] = {"arguments": settings[name], "numbers": numbers}
            if arrays[name]:
                kept[name]["arrays"] = list(arrays[name])
                mg.save({name: some for name, some in arrays.items() if some}, beside)
            write_json(file, kept)
            bar.set_description(name)
            bar.update()
    return {name: results[name] for name in arguments}


def split(found: Numbers) -> tuple[Numbers, dict[str, np.ndarray[Any, Any]]]:
    """What JSON can hold, and the arrays."""
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    return {name: value for name, value in found.items() if name not in arrays}, arrays


def _done(
    play: Callable[..., Numbers], arguments: Arguments, jobs: int
) -> Iterator[tuple[str, Numbers]]:
    """(name, result) of each, in the order in which they get done."""
    if jobs == 1 or len(arguments) < 2:
        yield from ((name, _timed(play, a)) for name, a in arguments.items())
        return
    # Spawned: a forked copy of a process whose matrix products have threads may hang.
    with _one_thread(), ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        names = {pool.submit(_timed, play, a): name for name, a in arguments.items()}
        try:
            for future in as_completed(names):
                yield names[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _timed(play: Callable[..., Numbers], arguments: Mapping[str, Any]) -> Numbers:
    """Also when a run is continued, or the machine shared, this is what the training took."""
    start = time.process_time()
    found = play(**arguments)
    return {**found, "core seconds": round(time.process_time() - start, 1)}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Within, processes that are started compute with one thread each."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Replaces a file, which is whole at all times; what is not finite becomes null."""
    files.write_json(path, plain(values))


def plain(value: Any) -> Any:
    """As JSON has it; floats keep the six digits that mean something."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
