"""The total correlation against integrals and closed forms; the objectives that are made of it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import optim
from minigrad.tools.gradcheck import gradcheck
from models.model import Learner
from models.total_correlation import (
    BetaTCVAE,
    log_aggregate,
    total_correlation,
)
from models.vae import VAE, kl_per_latent
from tests.devices import refuse_fetches
from tests.models.test_vae import f64, tiny


def as_one(kind: type[VAE], **options) -> VAE:
    """The tiny VAE's networks, with another objective."""
    model = tiny()
    return kind(model.encoder, model.decoder, **options).double()


def gaussians(seed: int, n: int, latent: int) -> tuple[mg.Tensor, mg.Tensor]:
    rng = np.random.default_rng(seed)
    return f64(1.5 * rng.standard_normal((n, latent))), f64(rng.uniform(-2, 0.5, (n, latent)))


@given(seed=st.integers(0, 99), n=st.integers(1, 5))
def test_the_mixture_and_its_margins_integrate_to_one(seed, n):
    mu, logvar = gaussians(seed, n, 2)
    line = np.linspace(-12, 12, 161)
    z = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    together, alone = (t.numpy() for t in log_aggregate(f64(z), mu, logvar))
    step = line[1] - line[0]
    assert np.exp(together).sum() * step**2 == pytest.approx(1, abs=1e-6)
    margin = np.exp(together).reshape(161, 161).sum(0) * step  # over the second latent
    assert np.allclose(margin, np.exp(alone[:161, 0]), atol=1e-6)


@given(seed=st.integers(0, 99))
def test_the_three_parts_add_up_to_the_kl(seed):
    """Equation 2, every part an integral over a grid of two latents."""
    mu, logvar = gaussians(seed, 3, 2)
    line = np.linspace(-12, 12, 121)
    z = f64(np.stack(np.meshgrid(line, line), -1).reshape(-1, 2))
    area = (line[1] - line[0]) ** 2
    together, alone = (t.numpy() for t in log_aggregate(z, mu, logvar))
    log_prior = -0.5 * z.numpy() ** 2 - 0.5 * math.log(2 * math.pi)
    q = np.exp(together) * area
    tc = (q * (together - alone.sum(1))).sum()
    margins = (q[:, None] * (alone - log_prior)).sum()
    information = 0.0
    for i in range(3):
        log_q = log_aggregate(z, mu[i : i + 1], logvar[i : i + 1])[0].numpy()
        information += (np.exp(log_q) * area * (log_q - together)).sum() / 3
    kl = kl_per_latent(mu, logvar).sum(1).mean().item()
    assert information + tc + margins == pytest.approx(kl, abs=1e-6)
    assert tc > -1e-9


def test_the_sampled_total_correlation_is_the_integral():
    mu, logvar = gaussians(0, 4, 2)
    line = np.linspace(-12, 12, 241)
    z = f64(np.stack(np.meshgrid(line, line), -1).reshape(-1, 2))
    together, alone = (t.numpy() for t in log_aggregate(z, mu, logvar))
    exact = (np.exp(together) * 0.01 * (together - alone.sum(1))).sum()
    copies = [t.expand(5000, 4, 2).flatten(0, 1) for t in (mu, logvar)]
    at = copies[0] + (0.5 * copies[1]).exp() * mg.randn(20_000, 2, dtype=mg.float64)
    assert total_correlation(at, mu, logvar).item() == pytest.approx(exact, abs=0.03)
    assert exact > 0.1


def test_independent_latents_have_no_total_correlation():
    """All pairs of two coordinates: the mixture is a product."""
    mu = f64([[a, b] for a in (-2.0, 0.0, 3.0) for b in (-1.0, 4.0)])
    z = mg.randn(50, 2, dtype=mg.float64)
    assert total_correlation(z, mu, mg.zeros_like(mu)).item() == pytest.approx(0, abs=1e-12)
    one = total_correlation(z[:, :1], mu[:, :1], mg.zeros_like(mu[:, :1]))
    assert one.item() == pytest.approx(0, abs=1e-12)


def test_minibatch_weighting_is_the_papers_but_for_a_constant():
    """log q(z_i) = log 1/(N M) sum_j q(z_i|x_j), of M of N images: the same gradient."""
    mu, logvar = (t.requires_grad_() for t in gaussians(1, 6, 3))
    z = mu + (0.5 * logvar).exp() * mg.randn(6, 3, dtype=mg.float64)
    n = 1000
    log_q = -0.5 * ((z.unsqueeze(1) - mu).square() / logvar.exp() + logvar + math.log(2 * math.pi))
    weight = math.log(n * 6)
    papers = (
        log_q.sum(2).logsumexp(1) - weight - (log_q.logsumexp(1) - weight).sum(1)
    ).mean()  # fmt: skip
    ours = total_correlation(z, mu, logvar)
    assert papers.item() == pytest.approx(ours.item() + 2 * math.log(n), rel=1e-12)
    for a, b in zip(mg.grad(papers, [mu, logvar], retain_graph=True), mg.grad(ours, [mu, logvar])):
        assert np.allclose(a.numpy(), b.numpy(), atol=1e-12)


# ---- objectives ----------------------------------------------------------------------------------


def test_beta_1_is_the_elbo_and_the_rest_is_total_correlation():
    x, eps = mg.rand(5, 1, 2, 2, dtype=mg.float64), mg.randn(5, 2, dtype=mg.float64)
    one, six = as_one(BetaTCVAE), as_one(BetaTCVAE, beta=6.0)
    six.load_state_dict(one.state_dict())
    plain, more = one.loss(x, eps), six.loss(x, eps)
    elbo = VAE(one.encoder, one.decoder).loss(x, eps)
    for name, expected in elbo._asdict().items():
        assert getattr(plain, name).item() == pytest.approx(expected.item(), rel=1e-12)
    mu, logvar = one.encoder(x)
    tc = total_correlation(mu + (0.5 * logvar).exp() * eps, mu, logvar)
    assert (more.loss - plain.loss).item() == pytest.approx(5 * tc.item())
    assert (more.rec.item(), more.kl.item()) == (plain.rec.item(), plain.kl.item())


def test_the_gradient_of_the_whole_loss():
    model = as_one(BetaTCVAE, beta=3.0)
    x, eps = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(3, 2, dtype=mg.float64)
    assert gradcheck(lambda *_: model.loss(x, eps).loss, list(model.parameters()))


def test_a_training_step_never_waits_for_the_device(monkeypatch):
    model = as_one(BetaTCVAE)
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-3))

    x = mg.rand(3, 1, 2, 2, dtype=mg.float64)
    refuse_fetches(monkeypatch)
    learner.train_step(x)


def test_float32_stays_float32():
    model = as_one(BetaTCVAE).float()
    assert model.loss(mg.rand(3, 1, 2, 2)).loss.dtype == mg.float32
