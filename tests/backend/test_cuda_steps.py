"""Layers, optimizers and whole training steps on CUDA, or on the stand-in for it.

A step gives what it gives on the CPU, never waits for the device, and uploads its batch alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.backend import Device, cpu
from minigrad.data import DataLoader, ImageDataset, TensorDataset
from models import vae
from models.model import Learner
from tests import standin
from tests.backend.steps import STEPS, numbers
from tests.devices import refuse_waits

pytestmark = pytest.mark.slow


def on_the_stand_in(place: Device) -> bool:
    return place.xp is standin.cupy


@pytest.fixture
def same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random numbers of every device are the CPU's, uploaded."""
    draws = {"normal": random.normal, "uniform": random.uniform}
    for name in draws:

        def on_the_cpu(
            shape: Any, dtype: Any, place: Any, generator: Any = None, draw: Any = draws[name]
        ) -> Any:
            return place.asarray(draw(shape, dtype, cpu, generator))

        monkeypatch.setattr(random, name, on_the_cpu)


# ---- layers --------------------------------------------------------------------------------------

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "Linear": (lambda: nn.Linear(3, 2), (4, 3)),
    "Conv2d": (lambda: nn.Conv2d(2, 4, 3, 2, 1, groups=2), (2, 2, 5, 6)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 3, 3, 2, 1, 1), (2, 2, 3, 2)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), (4, 3)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (2, 3, 4, 2)),
    "BatchNorm2d in evaluation": (lambda: nn.BatchNorm2d(3).eval(), (2, 3, 4, 2)),
    "Dropout": (lambda: nn.Dropout(0.4), (5, 6)),
    "Softplus": (lambda: nn.Softplus(2.0), (2, 3)),
    "Softmax": (lambda: nn.Softmax(1), (2, 3)),
}


@pytest.mark.usefixtures("same_numbers")
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_does_on_a_gpu_what_it_does_on_the_cpu(name: str, gpu: Device) -> None:
    make, shape = LAYERS[name]
    results = []
    for place in (cpu, gpu):
        mg.manual_seed(1)
        layer = make().to(place)
        x = mg.tensor(numbers(*shape).astype(np.float32), device=place, requires_grad=True)
        y = layer(x)
        y.backward(mg.tensor(numbers(*y.shape, seed=1).astype(np.float32), device=place))
        tensors = [y, x.grad, *(p.grad for p in layer.parameters()), *layer.buffers()]
        assert all(t.device is place for t in tensors)
        results.append([t.numpy(force=True) for t in tensors])
    for got, wanted in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(got, wanted, 1e-5, 1e-5)


@pytest.mark.parametrize("loss", ["MSELoss", "L1Loss", "BCEWithLogitsLoss", "BCELoss"])
def test_a_loss_does_on_a_gpu_what_it_does_on_the_cpu(loss: str, gpu: Device) -> None:
    x, target = abs(numbers(4, 3)) / 9, abs(numbers(4, 3, seed=1)) / 9
    values = []
    for place in (cpu, gpu):
        a = mg.tensor(x, device=place, requires_grad=True)
        value = getattr(nn, loss)()(a, mg.tensor(target, device=place))
        value.backward()
        assert a.grad is not None
        values.append((value.item(), a.grad.numpy(force=True)))
    assert values[0][0] == pytest.approx(values[1][0], rel=1e-12)
    np.testing.assert_allclose(values[1][1], values[0][1], 1e-10)


def test_cross_entropy_and_embeddings_take_labels(gpu: Device) -> None:
    labels, results = np.array([2, 0, 2, 1]), []
    for place in (cpu, gpu):
        mg.manual_seed(0)
        embedding = nn.Embedding(3, 5).to(place)
        y = mg.tensor(labels, device=place)
        loss = nn.CrossEntropyLoss()(embedding(y), y)
        loss.backward()
        results.append((loss.item(), embedding.weight.grad.numpy(force=True)))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    np.testing.assert_allclose(results[1][1], results[0][1], 1e-5, 1e-7)


