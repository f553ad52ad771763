"""Bounds on log p(x): ELBO and IWAE, and the IWAE objective."""

import math
import tracemalloc

import numpy as np
import pytest

import minigrad as mg
from minigrad.tools.gradcheck import gradcheck
from models.likelihoods import LIKELIHOODS
from models.vae import (
    VAE,
    kl_per_latent,
    mlp_vae,
)
from tests.models.test_vae import f64, tiny


def log_p_on_a_grid(model: VAE, x: mg.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid of latents (M, 2), log p(x, z) + log of a cell's area there (N, M), and log p(x)."""
    side = np.linspace(-8, 8, 161)
    z = f64(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2))
    h = model.decoder(z)
    log_likelihood = np.stack(
        [model.likelihood.log_prob(one.expand(*h.shape), h).numpy(force=True) for one in x]
    )
    log_prior = -0.5 * (z.numpy() ** 2).sum(1) - math.log(2 * math.pi)
    log_joint = log_likelihood + log_prior + 2 * math.log(side[1] - side[0])
    return z.numpy(), log_joint, np.logaddexp.reduce(log_joint, axis=1)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_elbo_and_iwae_are_bounds_that_rise_to_log_p(likelihood):
    model = tiny(likelihood)
    x = mg.rand(4, 1, 2, 2, dtype=mg.float64)
    _, _, log_p = log_p_on_a_grid(model, x)
    repeats = 400
    many = x.expand(repeats, *x.shape).flatten(0, 1)

    def bound(k: int) -> tuple[float, float]:
        values = model.iwae(many, k, rows=10**6).numpy().reshape(repeats, 4).mean(1)
        return values.mean(), values.std() / math.sqrt(repeats)

    with mg.no_grad():
        elbo = -model.loss(many).loss.item()
    bounds = {k: bound(k) for k in (1, 5, 50, 500)}
    means, errors = zip(*bounds.values(), strict=True)
    assert means[0] == pytest.approx(elbo, abs=6 * errors[0])  # IWAE-1 is the ELBO
    assert all(b - a > 3 * error for a, b, error in zip(means, means[1:], errors, strict=False))
    assert means[-1] == pytest.approx(log_p.mean(), abs=0.02)
    assert means[-1] < log_p.mean() + 3 * errors[-1]


def test_log_p_is_the_elbo_plus_the_kl_to_the_true_posterior():
    """The lecture's derivation, with every expectation an integral over the grid."""
    model = tiny()
    x = mg.rand(4, 1, 2, 2, dtype=mg.float64)
    z, log_joint, log_p = log_p_on_a_grid(model, x)
    mu, logvar = (t.numpy(force=True)[:, None] for t in model.encoder(x))
    log_q = -0.5 * ((z - mu) ** 2 / np.exp(logvar) + logvar).sum(2)
    log_q -= np.logaddexp.reduce(log_q, axis=1, keepdims=True)
    q = np.exp(log_q)
    log_likelihood = log_joint + 0.5 * (z**2).sum(1) + math.log(2 * math.pi) - 2 * math.log(0.1)
    kl_to_prior = kl_per_latent(f64(mu), f64(logvar)).numpy().sum((1, 2))
    elbo = (q * log_likelihood).sum(1) - kl_to_prior
    kl_to_posterior = (q * (log_q - (log_joint - log_p[:, None]))).sum(1)
    assert kl_to_posterior.min() > 0.01
    assert np.allclose(elbo + kl_to_posterior, log_p, atol=1e-3)


def test_iwae_does_not_depend_on_how_it_is_split():
    model = tiny()
    x = mg.rand(3, 1, 2, 2, dtype=mg.float64)
    results = []
    for rows in (1, 12, 1000):
        mg.manual_seed(5)
        results.append(model.iwae(x, 10, rows=rows).numpy())
    assert np.allclose(results[0], results[1], rtol=1e-12)
    assert np.allclose(results[0], results[2], rtol=1e-12)


