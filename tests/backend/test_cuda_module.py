"""minigrad.cuda: what PyTorch code asks of its GPU, with one and without."""

from typing import Any

import pytest

import minigrad as mg
from minigrad import cuda
from minigrad.backend import Device
from tests.devices import stand_in


@pytest.fixture(params=["none", "stand-in"])
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether there is a GPU: none, or the stand-in."""

    def found() -> Device:
        if request.param == "none":
            raise RuntimeError("cuda: none for this test")
        return stand_in()

    monkeypatch.setattr("minigrad.backend.probe.cuda", found)
    return bool(request.param != "none")


def test_whether_there_is_one(there: bool) -> None:
    assert mg.cuda is cuda
    assert cuda.is_available() is there
    assert cuda.device_count() == int(there)
    cuda.empty_cache()


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (cuda.current_device, 0),
        (lambda: isinstance(cuda.get_device_name(0), str), True),
        (cuda.synchronize, None),
        (lambda: str(mg.device("cuda:0").type), "cuda"),
        (lambda: cuda.FloatTensor([1, 2]).type(), "minigrad.cuda.FloatTensor"),
        (lambda: mg.ones(2).type(cuda.LongTensor).type(), "minigrad.cuda.LongTensor"),
    ],
)
def test_asking_for_it_gives_it_or_says_why_not(there: bool, ask: Any, expected: Any) -> None:
    if there:
        assert ask() == expected
        return
    with pytest.raises(RuntimeError, match="none for this test"):
        ask()


def test_there_is_one_at_most() -> None:
    for place in (0, "cuda", "cuda:0", mg.device("cpu")):
        cuda.set_device(place)
    with pytest.raises(ValueError, match="one GPU is used, number 0, got 1"):
        cuda.set_device(1)


def test_its_seed_is_that_of_all_devices() -> None:
    cuda.manual_seed(5)
    first = mg.rand(3)
    cuda.manual_seed_all(5)
    assert mg.equal(first, mg.rand(3))
    assert mg.random.initial_seed() == 5


def test_a_device_has_a_type() -> None:
    assert mg.device("cpu").type == "cpu"
    assert mg.zeros(1).device.type == "cpu"
