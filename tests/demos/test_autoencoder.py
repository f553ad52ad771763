"""The autoencoder's program and its experiments on tiny runs: files, numbers, SIGKILL, errors."""

import csv
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import minigrad as mg
from demos import autoencoder
from demos.common.autoencoder_pictures import signed
from demos.common.evaluation import flat
from minigrad import data
from models.aae import AAE
from models.autoencoder import ARCHITECTURES, linear_autoencoder
from models.measures import mmd
from models.model import Learner
from tests.demo_runs import contents, interrupted_at, run_and_kill, summary

pytestmark = pytest.mark.slow

# 50 images in batches of 16: the last batch of an epoch is one of 2.
TINY = [
    *("--limit", "50", "--batch-size", "16", "--epochs", "3", "--model", "linear", "--code", "4"),
    *("--checkpoint-every", "3"),
]


def run(folder: Path, *argv: str) -> int:
    return autoencoder.main([*TINY, "--out", str(folder), *argv])


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    assert run(folder, "--noise", "0.3") == 0
    return folder


# ---- what a run writes ---------------------------------------------------------------------------


def test_the_files_of_a_run(straight):
    assert sorted(contents(straight)) == [
        "checkpoint.safetensors",
        "curves.png",
        "metrics.csv",
        "reconstructions.png",
        "weights.png",
    ]


def test_the_numbers(straight):
    found = summary(straight)
    assert list(found) == [
        *("train_loss", "test_loss", "test_mse", "test_clean_mse", "pca_mse", "parameters"),
        *("seconds", "args", "version"),
    ]
    assert found["test_loss"] == pytest.approx(784 * found["test_mse"])
    assert 0 < found["pca_mse"] < found["test_clean_mse"] < found["test_mse"]
    assert found["parameters"] == 2 * 4 * 784 + 4 + 784
    with (straight / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "train_loss", "test_loss", "test_mse"]
    assert float(rows[2]["train_loss"]) < float(rows[0]["train_loss"])
    assert float(rows[2]["test_mse"]) == pytest.approx(found["test_mse"], rel=1e-6)


def test_the_errors_are_those_of_the_saved_model(straight):
    train, test = (data.load("glyphs", split, limit=50) for split in ("train", "test"))
    model = linear_autoencoder(code=4)
    model.load_state_dict(mg.load(straight / "checkpoint.safetensors")["model"])
    x = flat(test)
    recon = model.reconstruct(mg.tensor(test[:][0])).numpy().reshape(x.shape)
    found = summary(straight)
    assert found["test_clean_mse"] == pytest.approx(np.square(recon - x).mean(), rel=1e-5)
    best = np.linalg.svd(flat(train) - flat(train).mean(0))[2][:4]
    centred = x - flat(train).mean(0)
    lost = centred - centred @ best.T @ best
    assert found["pca_mse"] == pytest.approx(np.square(lost).mean(), rel=1e-4)


def test_colour_images_convolutions_and_a_map_of_two_numbers(tmp_path):
    how = ("--dataset", "faces", "--limit", "20", "--epochs", "1", "--model")
    assert run(tmp_path / "conv", *how, "conv", "--code", "2") == 0
    assert "codes.png" in contents(tmp_path / "conv")
    assert "weights.png" not in contents(tmp_path / "conv")
    assert "test_clean_mse" not in summary(tmp_path / "conv")
    assert run(tmp_path / "sigmoid", *how, "sigmoid") == 0
    image = matplotlib.image.imread(tmp_path / "sigmoid" / "weights.png")
    assert image[..., :3].std(-1).max() > 0.1


def test_signed_numbers_are_colours():
    grey = np.array([[[[2.0, 0.0, -1.0]]]])
    assert signed(grey)[0, :, 0].T.tolist() == [[1, 0, 0], [1, 1, 1], [0.5, 0.5, 1]]
    assert signed(np.zeros((1, 1, 1, 1))).tolist() == [[[[1.0]], [[1.0]], [[1.0]]]]
    colour = np.array([1.0, 0.0, -1.0]).reshape(1, 3, 1, 1)
    assert signed(colour).ravel().tolist() == [1, 0.5, 0]


