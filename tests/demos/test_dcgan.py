"""DCGAN's program and experiments on tiny runs: files, an exact continuation, kept networks."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from demos import dcgan
from demos.common import datasets
from demos.common.adversarial import enlarged
from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.common.training import Stopped
from demos.experiments import dcgan_samples, dcgans, guidelines
from demos.experiments.finding import perform
from demos.experiments.judge import Judge
from minigrad.data import load
from models.gan import GAN
from tests.demo_runs import WRITING, contents, run_and_kill

pytestmark = pytest.mark.slow

TINY = [
    *("--limit", "20", "--batch-size", "8", "--epochs", "2", "--width", "2", "--noise", "3"),
    *("--checkpoint-every", "1"),
]


def train(folder: Path, *argv: str) -> int:
    return dcgan.main([*TINY, "--out", str(folder), *argv])


# ---- the program ---------------------------------------------------------------------------------


def test_a_killed_run_ends_with_the_same_bytes(tmp_path):
    """With labels, batch normalization and averaged weights; the process dies while it writes a
    checkpoint, in the middle of an epoch."""
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    argv = ("--conditional", "--dataset", "faces")
    assert train(straight, *argv) == 0
    run_and_kill("demos.dcgan", WRITING, 5, *TINY, *argv, "--out", str(killed))
    assert not (killed / "summary.json").exists()
    assert dcgan.main(["--resume", "--out", str(killed)]) == 0
    assert contents(killed) == contents(straight)
    assert sorted(contents(straight)) == [
        *("checkpoint.safetensors", "curves.png", "film.gif", "metrics.csv", "samples.png"),
        *(f"samples/epoch-00{i}.png" for i in (1, 2)),
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ("--objective", "wgan", "--gp", "10"),
        ("--r1", "1", "--label-smoothing", "0.1"),
        ("--objective", "hinge", "--ema", "0", "--size", "32"),
    ],
)
def test_options(argv, tmp_path):
    assert train(tmp_path, "--limit", "8", "--epochs", "1", *argv) == 0
    assert (tmp_path / "summary.json").exists()


def test_a_penalty_goes_without_batch_normalization_in_the_discriminator():
    for argv, norm in [((), True), (("--gp", "1"), False), (("--r1", "1"), False)]:
        gan = dcgan.build(dcgan.parser().parse_args([*TINY, *argv]), (1, 28, 28), 0)
        for network, expected in ((gan.discriminator, norm), (gan.generator, True)):
            names = [type(m).__name__ for m in network.modules()]
            assert ("BatchNorm2d" in names) == expected


def test_the_usual_program_is_the_experiments_recipe():
    args, recipe = dcgan.parser().parse_args([]), dcgans.Recipe()
    for name in ("epochs", "batch_size", "noise", "width", "lr", "ema"):
        assert getattr(args, name) == getattr(recipe, name)
    gan, other = dcgan.build(args, (1, 28, 28), 0), dcgans.build((1, 28, 28))
    assert gan.d_optimizer.param_groups[0]["betas"] == (0.5, 0.999)
    assert repr(gan.discriminator) == repr(other.discriminator)
    assert repr(gan.generator) == repr(other.generator)
    for ours, theirs in (
        (gan.g_optimizer, other.g_optimizer),
        (gan.d_optimizer, other.d_optimizer),
    ):
        for key in ("lr", "betas"):
            assert ours.param_groups[0][key] == theirs.param_groups[0][key]


def test_images_that_are_too_large_are_an_error_in_one_line(tmp_path, capsys):
    assert train(tmp_path, "--dataset", "faces", "--size", "28") == 2
    error = capsys.readouterr().err
    assert "images of 32x32 are larger than 28x28" in error
    assert error.count("\n") == 1


def test_enlarged_images():
    data = load("glyphs", "train", limit=2)
    assert enlarged(data, None) is data
    padded = enlarged(data, 32)
    assert padded.images.shape == (2, 1, 32, 32)
    assert np.array_equal(padded.images[:, :, 2:30, 2:30], data.images)
    assert padded.images.sum() == data.images.sum()
    doubled = enlarged(data, 64).images
    assert np.array_equal(doubled[:, :, 4:60:2, 5:60:2], data.images)
    assert not doubled[:, :, :4].any() and not doubled[:, :, :, 60:].any()


# ---- what the experiments share ------------------------------------------------------------------


HOW = {"epochs": 2, "batch_size": 8, "noise": 3, "width": 2, "limit": 20}


def images(gan: GAN, n: int = 4, *labels) -> np.ndarray:
    mg.manual_seed(1)
    return dcgans.samples(gan, n, *labels)


def test_a_trained_dcgan_is_kept_and_taken_from_there(tmp_path, monkeypatch):
    setting = Setting(3, tmp_path)
    first = images(dcgans.trained(setting, "glyphs", **HOW))
    assert (dcgans.folder_of(setting, "glyphs", **HOW) / "metrics.csv").exists()
    monkeypatch.setattr(GAN, "train_step", lambda *_: pytest.fail("trained again"))
    again = images(dcgans.trained(setting, "glyphs", **HOW))
    assert np.array_equal(first, again)
    assert first.shape == (4, 1, 28, 28)
    assert first.min() >= 0 and first.max() <= 1


def test_a_dcgan_that_was_trained_otherwise_is_refused(tmp_path, monkeypatch):
    setting = Setting(0, tmp_path)
    dcgans.trained(setting, "glyphs", **HOW)
    usual = dcgans.Recipe
    monkeypatch.setattr(dcgans, "Recipe", lambda **how: usual(**{"lr": 1e-3, **how}))
    with pytest.raises(CommandError, match=r"of another training \(lr\): move it away"):
        dcgans.trained(setting, "glyphs", **HOW)


def test_a_stopped_training_goes_on_bit_for_bit(tmp_path, monkeypatch):
    straight = dcgans.trained(Setting(0, tmp_path / "a"), "faces", conditional=True, **HOW)
    steps, step = [], GAN.train_step

    def stopped(*batch):
        steps.append(1)
        if len(steps) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(*batch)

    with monkeypatch.context() as patch:
        patch.setattr(GAN, "train_step", stopped)
        with pytest.raises(Stopped, match="stopped in epoch 1"):
            dcgans.trained(Setting(0, tmp_path / "b"), "faces", conditional=True, **HOW)
    resumed = dcgans.trained(Setting(0, tmp_path / "b"), "faces", conditional=True, **HOW)
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
            dcgans.trained(Setting(0, tmp_path), "glyphs", **how)
    dcgans.trained(Setting(0, tmp_path), "glyphs", **how)
    assert rates == [pytest.approx([rate, rate]) for rate in expected]


def test_each_recipe_has_its_folder(tmp_path):
    name = lambda *args, **how: dcgans.folder_of(Setting(3, tmp_path), *args, **how).name
    assert name("mnist") == name("mnist", lr=dcgans.Recipe().lr) == "dcgan-mnist-3"
    assert name("mnist", conditional=True) == "dcgan-mnist-conditional-3"
    assert name("faces", width=2, epochs=1, limit=9) == "dcgan-faces-epochs1-first9-width2-3"


def test_generators_of_each_epoch_are_kept(tmp_path):
    setting = Setting(0, tmp_path)
    gan = dcgans.trained(setting, "glyphs", **HOW)
    folder = dcgans.folder_of(setting, "glyphs", **HOW)
    made = [images(earlier) for earlier in dcgans.after_each_epoch(gan, folder)]
    assert len(made) == 2
    assert not np.array_equal(made[0], made[1])
    assert np.array_equal(made[1], images(gan))


def test_samples_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    gan = dcgans.build((1, 28, 28), 0, dcgans.Recipe(width=2, noise=3))
    together = images(gan, 5)
    monkeypatch.setattr(dcgans, "SAMPLED_AT_ONCE", 2)
    assert np.allclose(images(gan, 5), together, atol=1e-6)


# ---- the experiments -----------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch) -> Setting:
    """Glyphs, few of them, and a judge that has hardly seen them."""
    splits = [load("glyphs", split, limit=300) for split in ("train", "test")]
    monkeypatch.setattr(datasets, "load", lambda name, data_dir=None, limit=None: splits)
    judge = Judge(*splits, tmp_path / "judge", epochs=1)
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
    good = {"frechet": 9.9, "score": 8.1, "classes": {"0": 0.4, "1": 0.6}}
    assert dcgan_samples.meets(good)
    for worse in ({"frechet": 10.1}, {"score": 7.9}, {"classes": {"0": 0.0, "1": 1.0}}):
        assert not dcgan_samples.meets({**good, **worse})


def test_guidelines_are_undone_one_at_a_time(small, monkeypatch):
    built, build = [], dcgans.build

    def noted(shape, recipe):
        built.append(recipe.undone)
        return build(shape, recipe=recipe)

    monkeypatch.setattr(dcgans, "build", noted)
    found = guidelines.run(small, seeds=1, steps=2, n=50, width=2, jobs=1)
    assert built[:5] == list(guidelines.UNDONE.values())
    table = found.numbers["tables"]["glyphs"]
    assert list(table) == list(guidelines.UNDONE)
    distances = [row["frechet"]["mean"] for row in table.values()]
    assert len(set(distances)) == len(distances)
    assert found.control["real"]["frechet"] < min(distances)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4)) / 255
    assert np.allclose(guidelines.decoded(guidelines.encoded(pictures)), pictures)
