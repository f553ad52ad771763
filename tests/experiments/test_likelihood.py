"""The likelihood and colour experiments: their estimators where the answer is known, tiny runs."""

import math
from functools import partial

import numpy as np
import pytest
from matplotlib.figure import Figure

import minigrad as mg
from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments import colour, likelihood, pixelvae
from demos.experiments.finding import perform
from demos.experiments.likelihood_vaes import network
from minigrad.data import ImageDataset
from models.autoregressive import Autoregressive
from models.ladder import ladder_vae
from models.likelihoods import binarize
from models.measures.bounds import bounds
from models.measures.pixels import gaussian_bits
from models.vae import VAE

pytestmark = pytest.mark.slow

SIX_DIGITS = 1e-5  # are kept of every number
TINY_RUNS = {
    name: {**values, "epochs": 1, "batch": 15, "images": 5}
    for name, values in likelihood.RUNS.items()
}


def idle(mean: np.ndarray) -> VAE:
    """q(z|x) is the prior and the decoder knows the mean image only: all bounds are log p(x)."""
    vae = network(mean, 1)
    with mg.no_grad():
        for head in (vae.encoder.mu, vae.encoder.logvar, vae.decoder[4]):
            head.weight.zero_()
    return vae


def test_the_bounds_of_a_vae_that_does_not_use_its_latents():
    mean = np.full((1, 28, 28), 0.25)
    x = binarize(mg.tensor(np.broadcast_to(mean, (40, 1, 28, 28)).astype(np.float32)))
    found = bounds(idle(mean), x, 10, 200, seed=0)
    on = x.numpy().sum((1, 2, 3))
    exact = -on * math.log(0.25) - (784 - on) * math.log(0.75)
    for name in ("-ELBO", "-L_50", "-L"):
        assert found[name] == pytest.approx(exact.mean(), rel=1e-5)
    assert found["kl"] == pytest.approx(0, abs=1e-6)
    assert found["-L, standard error"] < 1e-3
    assert found["active units"] == 0
    chosen = np.random.default_rng(0).permutation(40)[:10]
    assert found["-L of the chosen images alone"] == pytest.approx(exact[chosen].mean(), rel=1e-5)


def test_units_are_active_whose_mean_varies():
    vae = idle(np.full((1, 28, 28), 0.5))
    with mg.no_grad():
        vae.encoder.mu.weight[:7].fill_(1.0)
    x = binarize(mg.full((50, 1, 28, 28), 0.5))
    assert bounds(vae, x, 2, 5, seed=0)["active units"] == 7


def test_the_first_weights_are_the_papers():
    vae = network(np.linspace(0, 1, 784).reshape(1, 28, 28), 1)
    first = vae.encoder.body[1]
    assert first.weight.shape == (200, 784)
    assert np.abs(first.weight.numpy(force=True)).max() == pytest.approx(
        math.sqrt(6 / 984), rel=1e-3
    )
    bias = vae.decoder[4].bias.numpy(force=True)
    assert 1 / (1 + np.exp(-bias[[0, 392, 783]])) == pytest.approx([1e-3, 0.5, 1 - 1e-3], abs=1e-3)


@pytest.mark.slow
def test_the_experiment_goes_on_from_the_runs_that_it_kept(tmp_path, monkeypatch):
    run = partial(likelihood.run, runs=TINY_RUNS, samples=20, limit=30)
    setting = Setting(0, tmp_path, "glyphs")
    perform("likelihood", run, setting)
    assert (tmp_path / "likelihood.png").stat().st_size > 10_000
    monkeypatch.setattr(likelihood, "play", lambda *_, **__: pytest.fail("trained again"))
    found = run(setting)
    assert set(found.numbers["gain of the IWAE objective in nats of L"]) == {"k = 5", "k = 50"}
    assert likelihood.FIXED not in found.numbers["what each was"]  # which is MNIST's
    main = found.numbers["what each reached"][likelihood.MAIN]
    assert main["-ELBO"] == pytest.approx(main["rec"] + main["kl"], rel=SIX_DIGITS)
    assert main["-L_50"] < main["-ELBO"]
    assert len(main["test_nelbo"]) == 1
    assert isinstance(found.figure, Figure)


