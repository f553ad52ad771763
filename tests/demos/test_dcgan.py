"""DCGAN's program and experiments on tiny runs: files, an exact continuation, kept networks."""

from pathlib import Path

import numpy as np
import pytest

from demos import dcgan
from demos.common.adversarial import enlarged
from demos.experiments import dcgans
from minigrad.data import load
from minigrad.data.faces import render
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


def test_the_discriminator_alone_may_end_at_another_size():
    shape = (1, 28, 28)
    program = dcgan.build(dcgan.parser().parse_args(["--end", "2"]), shape, 0)
    recipe, usual = (dcgans.build(shape, 0, dcgans.DCGANRecipe(end=end)) for end in (2, None))
    assert repr(program.discriminator) == repr(recipe.discriminator) != repr(usual.discriminator)
    assert repr(program.generator) == repr(recipe.generator) == repr(usual.generator)


def test_the_usual_program_is_the_experiments_recipe():
    args, recipe = dcgan.parser().parse_args([]), dcgans.DCGANRecipe()
    assert args.batch_size == recipe.batch
    for name in ("epochs", "noise", "width", "lr", "ema"):
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
    faces = load("faces", "train", limit=2)
    assert np.array_equal(enlarged(faces, 64).images, render(faces.factors, 2))