def test_the_memory_of_iwae_does_not_grow_with_k():
    model = mlp_vae((1, 16, 16), 4, (16,))
    x = mg.rand(4, 1, 16, 16)

    def peak(k: int) -> int:
        tracemalloc.start()
        model.iwae(x, k, rows=64)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(16) > 64 * 256 * 4  # the measure sees the decoder's output
    assert peak(320) < 1.2 * peak(32)


# ---- the IWAE objective --------------------------------------------------------------------------


def gradients(model: VAE, loss: mg.Tensor) -> list[np.ndarray]:
    return [g.numpy() for g in mg.grad(loss, list(model.parameters()))]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("k", [1, 3])
def test_the_gradient_of_the_iwae_objective(likelihood, k):
    model = tiny(likelihood)
    x, eps = mg.rand(2, 1, 2, 2, dtype=mg.float64), mg.randn(k, 2, 2, dtype=mg.float64)
    parameters = list(model.parameters())
    assert gradcheck(lambda *_: model.iwae_loss(x, k, eps).loss, parameters)


def test_its_loss_is_minus_the_bound_of_the_same_samples():
    model = tiny(k=7)
    x = mg.rand(3, 1, 2, 2, dtype=mg.float64)
    mg.manual_seed(3)
    terms = model.loss(x)
    mg.manual_seed(3)
    log_w = model.log_weights(x, 7).numpy(force=True)
    bound = np.log(np.exp(log_w).mean(0)).mean()
    assert terms.loss.item() == pytest.approx(-bound, rel=1e-12)
    assert terms.loss.item() < (terms.rec + terms.kl).item() + 1  # nats per image, as the ELBO


def test_its_gradient_weights_each_samples_own():
    """The weights are w_i / sum w, and nothing flows through them."""
    model = tiny()
    x, eps = mg.rand(1, 1, 2, 2, dtype=mg.float64), mg.randn(4, 1, 2, dtype=mg.float64)
    one_by_one = [model.iwae_loss(x, 1, eps[i : i + 1]).loss for i in range(4)]
    w = np.exp([-loss.item() for loss in one_by_one])
    each = [gradients(model, loss) for loss in one_by_one]
    expected = [np.tensordot(w / w.sum(), of_one, 1) for of_one in zip(*each, strict=True)]
    got = gradients(model, model.iwae_loss(x, 4, eps).loss)
    for a, b in zip(got, expected, strict=True):
        assert np.allclose(a, b, rtol=1e-10, atol=1e-12)


def test_one_sample_is_the_elbo_but_for_how_its_kl_is_known():
    """rec and its gradient are the same; the sample's log q - log p has the KL for its mean."""
    model = tiny()
    x, eps = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(3, 2, dtype=mg.float64)
    ours, elbo = model.iwae_loss(x, 1, eps.unsqueeze(0)), model.loss(x, eps)
    for one, other in ((ours.rec, elbo.rec), (ours.kl, elbo.kl)):
        assert one.item() == pytest.approx(other.item(), rel=1e-13)
    for a, b in zip(gradients(model, ours.rec), gradients(model, elbo.rec), strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-14)
    many = x[:1].expand(100_000, 1, 2, 2)
    with mg.no_grad():
        terms = model.iwae_loss(many, 1)
    sampled = terms.loss.item() - terms.rec.item()
    assert sampled == pytest.approx(terms.kl.item(), rel=0.02)
    assert sampled != terms.kl.item()


def test_more_samples_in_the_objective_are_a_tighter_bound():
    model = tiny()
    x = mg.rand(3, 1, 2, 2, dtype=mg.float64).expand(4000, 3, 1, 2, 2).flatten(0, 1)
    with mg.no_grad():
        losses = [model.iwae_loss(x, k).loss.item() for k in (1, 5, 50)]
    assert losses == sorted(losses, reverse=True)
