"""Many small trainings side by side, each in a process with one thread; what is done stays done."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tqdm import tqdm

from demos.experiments.finding import write_json

Numbers = dict[str, Any]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def measured(
    file: Path,
    function: Callable[..., Numbers],
    arguments: Mapping[str, Mapping[str, Any]],
    jobs: int | None = None,
) -> dict[str, Numbers]:
    """The result of `function` for each name's arguments: what JSON can hold, and "core seconds".

    As many processes as there are cores (or `jobs`). Results are kept in `file` as they come, and
    are taken from there if they are there with the same arguments: so that after Ctrl-C or a kill
    the next call does the rest.
    """
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    settings = {name: json.loads(json.dumps(dict(a))) for name, a in arguments.items()}
    results = {
        name: entry
        for name, entry in kept.items()
        if name in settings and entry["arguments"] == settings[name]
    }
    left = {name: arguments[name] for name in arguments if name not in results}
    with tqdm(total=len(arguments), initial=len(results), leave=False, disable=None) as bar:
        for name, numbers in _done(function, left, jobs or os.cpu_count() or 1):
            results[name] = {"arguments": settings[name], "numbers": numbers}
            write_json(file, results)
            bar.set_description(name)
            bar.update()
    return {name: results[name]["numbers"] for name in arguments}


def _done(
    function: Callable[..., Numbers], arguments: Mapping[str, Mapping[str, Any]], jobs: int
) -> Iterator[tuple[str, Numbers]]:
    """(name, result) of each, in the order in which they get done."""
    if jobs == 1 or len(arguments) < 2:
        yield from ((name, _timed(function, a)) for name, a in arguments.items())
        return
    # Spawned: a forked copy of a process whose matrix products have threads may hang.
    with _one_thread(), ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        names = {pool.submit(_timed, function, a): name for name, a in arguments.items()}
        try:
            for future in as_completed(names):
                yield names[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _timed(function: Callable[..., Numbers], arguments: Mapping[str, Any]) -> Numbers:
    """Also when a run is continued, or the machine shared, this is what the training took."""
    start = time.process_time()
    numbers = function(**arguments)
    return {**numbers, "core seconds": round(time.process_time() - start, 1)}


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


def mean_and_spread(values: Iterable[float]) -> dict[str, float]:
    """The mean and the sample standard deviation."""
    listed = list(values)
    mean = sum(listed) / len(listed)
    squares = sum((v - mean) ** 2 for v in listed)
    return {"mean": mean, "std": (squares / max(1, len(listed) - 1)) ** 0.5}