# ---- optimizers ----------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "SGD with momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, 0.1),
    "RMSprop centered": lambda p: optim.RMSprop(p, 0.1, momentum=0.5, centered=True),
    "Adam": lambda p: optim.Adam(p, 0.1, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, 0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_does_on_a_gpu_what_it_does_on_the_cpu(name: str, gpu: Device) -> None:
    results = []
    for place in (cpu, gpu):
        p = mg.tensor(numbers(6, 5), device=place, requires_grad=True)
        optimizer = OPTIMIZERS[name]([p])
        targets = [mg.tensor(numbers(6, 5, seed=s), device=place) for s in (1, 2, 3)]
        standin.counts.reset()
        for target in targets:
            optimizer.zero_grad()
            ((p - target) ** 2).sum().backward()
            optimizer.step()
        if on_the_stand_in(place):
            assert standin.counts.synchronisations == standin.counts.uploads == 0
            if name.startswith("Adam"):
                assert standin.counts.launches == {"adam": 3}, "one kernel for each parameter"
        results.append(p.numpy(force=True))
    np.testing.assert_allclose(results[1], results[0], 1e-12)


# ---- training steps ------------------------------------------------------------------------------


@pytest.mark.usefixtures("same_numbers")
@pytest.mark.parametrize("name", STEPS)
def test_training_goes_on_a_gpu_as_on_the_cpu(name: str, gpu: Device) -> None:
    results = []
    for place in (cpu, gpu):
        mg.manual_seed(0)
        step, networks = STEPS[name](place)
        losses = [step().item() for _ in range(3)]
        state = {f"{i}.{k}": v for i, n in enumerate(networks) for k, v in n.state_dict().items()}
        results.append((losses, {k: v.numpy(force=True) for k, v in state.items()}))
    np.testing.assert_allclose(results[1][0], results[0][0], 1e-9)
    for key, wanted in results[0][1].items():
        np.testing.assert_allclose(results[1][1][key], wanted, 1e-7, 1e-9, err_msg=key)


@pytest.mark.parametrize("name", STEPS)
def test_a_training_step_never_waits_and_uploads_nothing(name: str, gpu: Device) -> None:
    step, _ = STEPS[name](gpu)
    step()  # what the first step alone does is done
    if on_the_stand_in(gpu):
        standin.counts.reset()
        step()
        counts = standin.counts
        assert (counts.synchronisations, counts.uploads, counts.downloads) == (0, 0, 0)
        assert counts.launches["adam"] > 0 and counts.launches["column_sums"] > 0
    else:
        with refuse_waits():
            step()


def test_training_on_a_loader_uploads_each_batch_once() -> None:
    from tests.devices import stand_in

    place = stand_in()
    data = TensorDataset(np.random.default_rng(0).random((20, 1, 4, 4), np.float32))
    model = vae.mlp_vae((1, 4, 4), latent=3, hidden=(16,)).to(place)
    learner = Learner(model, optim.Adam(model.parameters()))
    losses = []
    standin.counts.reset()
    for (x,) in DataLoader(data, 5, shuffle=True, device=place):
        losses.append(learner.train_step(x)["loss"])
    assert standin.counts.uploads == 4
    assert standin.counts.synchronisations == 0
    assert np.isfinite([loss.item() for loss in losses]).all()


# ---- checkpoints ---------------------------------------------------------------------------------


@pytest.mark.parametrize("upwards", [True, False])
def test_a_checkpoint_of_one_device_loads_on_the_other(
    upwards: bool, gpu: Device, tmp_path: Path
) -> None:
    there, here = (cpu, gpu) if upwards else (gpu, cpu)

    def trained(place: Device, seed: int, steps: int) -> tuple[Any, Any]:
        mg.manual_seed(seed)
        model = nn.Linear(3, 2).to(place)
        optimizer = optim.Adam(model.parameters(), 0.1)
        advance(model, optimizer, place, steps)
        return model, optimizer

    def advance(model: Any, optimizer: Any, place: Device, steps: int) -> None:
        x = mg.tensor(numbers(4, 3).astype(np.float32), device=place)
        for _ in range(steps):
            optimizer.zero_grad()
            (model(x) ** 2).mean().backward()
            optimizer.step()

    model, optimizer = trained(there, 0, 2)
    mg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c")
    other, its_optimizer = trained(here, 1, 1)
    saved = mg.load(tmp_path / "c")
    other.load_state_dict(saved["model"])
    its_optimizer.load_state_dict(saved["optimizer"])
    assert other.weight.device is here
    advance(model, optimizer, there, 2)
    advance(other, its_optimizer, here, 2)
    np.testing.assert_allclose(other.weight.numpy(force=True), model.weight.numpy(force=True), 1e-5)


def test_images_are_uploaded_once_and_come_as_on_the_cpu(gpu: Device) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (11, 1, 3, 3)).astype(np.uint8)
    data = ImageDataset(images, np.arange(11) % 3, "noise", ("a", "b", "c"))
    here, there = (
        DataLoader(data, 4, shuffle=True, seed=1, device=place) for place in ("cpu", gpu)
    )
    for epoch in range(3):
        standin.counts.reset()
        for i, (wanted, got) in enumerate(zip(here, there, strict=True)):
            for a, b in zip(wanted, got, strict=True):
                assert b.device is gpu
                assert b.dtype == a.dtype
                np.testing.assert_array_equal(b.numpy(force=True), a.numpy())
            if (epoch, i) == (1, 1):
                break  # and goes on in the middle of an epoch
        if on_the_stand_in(gpu):
            assert standin.counts.uploads == (3 if epoch == 0 else 1), "the order of the epoch"
        if epoch == 1:
            for loader in (here, there):
                loader.load_state_dict(loader.state_dict() | {"epoch": 1, "batches": 2})
