"""The experiments on DCGANs, at a small size, and the networks that they share."""

import json
import os
import signal

import numpy as np
import pytest

import minigrad as mg
from demos.common import datasets
from demos.common.kept import Kept, Setting
from demos.common.run import CommandError
from demos.common.training import Stopped
from demos.experiments import dcgan_samples, dcgans, guidelines
from demos.experiments.dcgans import DCGANRecipe, dcgan
from demos.experiments.finding import perform
from demos.experiments.judge import judge_of
from minigrad.data import load
from models.gan import GAN

pytestmark = pytest.mark.slow

# ---- what the experiments share ------------------------------------------------------------------


HOW = {"epochs": 2, "batch": 8, "noise": 3, "width": 2, "limit": 20}


def images(gan: GAN, n: int = 4, *labels) -> np.ndarray:
    mg.manual_seed(1)
    return dcgans.samples(gan, n, *labels)


def test_a_trained_dcgan_is_kept_and_taken_from_there(tmp_path, monkeypatch):
    setting = Setting(3, tmp_path)
    found = dcgan(setting, **HOW)
    first = images(found.model)
    assert (found.folder / "metrics.csv").exists()
    monkeypatch.setattr(GAN, "train_step", lambda *_: pytest.fail("trained again"))
    again = images(dcgan(setting, **HOW).model)
    assert np.array_equal(first, again)
    assert first.shape == (4, 1, 28, 28)
    assert first.min() >= 0 and first.max() <= 1


def test_a_dcgan_that_was_trained_otherwise_is_refused(tmp_path, monkeypatch):
    setting = Setting(0, tmp_path)
    dcgan(setting, **HOW)
    folder = DCGANRecipe(**HOW).folder(0)
    monkeypatch.setattr(DCGANRecipe, "folder", lambda *_: folder)  # of a recipe with other defaults
    with pytest.raises(CommandError, match=r"of another training \(lr\): move it away"):
        dcgan(setting, **HOW, lr=1e-3)


def test_a_stopped_training_goes_on_bit_for_bit(tmp_path, monkeypatch):
    faces = {"dataset": "faces", "conditional": True, **HOW}
    straight = dcgan(Setting(0, tmp_path / "a"), **faces).model
    steps, step = [], GAN.train_step

    def stopped(*batch):
        steps.append(1)
        if len(steps) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(*batch)

    with monkeypatch.context() as patch:
        patch.setattr(GAN, "train_step", stopped)
        with pytest.raises(Stopped, match="stopped in epoch 1"):
            dcgan(Setting(0, tmp_path / "b"), **faces)
    resumed = dcgan(Setting(0, tmp_path / "b"), **faces).model
    labels = np.array([0, 1, 2, 3])
    assert np.array_equal(images(straight, 4, labels), images(resumed, 4, labels))


@pytest.mark.parametrize(("falling", "expected"), [(True, [4] * 6 + [2] * 2), (False, [4] * 8)])
def test_the_rate_falls_in_the_second_half(falling, expected, tmp_path, monkeypatch):
    """Also where the training was stopped: the rate is in the checkpoint."""
    rates, step = [], GAN.train_step

    def noted(gan, x):
        rates.append([o.param_groups[0]["lr"] * 1e4 for o in (gan.g_optimizer, gan.d_optimizer)])
        if len(rates) == 7 and falling:
            os.kill(os.getpid(), signal.SIGINT)
        return step(gan, x)

    monkeypatch.setattr(GAN, "train_step", noted)
    how = {**HOW, "limit": 16, "epochs": 4, "lr": 4e-4, "falling": falling}
    if falling:
        with pytest.raises(Stopped):
            dcgan(Setting(0, tmp_path), **how)
    dcgan(Setting(0, tmp_path), **how)
    assert rates == [pytest.approx([rate, rate]) for rate in expected]


