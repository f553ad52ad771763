"""The VAE's mathematics: KL, reparameterization, objective; samples, evaluation, steps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.tools.gradcheck import gradcheck
from models.likelihoods import LIKELIHOODS, Gaussian
from models.model import Learner
from models.vae import (
    VAE,
    Encoder,
    conv_vae,
    grid_vae,
    kl_per_latent,
    mlp_vae,
    reparameterize,
)
from tests.devices import refuse_fetches

LOGVARS = (-2.0, 0.0, 1.0)


def f64(values) -> mg.Tensor:
    return mg.tensor(np.asarray(values, np.float64))


def tiny(likelihood: str = "bernoulli", latent: int = 2, **options) -> VAE:
    """Four pixels, in float64, with weights large enough that q(z|x) is far from the prior."""
    model = mlp_vae((1, 2, 2), latent, (5,), nn.Tanh, likelihood=likelihood, **options).double()
    if likelihood == "gaussian":
        model.likelihood = Gaussian(variance=0.3).double()
    with mg.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(1.5)
    return model


# ---- KL and reparameterization -------------------------------------------------------------------


def test_kl_is_zero_at_the_prior():
    zero = mg.zeros(3, 2)
    assert np.array_equal(kl_per_latent(zero, zero).numpy(), np.zeros((3, 2)))


@given(mu=st.floats(-3, 3), logvar=st.floats(-4, 3))
def test_kl_is_the_integral_that_defines_it(mu: float, logvar: float):
    sd = math.exp(logvar / 2)
    z = np.linspace(mu - 12 * sd, mu + 12 * sd, 4001)
    log_q = -0.5 * ((z - mu) / sd) ** 2 - math.log(sd)
    q = np.exp(log_q) / math.sqrt(2 * math.pi)
    expected = np.trapezoid(q * (log_q + 0.5 * z * z), z)
    assert kl_per_latent(f64(mu), f64(logvar)).item() == pytest.approx(expected, abs=1e-8)


def test_kl_is_what_samples_give():
    mu, logvar = f64([0.5, -1.0, 2.0]), f64(LOGVARS)
    n = 200_000
    z = reparameterize(mu, logvar, mg.randn(n, 3, dtype=mg.float64)).numpy()
    sd = np.exp(logvar.numpy() / 2)
    values = 0.5 * z**2 - 0.5 * ((z - mu.numpy()) / sd) ** 2 - np.log(sd)
    error = values.std(0) / math.sqrt(n)
    assert np.all(np.abs(values.mean(0) - kl_per_latent(mu, logvar).numpy()) < 4 * error)


def test_a_small_kl_keeps_its_digits():
    # KL = mu^2 / 2 + logvar^2 / 4 + ...; exp(logvar) - 1 - logvar would be rounding noise here.
    kl = kl_per_latent(mg.tensor(1e-4), mg.tensor(1e-3)).item()
    assert kl == pytest.approx(0.5e-8 + 0.25e-6, rel=1e-3)


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_samples_of_q_have_variance_exp_logvar(dtype):
    mu = mg.tensor([1.0, -2.0, 0.0]).to(dtype).expand(100_000, 3)
    logvar = mg.tensor(LOGVARS).to(dtype).expand(100_000, 3)
    z = reparameterize(mu, logvar)
    assert z.dtype == dtype
    got, expected = z.numpy().var(0), np.exp(LOGVARS)
    # The standard error of a normal variable's variance is sqrt(2 / n) of it: 0.45 %.
    assert np.allclose(got, expected, rtol=0.02)
    assert np.allclose(z.numpy().mean(0), [1, -2, 0], atol=0.03)


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_noise_is_drawn_in_the_dtype_of_mu(dtype, monkeypatch):
    drawn = []
    normal = mg.random.normal
    monkeypatch.setattr(mg.random, "normal", lambda *how: drawn.append(how[1:3]) or normal(*how))
    model = mlp_vae((1, 4, 4), 3, (8,)).to(dtype)
    x = mg.rand(5, 1, 4, 4, dtype=dtype)
    model.loss(x)
    model.iwae(x, 2)
    model.sample(2)
    assert drawn == [(dtype, mg.device("cpu"))] * 3


# ---- the objective -------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_loss_does_not_change_when_the_batch_is_doubled(likelihood):
    model = tiny(likelihood)
    x, eps = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(3, 2, dtype=mg.float64)
    once = model.loss(x, eps)
    twice = model.loss(mg.concat([x, x]), mg.concat([eps, eps]))
    assert [t.item() for t in twice] == pytest.approx([t.item() for t in once], rel=1e-14)


def test_the_loss_is_summed_over_pixels_and_latents():
    """With all weights 0: 16 pixels at p = 1/2 cost log 2 each, and every latent has its KL."""
    model = mlp_vae((1, 4, 4), 3, (8,))
    with mg.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.encoder.mu.bias.fill_(2.0)
        model.encoder.logvar.bias.fill_(-1.0)
    terms = model.loss((mg.rand(5, 1, 4, 4) < 0.5).float())
    assert terms.rec.item() == pytest.approx(16 * math.log(2), rel=1e-6)
    assert terms.kl.item() == pytest.approx(3 * 0.5 * (4 + math.exp(-1) - 1 + 1), rel=1e-6)


def test_beta_weights_the_kl_in_the_objective_only():
    x, eps = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(3, 2, dtype=mg.float64)
    model = tiny(beta=4.0)
    terms = model.loss(x, eps)
    assert terms.loss.item() == pytest.approx((terms.rec + 4 * terms.kl).item())
    model.beta = 1.0
    plain = model.loss(x, eps)
    assert (plain.rec.item(), plain.kl.item()) == (terms.rec.item(), terms.kl.item())


def tiny_conv(likelihood: str) -> VAE:
    return conv_vae((1, 4, 4), 2, 3, (2, 3), likelihood=likelihood, beta=1.5).double()


@pytest.mark.parametrize(
    ("build", "likelihood"),
    [
        *((tiny, name) for name in ("bernoulli", "gaussian", "logistic")),
        *((tiny_conv, name) for name in ("bernoulli", "gaussian")),
    ],
)
def test_the_gradient_of_the_whole_loss(build, likelihood):
    model = build(likelihood)
    side = 2 if build is tiny else 4
    x, eps = mg.rand(2, 1, side, side, dtype=mg.float64), mg.randn(2, 2, dtype=mg.float64)
    assert gradcheck(lambda *parameters: model.loss(x, eps).loss, list(model.parameters()))


@pytest.mark.parametrize("build", [mlp_vae, conv_vae])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_float32_stays_float32(build, likelihood):
    model = build((1, 8, 8), 4, likelihood=likelihood)
    x = mg.rand(3, 1, 8, 8)
    terms = model.loss(x)
    terms.loss.backward()
    assert {term.dtype for term in terms} == {mg.float32}
    assert {p.grad.dtype for p in model.parameters()} == {mg.float32}
    assert {model.iwae(x, 3).dtype, model.sample(2, draw=True).dtype} == {mg.float32}


# ---- samples, reconstructions, steps -------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 12)])
@pytest.mark.parametrize("build", [mlp_vae, conv_vae, grid_vae])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_shapes(likelihood, build, shape):
    model = build(shape, 3, likelihood=likelihood)
    x = mg.rand(2, *shape)
    mu, logvar = model.encoder(x)
    latents = 3 * shape[1] * shape[2] // 4 if build is grid_vae else 3
    assert mu.shape == logvar.shape == (2, latents)
    assert model.latent == latents
    assert model.log_weights(x, 5).shape == (5, 2)
    assert model.iwae(x, 5).shape == (2,)
    assert model.sample(4).shape == model.sample(4, draw=True).shape == (4, *shape)
    assert model.reconstruct(x).shape == (2, *shape)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_latents_are_decoded_to_means_unless_a_draw_is_asked_for(likelihood):
    model = mlp_vae((1, 4, 4), 3, likelihood=likelihood)
    z = mg.randn(5, 3)
    means = model.likelihood.mean(model.decoder(z))
    assert mg.equal(model.decode(z), means)
    assert not mg.equal(model.decode(z, draw=True), means)
    mg.manual_seed(1)
    sampled = model.sample(5)
    mg.manual_seed(1)
    assert mg.equal(sampled, model.decode(mg.randn(5, 3)))


def test_the_architectures_are_the_common_ones():
    def count(model):
        return sum(p.numel() for p in model.parameters())

    assert count(mlp_vae()) == (784 + 1) * 400 + 2 * 401 * 20 + 21 * 400 + 401 * 784
    down = (16 + 1) * 32 + (32 * 16 + 1) * 64 + 3137 * 256 + 2 * 257 * 20
    up = 21 * 256 + 257 * 3136 + (64 * 16 * 32 + 32) + (32 * 16 + 1)
    assert count(conv_vae()) == down + up
    assert len(mlp_vae(hidden=(200, 100)).decoder) == 6


def test_a_grid_of_latents_codes_what_is_at_its_place():
    model = grid_vae((3, 16, 16), latent=2, channels=4)
    x = mg.rand(1, 3, 16, 16)
    other = x.clone()
    other[:, :, :4, :4] = 0
    mu, changed = (model.encoder(images)[0].numpy(force=True) for images in (x, other))
    moved = (mu != changed).reshape(2, 8, 8).any(0)
    assert moved[:2, :2].all()
    assert not moved[4:].any() and not moved[:, 4:].any()


def test_samples_are_decoded_draws_from_the_prior():
    """With an identity for a decoder, z itself can be seen: standard normal."""
    model = VAE(Encoder(nn.Flatten(), 2, 2), nn.Unflatten(1, (1, 1, 2)))
    z = model.sample(50_000).numpy().reshape(-1, 2)
    z = np.log(z) - np.log1p(-z)
    assert np.allclose(z.mean(0), 0, atol=0.02)
    assert np.allclose(np.cov(z.T), np.eye(2), atol=0.03)


def test_evaluation_leaves_the_model_as_it_is():
    model = conv_vae((1, 8, 8), 3)
    x = mg.rand(2, 1, 8, 8)
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    for out in (
        model.sample(2),
        model.sample(2, draw=True),
        model.reconstruct(x),
        model.iwae(x, 2),
    ):
        assert not out.requires_grad
    assert all(np.array_equal(t.numpy(), before[n]) for n, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_a_training_step_never_waits_for_the_device(monkeypatch):
    model = mlp_vae((1, 4, 4), 2, (8,), likelihood="gaussian")
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-3))
    x = mg.rand(3, 1, 4, 4)
    refuse_fetches(monkeypatch)
    learner.train_step(x)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_training_lowers_the_loss_and_moves_every_parameter(likelihood):
    model = mlp_vae((1, 4, 4), 2, (16,), likelihood=likelihood)
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-2))
    before = [p.numpy(force=True).copy() for p in model.parameters()]
    x = mg.rand(1, 1, 4, 4).expand(16, 1, 4, 4)
    losses = [learner.train_step(x)["loss"].item() for _ in range(60)]
    assert losses[-1] < losses[0] - 1
    assert all(
        not np.array_equal(p.numpy(force=True), old)
        for p, old in zip(model.parameters(), before, strict=True)
    )


def test_errors_say_what_was_expected():
    with pytest.raises(ValueError, match="unknown likelihood 'poisson'; expected one of bernoulli"):
        mlp_vae(likelihood="poisson")
    with pytest.raises(ValueError, match=r"multiples of 4, got \(1, 30, 28\)"):
        conv_vae((1, 30, 28))
    with pytest.raises(ValueError, match=r"even height and width, got \(3, 32, 31\)"):
        grid_vae((3, 32, 31))
    for wrong in ({"k": 0}, {"k": 5, "beta": 2.0}):
        with pytest.raises(ValueError, match="k must be at least 1, and 1 with a beta"):
            mlp_vae(**wrong)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        mlp_vae().iwae(mg.rand(1, 1, 28, 28), 0)