# ---- codes that are like the prior's -------------------------------------------------------------


def adversarial(folder: Path, *argv: str) -> int:
    return run(folder, "--model", "deep", "--adversarial", *argv)


@pytest.fixture(scope="module")
def game(tmp_path_factory) -> Path:
    """An adversarial run that was never stopped."""
    folder = tmp_path_factory.mktemp("game")
    assert adversarial(folder) == 0
    return folder


def test_the_files_and_numbers_of_an_adversarial_run(game):
    samples = [f"samples/epoch-00{number}.png" for number in (1, 2, 3)]
    assert {"samples.png", "game.png", *samples} <= contents(game).keys()
    with (game / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ("loss", "d", "e", "prior", "codes")
    assert list(rows[0])[1:6] == [f"train_{name}" for name in names]
    found = summary(game)
    assert found["test_mmd"] == pytest.approx(float(rows[2]["test_mmd"]), rel=1e-6)
    assert found["floor_mmd"] == mmd.floor(50, 4)


def test_an_adversarial_run_that_was_stopped_goes_on_to_the_same_bytes(game, tmp_path):
    with interrupted_at(6, AAE, "encoder_step") as calls:
        assert adversarial(tmp_path) == 130
    assert len(calls) == 6
    assert autoencoder.main(["--resume", "--out", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(game)


# ---- killed, stopped, resumed --------------------------------------------------------------------


def test_a_killed_run_ends_with_the_same_bytes(straight, tmp_path):
    """Killed before the tenth batch, of which nine are saved up to the eighth."""
    argv = [*TINY, "--noise", "0.3", "--out", str(tmp_path)]
    run_and_kill("demos.autoencoder", "models.model.Learner.train_step", 10, *argv)
    assert autoencoder.main(["--resume", "--out", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(straight)
    assert summary(tmp_path)["test_mse"] == summary(straight)["test_mse"]


def test_ctrl_c_saves_and_says_how_to_go_on(straight, tmp_path, capsys):
    with interrupted_at(1, Learner, "train_step"):
        assert run(tmp_path, "--noise", "0.3") == 130
    assert f"python -m demos.autoencoder --resume --out {tmp_path}" in capsys.readouterr().err
    assert autoencoder.main(["--resume", "--out", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(straight)


# ---- errors: one message, status 2, no traceback -------------------------------------------------


def error_of(capsys, *argv: str) -> str:
    try:
        status = autoencoder.main(list(argv))
    except SystemExit as stopped:  # argparse's own
        status = stopped.code
    assert status == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_noise_must_not_be_negative(tmp_path, capsys):
    said = error_of(capsys, "--noise", "-1", "--out", str(tmp_path))
    assert "argument --noise: must be positive and finite, got -1" in said


def test_images_that_a_model_cannot_take_are_an_error(tmp_path, capsys, monkeypatch):
    conv = ARCHITECTURES["conv"]
    monkeypatch.setitem(ARCHITECTURES, "conv", lambda shape, *args, **how: conv((1, 30, 30)))
    said = error_of(capsys, *TINY, "--model", "conv", "--out", str(tmp_path))
    assert "needs height and width in multiples of 4" in said


def test_codes_that_cannot_be_the_priors_are_an_error(tmp_path, capsys):
    argv = ("--model", "sigmoid", "--adversarial", "--out", str(tmp_path))
    assert "--model sigmoid: AAE: needs a linear code" in error_of(capsys, *TINY, *argv)


def test_resuming_with_another_model_is_an_error(straight, capsys):
    said = error_of(capsys, "--resume", "--out", str(straight), "--model", "deep")
    assert "--model is deep, was linear" in said
