"""The autoencoder's program and its experiments on tiny runs: files, numbers, SIGKILL, errors."""

import csv
import os
import signal
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import minigrad as mg
from demos import autoencoder
from demos.common.autoencoder_pictures import signed
from demos.common.evaluation import codes, columns, flat, mean_loss
from demos.common.kept import Setting
from demos.experiments import depth, few_labels, not_generative, pca
from demos.experiments.autoencoders import Recipe, trained
from demos.experiments.finding import Finding
from minigrad import data
from models.autoencoder import ARCHITECTURES, linear_autoencoder
from models.measures import linear
from models.model import Learner
from tests.demo_runs import contents, run_and_kill, summary

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


# ---- killed, stopped, resumed --------------------------------------------------------------------


def test_a_killed_run_ends_with_the_same_bytes(straight, tmp_path):
    """Killed before the tenth batch, of which nine are saved up to the eighth."""
    argv = [*TINY, "--noise", "0.3", "--out", str(tmp_path)]
    run_and_kill("demos.autoencoder", "models.model.Learner.train_step", 10, *argv)
    assert autoencoder.main(["--resume", "--out", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(straight)
    assert summary(tmp_path)["test_mse"] == summary(straight)["test_mse"]


def test_ctrl_c_saves_and_says_how_to_go_on(straight, tmp_path, monkeypatch, capsys):
    train_step = Learner.train_step

    def interrupted(*args):
        os.kill(os.getpid(), signal.SIGINT)
        return train_step(*args)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, "train_step", interrupted)
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


def test_resuming_with_another_model_is_an_error(straight, capsys):
    said = error_of(capsys, "--resume", "--out", str(straight), "--model", "deep")
    assert "--model is deep, was linear" in said


# ---- autoencoders that experiments share ---------------------------------------------------------


def test_a_trained_one_is_not_trained_again(tmp_path, monkeypatch):
    setting, recipe = Setting(0, tmp_path), Recipe("linear", 3, 2, 16, falling=True)
    first = trained(setting, recipe, 40)
    monkeypatch.setattr(Learner, "train_step", None)
    again = trained(setting, recipe, 40)
    assert again.rows == first.rows
    assert again.test_mse == pytest.approx(again.rows[-1]["test_loss"] / 784)
    for mine, kept in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert np.array_equal(mine.numpy(force=True), kept.numpy(force=True))


def test_a_falling_rate_ends_at_0(tmp_path):
    trained(Setting(0, tmp_path), Recipe("linear", 3, 2, 16, falling=True), 40)
    (folder,) = tmp_path.iterdir()
    saved = mg.load(folder / "checkpoint.safetensors")
    assert saved["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0, abs=1e-12)
    assert saved["schedule"]["last_epoch"] == 6


def test_codes_errors_and_columns():
    images = data.load("glyphs", "test", limit=30)
    model = linear_autoencoder(code=3)
    x = mg.tensor(images[:][0])
    assert np.allclose(codes(model, images), model.encode(x).numpy(), atol=1e-6)
    assert mean_loss(model, images) == pytest.approx(model.loss(x).item(), rel=1e-5)
    assert columns(model).shape == (784, 3)
    assert np.array_equal(flat(images)[7], images[7][0].ravel())


# ---- experiments ---------------------------------------------------------------------------------


def checked(found: Finding, folder: Path) -> Finding:
    """What all findings must be: short lines, numbers that JSON can hold, a picture."""
    for line in (found.claim, found.result, found.beside):
        assert 0 < len(line) <= 160 and "nan" not in line
    found.figure.savefig(folder / "picture.png")
    return found


def test_pca(tmp_path):
    """Few steps: what is learned is far from PCA, and that is what is said."""
    how = {"most": 3, "steps": 20, "batch": 10, "limit": 100}  # 2 epochs
    found = checked(pca.run(Setting(0, tmp_path), **how), tmp_path)
    train, test = (flat(data.load("glyphs", split, limit=100)) for split in ("train", "test"))
    exact = linear.pca(train, 3)
    assert found.numbers["numbers in a code"] == 3
    assert found.numbers["PCA's test mse"] == pytest.approx(exact.error(test))
    fewer = linear.pca(train, 2).error(test)
    assert found.control["PCA's test mse with one number less"] == pytest.approx(fewer)
    (folder,) = tmp_path.glob("autoencoder-linear-*")
    model = linear_autoencoder(code=3)
    model.load_state_dict(mg.load(folder / "checkpoint.safetensors")["model"])
    angles = linear.principal_angles(columns(model), exact.components.T)
    assert found.numbers["linear"]["principal angles"] == pytest.approx(angles.tolist())
    x = mg.tensor(test.reshape(-1, 1, 28, 28))
    mse = np.square(model.reconstruct(x).numpy().reshape(test.shape) - test).mean()
    above = mse / exact.error(test) - 1
    assert found.numbers["linear"]["above PCA"] == pytest.approx(above, rel=1e-4)


def test_the_code_ends_before_a_gap():
    variances = np.array([9.0, 8.5, 5.0, 4.9, 4.8, 1.0])
    assert [pca.before_gap(variances, most) for most in (1, 2, 4, 5)] == [1, 2, 2, 5]


def test_depth(tmp_path):
    found = checked(depth.run(Setting(0, tmp_path), epochs=1, limit=60), tmp_path)
    for name in ARCHITECTURES:
        assert 0 < found.numbers[name]["test mse"] < 1
    assert found.numbers["conv"]["parameters"] < found.numbers["deep"]["parameters"]
    train, test = (data.load("glyphs", split, limit=60) for split in ("train", "test"))
    best = linear.pca(flat(train), 32).error(flat(test))
    assert found.control["PCA's test mse"] == pytest.approx(best)


def test_few_labels(tmp_path, monkeypatch):
    how = {"draws": 2, "steps": 4, "epochs": 1, "sizes": (20, 40), "limit": 80}
    found = checked(few_labels.run(Setting(0, tmp_path), **how), tmp_path)
    table = found.numbers["20 labels"]
    pairs = found.numbers["each draw"]["20 labels"]
    for head in few_labels.HEADS:
        gains = [pair[f"scratch, {head}"] - pair[f"encoder, {head}"] for pair in pairs]
        gain = table[f"gain, {head}"]
        assert gain["mean"] == pytest.approx(np.mean(gains))
        assert gain["std"] == pytest.approx(np.std(gains, ddof=1))
        assert gain["draws in which the encoder is better"] == sum(g > 0 for g in gains)
    assert {"1-NN codes", "probe PCA-50", "probe pixels"} <= table.keys()
    # What was done is kept.
    monkeypatch.setattr(few_labels, "fitted_error", None)
    assert few_labels.run(Setting(0, tmp_path), **how).numbers == found.numbers


def test_draws_are_balanced():
    labels = np.arange(10).repeat(7)
    chosen = few_labels.balanced(labels, 30, np.random.default_rng(0))
    assert len(set(chosen)) == 30
    assert np.bincount(labels[chosen]).tolist() == [3] * 10


def test_pairs_begin_with_the_same_last_layer_and_see_the_same_batches(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(few_labels, "fitted_error", lambda *args: begun.append(args) or 0.5)
    recipe = Recipe("deep", epochs=1)
    pairs = few_labels.Pairs(Setting(0, tmp_path), recipe, 4, 80)
    assert pairs.errors(20, 0, 0)["encoder, on the code"] == 0.5
    body = next(pairs.autoencoder.model.encoder.body.parameters()).numpy(force=True)
    assert len(begun) == 4
    for (scratch, *rest), (encoder, *same) in (begun[:2], begun[2:]):
        assert all(a is b for a, b in zip(rest, same, strict=True))
        heads = [model[1].weight.numpy(force=True) for model in (scratch, encoder)]
        assert np.array_equal(*heads)
        first = [next(model[0].parameters()).numpy(force=True) for model in (scratch, encoder)]
        assert np.array_equal(first[1], body) and not np.array_equal(first[0], body)


def test_not_generative(tmp_path):
    how = {"samples": 60, "epochs": 1, "vae_epochs": 1, "limit": 80}
    found = checked(not_generative.run(Setting(0, tmp_path), **how), tmp_path)
    for name in ("autoencoder, N(0, I)", "autoencoder, fitted Gaussian", "VAE, prior"):
        assert found.numbers[name]["frechet"] > found.control["test images"]["frechet"]
        assert found.numbers[name]["n"] == 60


def test_fitted_gaussians_have_the_mean_and_the_covariance():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((500, 3)) @ rng.standard_normal((3, 3)) + [1, 2, 3]
    drawn = not_generative.gaussian(z, 50_000, rng)
    assert np.allclose(drawn.mean(0), z.mean(0), atol=0.05)
    assert np.allclose(np.cov(drawn.T), np.cov(z.T), atol=0.1)
