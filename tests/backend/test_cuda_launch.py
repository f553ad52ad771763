"""Launching kernels, and finding a device that works or the reason why there is none."""

import re
import sys
import types
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.backend import Device, devices, probe
from minigrad.backend.cuda import CUDA
from minigrad.backend.launch import Kernels, signatures
from minigrad.backend.probe import try_out
from tests import standin

pytestmark = pytest.mark.slow


def launch(**changed: Any) -> None:
    """A launch of `adam` on two parameters, with some arguments changed."""
    xp = standin.cupy
    arguments: dict[str, Any] = {
        name: [xp.ones(4, np.float32)] * 2 for name in ("ps", "gs", "ms", "vs")
    }
    arguments |= {"sizes": [4, 4]} | dict.fromkeys(
        ("beta1", "rest1", "beta2", "rest2", "rate", "floor", "decay", "keep"), 0.5
    )
    arguments |= {"live": None} | changed
    Kernels(xp).launch("adam", np.dtype(np.float32), (1, 2), (32,), *arguments.values())


def test_a_launch_passes_numbers_in_the_kernels_types() -> None:
    launch()  # the stand-in refuses Python's numbers


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"live": np.ones(8, np.float32)}, r"adam: live must be an array on the device, got numpy"),
        ({"gs": [None, None]}, "adam: gs must be an array on the device, got builtins.NoneType"),
        ({"gs": [standin.cupy.ones(4)]}, "adam: gs must be float32, got float64"),
        (
            {"gs": [standin.cupy.ones((4, 2), np.float32)[:, 0]]},
            r"adam: gs of shape \[4\] must be cont",
        ),
        ({"sizes": [1] * 33}, "adam: sizes takes up to 32, got 33"),
        ({"more": 1}, "adam: takes 14 arguments, got 15"),
    ],
)
def test_a_launch_refuses(changed: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        launch(**changed)


def test_a_launch_refuses_a_fraction_for_a_count() -> None:
    xp = standin.cupy
    arrays = [xp.ones(4, np.float32) for _ in range(4)]
    with pytest.raises(TypeError, match=r"bce_slope: n must be an integer, got 4\.0"):
        Kernels(xp).launch("bce_slope", np.dtype(np.float32), (1,), (32,), *arrays, 4.0)


def test_a_number_too_large_for_the_kernel_is_refused() -> None:
    xp = standin.cupy
    arrays = [xp.ones((4, 4), np.float32), xp.ones(4, np.float32), xp.ones(4, np.float32)]
    arguments = (*arrays, None, None, xp.ones((4, 4), np.float32), 2**31, 4)
    with pytest.raises(OverflowError):
        Kernels(xp).launch("normalize_rows", np.dtype(np.float32), (1,), (32, 8), *arguments)


def test_nothing_runs_on_an_empty_grid(gpu: Device) -> None:
    empty = gpu.xp.empty((0, 3), np.float32)
    assert gpu.sum(empty, (0,)).shape == (3,)
    gpu.generator(0).normal((0,), np.dtype(np.float32))
    gpu.add_at(gpu.xp.zeros(3, np.float32), (gpu.xp.zeros(0, np.int64),), gpu.xp.zeros(0, "f4"))


def test_a_declaration_that_cannot_be_checked_is_an_error() -> None:
    with pytest.raises(ValueError, match="k has a parameter of another form: float x"):
        signatures("KERNEL k(float x) {")


# ---- finding one ---------------------------------------------------------------------------------


def fake_cupy(version: str = "14.0.0", count: Any = 1, product: Any = None) -> Any:
    """The stand-in with another version, number of GPUs, or matrix product."""

    def getDeviceCount() -> int:
        if isinstance(count, Exception):
            raise count
        return int(count)

    runtime = types.SimpleNamespace(
        getDeviceCount=getDeviceCount, getDeviceProperties=lambda device: {"name": b"a chip"}
    )
    changed: dict[str, Any] = {
        "__version__": version,
        "cuda": types.SimpleNamespace(runtime=runtime),
    }
    if product is not None:
        changed["matmul"] = product
    real = standin.cupy
    return type(
        "fake", (), {"__getattr__": lambda self, name: changed.get(name) or getattr(real, name)}
    )()


def failing(*operands: Any) -> Any:
    raise RuntimeError("libcublas.so.13: cannot open shared object file")


@pytest.mark.parametrize(
    ("cupy", "reason"),
    [
        (fake_cupy(version="13.6.0"), "CuPy 13.6.0 is installed, minigrad needs 14"),
        (
            fake_cupy(count=RuntimeError("cudaErrorInsufficientDriver")),
            "driver is missing or too old",
        ),
        (fake_cupy(count=0), "the driver finds no GPU"),
        (
            fake_cupy(product=failing),
            r"a kernel failed: RuntimeError: libcublas.* \[cuda12\]|cuda13",
        ),
        (
            fake_cupy(product=lambda x, y: x * 0),
            "computes wrongly on this GPU: 1.0 instead of 1.80",
        ),
    ],
    ids=["an old CuPy", "no driver", "no GPU", "no cuBLAS", "a wrong result"],
)
def test_a_device_that_does_not_work_says_why(cupy: Any, reason: str) -> None:
    found = try_out(cupy)
    assert isinstance(found, str)
    assert re.search(reason, found), found


def test_a_gpu_that_is_hidden_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = try_out(fake_cupy(count=RuntimeError("cudaErrorNoDevice: no CUDA-capable device")))
    assert found == "the driver finds no GPU: CUDA_VISIBLE_DEVICES is ''"


def test_a_device_that_works_is_described() -> None:
    found = try_out(fake_cupy())
    assert isinstance(found, CUDA)
    assert found.description == "a chip, by CuPy 14.0.0"


@pytest.fixture
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The question whether there is a GPU, not yet answered."""
    known = dict(devices._by_array_type)
    monkeypatch.setattr(probe, "_known", None)
    yield
    devices._by_array_type.clear()
    devices._by_array_type.update(known)


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (False, "cuda: no NVIDIA driver on this machine"),
        (True, r"cuda: CuPy cannot be imported \(.*\); in a clone of minigrad: pip install"),
    ],
)
def test_cuda_says_what_is_missing(
    asked_anew: None, monkeypatch: pytest.MonkeyPatch, driver: bool, message: str
) -> None:
    monkeypatch.setattr(probe, "_has_driver", lambda: driver)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError, match=message):
        mg.device("cuda")


def test_a_failure_that_has_passed_is_forgotten(
    asked_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["busy", try_out(standin.cupy)])
    monkeypatch.setattr(probe, "_probe", lambda: next(answers))
    with pytest.raises(RuntimeError, match="cuda: busy"):
        mg.device("cuda")
    assert mg.device("cuda") is mg.device("cuda")


def test_an_array_of_cupys_own_asks_for_the_gpu(
    asked_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = standin.cupy.ones(2, np.float32)
    monkeypatch.setattr(probe, "_probe", lambda: try_out(standin.cupy))
    monkeypatch.setattr(standin.ndarray, "__module__", "cupy")
    devices._by_array_type.pop(standin.ndarray, None)
    assert mg.tensor(array).device.type == "cuda"


def test_cuda_gives_the_device_once_it_has_worked(
    asked_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_has_driver", lambda: True)
    monkeypatch.setitem(sys.modules, "cupy", standin.cupy)
    probe.allow_tf32(True)
    found = mg.device("cuda")
    assert found is mg.device("cuda") is mg.ones(2, device="cuda").device
    assert standin.compute_types == {np.dtype(np.float32): 7}
    probe.allow_tf32(False)
    assert standin.compute_types == {np.dtype(np.float32): 1}


@pytest.mark.parametrize("wrong", ["no", 1, None, np.ones(2)], ids=str)
def test_tf32_is_allowed_by_true_or_false_alone(wrong: Any) -> None:
    with pytest.raises(TypeError, match="allow_tf32: allowed must be a bool, got"):
        mg.allow_tf32(wrong)
