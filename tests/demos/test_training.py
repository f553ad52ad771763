"""The training harness: metrics, checkpoints, exact continuation, signals."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from demos.common import training
from demos.common.run import CommandError, Run
from demos.common.training import Means, Stopped, Trainer, random_numbers
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from tests.defaults import check


class Killed(BaseException):
    """As sudden as a kill: nothing in the harness catches it."""


class Average:
    """An exponential moving average of a model's weights: one more thing with a state_dict."""

    def __init__(self, model: nn.Module) -> None:
        self.weights = {n: p.numpy(force=True).copy() for n, p in model.named_parameters()}

    def update(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            self.weights[name] += 0.1 * (parameter.numpy(force=True) - self.weights[name])

    def state_dict(self):
        return self.weights

    def load_state_dict(self, state):
        self.weights = dict(state)


class Game:
    """Two models with an optimizer each, batch statistics, noise and an average: as a GAN has."""

    def __init__(self, folder: Path, resume: bool = False, epochs: int = 3, every: int = 2) -> None:
        mg.manual_seed(1)
        self.first = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        self.second = nn.Linear(2, 1)
        self.adam = optim.Adam(self.first.parameters(), lr=0.01)
        self.sgd = optim.SGD(self.second.parameters(), lr=0.01, momentum=0.9)
        self.average = Average(self.first)
        rows = np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32)
        loader = DataLoader(TensorDataset(rows), 4, shuffle=True, seed=3, device="cpu")
        state = {
            "first": self.first,
            "second": self.second,
            "adam": self.adam,
            "sgd": self.sgd,
            "average": self.average,
        }
        self.trainer = Trainer(
            Run(folder, resume), loader, state, {"a": 1}, epochs=epochs, checkpoint_every=every
        )
        self.steps: list[int] = []  # the sizes of the batches
        self.before_step = lambda: None
        self.hook_numbers: list[float] = []

    def step(self, x: mg.Tensor) -> dict[str, mg.Tensor]:
        self.before_step()
        self.steps.append(len(x))
        y = self.second(self.first(x) + mg.randn(len(x), 2))
        loss = ((y - x.sum(1, keepdim=True)) ** 2).mean()
        for optimizer in (self.adam, self.sgd):
            optimizer.zero_grad()
        loss.backward()
        for optimizer in (self.adam, self.sgd):
            optimizer.step()
        self.average.update(self.first)
        return {"loss": loss, "size": mg.tensor(float(len(x)))}

    def end_of_epoch(self, number: int) -> dict[str, float]:
        self.hook_numbers.append(mg.rand(1).item())
        return {"test_number": number * 0.5}

    def fit(self) -> "Game":
        self.trainer.fit(self.step, self.end_of_epoch)
        return self


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the times, which differ from run to run."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "times.csv"}


