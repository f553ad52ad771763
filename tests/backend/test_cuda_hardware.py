"""What only a GPU can show: `pytest -m cuda` runs this and all that takes the fixture `gpu`.

What was seen is written to runs/cuda.json (tests/devices.py).
"""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.backend import Device, device
from models import vae
from models.model import Learner
from tests.backend.steps import STEPS, state_of

pytestmark = [pytest.mark.cuda, pytest.mark.slow]


@pytest.fixture
def chip() -> Device:
    return device("cuda")


@pytest.mark.parametrize("name", STEPS)
def test_training_repeats_to_the_bit(name: str, chip: Device) -> None:
    """No atomics: every sum is made in one order."""
    states = []
    for _ in range(2):
        mg.manual_seed(5)
        step, networks = STEPS[name](chip)
        for _ in range(5):
            step()
        states.append(state_of(networks))
    for a, b in zip(*states, strict=True):
        np.testing.assert_array_equal(a, b)


def test_tf32_is_off_until_it_is_allowed(chip: Device) -> None:
    a = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    exact, on_chip = a.astype(np.float64) @ a, chip.asarray(a)

    def error() -> float:
        return float(abs(chip.to_numpy(chip.xp.matmul(on_chip, on_chip)) - exact).max())

    assert error() < 1e-3
    if int(chip.xp.cuda.Device().compute_capability) >= 80:
        mg.allow_tf32(True)
        try:
            assert 1e-3 < error() < 1
        finally:
            mg.allow_tf32(False)
        assert error() < 1e-3


def test_batches_that_come_ahead_are_never_overwritten(chip: Device) -> None:
    """Uploads on a stream of their own, beside work that is still reading earlier batches."""
    busy = chip.generator(0).normal((2048, 2048), np.dtype(np.float32))
    sums = []
    for i, (x,) in enumerate(chip.ahead((np.full(1 << 20, i, np.int32),) for i in range(40))):
        for _ in range(3):
            busy = chip.xp.matmul(busy, busy) * 0
        sums.append((x + busy[0, 0].astype(np.int32)).sum() - i * (1 << 20))
    assert all(int(s) == 0 for s in sums)


def test_the_normal_numbers_reach_into_the_tails(chip: Device) -> None:
    z = chip.to_numpy(chip.generator(0).normal((1 << 22,), np.dtype(np.float32)))
    assert 4.7 < abs(z).max() < 6.8
    for at, beyond in ((1.0, 0.317311), (2.0, 0.0455003), (3.0, 0.0026998)):
        share = (abs(z) > at).mean()
        assert abs(share - beyond) < 5 * (beyond / z.size) ** 0.5


def test_a_vae_learns(chip: Device) -> None:
    x = mg.tensor(np.random.default_rng(0).random((64, 1, 8, 8)).round(), device=chip).float()
    model: Any = vae.mlp_vae((1, 8, 8), latent=8, hidden=(64,)).to(chip)
    learner = Learner(model, optim.Adam(model.parameters(), 3e-3))
    first = learner.train_step(x)["loss"].item()
    for _ in range(300):
        last = learner.train_step(x)["loss"]
    assert last.item() < 0.8 * first
