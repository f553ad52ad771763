"""The GAN's program on tiny runs: files, an exact continuation, every experiment, errors."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos import gan
from demos.common import adversarial
from minigrad.serialization import load
from tests.demo_runs import WRITING, contents, run_and_kill, summary

pytestmark = pytest.mark.slow

TINY = [
    *("--limit", "50", "--batch-size", "12", "--epochs", "3", "--hidden", "8", "--noise", "3"),
    *("--k", "2", "--r1", "0.5", "--checkpoint-every", "1"),
]


def train(folder: Path, *argv: str) -> int:
    return gan.main([*TINY, "--out", str(folder), *argv])


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    assert train(folder) == 0
    return folder


# ---- training ------------------------------------------------------------------------------------


def test_the_files_of_a_run(straight):
    assert sorted(contents(straight)) == [
        *("checkpoint.safetensors", "curves.png", "film.gif", "metrics.csv", "samples.png"),
        *(f"samples/epoch-00{i}.png" for i in (1, 2, 3)),
    ]
    with Image.open(straight / "film.gif") as film:
        assert film.n_frames == 3
    with (straight / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("epoch", "train_d", "train_g", "train_real", "train_fake", "seen_real", "test_real")
    ]
    assert all(math.isfinite(float(v)) for row in rows for v in row.values())
    assert summary(straight)["args"]["objective"] == "non-saturating"
    assert summary(straight)["test_real"] == pytest.approx(float(rows[-1]["test_real"]), rel=1e-6)


@pytest.mark.parametrize("argv", [(), ("--toy", "ring"), ("--conditional", "--gp", "1")])
def test_a_killed_run_ends_with_the_same_bytes(argv, straight, tmp_path):
    """The process dies while it writes a checkpoint, in the middle of an epoch."""
    if argv:
        straight = tmp_path / "straight"
        assert train(straight, *argv) == 0
    killed = tmp_path / "killed"
    run_and_kill("demos.gan", WRITING, 5, *TINY, *argv, "--out", str(killed))
    assert not (killed / "summary.json").exists()
    assert gan.main(["--resume", "--out", str(killed)]) == 0
    assert contents(killed) == contents(straight)


def test_a_run_made_longer_is_the_longer_run(straight, tmp_path):
    assert train(tmp_path, "--epochs", "1") == 0
    assert gan.main(["--resume", "--epochs", "3", "--out", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(straight)


def test_samples_and_evaluation_leave_training_as_it_was(straight, tmp_path, monkeypatch):
    """With other pictures, and no evaluation, the same networks come out."""
    monkeypatch.setattr(adversarial, "SHOWN", 5)
    monkeypatch.setattr(adversarial.Images, "mean_score", lambda *_: 0.0)
    assert train(tmp_path) == 0
    got, expected = (load(f / "checkpoint.safetensors") for f in (tmp_path, straight))
    assert np.array_equal(got["random"]["cpu"], expected["random"]["cpu"])
    for part in ("generator", "discriminator"):
        for name, tensor in expected["gan"][part].items():
            assert np.array_equal(got["gan"][part][name].numpy(), tensor.numpy())


def test_every_frame_is_of_the_same_noise(tmp_path, monkeypatch):
    drawn = []
    generate = gan.GAN.generate
    monkeypatch.setattr(
        gan.GAN, "generate", lambda self, z, *y: drawn.append(z.numpy()) or generate(self, z, *y)
    )
    assert train(tmp_path, "--epochs", "2") == 0
    assert len(drawn) == 3
    assert all(np.array_equal(z, drawn[0]) for z in drawn)


def test_a_toy_has_its_modes_measured(tmp_path):
    assert train(tmp_path, "--toy", "grid", "--ema", "0") == 0
    found = summary(tmp_path)
    assert {"modes", "modes_20", "high_quality", "kl"} <= found.keys()
    assert 0 <= found["high_quality"] < 0.5  # of so short a training


def test_labels_have_a_row_each(tmp_path, monkeypatch):
    seen = []
    generate = gan.GAN.generate
    monkeypatch.setattr(
        gan.GAN, "generate", lambda s, z, *y: seen.append((z, y)) or generate(s, z, *y)
    )
    assert train(tmp_path, "--conditional", "--epochs", "1") == 0
    z, (labels,) = seen[-1]
    assert labels.numpy().reshape(10, 8).tolist() == [[i] * 8 for i in range(10)]
    z = z.numpy().reshape(10, 8, -1)
    assert np.array_equal(z, np.broadcast_to(z[0], z.shape))


def test_fewer_images_than_a_step_takes_are_enough(tmp_path):
    assert train(tmp_path, "--limit", "3", "--k", "5", "--epochs", "1") == 0
    assert math.isfinite(summary(tmp_path)["train_g"])


@pytest.mark.parametrize(
    ("argv", "r1", "hidden"),
    [
        ((), 10, 256),
        (("--toy", "ring"), 1, 128),
        (("--toy", "ring", "--hidden", "7", "--r1", "0"), 0, 7),
        (("--objective", "hinge"), 0, 256),
        (("--gp", "1"), 0, 256),
        (("--gp", "1", "--r1", "2"), 2, 256),
    ],
)
def test_defaults_that_depend_on_other_arguments(argv, r1, hidden):
    args = gan.parser().parse_args(argv)
    gan.fill_in(args)
    assert (args.r1, args.hidden) == (r1, hidden)


def test_a_toy_is_of_no_other_data_set(tmp_path, capsys):
    tiny = ["--toy", "ring", "--epochs", "1"]
    assert train(tmp_path, *tiny, "--dataset", "mnist") == 2
    assert "--toy is instead of images: leave --dataset mnist out" in capsys.readouterr().err
    assert train(tmp_path, *tiny) == gan.main(["--resume", "--out", str(tmp_path)]) == 0
    assert summary(tmp_path)["args"]["dataset"] == "ring"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--objective", "wgan", "--label-smoothing", "0.1"), "no labels, as with 'wgan'"),
        (("--ema", "1"), "decay must be from 0 to below 1"),
    ],
)
def test_rules_that_do_not_fit_are_an_error_in_one_line(argv, message, tmp_path, capsys):
    assert train(tmp_path, *argv) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("argv", [("--r1", "-1"), ("--gp", "nan"), ("--objective", "more")])
def test_arguments_out_of_range_are_refused(argv, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train(tmp_path, *argv)
    assert argv[0] in capsys.readouterr().err