# ---- continuation --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> dict[str, bytes]:
    """The files of three epochs of three batches (of 4, 4 and 3) that were never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    Game(folder).fit()
    return contents(folder)


@pytest.mark.parametrize("every", [0, 1, 2])
@pytest.mark.parametrize("batch", range(1, 10))
def test_a_run_that_dies_in_any_batch_ends_with_the_same_bytes(tmp_path, straight, batch, every):
    game = Game(tmp_path, every=every)

    def die():
        if len(game.steps) + 1 == batch:
            raise Killed

    game.before_step = die
    with pytest.raises(Killed):
        game.fit()
    again = Game(tmp_path, resume=True, every=every).fit()
    assert contents(tmp_path) == straight
    lost = len(game.steps) + len(again.steps) - 9
    assert 0 <= lost < (every or 3)


@pytest.mark.parametrize(
    ("what", "save"),
    [("save", n) for n in range(1, 8)] + [("write_table", n) for n in range(1, 11)],
)
def test_a_run_that_dies_around_its_checkpoint_ends_with_the_same_bytes(
    tmp_path, straight, monkeypatch, what, save
):
    whole = getattr(Run, what)
    calls = []

    def die(self, *args):
        calls.append(args)
        if len(calls) == save:
            raise Killed
        whole(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Run, what, die)
        with pytest.raises(Killed):
            Game(tmp_path).fit()
    Game(tmp_path, resume=True).fit()
    assert contents(tmp_path) == straight


def test_more_epochs_go_on_as_if_there_had_been_no_end(tmp_path, straight):
    Game(tmp_path, epochs=1).fit()
    assert Game(tmp_path, resume=True, epochs=3).fit().steps == [4, 4, 3, 4, 4, 3]
    assert contents(tmp_path) == straight


def test_resuming_a_finished_run_changes_nothing(tmp_path, straight):
    Game(tmp_path).fit()
    assert Game(tmp_path, resume=True).fit().steps == []
    assert contents(tmp_path) == straight


def test_the_seconds_of_all_sessions_add_up(tmp_path):
    Game(tmp_path, epochs=1).fit()
    times = tmp_path / "times.csv"
    times.write_text("epoch,batch,seconds,core_seconds\n1,0,1000.0,500.0\n")
    game = Game(tmp_path, resume=True, epochs=2).fit()
    rows = game.trainer.run.read_table("times.csv")
    assert [(row["epoch"], row["batch"]) for row in rows] == [("1", "0"), ("1", "2"), ("2", "0")]
    for name, before in (("seconds", 1000), ("core_seconds", 500)):
        assert before < float(rows[1][name]) <= float(rows[2][name]) < before + 100


def test_core_seconds_that_an_older_run_did_not_write_are_not_known(tmp_path):
    Game(tmp_path, epochs=1).fit()
    (tmp_path / "times.csv").write_text("epoch,batch,seconds\n1,0,1000.0\n")
    game = Game(tmp_path, resume=True, epochs=2).fit()
    assert np.isnan(game.trainer.clock.core_seconds())


# ---- metrics -------------------------------------------------------------------------------------


def test_metrics_are_weighted_by_the_batches_sizes(tmp_path):
    game = Game(tmp_path, epochs=1).fit()
    assert game.steps == [4, 4, 3]
    header, row = (tmp_path / "metrics.csv").read_text().splitlines()
    assert header == "epoch,train_loss,train_size,test_number"
    assert float(row.split(",")[2]) == pytest.approx((16 + 16 + 9) / 11, rel=1e-6)
    assert row.startswith("1,") and row.endswith(",0.5")


def test_means_do_not_depend_on_when_they_are_fetched():
    values = np.random.default_rng(0).normal(size=50).astype(np.float32)
    often, seldom = Means(), Means()
    for i, value in enumerate(values):
        for means in (often, seldom):
            means.add({"x": mg.tensor(value)}, i % 7 + 1)
        often.values()
    assert often.values() == seldom.values()
    assert seldom.take()["x"] == pytest.approx(np.average(values, weights=np.arange(50) % 7 + 1))
    assert seldom.values() == {}


def test_means_begin_anew_when_they_are_taken():
    means = Means()
    for value in (1.0, 5.0):
        means.add({"loss": mg.tensor(value)}, 2)
        assert means.take() == {"loss": value}


def test_means_are_fetched_after_every_so_many_batches_and_each_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "FETCH_EVERY", 2)
    game = Game(tmp_path)
    fetch, seen = game.trainer._finite_means, []
    game.trainer._finite_means = lambda: seen.append(len(game.steps)) or fetch()
    game.fit()
    assert sorted({*seen}) == [0, 2, 3, 5, 6, 8, 9]  # 0: before the first checkpoint


def test_means_do_not_wait_for_the_device_when_added(monkeypatch):
    means = Means()
    monkeypatch.setattr(type(mg.device("cpu")), "to_numpy", lambda *_: pytest.fail("fetched"))
    means.add({"x": mg.ones(())}, 3)


def test_means_keep_no_graph_alive():
    means = Means()
    means.add({"x": (mg.ones(2, requires_grad=True) * 2).sum()}, 1)
    ((values, _),) = means._waiting
    assert not values["x"].requires_grad


def test_a_loss_that_is_not_finite_is_an_error_and_not_a_checkpoint(tmp_path):
    game = Game(tmp_path, every=1)

    def step(x):
        values = game.step(x)
        return values if len(game.steps) < 5 else {"loss": mg.tensor(float("nan"))}

    with pytest.raises(CommandError, match="loss became nan in epoch 2; a smaller --lr"):
        game.trainer.fit(step, game.end_of_epoch)
    assert Run(tmp_path, resume=True).checkpoint["loader"]["batches"] == 1


def test_a_step_that_spoils_the_weights_does_not_touch_the_checkpoint(tmp_path):
    """Its loss was still finite, as are all that a learning rate of 1e30 begins from."""
    game = Game(tmp_path, every=1)

    def step(x):
        values = game.step(x)
        if len(game.steps) == 5:
            game.second.weight.data.fill_(np.inf)
        return values

    with pytest.raises(CommandError, match="a number of second became infinite or NaN in epoch 2"):
        game.trainer.fit(step, game.end_of_epoch)
    assert Run(tmp_path, resume=True).checkpoint["loader"]["batches"] == 1


@pytest.mark.parametrize(
    ("measured", "stops"),
    [
        ({"test_loss": float("inf")}, True),
        ({"test_loss": float("nan")}, True),
        ({"distance": float("nan")}, True),
        ({"distance": float("inf")}, False),  # of samples that reach nothing
    ],
)
def test_a_measure_that_is_not_finite_stops_before_the_checkpoint(tmp_path, measured, stops):
    game = Game(tmp_path, epochs=1, every=0)
    game.end_of_epoch = lambda number: measured
    if stops:
        (name,) = measured
        with pytest.raises(CommandError, match=rf"{name} became (inf|nan) in epoch 1; a smaller"):
            game.fit()
    else:
        game.fit()
    found = Run(tmp_path, resume=True).checkpoint
    assert (found["epoch"], len(found["rows"])) == ((0, 0) if stops else (1, 1))


# ---- random numbers ------------------------------------------------------------------------------


def test_the_hook_has_its_own_random_numbers(tmp_path):
    game = Game(tmp_path).fit()
    assert len(set(game.hook_numbers)) == 1  # fixed noise
    after = mg.rand(1).item()
    other = Game(tmp_path / "other")
    other.end_of_epoch = lambda number: {"test_number": number * 0.5}
    other.fit()
    assert mg.rand(1).item() == after


def test_random_numbers_go_on_after_an_error():
    mg.manual_seed(5)
    expected = mg.rand(4).numpy()
    mg.manual_seed(5)
    first = mg.rand(2).numpy()
    with pytest.raises(IndexError), random_numbers(9):
        mg.randn(3)[5]
    assert np.array_equal([*first, *mg.rand(2).numpy()], expected)


# ---- signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("batch", "where"),
    [
        (2, "in epoch 1, after batch 2 of 3"),
        (6, "in epoch 2, after batch 3 of 3"),
    ],
)
def test_a_signal_ends_training_after_the_batch(tmp_path, straight, batch, where, signum):
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    game = Game(tmp_path, every=0)

    def send():
        if len(game.steps) + 1 == batch:
            os.kill(os.getpid(), signum)

    game.before_step = send
    with pytest.raises(Stopped, match=where) as stopped:
        game.fit()
    assert stopped.value.signum == signum
    assert len(game.steps) == batch  # it was finished
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers
    again = Game(tmp_path, resume=True).fit()
    assert len(game.steps) + len(again.steps) == 9  # nothing was done twice
    assert contents(tmp_path) == straight


def test_a_signal_while_evaluating_ends_training_after_the_epoch(tmp_path, straight):
    game = Game(tmp_path)

    def end_of_epoch(number):
        os.kill(os.getpid(), signal.SIGINT)
        return {"test_number": number * 0.5}

    game.end_of_epoch = end_of_epoch
    with pytest.raises(Stopped, match="after epoch 1 of 3"):
        game.fit()
    Game(tmp_path, resume=True).fit()
    assert contents(tmp_path) == straight


def test_a_second_ctrl_c_stops_at_once(tmp_path, straight):
    game = Game(tmp_path, every=1)

    def send():
        if len(game.steps) == 4:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    game.before_step = send
    with pytest.raises(KeyboardInterrupt):
        game.fit()
    assert len(game.steps) == 4
    Game(tmp_path, resume=True).fit()
    assert contents(tmp_path) == straight


def test_training_works_in_a_thread(tmp_path, straight):
    """Where Python lets nobody set signal handlers."""
    thread = threading.Thread(target=lambda: Game(tmp_path).fit())
    thread.start()
    thread.join()
    assert contents(tmp_path) == straight


# ---- the folder ----------------------------------------------------------------------------------


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path, straight):
    Game(tmp_path, epochs=1).fit()
    before = contents(tmp_path)
    with pytest.raises(CommandError, match=r"holds a run already: go on with --resume"):
        Run(tmp_path)
    assert contents(tmp_path) == before


def test_a_run_can_be_resumed_from_its_first_moment(tmp_path, straight):
    game = Game(tmp_path)

    def die():
        raise Killed

    game.before_step = die
    with pytest.raises(Killed):
        game.fit()
    assert Run(tmp_path, resume=True).checkpoint["args"] == {"a": 1}
    Game(tmp_path, resume=True).fit()
    assert contents(tmp_path) == straight


def test_what_a_trainer_does_unless_it_is_told():
    check(Trainer, {"seed": 0, "device": "cpu", "checkpoint_every": 500, "eager": False})
