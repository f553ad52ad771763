"""The autoregressive models' program on tiny runs: files, numbers, Ctrl-C, errors."""

from pathlib import Path

import numpy as np
import pytest

from demos import autoregressive
from models.autoregressive import Autoregressive
from models.model import Learner
from tests.demo_runs import contents, interrupted_at, summary

pytestmark = pytest.mark.slow

# 40 images in batches of 16: the last batch of an epoch is one of 8. MADE draws soonest.
TINY = [
    *("--limit", "40", "--batch-size", "16", "--epochs", "2", "--model", "made", "--hidden", "30"),
    *("--checkpoint-every", "2"),
]


def run(folder: Path, *argv: str) -> int:
    return autoregressive.main([*TINY, "--out", str(folder), *argv])


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    assert run(folder) == 0
    return folder


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """Images are not drawn, which takes 784 passes each time."""
    monkeypatch.setattr(Autoregressive, "complete", lambda self, x, *_: x)


def test_the_files_of_a_run_and_its_numbers(straight):
    assert sorted(contents(straight)) == [
        *("checkpoint.safetensors", "completions.png", "curves.png", "metrics.csv", "samples.png"),
        *(f"samples/epoch-00{i}.png" for i in (1, 2)),
    ]
    found = summary(straight)
    assert list(found) == ["test_loss", "seconds", "args", "version"]
    assert 0 < found["test_loss"] < 784 * np.log(2)  # that of pixels drawn evenly
    assert found["args"]["likelihood"] == "bernoulli"


def test_a_stopped_run_ends_with_the_same_bytes(straight, tmp_path, capsys):
    with interrupted_at(5, Learner, "train_step"):
        assert run(tmp_path) == 130
    assert "after batch 2 of 3; everything is saved" in capsys.readouterr().err
    assert autoregressive.main(["--resume", "--out", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(straight)


@pytest.mark.usefixtures("undrawn")
def test_a_run_may_go_on_for_longer_than_its_rate_was_planned(tmp_path):
    assert run(tmp_path, "--epochs", "1") == 0
    assert autoregressive.main(["--resume", "--out", str(tmp_path), "--epochs", "2"]) == 0
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("model", ["pixelcnn", "gated", "pixelrnn"])
def test_black_and_white_pixels_are_drawn_anew_and_labels_are_told(model, tmp_path, monkeypatch):
    seen = []

    def spy(learner, *batch):
        seen.append([x.numpy() for x in batch])
        return train_step(learner, *batch)

    train_step = Learner.train_step
    monkeypatch.setattr(Learner, "train_step", spy)
    argv = ("--model", model, "--channels", "2", "--layers", "1", "--first", "3")
    assert run(tmp_path, *argv, "--limit", "1", "--conditional") == 0
    (x, context), (again, _) = seen
    assert set(np.unique(x)) == {0, 1} and (x != again).any()
    assert context.shape == (1, 10, 1, 1) and context.sum() == 1


@pytest.mark.usefixtures("undrawn")
def test_colours_are_bytes_in_bits_per_dimension(tmp_path):
    assert run(tmp_path, "--dataset", "faces", "--epochs", "1") == 0
    found = summary(tmp_path)
    assert found["args"]["likelihood"] == "logistic"
    assert found["test_bpd"] == pytest.approx(found["test_loss"] / (3 * 32 * 32 * np.log(2)))
    assert 4 < found["test_bpd"] < 9  # that of bytes drawn evenly is 8


def test_channels_that_colours_cannot_share_are_an_error(tmp_path, capsys):
    argv = ("--dataset", "faces", "--model", "pixelcnn", "--channels", "16")
    assert run(tmp_path, *argv) == 2
    assert "channels must be a multiple of 6, got 16" in capsys.readouterr().err
