"""How many small faults does the suite see? Draw them from the source and run the tests.

    python -m tests.mutants --seed 1 --count 60          drawn from all that mutations.py can make
    python -m tests.mutants --at minigrad/ops/reduce.py:209 --tests tests/ops/test_reduce.py

First all fast tests run once, and it is noted which of them reach which line: minutes, unless
--reach FILE has it from the last time. Then, for each mutant, in a copy of the tree: the few tests
that reach its line and little else; all fast tests that reach it; with --slow, the slow tests of
the folders that are about its file; and, unless --quick, the rest of the fast suite, and the tests
beside PyTorch, which is hidden from the others. The first that fails kills it. tests/project is
left out: it reads the text of the source, not what the source does.
"""

import os

# Before anything imports NumPy: what is imported here, the forked test processes have.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}

import argparse
import collections
import multiprocessing
import random
import re
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import hypothesis.extra.numpy  # noqa: F401
import matplotlib.figure  # noqa: F401
import pytest
import safetensors.numpy  # noqa: F401
from coverage import CoverageData

from tests.mutations import Mutant, mutants
from tests.plant_faults import ROOT, copy_of_the_tree
from tests.sources import PACKAGES, relative, sources

FOLDERS = [f"minigrad/{name}" for name in ("ops", "nn", "optim", "data", "backend")] + ["models"]
FILES = [f"minigrad/{name}.py" for name in ("op", "tape", "plan", "autograd", "broadcasting")]
FILES += [f"demos/common/{name}.py" for name in ("training", "adversarial", "evaluation", "finite")]
ON_A_GPU = {
    f"minigrad/backend/{name}.py" for name in ("cublas", "cuda", "graph", "launch", "philox")
}

# The tests of a folder of the source, where they are not in one of its name.
HOME = {
    "minigrad": "engine", "backend": "ops", "functional": "nn", "lr_scheduler": "optim",
    "common": "demos", "utils": "nn", "zoo": "models",
}  # fmt: skip
FEW = 40
OPTIONS = (
    "-x", "-q", "--tb=no", "-p", "tests.chosen", "-p", "no:cacheprovider", "-p", "no:xdist",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # of what was imported before the fork
)  # fmt: skip
NO_VERDICT = 99
FAST = ("-m", "not slow", "--hypothesis-profile=quick")
SUITE = ("tests", "--ignore=tests/parity", "--ignore=tests/project")
# Seconds of the processor: a mutant that needs more is taken for an endless loop, and is seen.
LIMITS = {"few": 30, "all": 900}


class Stage(NamedTuple):
    what: str
    options: Sequence[str]
    tests: Sequence[str] | None = None  # None: the options say which
    torch: bool = False
    seconds: int = LIMITS["all"]


class Reach:
    """Which fast tests reach which line, in the order of how little else they reach."""

    def __init__(self, file: Path) -> None:
        data = CoverageData(str(file))
        data.read()
        self.lines: dict[str, dict[int, set[str]]] = {}
        self.width = collections.Counter[str]()
        for name in data.measured_files():
            lines = {
                line: {test.rpartition("|")[0] for test in tests if test}
                for line, tests in data.contexts_by_lineno(name).items()
            }
            self.lines[Path(name).as_posix()] = lines
            self.width.update(test for tests in lines.values() for test in tests)

    def tests(self, mutant: Mutant) -> list[str]:
        """Those that reach its line; or, where it is computed at import, all that may use it."""
        lines = self.lines.get(mutant.file, {})
        home = f"tests/{home_of(mutant.file)}/"
        found = lines.get(mutant.line)
        if not found:
            found = set().union(*lines.values(), (t for t in self.width if t.startswith(home)))
        return sorted(found, key=lambda t: (not t.startswith(home), self.width[t], t))


def home_of(file: str) -> str:
    folder = file.split("/")[-2]
    return HOME.get(folder, folder)


def every_mutant(place: str = "") -> list[Mutant]:
    """All that can be made, or those of a file, of "file:line", or the one that is printed so."""
    files = [*FILES, *(relative(path) for path in sources(*FOLDERS))]
    if place:
        files = [place.partition(":")[0]]
    return [
        mutant
        for file in files
        if file not in ON_A_GPU
        for mutant in mutants(file, (ROOT / file).read_bytes())
        if not place or f"{mutant}:".startswith(f"{place}:")
    ]


# ---- running tests -------------------------------------------------------------------------------


def run(copy: Path, stage: Stage) -> str | None:
    """What killed the mutant that is in the copy: a test's name; None if it lives."""
    if stage.tests is not None and not stage.tests:
        return None
    where: Sequence[str] = ()
    if stage.tests is not None:
        (copy / "chosen.txt").write_text("\n".join(stage.tests), "utf-8")
        where = sorted({test.partition("::")[0] for test in stage.tests})
    printed = copy / "printed.txt"
    pid = os.fork()
    if not pid:
        status = NO_VERDICT
        try:
            enter(copy, stage, printed)
            status = pytest.main([*OPTIONS, *stage.options, *where])
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status in (0, 5):  # 5: no test was left to run
        return None
    text = printed.read_text("utf-8", "replace")
    if status == pytest.ExitCode.USAGE_ERROR:
        raise RuntimeError(f"pytest did not run: {text}")
    failed = re.search(r"^(?:FAILED|ERROR) (tests/\S+)", text, re.M)
    return failed[1] if failed else f"status {status}"  # it ended pytest itself


