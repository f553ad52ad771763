"""Trainings of minutes: falling rates, losses of every step, games made of games."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from demos.common import games
from demos.common.games import in_steps, learn, optimizers
from minigrad import Tensor, nn, optim
from minigrad.data import TensorDataset
from models.model import Losses, Model
from models.zoo.lapgan import LAPGAN


class Noted(Model):
    """A game that notes what it is given, and its rate."""

    def __init__(self) -> None:
        self.network = nn.Linear(1, 1)
        self.optimizer = optim.SGD(self.network.parameters(), 0.5)
        self.batches: list[Any] = []
        self.rates: list[float] = []

    def train_step(self, x: Tensor) -> Losses:
        self.batches.append(x.numpy().tolist())
        self.rates.append(self.optimizer.param_groups[0]["lr"])
        return {"first": x.sum(), "second": mg.tensor(float(len(self.batches)))}


@pytest.mark.parametrize("steps", [0, 1, 8])
def test_rates_are_kept_and_then_fall(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(games, "FETCH_EVERY", 3)
    game, data = Noted(), TensorDataset(np.arange(5.0)[:, None])
    losses = learn(game, data, in_steps(steps), batch=2, seed=0, prepared=lambda x: (x + 1,))
    assert game.rates == [0.5 * min(1, 2 * (1 - i / 8)) for i in range(8)][:steps]
    assert {name: len(values) for name, values in losses.items()} == (
        {"first": steps, "second": steps} if steps else {}
    )
    if steps:
        assert losses["first"].tolist() == [sum(x for (x,) in batch) for batch in game.batches]
        assert losses["second"].tolist() == [1 + i for i in range(steps)]
        assert all(
            len(batch) == 2 and {x for (x,) in batch} <= {1, 2, 3, 4, 5} for batch in game.batches
        )


def test_the_rates_of_games_within_a_game_fall_too() -> None:
    pyramid = LAPGAN((1, 8, 8), smallest=4, width=2, noise=3)
    adams = [
        a for gan in (pyramid.top, *pyramid.details) for a in (gan.g_optimizer, gan.d_optimizer)
    ]
    assert {*map(id, optimizers(pyramid))} == {*map(id, adams)}
