"""Are the tests any good? Break the library in one place at a time, and see them turn red.

    python -m tests.plant_faults            every one of faults.py, each in a copy of the tree
    python -m tests.plant_faults conv       those whose file or description has "conv" in it

Each fault replaces one piece of text and names the tests that must fail for it: every one of them
has to. A fault whose text no longer occurs, or whose tests fail without it, is an error.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from tests import cuda_faults, faults, refusal_faults, training_faults
from tests.faults import Fault

ROOT = Path(__file__).resolve().parent.parent
TORCH = find_spec("torch") is not None
FAULTS = [
    *faults.FAULTS,
    *training_faults.FAULTS,
    *refusal_faults.FAULTS,
    *cuda_faults.FAULTS,
]


def misfits() -> list[str]:
    """The faults whose text does not stand in its file exactly once, and tests that are gone."""
    wrong = []
    for fault in FAULTS:
        count = (ROOT / fault.file).read_text("utf-8").count(fault.old)
        if count != 1:
            wrong.append(f"{fault.what}: once in {fault.file}, not {count} times: {fault.old}")
        for file, _, test in (name.partition("::") for name in fault.caught_by):
            path = path_of(file)
            if test != "*" and f"\ndef test_{test}(" not in (ROOT / path).read_text("utf-8"):
                wrong.append(f"{fault.what}: {path} has no test_{test}")
    return wrong


# A failing example need not be made small here.
NO_SHRINKING = """
from hypothesis import Phase
for name, examples in (("quick", 8), ("default", 50)):
    settings.register_profile(
        name, _same_each_time, max_examples=examples, phases=(Phase.explicit, Phase.generate)
    )
settings.load_profile("default")
"""


def failures(names: Sequence[str], fault: Fault | None = None) -> set[str]:
    """Which of the named tests fail in a copy of the tree with this fault."""
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_the_tree(Path(folder))
        if fault is not None:
            broken = copy / fault.file
            broken.write_text(broken.read_text("utf-8").replace(fault.old, fault.new), "utf-8")
        printed = pytest(copy, [node(name) for name in names])
    failed = re.findall(r"^FAILED tests/(\w+/)test_(\w+)\.py::test_(\w+)", printed, re.M)
    found = {f"{folder}{file}::{t}" for folder, file, test in failed for t in (test, "*")}
    return found & set(names)


def copy_of_the_tree(copy: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__", "*.png")
    for part in ("minigrad", "models", "demos", "tests", "docs"):
        shutil.copytree(ROOT / part, copy / part, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy)
    with (copy / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(NO_SHRINKING)
    return copy


def node(name: str) -> str:
    """pytest's name of a test, or of a whole file."""
    file, _, test = name.partition("::")
    return path_of(file) + ("" if test == "*" else f"::test_{test}")


def path_of(file: str) -> str:
    """ops/conv is tests/ops/test_conv.py"""
    folder, _, name = file.partition("/")
    return f"tests/{folder}/test_{name}.py"


def pytest(folder: Path, nodes: Sequence[str]) -> str:
    """What pytest prints; RuntimeError if it could not so much as collect the tests."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rf", "-p", "no:cacheprovider", *nodes],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"pytest could not run {nodes}:\n{run.stdout}{run.stderr}")
    return run.stdout


def guards(fault: Fault) -> list[str]:
    """The tests that must fail: those beside PyTorch only where it is installed."""
    return [name for name in fault.caught_by if TORCH or not name.startswith("parity/")]


def verdict(fault: Fault) -> tuple[bool, str]:
    missed = sorted(set(guards(fault)) - failures(guards(fault), fault))
    if missed:
        return False, f"MISSED by {', '.join(missed)}"
    return True, f"caught by {', '.join(guards(fault))}"


def main(word: str = "") -> int:
    if wrong := misfits():
        print("The table no longer fits the code:", *wrong, sep="\n  ")
        return 2
    chosen = [fault for fault in FAULTS if word in f"{fault.file} {fault.what}"]
    names = sorted({name for fault in chosen for name in guards(fault)})
    if red := failures(names):
        print("Red without any fault:", *sorted(red), sep="\n  ")
        return 2
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = []
        for fault, (caught, how) in zip(chosen, pool.map(verdict, chosen), strict=True):
            verdicts.append(caught)
            print(f"{fault.what} ({fault.file}):\n    {how}", flush=True)
    print(f"{sum(verdicts)} of {len(verdicts)} faults caught")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
