"""The VAE's mathematics: KL, reparameterization, ELBO, IWAE, sampling."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend.cpu import CPU
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
    monkeypatch.setattr(mg.random, "normal", lambda *how: drawn.append(how[1:]) or normal(*how))
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
    [*((tiny, name) for name in LIKELIHOODS), (tiny_conv, "bernoulli"), (tiny_conv, "gaussian")],
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


# ---- bounds --------------------------------------------------------------------------------------


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

    def refuse(*_):
        raise AssertionError("a training step fetched a value")

    monkeypatch.setattr(CPU, "to_numpy", refuse)
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
