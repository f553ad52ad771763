"""Latents on grids, each given those before: weights by their own formulas, gradients, samples."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.tools.gradcheck import gradcheck
from models.ladder import LadderVAE, ladder_vae
from models.model import Learner
from tests.devices import refuse_fetches

SIZES = [(2, 1, 1), (2, 2, 2), (2, 2, 2)]  # of the latents of `tiny`


def tiny(**options) -> LadderVAE:
    model = ladder_vae((3, 4, 4), 2, 4, (1, 2), **options).double()
    with mg.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.2)
        model.decoder.start.copy_(mg.randn_like(model.decoder.start))
    return model


def images(n: int) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(0).integers(0, 256, (n, 3, 4, 4)) / 255)


def log_normal(z, mu, logvar):
    density = -0.5 * ((z - mu) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi))
    return density.flatten(1).sum(1)


def test_the_weights_are_the_densities_of_the_same_latents():
    """Those of z itself: N(mean, exp(spread)) against the posterior that is relative to it."""
    model, k = tiny(), 3
    x, eps = images(2), mg.randn(k, 2, 18, dtype=mg.float64)
    copies = x.expand(k, *x.shape).flatten(0, 1)
    coarse, fine = model.encoder(copies)[::-1]
    h = model.decoder.start.expand(2 * k, 4, 1, 1)
    log_p = log_q = kl = 0
    parts = eps.flatten(0, 1).split([math.prod(size) for size in SIZES], 1)
    for rung, seen, size, noise in zip(
        model.decoder.rungs, (coarse, fine, fine), SIZES, parts, strict=True
    ):
        h = rung.before(h)
        mean, spread = rung.prior(h).chunk(2, 1)
        mu, logvar = rung.posterior(mg.concat([h, seen], 1)).chunk(2, 1)
        centre, width = mean + (0.5 * spread).exp() * mu, spread + logvar
        z = centre + (0.5 * width).exp() * noise.reshape(-1, *size)
        log_p, log_q = log_p + log_normal(z, mean, spread), log_q + log_normal(z, centre, width)
        apart = (centre - mean) ** 2 / spread.exp() + logvar.exp() - 1 - logvar
        kl = kl + 0.5 * apart.flatten(1).sum(1)
        h = rung.after(h + rung.into(z))
    log_x = model.likelihood.log_prob(copies, model.decoder.head(h))
    expected = [(log_x + log_p - log_q), log_x, kl]
    log_w, likelihoods, found = model._weigh(x, k, eps)
    assert np.allclose(log_w.numpy(force=True).ravel(), expected[0].numpy(force=True), atol=1e-10)
    assert np.allclose(likelihoods.numpy(force=True).ravel(), log_x.numpy(force=True), atol=1e-10)
    mean_kl = kl.reshape(k, 2).mean(0).numpy(force=True)
    assert np.allclose(found.numpy(force=True), mean_kl, atol=1e-10)


def test_the_loss_is_the_elbo_of_one_sample_with_the_kl_exactly():
    model = tiny(beta=3.0)
    x, eps = images(2), mg.randn(2, 18, dtype=mg.float64)
    terms = model.loss(x, eps)
    _, log_likelihood, kl = model._weigh(x, 1, eps.unsqueeze(0))
    assert terms.rec.item() == pytest.approx(-log_likelihood.mean().item(), rel=1e-12)
    assert terms.kl.item() == pytest.approx(kl.mean().item(), rel=1e-12)
    assert terms.loss.item() == pytest.approx((terms.rec + 3 * terms.kl).item(), rel=1e-12)


def test_the_kl_is_the_mean_of_the_weights():
    model = tiny()
    x = images(2)
    with mg.no_grad():
        log_w, log_likelihood, kl = model._weigh(x, 1500)
    ratio = (log_likelihood - log_w).numpy()
    error = ratio.std(0) / math.sqrt(1500)
    assert (np.abs(ratio.mean(0) - kl.numpy()) < 5 * error).all()


def test_more_samples_are_a_tighter_bound():
    model = tiny()
    many = images(2).expand(20, 2, 3, 4, 4).flatten(0, 1)
    means = [model.iwae(many, k, rows=10**5).numpy().mean() for k in (1, 5, 50)]
    assert means == sorted(means)


def test_what_is_not_seen_is_not_coded():
    """Where the posteriors are the priors, e is the noise, and all that is left is the decoder."""
    model = tiny()
    with mg.no_grad():
        for rung in model.decoder.rungs:
            rung.posterior[-1].weight.zero_()
            rung.posterior[-1].bias.zero_()
    x, eps = images(3), mg.randn(3, 18, dtype=mg.float64)
    terms = model.loss(x, eps)
    assert terms.kl.item() == pytest.approx(0, abs=1e-12)
    assert terms.rec.item() == pytest.approx(-model.log_likelihood(x, eps).mean().item(), rel=1e-12)


def test_the_gradient_of_the_whole_loss():
    model = tiny()
    x, eps = images(2), mg.randn(2, 18, dtype=mg.float64)
    some = [model.decoder.start, model.encoder.grids[0][0].bias]
    some += [rung.prior[2].bias for rung in model.decoder.rungs]
    assert gradcheck(lambda *_: model.loss(x, eps).loss, some)


def test_shapes_and_types():
    model = ladder_vae(width=8, layers=(1, 2, 1), latent=3)
    assert model.latent == 3 * (16 + 2 * 64 + 256)
    x = mg.rand(2, 3, 32, 32)
    terms = model.loss(x)
    terms.loss.backward()
    assert {p.grad.dtype for p in model.parameters()} == {terms.loss.dtype} == {mg.float32}
    for drawn in (model.sample(3, draw=True), model.sample(3)):
        assert drawn.shape == (3, 3, 32, 32)
        assert ((drawn >= 0) & (drawn <= 1)).all()
    assert model.reconstruct(x).shape == x.shape
    with pytest.raises(ValueError, match="multiples of 8"):
        ladder_vae((3, 12, 12))


def test_a_training_step_never_waits_for_the_device(monkeypatch):
    model = tiny()
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-3))
    x = images(3)
    refuse_fetches(monkeypatch)
    learner.train_step(x)
