"""The fixture `device`: a test that takes it runs on the CPU, on the stand-in for CUDA, on CUDA.

`gpu` is the same without the CPU. What ran on a real GPU is written to runs/cuda.json.
"""

import contextlib
import functools
import json
import platform
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import backend
from minigrad.backend import Device, devices
from minigrad.backend.cpu import CPU
from minigrad.backend.probe import try_out
from tests import fakecuda, standin

REPORT = Path("runs") / "cuda.json"
_outcomes: dict[str, str] = {}

STAND_IN, REAL = "stand-in", pytest.param("cuda", marks=pytest.mark.cuda)


@functools.cache
def stand_in() -> Device:
    """The CUDA device on the stand-in for CuPy."""
    found = try_out(standin.cupy)
    assert isinstance(found, Device), found
    devices.know(found)
    return found


@contextlib.contextmanager
def refuse_waits() -> Iterator[None]:
    """Let CuPy raise DeviceSynchronized where the host waits for a real GPU."""
    import cupyx

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "cupyx.allow_synchronize will be removed")
        with cupyx.allow_synchronize(False):
            yield


def refuse_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing come down from a device: a training step must not wait for it."""

    def refuse(*_: Any) -> None:
        raise AssertionError("a training step fetched a value")

    monkeypatch.setattr(CPU, "to_numpy", refuse)


def _chosen(name: str) -> Device:
    found = stand_in() if name == STAND_IN else backend.device(name)
    standin.counts.reset()
    return found


@pytest.fixture(params=["cpu", STAND_IN, REAL])
def device(request: pytest.FixtureRequest) -> Device:
    return _chosen(request.param)


@pytest.fixture(params=[STAND_IN, REAL])
def gpu(request: pytest.FixtureRequest) -> Device:
    return _chosen(request.param)


def check_as_on_the_cpu(
    f: Callable[..., Any], arrays: Sequence[Any], place: Device, tolerance: float = 1e-10
) -> None:
    """Check that f, of tensors, and its gradients for random cotangents are on `place` what they
    are on the CPU, relative to the largest of the numbers compared."""
    for got, wanted in zip(
        _results(f, arrays, place), _results(f, arrays, backend.cpu), strict=True
    ):
        assert got.dtype == wanted.dtype
        scale = abs(wanted).max(initial=1) if wanted.dtype.kind == "f" else 1
        np.testing.assert_allclose(got, wanted, 0, tolerance * scale)


def _results(f: Callable[..., Any], arrays: Sequence[Any], place: Device) -> list[Any]:
    """The outputs and the operands' gradients, as NumPy arrays."""
    operands = [mg.tensor(x, device=place) for x in arrays]
    leaves = [x.requires_grad_() for x in operands if x.dtype.kind == "f"]
    made = f(*operands)
    outputs = list(made) if isinstance(made, tuple | list) else [made]
    assert all(y.device is place for y in outputs)
    on_tape = [y for y in outputs if y.requires_grad]
    rng = np.random.default_rng(0)
    cotangents = [
        mg.tensor(np.asarray(rng.standard_normal(y.shape), y.dtype), device=place) for y in on_tape
    ]
    gradients = mg.grad(on_tape, leaves, cotangents, allow_unused=True) if on_tape else ()
    found = [y for y in (*outputs, *gradients) if y is not None]
    return [y.numpy(force=True) for y in found]


# ---- the report of a run on a real GPU -----------------------------------------------------------


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    ended = report.failed or (report.passed and report.when == "call")
    if ended and item.get_closest_marker("cuda"):
        _outcomes[item.nodeid] = report.outcome if report.passed else str(report.longrepr)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _outcomes and not fakecuda.started():
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps(seen(), indent=1) + "\n", "utf-8")


def seen() -> dict[str, Any]:
    """The chip, the versions, and how every test on it ended."""
    device = backend.device("cuda")
    runtime = device.xp.cuda.runtime
    failures = {test: why for test, why in _outcomes.items() if why != "passed"}
    return {
        "device": device.description,
        "compute capability": device.xp.cuda.Device().compute_capability,
        "driver": runtime.driverGetVersion(),
        "runtime": runtime.runtimeGetVersion(),
        "python": platform.python_version(),
        "passed": len(_outcomes) - len(failures),
        "failures": failures,
    }
