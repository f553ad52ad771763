"""One contestant in a process of its own: `python -m benchmarks.worker CASE CONTESTANT DEVICE`.

CASE is a `Case` in JSON. Orders come in as JSON lines, answers go out as JSON lines: first
{"ready": contestant} or {"absent": reason}; then for each {"seconds": s}, which asks for a block of
at least s seconds, {"measured": number, "steps": n}. It ends with its input.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from . import memory
from .cases import FLOOR, GRAPH, MINIGRAD, NUMPY, Case

Step = Callable[[], Any]
Answer = tuple[float, int]  # what was measured, over how many steps

HELD_NODES = 100_000  # so many that their memory is many pages
PEAK_STEPS = 5  # enough for the allocator's high-water mark to settle
STEPS_QUEUED = 20  # on a GPU, between two waits


def package(contestant: str) -> str:
    """Return the package that `contestant` is."""
    return {MINIGRAD: "minigrad", GRAPH: "minigrad", NUMPY: "numpy", FLOOR: "numpy"}.get(
        contestant, "torch"
    )


def build(case: Case, contestant: str, framework: Any) -> Any:
    """Return the contestant's step for `case`."""
    if framework is None:
        from . import floor, handwritten

        if contestant == FLOOR:
            return floor.floor_step(getattr(floor, case.work)(**case.args))
        return getattr(handwritten, f"{case.work}_step")(**case.args)
    from . import workloads

    make = workloads.chain if case.measure == "held" else getattr(workloads, f"{case.work}_step")
    return make(framework, **case.args)


def seconds_per_step(
    step: Step, wait: Callable[[], None], seconds: float, together: int = 1
) -> Answer:
    """Return the median time of a step over a block of at least `seconds`.

    Each block begins with steps that are not counted: caches and idle threads wake up in them. On a
    GPU, a training loop fetches its losses every so often: `together` steps are queued, then waited
    for.
    """
    times: list[float] = []
    begin = time.perf_counter()
    while not times or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        for _ in range(together):
            step()
        wait()
        if start > begin + seconds / 10:
            times.append((time.perf_counter() - start) / together)
    return statistics.median(times), len(times) * together


def bytes_held(forward: Step, ops: int) -> Answer:
    """Return the memory that a forward pass's graph keeps, from many kept at once."""
    count = max(1, HELD_NODES // ops)
    graphs = [forward()]  # kept too: the memory of one that is gone would be used again
    gc.collect()
    before = memory.resident()
    graphs += [forward() for _ in range(count)]
    return (memory.resident() - before) / count, count


def peak(step: Step, above: int) -> Answer:
    """Return the most memory that the process ever had while training, above `above` bytes."""
    for _ in range(PEAK_STEPS):
        step()
    return memory.peak_resident() - above, PEAK_STEPS


def import_seconds(name: str) -> Answer:
    """Return how long a fresh interpreter takes to import `name`, once its bytecode is there."""
    program = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", program]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    run = partial(subprocess.run, command, env=env, capture_output=True, check=True, text=True)
    run()
    return float(run().stdout), 1


def measurement(case: Case, contestant: str, device: str) -> Callable[[float], Answer]:
    """Import the contestant, build its step, and return the function that carries out an order."""
    if case.measure == "import":
        return lambda seconds: import_seconds(package(contestant))
    framework = None
    if contestant not in (NUMPY, FLOOR):
        from .frameworks import Framework

        framework = Framework(contestant, device)
        framework.root.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    after_import = memory.resident()
    step = build(case, contestant, framework)
    wait = framework.synchronize if framework else lambda: None
    if case.measure == "held":
        return lambda seconds: bytes_held(step, case.args["ops"])
    if case.measure == "peak":
        return lambda seconds: peak(step, 0)
    if case.measure == "peak above import":
        return lambda seconds: peak(step, after_import)
    together = STEPS_QUEUED if device == "cuda" else 1
    return lambda seconds: seconds_per_step(step, wait, seconds, together)


def serve(case: Case, contestant: str, device: str) -> None:
    """Announce the contestant, then carry out orders until there are no more."""

    def say(**answer: Any) -> None:
        print(json.dumps(answer), flush=True)

    name = package(contestant)
    if importlib.util.find_spec(name) is None:
        say(absent=f"{name} is not installed")
        return
    measure = measurement(case, contestant, device)
    say(ready=contestant)
    for line in sys.stdin:
        measured, steps = measure(json.loads(line)["seconds"])
        say(measured=measured, steps=steps)


if __name__ == "__main__":
    serve(Case(**json.loads(sys.argv[1])), *sys.argv[2:])