def test_a_gaussian_of_even_bytes():
    """Its cost is known: the entropy of a Gaussian with the bytes' variance, 256^2 / 12."""
    rng = np.random.default_rng(0)
    train, test = (
        ImageDataset(
            rng.integers(0, 256, (n, 3, 2, 2), np.uint8), np.zeros(n, np.int64), "even", ("all",)
        )
        for n in (20_000, 4_000)
    )
    expected = 0.5 * math.log2(2 * math.pi * math.e * 256**2 / 12)
    assert gaussian_bits(train, test, 0) == pytest.approx(expected, abs=0.01)


def test_a_gaussian_knows_which_pixels_go_together():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (5_000, 1, 1, 1), np.uint8)
    images = ImageDataset(
        np.broadcast_to(base, (5_000, 3, 2, 2)).copy(), np.zeros(5_000, np.int64), "equal", ("all",)
    )
    # One byte, and eleven that follow from it: the noise alone is left, and costs 0.25 bits each.
    one, noise = 0.5 * math.log2(2 * math.pi * math.e * 256**2 / 12 * 12), 0.2546
    expected = (one + 11 * noise) / 12
    assert gaussian_bits(images, images, 0) == pytest.approx(expected, abs=0.02)


@pytest.mark.slow
def test_the_colour_experiment(tmp_path, monkeypatch):
    # 3,072 passes take seconds: here what is drawn is what there is.
    monkeypatch.setattr(Autoregressive, "complete", lambda model, x, *_: x)
    small = partial(ladder_vae, latent=2, width=8, layers=(1, 1))
    monkeypatch.setitem(colour.MODELS, colour.LADDER, small)
    pixels = {"channels": 6, "layers": 1, "first": 3}
    run = partial(colour.run, pixels=pixels, samples=2, limit=20)
    setting = Setting(0, tmp_path)
    monkeypatch.setattr(colour, "gaussian_bits", lambda *_: 4.7)  # of 3,072 pixels: 8 seconds
    perform("colour", run, setting)
    assert (tmp_path / "colour.png").stat().st_size > 10_000
    monkeypatch.setattr(colour, "play", lambda *_, **__: pytest.fail("trained again"))
    found = run(setting)
    for row in found.numbers["runs"].values():
        assert row["bpd"] == pytest.approx(row["rec"] + row["kl"], rel=SIX_DIGITS)
        assert 4 < row["bound"] < 10
    assert found.numbers["runs"][colour.GRID]["latents"] == 16 * 16 * 8
    assert 4 < found.numbers["bits per dimension"][colour.PIXELCNN] < 10


def test_missing_data_are_an_error_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("demos.common.datasets.load", partial(fail, CommandError("not found")))
    for experiment in (likelihood.run, colour.run):
        with pytest.raises(CommandError, match="not found"):
            experiment(Setting(0, tmp_path, "mnist"))


def fail(error: Exception, *_: object) -> None:
    raise error


def test_pixelvae(tmp_path, monkeypatch):
    # 784 passes for each set of samples take seconds: here what is drawn is noise.
    noise = lambda model, n, context: mg.rand(n, *model.image_shape)
    monkeypatch.setattr(Autoregressive, "sample", noise)
    setting = Setting(0, tmp_path, "glyphs")
    found = pixelvae.run(setting, limit=40)
    rows = {pixelvae.PIXELVAE: found.numbers[pixelvae.PIXELVAE], **found.control}
    assert rows.keys() == pixelvae.RUNS.keys()
    for row in rows.values():
        assert 0 < row["kl"] < row["-ELBO"] and 0 <= row["active units"] <= pixelvae.LATENT
        assert np.isfinite(row[pixelvae.LOST])
    for line in (found.claim, found.result, found.beside):
        assert 0 < len(line) <= 160
    found.figure.savefig(tmp_path / "picture.png")
    far = pixelvae.pixelvae(setting, **{**pixelvae.RUNS[pixelvae.BLIND], "limit": 40}).model
    assert (far.free, len(far.pixels.blocks)) == (0, 3)
