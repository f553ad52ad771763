"""Every public class takes what it is made with and works, or refuses it in its own name."""

import random
from typing import Any

import pytest

from minigrad import data, distributions, nn, optim
from minigrad.optim import lr_scheduler
from tests.nonsense import CASES, NONSENSE, Case, fault, numeric

pytestmark = pytest.mark.filterwarnings("ignore")  # of NumPy, about what it is made to compute

# What has no number to be made with, or only what one of the others checks.
NO_NUMBERS = {
    *("BCELoss BCEWithLogitsLoss GELU Identity KLDivLoss L1Loss LogSigmoid MSELoss Module".split()),
    *("ModuleDict ModuleList Parameter ParameterDict ParameterList ReLU ReLU6 Sequential".split()),
    *("SiLU Sigmoid Tanh Optimizer LRScheduler ChainedScheduler".split()),
    *("ChainDataset ConcatDataset Dataset ImageDataset IterableDataset Sampler Subset".split()),
    *("SequentialSampler SubsetRandomSampler TensorDataset Distribution".split()),
}


def named(case: Case) -> str:
    return f"{case.kind.__name__}-{'-'.join(case.sensible())}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_each_number_is_taken_or_refused(case: Case) -> None:
    assert fault(case, {}) is None
    arguments = list(numeric(case))
    assert arguments
    faults = [fault(case, {name: x}) for name in arguments for x in NONSENSE]
    assert not list(filter(None, faults))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_several_at_once(case: Case) -> None:
    draw = random.Random(named(case))
    for _ in range(20):
        changed = {name: draw.choice(NONSENSE) for name in numeric(case) if draw.random() < 0.5}
        assert fault(case, changed) is None


def test_a_bool_is_no_size() -> None:
    for make in (lambda: nn.Linear(True, 2), lambda: nn.MaxPool2d(True)):
        with pytest.raises(TypeError, match="must be an int"):
            make()


def test_all_classes_are_drawn() -> None:
    listings: list[Any] = [nn, optim, lr_scheduler, data, distributions]
    public = {
        name
        for listing in listings
        for name in listing.__all__
        if isinstance(getattr(listing, name), type)
    }
    assert public == {case.kind.__name__ for case in CASES} | NO_NUMBERS
