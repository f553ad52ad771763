"""Progress bars: where they begin and end, and on a terminal alone."""

import io
import sys

import pytest
from tqdm import tqdm

from demos.common import training
from demos.common.evaluation import mean_iwae
from minigrad.data import DataLoader
from models.vae import mlp_vae
from tests.demos.test_evaluation import DATA
from tests.demos.test_training import Game, Killed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_bar_is_shown_on_a_terminal_alone_and_wiped_off(kind, monkeypatch):
    monkeypatch.setattr("sys.stderr", kind())
    mean_iwae(mlp_vae((1, 3, 3), latent=2, hidden=(5,)), DataLoader(DATA, 3), 2)
    shown = sys.stderr.getvalue().split("\r")
    assert any("IWAE" in line for line in shown) == (kind is Terminal)
    assert not "".join(shown[-2:]).strip()


def test_a_bar_begins_where_the_run_was_stopped(tmp_path, monkeypatch):
    bars = []

    class Bar(tqdm):
        def __init__(self, **options):
            options["disable"] = False
            super().__init__(**options, file=io.StringIO())
            bars.append((options, self))

    monkeypatch.setattr(training, "tqdm", Bar)
    game = Game(tmp_path, epochs=2)

    def stop():
        if len(game.steps) == 2:
            raise Killed

    game.before_step = stop
    with pytest.raises(Killed):
        game.fit()
    Game(tmp_path, resume=True, epochs=2).fit()
    seen = [(how["desc"], how["initial"], bar.n, how["total"]) for how, bar in bars]
    assert seen == [("epoch 1/2", 0, 2, 3), ("epoch 1/2", 2, 3, 3), ("epoch 2/2", 0, 3, 3)]
