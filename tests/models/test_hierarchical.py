"""Two stochastic layers: weights from their own formulas, gradients, samples."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.tools.gradcheck import gradcheck
from models.hierarchical import TwoLayerVAE, two_layer_vae
from models.model import Learner
from tests.devices import refuse_fetches


def tiny(**options) -> TwoLayerVAE:
    model = two_layer_vae((1, 2, 2), (3, 2), (5, 4), **options).double()
    with mg.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model


def log_normal(z, mu, logvar):
    return -0.5 * ((z - mu) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).sum(-1)


def test_the_weights_are_the_densities_of_the_same_samples():
    model = tiny()
    x, eps = mg.rand(4, 1, 2, 2, dtype=mg.float64), mg.randn(6, 4, 5, dtype=mg.float64)
    mu, logvar = model.encoder(x)
    z1 = mu + (0.5 * logvar).exp() * eps[..., :3]
    mu2, logvar2 = model.top(z1)
    z2 = mu2 + (0.5 * logvar2).exp() * eps[..., 3:]
    h = model.decoder(z1.flatten(0, 1))
    log_x = model.likelihood.log_prob(x.expand(6, *x.shape).flatten(0, 1), h).reshape(6, 4)
    zero = mg.zeros_like(z2)
    log_p = log_normal(z1, *model.prior(z2)) + log_normal(z2, zero, zero)
    log_q = log_normal(z1, mu, logvar) + log_normal(z2, mu2, logvar2)
    log_w, likelihoods, kl = (t.numpy(force=True) for t in model._weigh(x, 6, eps))
    assert np.allclose(log_w, (log_x + log_p - log_q).numpy(force=True), atol=1e-12)
    assert np.allclose(likelihoods, log_x.numpy(force=True), atol=1e-12)
    assert np.allclose(kl, (log_q - log_p).mean(0).numpy(force=True), atol=1e-12)


def test_the_elbo_is_iwae_of_one_sample_and_more_are_a_tighter_bound():
    model = tiny()
    x, eps = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(3, 5, dtype=mg.float64)
    terms, other = model.loss(x, eps), model.iwae_loss(x, 1, eps.unsqueeze(0))
    assert [t.item() for t in terms] == pytest.approx([t.item() for t in other], rel=1e-12)
    many = x.expand(300, *x.shape).flatten(0, 1)
    means = [model.iwae(many, k, rows=10**5).numpy().mean() for k in (1, 5, 50)]
    assert means == sorted(means)


def test_without_a_second_layer_it_is_the_plain_vae():
    """Where p(z1|z2) is N(0, I) whatever z2, and q(z2|z1) its prior, z2 costs and says nothing."""
    model = tiny()
    with mg.no_grad():
        for network in (model.top, model.prior):
            for head in (network.mu, network.logvar):
                head.weight.zero_()
                head.bias.zero_()
    x, eps = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(7, 3, 5, dtype=mg.float64)
    plain = super(TwoLayerVAE, model)._weigh(x, 7, eps[..., :3])[0]
    ours = model._weigh(x, 7, eps)[0]
    assert np.allclose(ours.numpy(force=True), plain.numpy(force=True), atol=1e-12)


def test_the_gradient_of_the_whole_loss():
    model = tiny(k=3)
    x, eps = mg.rand(2, 1, 2, 2, dtype=mg.float64), mg.randn(3, 2, 5, dtype=mg.float64)
    between = [p for name, p in model.named_parameters() if name.startswith(("top", "prior"))]
    assert gradcheck(lambda *_: model.loss(x, eps).loss, [*between, *model.encoder.mu.parameters()])


def test_samples_go_through_both_layers():
    """With linear means and an identity for a decoder, the moments of the pixels are known."""
    model = tiny()
    model.prior.body, model.prior.mu, model.prior.logvar = (
        nn.Identity(), nn.Linear(2, 3).double(), nn.Linear(2, 3).double(),
    )  # fmt: skip
    model.decoder = nn.Unflatten(1, (1, 1, 3))
    w = model.prior.mu.weight.numpy(force=True)
    with mg.no_grad():
        model.prior.logvar.weight.zero_()
        model.prior.logvar.bias.fill_(math.log(0.25))
    p = model.sample(40_000).numpy().reshape(-1, 3)
    z1 = np.log(p) - np.log1p(-p)
    assert np.allclose(z1.mean(0), model.prior.mu.bias.numpy(force=True), atol=0.02)
    assert np.allclose(np.cov(z1.T), w @ w.T + 0.25 * np.eye(3), atol=0.03)


def test_shapes_and_types():
    model = two_layer_vae()
    x = mg.rand(2, 1, 28, 28)
    terms = model.loss(x)
    terms.loss.backward()
    assert model.latent == 50 and model.encoder.latent == 100
    assert model.sample(3, draw=True).shape == (3, 1, 28, 28)
    assert model.reconstruct(x).shape == x.shape
    assert {p.grad.dtype for p in model.parameters()} == {terms.loss.dtype} == {mg.float32}


def test_a_training_step_never_waits_for_the_device(monkeypatch):
    model = tiny()
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-3))
    x = mg.rand(3, 1, 2, 2, dtype=mg.float64)
    refuse_fetches(monkeypatch)
    learner.train_step(x)
