"""python -m minigrad: what it says of the machine."""

import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.tools import machine


def test_the_report_names_what_matters() -> None:
    run = subprocess.run([sys.executable, "-m", "minigrad"], capture_output=True, text=True)
    assert run.returncode == 0
    for word in (f"minigrad {mg.__version__}", f"numpy {np.__version__}", "cpu", "blas", "cuda"):
        assert word in run.stdout


def test_cuda_is_there_or_the_reason_why_not() -> None:
    said = machine.describe()["cuda"]
    assert said.startswith("no: ") != ("CuPy" in said and not said.startswith("no: "))


@pytest.mark.parametrize(
    ("flags", "kernels", "advised"),
    [
        (" ".join(sorted(machine.WIDE)), "Haswell", True),
        (" ".join(sorted(machine.WIDE)), "SkylakeX", False),
        ("avx2 avx512f", "Haswell", False),
    ],
)
def test_old_kernels_are_named_only_where_new_ones_would_run(
    monkeypatch: pytest.MonkeyPatch, flags: str, kernels: str, advised: bool
) -> None:
    blas = {"name": "openblas", "version": "1", "kernels": kernels, "threads": 2}
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: flags)
    monkeypatch.setattr(machine, "blas", lambda: blas)
    assert ("OPENBLAS_CORETYPE=SkylakeX" in machine.report()) is advised
