"""`python -m benchmarks`: minigrad beside PyTorch, hand-written NumPy and the bare matrix products.

Each contestant runs in a process of its own; they take turns in blocks of half a second, so that
whatever slows the machine down slows all of them. PyTorch is optional: `pip install torch`.
Run it on a machine that does nothing else: with one core taken, OpenBLAS's threads wait for each
other through whole time slices, and a product of 8 ms takes 16 or 128.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import scaling
from .cases import CASES, CONTESTANTS, ON_A_GPU, Case, on_a_gpu, quick
from .report import gpu_table, heading, table, write
from .runner import Result, run_case

EVERYONE = tuple(dict.fromkeys((*CONTESTANTS, *ON_A_GPU)))
SECONDS = 0.5  # of a block
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def case_numbers(text: str) -> set[int]:
    """Parse `1,3` into {1, 3}."""
    numbers = {int(part) for part in text.split(",")}
    if unknown := numbers - {case.number for case in CASES}:
        last = CASES[-1].number
        raise argparse.ArgumentTypeError(f"no such case: {min(unknown)}; there are 1 to {last}")
    return numbers


def names(text: str) -> list[str]:
    """Parse `minigrad,numpy` into a list of contestants."""
    chosen = text.split(",")
    if unknown := [name for name in chosen if name not in EVERYONE]:
        raise argparse.ArgumentTypeError(
            f"no such contestant: {unknown[0]}; choose from {EVERYONE}"
        )
    return chosen


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", type=case_numbers, help="numbers from 1 to 10, as in 1,3 (all)")
    parser.add_argument("--contestants", type=names, default=EVERYONE, help="as in minigrad,numpy")
    parser.add_argument("--blocks", type=int, default=9, help="of each contestant (%(default)s)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--threads", type=int, default=cores, help="of everyone (all cores: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmarks.json"), help="(%(default)s)"
    )
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="instead: cases 1 to 4 with batches of 16 to 1,024, and 1 and 2 threads",
    )
    parser.add_argument("--quick", action="store_true", help="tiny settings: does it run?")
    return parser


def main() -> None:
    """Run the chosen cases; print the table, write the JSON file (after each case, for Ctrl-C)."""
    args = parser().parse_args()
    env = with_threads(args.threads)
    command = [sys.executable, "-m", "minigrad", "--json"]
    facts = json.loads(subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout)
    facts["date"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    facts["command"] = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    facts["device"], facts["quick"] = args.device, args.quick

    there = on_a_gpu() if args.device == "cuda" else CASES
    cases = [case for case in there if not args.cases or case.number in args.cases]
    if args.scaling:
        facts["settings"]["OMP_NUM_THREADS"] = "1 and 2"
        grown = scaling.grow(
            cases, args.contestants, args.device, with_threads, args.quick, progress
        )
        results, shown = list(grown.values()), scaling.table(grown)
        write(args.out, facts, results)
    else:
        results = compare(cases, args, env, facts)
        shown = gpu_table(results) if args.device == "cuda" else table(results)
    progress("")
    print(heading(facts), shown, f"Written to {args.out}", sep="\n\n")
    if args.quick:
        print("Tiny settings: these numbers say that it runs, not how fast.")


def compare(
    cases: list[Case], args: argparse.Namespace, env: dict[str, str], facts: dict[str, Any]
) -> list[Result]:
    """Run the cases, and write the file after each."""
    blocks, seconds = (1, 0.0) if args.quick else (args.blocks, SECONDS)
    results: list[Result] = []
    for case in cases:
        chosen = quick(case) if args.quick else case
        results.append(
            run_case(chosen, args.contestants, args.device, env, blocks, seconds, progress)
        )
        write(args.out, facts, results)
    return results


def with_threads(threads: int) -> dict[str, str]:
    """Return the environment of a worker that computes with so many threads."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def progress(text: str) -> None:
    """Say what is being measured, on one line of the terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
