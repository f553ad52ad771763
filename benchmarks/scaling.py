"""How the four training steps grow with the batch and with the threads, beside PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from .cases import CHANNELS_LAST, MINIGRAD, PYTORCH, Case
from .report import markdown, number
from .runner import Result, run_case

BATCHES = (16, 64, 256, 1024)
THREADS = (1, 2)
BLOCKS, SECONDS = 3, 0.25  # of each contestant: a table in minutes

Grown = dict[tuple[int, int, int], Result]  # by the case's number, threads and batch


def grow(
    cases: Sequence[Case],
    contestants: Sequence[str],
    device: str,
    env: Callable[[int], Mapping[str, str]],
    quick: bool,
    progress: Callable[[str], None],
) -> Grown:
    """Measure the steps among the cases, in the environment that `env` gives for so many threads.

    Quick is one thread and tiny batches: to see that it runs.
    """
    batches, numbers = ((1, 2), (1,)) if quick else (BATCHES, THREADS)
    blocks, seconds = (1, 0.0) if quick else (BLOCKS, SECONDS)
    steps = [case for case in cases if case.number <= 4]
    found = {}
    for case, threads, batch in itertools.product(steps, numbers, batches):
        grown = with_batch(case, threads, batch)
        chosen = [name for name in contestants if name in (MINIGRAD, theirs(case))]
        found[case.number, threads, batch] = run_case(
            grown, chosen, device, env(threads), blocks, seconds, progress
        )
    return found


def with_batch(case: Case, threads: int, batch: int) -> Case:
    """Return `case` with another batch, in microseconds for each image of it."""
    title = f"{name_of(case)}, batch {batch}, threads {threads}"
    args = {**case.args, "batch": batch}
    return replace(case, title=title, args=args, unit="µs", scale=1e6, per=batch)


def name_of(case: Case) -> str:
    """Return a step's title without its batch."""
    return case.title.partition(", batch")[0]


def theirs(case: Case) -> str:
    """Return PyTorch's setting for the case: channels_last for images."""
    return CHANNELS_LAST if CHANNELS_LAST in case.contestants else PYTORCH


def table(found: Grown) -> str:
    """Return the table: minigrad's time for an image, and its ratio to PyTorch's."""
    batches = sorted({batch for _, _, batch in found})
    rows = [("step: µs for an image (÷ PyTorch)", "threads", *(f"batch {b:,}" for b in batches))]
    for case, threads in dict.fromkeys((case, threads) for case, threads, _ in found):
        results = [found[case, threads, batch] for batch in batches]
        cells = (
            f"{number(r.median(MINIGRAD))} ({number(r.ratio(theirs(r.case)))})" for r in results
        )
        rows.append((f"{case}. {name_of(results[0].case)}", str(threads), *cells))
    return markdown(rows)
