"""What the GANs' programs make of their arguments and of images: without training, and fast."""

import json
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from demos import gan
from demos.common import adversarial, pictures
from demos.common.adversarial import Images, enlarged, game, game_arguments
from demos.common.run import CommandError
from minigrad.data import ImageDataset
from models.gan import GAN, MLPDiscriminator, MLPGenerator


def parsed(*argv: str) -> Namespace:
    parser = ArgumentParser()
    game_arguments(parser, beta1=0.5, r1=10.0, r1_help="10")
    return parser.parse_args(argv)


def played(args: Namespace, classes: int = 0) -> GAN:
    """Fully connected networks for images of 1 x 2 x 2."""
    shape = (1, 2, 2)
    networks = MLPGenerator(3, shape, (4,), classes), MLPDiscriminator(shape, (4,), classes)
    return game(Namespace(**vars(args), lr=0.25, noise=3), *networks)


# ---- the rules of the game -----------------------------------------------------------------------


def test_what_is_not_asked_for():
    assert vars(parsed()) == {
        "objective": "non-saturating", "k": 1, "r1": 10.0, "gp": 0.0, "clip": 0.0,
        "label_smoothing": 0.0, "ema": 0.999, "beta1": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("argv", [("--objective", "more"), ("--k", "0"), ("--r1", "-1")])
def test_no_other_rules_are_taken(argv, capsys):
    with pytest.raises(SystemExit):
        parsed(*argv)
    assert argv[0] in capsys.readouterr().err


def test_every_rule_reaches_the_game():
    gan = played(parsed("--k", "3", "--r1", "2", "--ema", "0.75", "--beta1", "0.125"))
    assert (gan.k, gan.noise, gan.objective.r1) == (3, 3, 2)
    assert gan.average is not None and gan.average.decay == 0.75
    assert played(parsed("--ema", "0")).average is None
    for optimizer, network in (
        (gan.g_optimizer, gan.generator), (gan.d_optimizer, gan.discriminator)
    ):  # fmt: skip
        (group,) = optimizer.param_groups
        assert (group["lr"], group["betas"]) == (0.25, (0.125, 0.99))
        assert [*map(id, group["params"])] == [*map(id, network.parameters())]
    for rule, value in (("gp", 5.0), ("clip", 0.5)):
        argv = ("--objective", "wgan", "--r1", "0", f"--{rule}", str(value))
        assert getattr(played(parsed(*argv)).objective, rule) == value
    smooth = played(parsed("--label-smoothing", "0.25")).objective.real
    assert smooth(mg.tensor(2.0)).item() == pytest.approx(np.log1p(np.exp(-2)) + 0.25 * 2)


def test_rules_that_do_not_go_together_are_an_error_of_the_command():
    with pytest.raises(CommandError, match="label_smoothing"):
        played(parsed("--objective", "wgan", "--r1", "0", "--label-smoothing", "0.1"))


# ---- images --------------------------------------------------------------------------------------


def dataset(n: int, classes: int) -> ImageDataset:
    pixels = np.arange(n * 4, dtype=np.uint8).reshape(n, 1, 2, 2)
    names = tuple(f"class {i}" for i in range(classes))
    return ImageDataset(pixels, np.arange(n) % classes, "drawn here", names)


@pytest.fixture
def images(monkeypatch):
    """images(conditional) of 7 images to learn, 5 others, in 3 classes."""
    monkeypatch.setattr(adversarial.cli, "load_data", lambda _: (dataset(7, 3), dataset(5, 3)))

    def make(conditional: bool) -> Images:
        given = {"dataset": "drawn", "objective": "lsgan", "device": "cpu"}
        return Images(Namespace(conditional=conditional, **given))

    return make


@pytest.mark.parametrize("conditional", [False, True])
def test_images_as_the_networks_see_them(images, conditional):
    play = images(conditional)
    assert (play.shape, play.classes) == ((1, 2, 2), 3 if conditional else 0)
    assert play.name == "drawn, lsgan"
    assert (len(play.data), len(play.test), len(play.seen)) == (7, 5, 5)
    x, labels = mg.tensor([0.0, 0.25, 1.0]), mg.tensor([2, 0, 1])
    seen, *others = play.prepared(x, labels)
    assert seen.tolist() == [-1, -0.5, 1]
    assert [id(each) for each in others] == [id(labels)] * conditional


@pytest.mark.parametrize("conditional", [False, True])
def test_a_picture_of_samples_and_scores(images, conditional, monkeypatch):
    """64 samples, or 8 noises, each with the label of each class; from black, 0, to white, 1."""
    drawn = {}

    def save_grid(path, images, columns, title, row_labels=()):
        drawn.update(images=images, columns=columns, title=title, labels=row_labels)

    monkeypatch.setattr(pictures, "save_grid", save_grid)
    play = images(conditional)
    gan = played(parsed("--ema", "0"), play.classes)
    mg.manual_seed(0)
    scores = play.end_of_epoch(gan, Path("unused.png"), "a title")
    mg.manual_seed(0)
    if conditional:
        z = gan.draw_noise(8)
        rows = [gan.generate(z, mg.full((8,), label, dtype=mg.int64)) for label in range(3)]
        expected = mg.concat(rows)
    else:
        expected = gan.sample(64)
    np.testing.assert_allclose(drawn["images"], (expected.numpy() + 1) / 2, atol=1e-6)
    assert (drawn["columns"], drawn["title"]) == (8, "a title")
    assert drawn["labels"] == (play.data.classes if conditional else ())
    for name, part in (("seen_real", dataset(7, 3)), ("test_real", dataset(5, 3))):
        x, labels = (mg.tensor(values[:5]) for values in part[:])
        given = (2 * x - 1, labels) if conditional else (2 * x - 1,)
        assert scores[name] == pytest.approx(gan.discriminator(*given).mean().item(), abs=1e-6)


@pytest.mark.parametrize(("size", "times"), [(2, 1), (3, 1), (4, 2), (5, 2), (7, 3), (9, 4)])
def test_enlarged_images(size, times):
    """Each pixel `times` times, in the middle of a black margin, which has more on the right."""
    data = dataset(2, 1)
    found = enlarged(data, size).images
    assert found.shape == (2, 1, size, size)
    before = (size - 2 * times) // 2
    middle = slice(before, before + 2 * times)
    whole = np.kron(data.images, np.ones((times, times), np.uint8))
    np.testing.assert_array_equal(found[:, :, middle, middle], whole)
    assert found.sum(dtype=int) == whole.sum(dtype=int)
    assert enlarged(data, None) is data


def test_a_margin_is_around_the_middle():
    data = replace(dataset(1, 1), images=np.ones((1, 1, 4, 3), np.uint8))
    found = enlarged(data, 7).images[0, 0]
    assert np.flatnonzero(found.any(1)).tolist() == [1, 2, 3, 4]
    assert np.flatnonzero(found.any(0)).tolist() == [2, 3, 4]


def test_images_are_not_made_smaller():
    with pytest.raises(CommandError, match="images of 2x2 are larger than 1x1"):
        enlarged(dataset(2, 1), 1)


# ---- a run ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_takes_batches_for_every_step_of_a_round(tmp_path, monkeypatch):
    """k batches at a time, without what is left over, in an order of the seed and the epoch."""
    seen = []
    step = GAN.train_step
    monkeypatch.setattr(GAN, "train_step", lambda s, x: seen.append(x.tolist()) or step(s, x))
    argv = ["--toy", "ring", "--limit", "10", "--epochs", "2", "--hidden", "4", "--seed", "5"]
    assert gan.main([*argv, "--batch-size", "2", "--k", "2", "--out", str(tmp_path)]) == 0
    assert [len(x) for x in seen] == [4, 4, 4, 4]
    assert seen[0] + seen[1] != seen[2] + seen[3]
    rows = (tmp_path / "metrics.csv").read_text().splitlines()
    last = json.loads((tmp_path / "summary.json").read_text())
    for name, value in zip(rows[0].split(","), rows[-1].split(","), strict=True):
        if name != "epoch" and value != "inf":
            assert last[name] == pytest.approx(float(value), rel=1e-5), name
