"""PixelVAE: p(x|z) and p(x) add up to 1, bounds, what is free, and whether z is read."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from models.autoregressive import Autoregressive
from models.measures.bounds import active_units, lost_with_anothers
from models.pixelcnn import PixelCNN
from models.pixelvae import PixelVAE, pixel_vae
from models.vae import Encoder, kl_per_latent
from tests.models.test_autoregressive import all_images

SHAPE, LATENT = (1, 3, 3), 1


def tiny(pixels: Autoregressive | None = None, **options) -> PixelVAE:
    """Of 3x3 images and one latent, in float64, with weights that show a mistake."""
    encoder = Encoder(nn.Flatten(), 9, LATENT)
    decoder = nn.Sequential(nn.Linear(LATENT, 18), nn.Tanh(), nn.Unflatten(1, (2, 3, 3)))
    pixels = pixels or PixelCNN(SHAPE, 4, 1, 3, conditions=2)
    model = PixelVAE(encoder, decoder, pixels, **options).double()
    rng = np.random.default_rng(0)
    with mg.no_grad():
        for name, parameter in model.named_parameters():
            std = 0.3 if name.startswith("encoder") else 0.7
            parameter.copy_(mg.tensor(rng.normal(0, std, parameter.shape)))
    return model


def images(n: int = 4) -> mg.Tensor:
    return (mg.rand(n, *SHAPE) < 0.5).to(mg.float64)


# ---- a probability, and bounds of it -------------------------------------------------------------


def log_p_on_a_grid(model: PixelVAE, x: mg.Tensor) -> np.ndarray:
    """log p(x) (N,), the integral over z by a sum over a fine grid."""
    side = np.linspace(-6, 6, 49)
    log_prior = -0.5 * side**2 - 0.5 * np.log(2 * np.pi) + np.log(side[1] - side[0])
    with mg.no_grad():
        each = [model.log_likelihood(x, mg.full((len(x), 1), z, dtype=x.dtype)) for z in side]
    joint = np.stack([log_p.numpy() for log_p in each]) + log_prior[:, None]
    return np.logaddexp.reduce(joint, axis=0)


@pytest.mark.parametrize("z", [-1.0, 0.5])
def test_for_every_z_the_probabilities_of_all_images_add_up_to_one(z):
    """So no pixel is told itself, or a later one: the map of z is of z alone."""
    x = all_images(SHAPE)
    with mg.no_grad():
        log_p = tiny().log_likelihood(x, mg.full((len(x), 1), z, dtype=mg.float64))
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_so_do_those_without_z_and_the_bounds_are_below_them():
    model, x = tiny(), all_images(SHAPE)
    log_p = log_p_on_a_grid(model, x)
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-8)
    x, log_p = x[100:104], log_p[100:104]
    many = x.expand(200, *x.shape).flatten(0, 1)
    with mg.no_grad():
        elbo = -model.loss(many).loss.item()
    iwae = {k: model.iwae(many, k, rows=10**5).numpy().reshape(200, 4) for k in (1, 5, 50)}
    means = {k: found.mean() for k, found in iwae.items()}
    errors = {k: found.mean(1).std() / 200**0.5 for k, found in iwae.items()}
    assert means[1] == pytest.approx(elbo, abs=6 * errors[1])
    assert means[1] + 3 * errors[5] < means[5] < means[50]
    assert means[50] == pytest.approx(log_p.mean(), abs=0.02)


# ---- which pixels it is told, in training and in sampling ----------------------------------------


class Copy(Autoregressive):
    """Every pixel is the one to its left, for certain; the first of a row says the context."""

    def __init__(self):
        super().__init__(SHAPE, conditions=2)
        self.sure = nn.Parameter(mg.full((), 100.0))

    def forward(self, x, context=None):
        before = mg.concat([context[:, :1, : x.shape[2], :1], 2 * x[..., :-1] - 1], 3)
        return self.sure * before

    def in_order(self, x, context):
        return lambda colour, i, j: self(x, context)[:, :, i : i + 1, j : j + 1]


def test_training_is_told_the_images_pixels_and_sampling_those_that_were_drawn():
    model, z = tiny(Copy()), mg.tensor([[9.0], [-9.0]], dtype=mg.float64)
    with mg.no_grad():
        model.pixels.sure.fill_(100.0)
        model.decoder[0].weight.fill_(1.0)
        model.decoder[0].bias.fill_(0.0)
    assert model.decode(z).numpy().reshape(2, 9).tolist() == [[1] * 9, [0] * 9]
    # A row 1 0 0 costs once, at the first 0: the next pixel is told that 0, not what was likely.
    x = mg.tensor([1.0, 0, 0], dtype=mg.float64).expand(1, 1, 3, 3)
    assert model.log_likelihood(x, z[:1]).item() == pytest.approx(-300)


# ---- what is free, and whether z is read ---------------------------------------------------------


def test_free_nats_are_of_the_batchs_mean_of_each_latent():
    model = pixel_vae((1, 8, 8), 3, 8, (2, 4), 4).double()
    x = (mg.rand(6, 1, 8, 8) < 0.5).to(mg.float64)
    eps = mg.randn(6, 3, dtype=mg.float64)
    per_latent = kl_per_latent(*model.encoder(x)).numpy(force=True)
    plain = model.loss(x, eps)
    model.free = float(np.median(per_latent.mean(0)))
    found = model.loss(x, eps)
    assert found.rec.item() == pytest.approx(plain.rec.item(), rel=1e-12)
    assert found.kl.item() == pytest.approx(plain.kl.item(), rel=1e-12)
    counted = np.maximum(per_latent.mean(0), model.free).sum()
    assert found.loss.item() == pytest.approx(found.rec.item() + counted, rel=1e-12)
    # Not of each image's: there, the free nats of one would be the others' to spend.
    assert counted < np.maximum(per_latent, model.free).mean(0).sum()


def test_below_what_is_free_the_kl_does_not_pull():
    model, x = tiny(free=100.0), images()
    with mg.no_grad():
        for parameter in model.decoder.parameters():
            parameter.fill_(0.0)  # so that z is not read, and only a KL could pull
    model.loss(x).loss.backward()
    assert all((p.grad is None or not p.grad.numpy().any()) for p in model.encoder.parameters())
    model.free = 0.0
    model.loss(x).loss.backward()
    assert all(p.grad.numpy().any() for p in model.encoder.parameters())


def test_what_is_lost_with_the_z_of_another_image():
    """z says whether the first column is black or white: with the next image's all of its three
    pixels are wrong. A decoder that does not read z loses nothing, however much z says."""
    model = tiny(Copy())
    x = (mg.arange(50) % 2).to(mg.float64).reshape(50, 1, 1, 1).expand(50, *SHAPE)
    with mg.no_grad():
        for parameter in (model.encoder.mu.weight, model.encoder.logvar.weight):
            parameter.fill_(0.0)
        model.encoder.mu.weight[:, 0] = 40.0
        model.encoder.mu.bias.fill_(-20.0)
        model.encoder.logvar.bias.fill_(-10.0)
        model.pixels.sure.fill_(100.0)
        model.decoder[0].weight.fill_(1.0)
        model.decoder[0].bias.fill_(0.0)
    assert lost_with_anothers(model, x) == pytest.approx(300)
    with mg.no_grad():
        model.decoder[0].weight.fill_(0.0)
    assert lost_with_anothers(model, x) == 0
    assert model.loss(x).kl.item() > 100
    assert active_units(model, x) == 1


def test_shapes_and_samples():
    model = pixel_vae((3, 4, 4), 2, 8, (2, 4), 6, likelihood="logistic", free=0.5)
    assert model.decode(mg.randn(2, 2)).shape == model.sample(2).shape == (2, 3, 4, 4)
    terms = model.loss(mg.rand(2, 3, 4, 4))
    assert terms.loss.shape == () and terms.loss.dtype == mg.float32


def test_free_nats_that_cannot_be_are_refused():
    for options in ({"free": -1.0}, {"free": 0.5, "k": 5}):
        with pytest.raises(ValueError, match="PixelVAE: free must be 0 or more"):
            tiny(**options)
