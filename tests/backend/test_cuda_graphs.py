"""A captured step gives the same bits as the step itself; what cannot be captured is told."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend import Device, device
from models.model import Learner, Scheduled, descend
from tests.backend.steps import STEPS, state_of

pytestmark = pytest.mark.slow


@pytest.fixture
def chip() -> Device:
    return device("cuda")


@pytest.mark.cuda
@pytest.mark.parametrize("name", STEPS)
def test_a_graph_gives_the_bits_of_the_step(name: str, chip: Device) -> None:
    results = []
    for graph in (False, True):
        mg.manual_seed(5)
        step, networks = STEPS[name](chip)
        run = mg.graphed(lambda _, step=step: step()) if graph else lambda _, step=step: step()
        losses = [run(mg.zeros(1, device=chip)) for _ in range(7)]
        results.append(([x.numpy(force=True) for x in losses], state_of(networks)))
        assert np.array_equal(mg.get_rng_state("cuda"), results[0][2]) if graph else True
        results[-1] += (mg.get_rng_state("cuda"),)
    for a, b in zip(results[0][0] + results[0][1], results[1][0] + results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def regression(place: Device) -> tuple[Any, Any]:
    mg.manual_seed(3)
    model: Any = nn.Linear(3, 2).to(place)
    return model, optim.Adam(model.parameters(), 0.1)


@pytest.mark.cuda
def test_batches_of_other_shapes_and_a_schedule(chip: Device) -> None:
    """The odd last batch has a graph of its own, once it has come three times."""

    class Squares(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def losses(self, x: Any) -> dict[str, Any]:
            return {"loss": (self.inner(x) ** 2).mean()}

    batches = [np.random.default_rng(i).random((2 + i % 2, 3), np.float32) for i in range(12)]
    results = []
    for graph in (False, True):
        model, optimizer = regression(chip)
        schedule = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
        learner: Learner = Scheduled(Squares(model), optimizer, schedule)
        step = mg.graphed(learner.train_step) if graph else learner.train_step
        losses = [step(mg.tensor(x, device=chip))["loss"].item() for x in batches]
        results.append((losses, state_of([model]), optimizer.param_groups[0]["lr"]))
    assert results[0][0] == results[1][0]
    assert results[0][2] == results[1][2] == 0.1 * 0.5**6
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_numbers_of_each_step(dtype: Any, chip: Device) -> None:
    """In the order in which they are asked for, and each where it is used."""
    counts = [0, 0]

    def count(i: int) -> float:
        counts[i] += 1
        return counts[0] + 10 * counts[1]

    def run(x: Any) -> Any:
        return mg.each_step(lambda: count(0), x) * x, mg.each_step(lambda: count(1), like=x) + x

    step = mg.graphed(run)
    x = mg.ones(1, dtype=dtype, device=chip)
    found = [[y.item() for y in step(x)] for _ in range(5)]
    assert found == [[i + 10 * i - 10, i + 10 * i + 1] for i in range(1, 6)]


@pytest.mark.cuda
def test_what_a_step_gives_back_is_its_own(chip: Device) -> None:
    step = mg.graphed(lambda x: {"both": (x * 2, [x + 1])})
    found = [step(mg.full((2,), float(i), device=chip)) for i in range(5)]
    assert [f["both"][0].tolist() for f in found] == [[2.0 * i] * 2 for i in range(5)]
    assert [f["both"][1][0].tolist() for f in found] == [[i + 1.0] * 2 for i in range(5)]


@pytest.mark.cuda
@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda x: x * x.sum().item(), "fetches numbers"),
        (lambda x: x + mg.tensor([1.0, 2.0], device=x.device), "brings numbers to the GPU"),
    ],
)
def test_a_step_that_cannot_be_captured_is_told(step: Any, message: str, chip: Device) -> None:
    run = mg.graphed(step)
    x = mg.ones(2, device=chip)
    run(x), run(x)
    with pytest.raises(RuntimeError, match=f"cannot be captured: .*{message}"):
        run(x)
    assert (x * 3).tolist() == [3, 3]  # nothing is broken


def graphed_step(model: nn.Module, optimizer: optim.Optimizer) -> Any:
    return mg.graphed(lambda x: descend(optimizer, model(x).sum()))


@pytest.mark.cuda
def test_a_replaced_state_is_told(chip: Device) -> None:
    model, optimizer = regression(chip)
    step = graphed_step(model, optimizer)
    x = mg.ones((2, 3), device=chip)
    for _ in range(4):
        step(x)
    optimizer.load_state_dict(optimizer.state_dict())
    with pytest.raises(RuntimeError, match="Adam: parameters or their states have been replaced"):
        step(x)


@pytest.mark.cuda
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (lambda p: optim.Adam(p, amsgrad=True), "Adam: no kernel to capture for .*amsgrad=True"),
        (lambda p: optim.Adagrad(p), "Adagrad: it counts its steps"),
        (lambda p: optim.SGD(p, 0.1, momentum=0.9), "SGD: an option has changed"),
    ],
    ids=["amsgrad", "Adagrad", "SGD"],
)
def test_an_optimizer_that_would_do_something_else_is_told(
    kind: Any, message: str, chip: Device
) -> None:
    model = nn.Linear(3, 2).to(chip)
    optimizer = kind(model.parameters())
    step = graphed_step(model, optimizer)
    x = mg.ones((2, 3), device=chip)

    def train() -> None:
        for _ in range(4):
            step(x)
        optimizer.param_groups[0]["lr"] = 0.2
        step(x)

    with pytest.raises(RuntimeError, match=message):
        train()


def test_on_other_devices_a_step_is_itself(device: Device) -> None:
    """On the CPU, and where there is no cuBLAS to capture, as on the stand-in."""
    if device.captured(lambda: None) is not None:
        pytest.skip("a GPU captures it")
    seen = []
    step = mg.graphed(lambda x: seen.append(mg.each_step(lambda: len(seen))) or x + 1)
    for i in range(4):
        assert step(mg.full((1,), float(i), device=device)).tolist() == [i + 1.0]
    assert seen == [0, 1, 2, 3]