def enter(copy: Path, stage: Stage, printed: Path) -> None:
    """In a forked process: it has NumPy, pytest and hypothesis already, and nothing of ours."""
    with printed.open("wb") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    os.chdir(copy)
    sys.path[0] = str(copy)
    for name in [n for n in sys.modules if n.partition(".")[0] in ("tests", *PACKAGES)]:
        del sys.modules[name]
    if stage.tests is not None:
        os.environ["CHOSEN_TESTS"] = str(copy / "chosen.txt")
    if not stage.torch:
        os.environ["WITHOUT_TORCH"] = "1"
    resource.setrlimit(resource.RLIMIT_CPU, (stage.seconds, stage.seconds))
    signal.alarm(10 * stage.seconds)  # it waits for ever


def stages(mutant: Mutant, reach: Reach, quick: bool, slow: bool) -> Iterator[Stage]:
    tests = reach.tests(mutant)
    yield Stage("fast", FAST, tests[:FEW], seconds=LIMITS["few"])
    yield Stage("fast", FAST, tests[FEW:])
    if slow:
        yield Stage("slow", ("-m", "slow", *slow_folders(mutant)))
    if not quick:
        yield Stage("fast", (*FAST, *SUITE))
        yield Stage("PyTorch", ("--hypothesis-profile=quick", "tests/parity"), torch=True)


def slow_folders(mutant: Mutant) -> list[str]:
    """The tests that are about the mutant's file."""
    names = {home_of(mutant.file)}
    if not mutant.file.startswith("minigrad"):
        names |= {"models", "demos", "experiments"}
    return [f"tests/{name}" for name in sorted(names)]


def verdict(mutant: Mutant, copy: Path, plan: Sequence[Stage]) -> tuple[str, str]:
    """("fast", the test that noticed), or the same of a later stage, or ("", "") of a survivor."""
    file = copy / mutant.file
    source, times = file.read_bytes(), file.stat()
    file.write_bytes(mutant.applied(source))
    try:
        for stage in plan:
            if by := run(copy, stage):
                return stage.what, by
        return "", ""
    finally:
        file.write_bytes(source)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # so its bytecode fits again


def note_reach(copy: Path, file: Path) -> None:
    """Run all fast tests, and keep which lines each of them reaches."""
    (copy / "reach.ini").write_text(
        f"[run]\nsource = minigrad,models,demos\nrelative_files = true\ndata_file = {file}\n"
    )
    options = ("--cov", "--cov-config=reach.ini", "--cov-context=test", "--cov-report=")
    if red := run(copy, Stage("fast", (*FAST, *SUITE, *options))):
        raise RuntimeError(f"red without any mutant: {red}")


class Worker:
    """One of the processes that try mutants, with a copy of the tree of its own."""

    copy: Path
    reach: Reach | None
    args: argparse.Namespace

    @classmethod
    def start(cls, folder: Path, reach: Reach | None, args: argparse.Namespace) -> None:
        cls.copy = copy_of_the_tree(folder / str(os.getpid()))
        cls.reach, cls.args = reach, args

    @classmethod
    def judge(cls, mutant: Mutant) -> tuple[str, str]:
        if cls.reach is None:
            plan = [Stage("fast", cls.args.tests, torch=True)]
        else:
            plan = [*stages(mutant, cls.reach, cls.args.quick, cls.args.slow)]
        return verdict(mutant, cls.copy, plan)


# ---- the command ---------------------------------------------------------------------------------


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, help="how many are drawn; all of --at if not given")
    parser.add_argument(
        "--at",
        default="",
        metavar="FILE[:LINE]",
        help="only those made there, or the one printed so",
    )
    parser.add_argument("--tests", nargs="+", help="run these only")
    parser.add_argument("--reach", type=Path, help="which tests reach which line; made if missing")
    parser.add_argument("--quick", action="store_true", help="only tests that reach the line")
    parser.add_argument("--slow", action="store_true", help="the slow tests too")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the mutants, and run nothing")
    args = parser.parse_args(argv)
    if args.count is None and not args.at:
        parser.error("--count or --at is needed: there are thousands")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    drawn = every_mutant(args.at)
    if args.count is not None:
        drawn = random.Random(args.seed).sample(drawn, min(args.count, len(drawn)))
    if args.list:
        print(*drawn, sep="\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return run_all(drawn, Path(folder), args)


def run_all(drawn: Sequence[Mutant], folder: Path, args: argparse.Namespace) -> int:
    reach = None
    if not args.tests:
        file = (args.reach or folder / "reach").resolve()
        if not file.exists():
            note_reach(copy_of_the_tree(folder / "whole"), file)
        reach = Reach(file)

    killed = collections.Counter[str]()
    survivors = []
    fork = multiprocessing.get_context("fork")
    start = (folder, reach, args)
    with ProcessPoolExecutor(args.jobs, fork, Worker.start, start) as pool:
        judged = {pool.submit(Worker.judge, mutant): mutant for mutant in drawn}
        for future in as_completed(judged):
            mutant, (how, by) = judged[future], future.result()
            killed[how] += 1
            print(f"{how or 'SURVIVED':8} {mutant}\n         {by}", flush=True)
            if not how:
                survivors.append(mutant)
    counts = [f"{n} {how or 'survived'}" for how, n in killed.items()]
    print(f"{len(drawn)} drawn", *counts, sep=", ")
    print(*survivors, sep="\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
