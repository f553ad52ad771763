"""The fixtures of the tests that ask the fake CUDA itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from minigrad.backend import Device, device
from tests import fakecuda


@pytest.fixture
def fake() -> None:
    if not fakecuda.started():
        pytest.skip("for the fake CUDA: make test-cupy")


@pytest.fixture
def gpu(fake: None) -> Device:
    found = device("cuda")
    found.xp.cuda.Device().synchronize()
    fakecuda.reset()
    return found


@pytest.fixture
def xp(gpu: Device) -> Any:
    return gpu.xp


@pytest.fixture
def planted(fake: None) -> Iterator[None]:
    """The faults of this test were meant."""
    yield
    fakecuda.reset()


@pytest.fixture
def only_launched(fake: None) -> Iterator[None]:
    """Kernels are launched, checked and counted, but not run."""
    fakecuda.run_kernels(False)
    yield
    fakecuda.run_kernels(True)