def test_each_recipe_has_its_folder():
    name = lambda dataset, **how: DCGANRecipe(dataset=dataset, **how).folder(3)
    assert name("mnist") == name("mnist", lr=DCGANRecipe.lr) == "dcgan-mnist-seed3"
    assert name("mnist", conditional=True) == "dcgan-mnist-conditional-seed3"
    assert name("faces", width=2, epochs=1, limit=9) == "dcgan-faces-epochs1-limit9-width2-seed3"
    assert name("faces", lr=1e-3, falling=False) == "dcgan-faces-no-falling-lr0.001-seed3"


def test_generators_of_each_epoch_are_kept(tmp_path):
    found: Kept = dcgan(Setting(0, tmp_path), **HOW)
    made = [images(earlier) for earlier in dcgans.after_each_epoch(found)]
    assert len(made) == 2
    assert not np.array_equal(made[0], made[1])
    assert np.array_equal(made[1], images(found.model))


def test_samples_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    gan = dcgans.build((1, 28, 28), 0, DCGANRecipe(width=2, noise=3))
    together = images(gan, 5)
    monkeypatch.setattr(dcgans, "SAMPLED_AT_ONCE", 2)
    assert np.allclose(images(gan, 5), together, atol=1e-6)


# ---- the experiments -----------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch) -> Setting:
    """Glyphs, few of them, and a judge that has hardly seen them."""
    splits = [load("glyphs", split, limit=300) for split in ("train", "test")]
    monkeypatch.setattr(datasets, "load", lambda name, data_dir=None, limit=None: splits)
    judge = judge_of(Setting(0, tmp_path), epochs=1)
    for module in (dcgan_samples, guidelines):
        monkeypatch.setattr(module, "judge_of", lambda *_: judge)
    return Setting(0, tmp_path)


def test_samples_are_measured_after_each_epoch(small, monkeypatch):
    monkeypatch.setattr(dcgan_samples, "COMPARED", 60)
    perform("dcgan", lambda s: dcgan_samples.run(s, n=120, vae_epochs=1, **HOW), small)
    found = json.loads((small.folder / "dcgan.json").read_text())
    numbers, control = found["numbers"], found["control"]
    curve = numbers["after each epoch"]
    assert len(curve) == HOW["epochs"]
    assert curve[-1]["frechet"] == numbers["frechet"] > 5 * control["real"]["frechet"] > 0
    assert sum(row["core seconds"] for row in curve) == pytest.approx(
        numbers["core seconds of training"], rel=1e-4
    )
    assert numbers["meets the target of MNIST"] is False
    ratio = "distance to training data over that of test data"
    copies = control[ratio][f"copies with noise {dcgan_samples.COPY_NOISE}"]
    assert copies["in pixels"] < 0.5 < numbers[ratio]["in pixels"]
    assert (small.folder / "dcgan.png").exists()


def test_the_target_is_met_by_all_three_together():
    good = {"frechet": 7.9, "score": 8.1, "classes": {"0": 0.4, "1": 0.6}}
    assert dcgan_samples.meets(good)
    for worse in ({"frechet": 8.1}, {"score": 7.9}, {"classes": {"0": 0.0, "1": 1.0}}):
        assert not dcgan_samples.meets({**good, **worse})


def test_guidelines_are_undone_one_at_a_time(small, monkeypatch):
    built, build = [], dcgans.build

    def noted(shape, recipe, **undone):
        built.append(undone)
        return build(shape, recipe=recipe, **undone)

    monkeypatch.setattr(dcgans, "build", noted)
    found = guidelines.run(small, seeds=1, steps=2, n=50, width=2, jobs=1)
    assert built[:5] == list(guidelines.UNDONE.values())
    table = found.numbers["tables"]["glyphs"]
    assert list(table) == list(guidelines.UNDONE)
    distances = [row["frechet"]["mean"] for row in table.values()]
    assert len(set(distances)) == len(distances)
    assert found.control["real"]["frechet"] < min(distances)
    kept = mg.load(small.folder / "guidelines-glyphs-runs.safetensors")["no batch norm, seed 0"]
    assert kept["pictures"].shape == (guidelines.SHOWN, 1, 28, 28)
