"""Bounds on log p(x) of VAEs so small that each of their numbers is known."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from models.measures import bounds
from models.vae import VAE, Encoder


def vae_of(mu: np.ndarray, logvar: list[float], decoder: np.ndarray, bias: list[float]) -> VAE:
    """mu = mu @ x and a fixed logvar; logits = decoder @ z + bias, of two pixels in a column."""
    vae = VAE(
        Encoder(nn.Flatten(), 2, 2), nn.Sequential(nn.Linear(2, 2), nn.Unflatten(1, (1, 2, 1)))
    ).double()
    layers = {vae.encoder.mu: (mu, [0, 0]), vae.encoder.logvar: (np.zeros((2, 2)), logvar)}
    layers[vae.decoder[0]] = (decoder, bias)
    with mg.no_grad():
        for layer, (weight, offset) in layers.items():
            layer.weight.copy_(mg.tensor(np.array(weight, float)))
            layer.bias.copy_(mg.tensor(np.array(offset, float)))
    return vae


def images(n: int) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(0).integers(0, 2, (n, 1, 2, 1)).astype(float))


BLIND = np.zeros((2, 2))  # a decoder that does not look at z
BIAS = [0.5, -2.0]


def log_p_of_bias(x: mg.Tensor) -> np.ndarray:
    pixels, h = x.numpy().reshape(-1, 2), np.array(BIAS)
    return (pixels * h - np.log1p(np.exp(h))).sum(1)


def test_the_elbo_in_parts(monkeypatch):
    monkeypatch.setattr(bounds, "AT_ONCE", 2)
    x, logvar = images(5), np.array([0.3, -1.0])
    rec, kl = bounds.elbo(vae_of([[1, 0], [0, 2]], logvar, BLIND, BIAS), x)
    mu = x.numpy().reshape(-1, 2) * [1, 2]
    expected = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(1).mean()
    assert rec == pytest.approx(-log_p_of_bias(x).mean())
    assert kl == pytest.approx(expected)


def test_where_q_is_the_posterior_every_bound_is_log_p():
    """Decoders that do not look at z have the prior as their posterior."""
    x = images(45)
    log_p = bounds.log_p(vae_of(BLIND, [0, 0], BLIND, BIAS), x, 3)
    np.testing.assert_allclose(log_p, log_p_of_bias(x))


def test_bounds_add_the_mean_gain_of_a_few_images(monkeypatch):
    x = mg.tensor(np.arange(18.0).reshape(9, 1, 2, 1))
    vae = vae_of(BLIND, [0, 0], BLIND, BIAS)

    def log_p(model, part, k):
        assert model is vae
        first = part.numpy()[:, 0, 0, 0]
        return -first - first**2 / k

    monkeypatch.setattr(bounds, "log_p", log_p)
    chosen = 2.0 * np.random.default_rng(3).permutation(9)[:4]
    found = bounds.bounds(vae, x, images=4, samples=200, seed=3)
    all_50 = (2.0 * np.arange(9) + (2.0 * np.arange(9)) ** 2 / 50).mean()
    gain = chosen**2 / 50 - chosen**2 / 200
    alone = chosen + chosen**2 / 200
    rec, kl = bounds.elbo(vae, x)
    assert found == pytest.approx(
        {
            "-ELBO": rec + kl,
            "rec": rec,
            "kl": kl,
            "-L_50": all_50,
            "-L": all_50 - gain.mean(),
            "-L, standard error": gain.std() / 2,
            "-L of the chosen images alone": alone.mean(),
            "its standard error": alone.std() / 2,
            "images chosen": 4,
            "active units": 0,
        }
    )


def test_active_units_have_means_that_vary(monkeypatch):
    x = mg.tensor(np.array([[0.0, 1], [1, 0], [0, 0], [1, 1]]).reshape(4, 1, 2, 1))

    def active(*scales):
        return bounds.active_units(vae_of(np.diag(scales), [0, 0], BLIND, BIAS), x)

    # Of 0 and 1 alike the variance is 1/4, so that it becomes 0.01 at a scale of 0.2.
    assert [active(0.19, 0.19), active(0.21, 0.19), active(0.21, -0.21)] == [0, 1, 2]
    monkeypatch.setattr(bounds, "ACTIVE", 0.25)
    assert active(1, 1.01) == 1  # more than it, not as much
    monkeypatch.setattr(bounds, "AT_ONCE", 3)
    assert active(1, 1.01) == 1  # over all images, not in each part


def test_what_is_lost_with_the_next_images_latents(monkeypatch):
    monkeypatch.setattr(bounds, "AT_ONCE", 4)
    x = images(8)
    weight = np.array([[2.0, 1], [0, -1]])
    vae = vae_of(np.eye(2), [-200, -200], weight, BIAS)  # z is x itself
    pixels = x.numpy().reshape(2, 4, 2)

    def log_p(z):
        h = z @ weight.T + BIAS
        return (pixels * h - np.log1p(np.exp(h))).sum(2)

    expected = (log_p(pixels) - log_p(np.roll(pixels, 1, axis=1))).mean()
    assert expected > 0.1
    assert bounds.lost_with_anothers(vae, x) == pytest.approx(expected)
    assert bounds.lost_with_anothers(vae_of(np.eye(2), [0, 0], BLIND, BIAS), x) == 0
    assert math.isfinite(expected)
