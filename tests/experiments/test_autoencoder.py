"""The experiments on autoencoders, at a small size, and the networks that they share."""

from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from demos.common.evaluation import codes, columns, flat, mean_loss
from demos.common.kept import Setting
from demos.experiments import aae, depth, few_labels, not_generative, pca
from demos.experiments.autoencoders import autoencoder
from demos.experiments.finding import Finding
from minigrad import data
from models.autoencoder import ARCHITECTURES, linear_autoencoder
from models.measures import linear, pretraining
from models.measures.linear import balanced
from models.model import Learner

pytestmark = pytest.mark.slow

# ---- autoencoders that experiments share ---------------------------------------------------------


FALLING = {"model": "linear", "code": 3, "epochs": 2, "batch": 16, "falling": True, "limit": 40}


def test_a_trained_one_is_not_trained_again(tmp_path, monkeypatch):
    setting = Setting(0, tmp_path)
    first = autoencoder(setting, **FALLING)
    monkeypatch.setattr(Learner, "train_step", None)
    again = autoencoder(setting, **FALLING)
    assert again.rows == first.rows
    assert again.rows[-1]["test_mse"] == pytest.approx(again.rows[-1]["test_loss"] / 784)
    for mine, kept in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert np.array_equal(mine.numpy(force=True), kept.numpy(force=True))


def test_a_falling_rate_ends_at_0(tmp_path):
    autoencoder(Setting(0, tmp_path), **FALLING)
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
    (folder,) = tmp_path.glob("autoencoder-*-linear-*")
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
    monkeypatch.setattr(pretraining, "fitted_error", None)
    assert few_labels.run(Setting(0, tmp_path), **how).numbers == found.numbers


def test_draws_are_balanced():
    labels = np.arange(10).repeat(7)
    chosen = balanced(labels, 30, np.random.default_rng(0))
    assert len(set(chosen)) == 30
    assert np.bincount(labels[chosen]).tolist() == [3] * 10


def test_pairs_begin_with_the_same_last_layer_and_see_the_same_batches(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(pretraining, "fitted_error", lambda *args: begun.append(args) or 0.5)
    pairs = few_labels.Pairs(Setting(0, tmp_path), epochs=1, steps=4, limit=80)
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


def test_aae(tmp_path):
    setting, how = Setting(0, tmp_path), {"samples": 60, "epochs": 2, "limit": 80}
    found = checked(aae.run(setting, **how), tmp_path)
    assert len(found.numbers["squared MMD after each epoch"]) == 2
    last = found.numbers["adversarial: codes"]["squared MMD"]
    assert found.numbers["squared MMD after each epoch"][-1] == pytest.approx(last, rel=1e-5)
    assert found.numbers["by the judge"].keys() == {"adversarial, N(0, I)", "plain, N(0, I)"}
    assert len(found.control) == 6
    kept = aae.aae(setting, epochs=2, limit=80).model
    adams = kept.optimizer, kept.d_optimizer, kept.e_optimizer
    assert [adam.param_groups[0]["lr"] for adam in adams] == [0, 0, 0]


def test_fitted_gaussians_have_the_mean_and_the_covariance():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((500, 3)) @ rng.standard_normal((3, 3)) + [1, 2, 3]
    drawn = not_generative.gaussian(z, 50_000, rng)
    assert np.allclose(drawn.mean(0), z.mean(0), atol=0.05)
    assert np.allclose(np.cov(drawn.T), np.cov(z.T), atol=0.1)
