"""What a training step asks of CUDA: launches, and no wait, no upload, no memory; and what an epoch
does, uploads on a stream of their own included."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.backend import Device
from minigrad.backend.cuda import CUDA
from minigrad.data import DataLoader, TensorDataset
from models import vae
from models.model import Learner
from tests import fakecuda
from tests.backend.steps import STEPS

pytestmark = [pytest.mark.cuda, pytest.mark.slow]

LAUNCHES = {"MLP VAE": 72, "conv VAE": 114, "GAN": 218, "DCGAN": 206, "PixelCNN": 86}
# What a step may ask for besides launches: it stays on the device.
ALLOWED = {"copy", "memset", "cudaGraphLaunch"}


def asked(action: Callable[[], Any]) -> dict[str, int]:
    fakecuda.reset()
    action()
    return fakecuda.counts()


def besides_launches(counts: dict[str, int]) -> set[str]:
    return {name for name in counts if not name.startswith("launch ")} - ALLOWED


@pytest.mark.usefixtures("only_launched")
@pytest.mark.parametrize("name", STEPS)
def test_a_steady_step_only_launches(name: str, gpu: Device) -> None:
    step, _ = STEPS[name](gpu)
    for _ in range(6):
        step()
    assert besides_launches(asked(step)) == set()
    assert fakecuda.launches() <= LAUNCHES.get(name, fakecuda.launches())


@pytest.mark.usefixtures("only_launched")
@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_was_captured_is_one_launch(name: str, gpu: Device) -> None:
    """One, and its input, the numbers that change (32 in each launch), and its result."""
    step, _ = STEPS[name](gpu)
    run, x = mg.graphed(lambda _: step()), mg.zeros(1, device=gpu)
    for _ in range(4):
        run(x)
    counts = asked(lambda: run(x))
    assert besides_launches(counts) == set()
    assert counts["cudaGraphLaunch"] == 1
    assert fakecuda.launches() <= 4


def learner(gpu: Device) -> Learner:
    model: Any = vae.mlp_vae((1, 4, 4), latent=3, hidden=(16,)).to(gpu)
    return Learner(model, optim.Adam(model.parameters()))


def batches(gpu: Device) -> DataLoader:
    data = TensorDataset(np.random.default_rng(0).random((600, 1, 4, 4), np.float32))
    return DataLoader(data, 100, shuffle=True, device=gpu)


@pytest.mark.usefixtures("only_launched")
@pytest.mark.parametrize("graphed", [False, True])
def test_an_epoch_asks_for_no_more_than_its_uploads(graphed: bool, gpu: Device) -> None:
    step, loader = learner(gpu).train_step, batches(gpu)
    if graphed:
        step = mg.graphed(step)

    def epoch() -> None:
        for (x,) in loader:
            step(x)

    pool = gpu.xp.get_default_memory_pool()
    epoch(), epoch()
    held, counts = pool.total_bytes(), asked(epoch)
    assert counts["upload"] == 6
    events = {"cudaEventCreate", "cudaEventRecord", "cudaStreamWaitEvent"}
    assert besides_launches(counts) - events == {"upload"}
    for _ in range(3):
        epoch()
    assert pool.total_bytes() == held


# ---- races ---------------------------------------------------------------------------------------


def never_waits(xp: Any) -> Any:
    class Stream(xp.cuda.Stream):  # type: ignore[misc]
        def wait_event(self, event: Any) -> None:
            pass

    return Stream(non_blocking=True)


@pytest.mark.usefixtures("only_launched", "planted")
@pytest.mark.parametrize("fault", [None, "uploads do not wait", "steps do not wait"])
@pytest.mark.parametrize("graphed", [False, True])
def test_uploads_and_steps_wait_for_each_other(
    graphed: bool, fault: str | None, gpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both planted faults are found: memory for a batch comes from the one before, which a step may
    still be reading; and a step must not begin before its batch is there."""
    if fault == "uploads do not wait":
        monkeypatch.setitem(gpu.__dict__, "_uploads", never_waits(gpu.xp))
    if fault == "steps do not wait":
        monkeypatch.setattr(CUDA, "_arrived", lambda self, arrays, event: arrays)
    step = learner(gpu).train_step
    if graphed:
        step = mg.graphed(step)
    for _ in range(3):
        for (x,) in batches(gpu):
            step(x)
    races = [text for text in fakecuda.faults() if text.startswith("race")]
    assert bool(races) is (fault is not None)
    gpu.xp.cuda.Device().synchronize()


# ---- graphs --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("fault", [False, True])
def test_what_a_graph_writes_to_is_nobody_elses(
    fault: bool, gpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In between, memory is given back, taken and filled. Planted: the graph's memory is the
    pool's, which gives what the step has freed to the next who asks."""
    x = mg.tensor(np.random.default_rng(0).random((7, 1, 4, 4), np.float32), device=gpu)
    if fault:
        pool = gpu.xp.get_default_memory_pool()
        monkeypatch.setattr(gpu.xp.cuda, "MemoryPool", lambda: pool)
    losses = []
    for graphed in (False, True):
        mg.manual_seed(0)
        one = learner(gpu).train_step
        step = mg.graphed(one) if graphed else one
        for _ in range(6):
            losses.append(step(x)["loss"].item())
            gpu.xp.get_default_memory_pool().free_all_blocks()
            kept = [gpu.xp.full(size, np.nan, np.float32) for size in range(1, 500, 7)]
        del kept
    gpu.xp.cuda.Device().synchronize()
    right = losses[:6] == losses[6:] and fakecuda.faults() == []
    assert right is not fault
