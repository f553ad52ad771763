"""Normalizing flows: each map's Jacobian, and what a posterior through them says of its density."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import optim
from minigrad.tools.gradcheck import gradcheck
from models.flows import (
    FLOWS,
    Flow,
    Flows,
    Householder,
    InverseAutoregressive,
    Planar,
    with_flows,
)
from models.model import Learner
from models.vae import VAE, conv_vae, grid_vae, kl_per_latent
from tests.devices import refuse_fetches
from tests.models.test_vae import f64, tiny
from tests.models.test_vae_bounds import log_p_on_a_grid

FEATURES = 3


def made(name: str, latent: int, steps: int = 1, scale: float = 2.0) -> Flow:
    """Maps with weights so large that they are far from the identity."""
    how = {"hidden": 8} if name == "iaf" else {}
    flow = Flows(*(FLOWS[name](step, latent, FEATURES, **how) for step in range(steps))).double()
    with mg.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(scale)
    return flow


def jacobian(flow: Flow, z: np.ndarray, h: np.ndarray) -> np.ndarray:
    """df_i / dz_j at one place z (latent,), by the tape."""
    at = mg.tensor(z, requires_grad=True)
    out, _ = flow(at.unsqueeze(0), mg.tensor(h[None]))
    rows = [mg.grad(out[0, i], at, retain_graph=True)[0].numpy() for i in range(len(z))]
    return np.stack(rows)


def place(seed: int, latent: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 2 * rng.standard_normal(latent), rng.standard_normal(FEATURES)


# ---- maps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOWS)
@given(seed=st.integers(0, 999), latent=st.integers(1, 5), steps=st.integers(1, 3))
def test_the_log_determinant_is_the_jacobians(name, seed, latent, steps):
    mg.manual_seed(seed)
    flow, (z, h) = made(name, latent, steps), place(seed, latent)
    _, log_det = flow(f64(z[None]), f64(h[None]))
    assert log_det.item() == pytest.approx(np.linalg.slogdet(jacobian(flow, z, h))[1], abs=1e-9)


@pytest.mark.parametrize("name", FLOWS)
def test_the_jacobian_is_that_of_finite_differences(name):
    flow, (z, h) = made(name, 3, 2), place(0, 3)
    step = 1e-6 * np.eye(3)
    ends = [flow(f64(z + s * step), f64(np.tile(h, (3, 1))))[0].numpy(force=True) for s in (1, -1)]
    assert np.allclose(jacobian(flow, z, h), (ends[0] - ends[1]).T / 2e-6, atol=1e-8)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0,), (1, 1)])
def test_samples_may_have_more_axes_than_features(name, shape):
    flow, latent = made(name, 2), 2
    z, h = mg.randn(*shape, latent, dtype=mg.float64), mg.randn(shape[-1], 3, dtype=mg.float64)
    out, log_det = flow(z, h)
    assert (out.shape, log_det.shape) == (z.shape, shape)
    one_by_one = [
        flow(one.unsqueeze(0), given.unsqueeze(0))[1].item()
        for some in z.reshape(math.prod(shape[:-1]), shape[-1], latent)
        for one, given in zip(some, h, strict=True)
    ]
    assert log_det.flatten().tolist() == pytest.approx(one_by_one)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("latent", [1, 2, 5])
def test_an_autoregressive_step_sees_only_what_is_before(latent, backwards):
    flow = InverseAutoregressive(latent, FEATURES, 16, backwards).double()
    z, h = place(1, latent)
    found = jacobian(flow, z, h)
    before = np.triu if backwards else np.tril
    assert np.array_equal(found, before(found))
    # All that may be seen is seen, and sigma is on the diagonal.
    assert np.all(found[before(np.ones_like(found)) == 1] != 0)
    assert np.all((0 < np.diag(found)) & (np.diag(found) < 1))
    log_det = flow(f64(z[None]), f64(h[None]))[1].item()
    assert np.log(np.diag(found)).sum() == pytest.approx(log_det, abs=1e-12)


@pytest.mark.parametrize("backwards", [False, True])
def test_every_latent_of_an_autoregressive_step_depends_on_the_features(backwards):
    flow = InverseAutoregressive(3, FEATURES, 16, backwards).double()
    z, h = (mg.tensor(values[None], requires_grad=True) for values in place(1, 3))
    out, _ = flow(z, h)
    for i in range(3):
        assert np.all(mg.grad(out[0, i], h, retain_graph=True)[0].numpy() != 0)


def test_steps_of_an_autoregressive_flow_take_turns():
    whole = jacobian(made("iaf", 4, 2), *place(0, 4))
    assert np.all(whole != 0)


def test_an_autoregressive_step_begins_near_the_identity():
    flow = InverseAutoregressive(8, FEATURES)
    z = mg.randn(500, 8)
    out, _ = flow(z, mg.randn(500, FEATURES))
    assert np.corrcoef(z.numpy().ravel(), out.numpy(force=True).ravel())[0, 1] > 0.9


def planar(u: np.ndarray, w: np.ndarray, b: float, dtype=mg.float64) -> Planar:
    """The map with these numbers, whatever the features."""
    flow = Planar(len(u), FEATURES).to(dtype)
    with mg.no_grad():
        flow.numbers.weight.zero_()
        flow.numbers.bias.copy_(mg.tensor(np.concatenate([u, w, [b]])).to(dtype))
    return flow


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
@given(
    size=st.sampled_from([0.01, 1.0, 30.0]),
    against=st.sampled_from([0.0, 1.0, 10.0, 100.0]),
    seed=st.integers(0, 99),
)
def test_planar_flows_are_invertible_whatever_the_network_says(dtype, size, against, seed):
    """u may be far against w, which would fold space: along w the map still rises everywhere."""
    rng = np.random.default_rng(seed)
    w = size * rng.standard_normal(3)
    u = rng.standard_normal(3) - against * w / (w @ w)
    flow = planar(u, w, rng.standard_normal(), dtype)
    along = np.linspace(-4, 4, 401)[:, None] * w / (w @ w)
    z = mg.tensor(along + rng.standard_normal(3)).to(dtype)
    out, log_det = flow(z, mg.zeros(401, FEATURES, dtype=dtype))
    assert np.isfinite(log_det.numpy(force=True)).all()
    if dtype == mg.float64:
        assert np.all(np.diff(out.numpy(force=True) @ w) > 0)


def test_without_the_correction_of_u_space_would_fold():
    """The control of the test above: the u that it gives, used as it is."""
    w = np.array([1.0, 0.5])
    u, along = -3 * w / (w @ w), np.linspace(-4, 4, 401)[:, None] * w / (w @ w)
    folded = along + u * np.tanh(along @ w)[:, None]
    assert np.any(np.diff(folded @ w) < 0)
    out, _ = planar(u, w, 0)(f64(along), mg.zeros(401, FEATURES, dtype=mg.float64))
    assert np.all(np.diff(out.numpy(force=True) @ w) > 0)


def test_a_u_that_need_not_be_corrected_is_hardly_so():
    """For w.u well above -1 the map is the paper's z + u tanh(w.z + b)."""
    u, w, b = np.array([2.0, 1.0]), np.array([8.0, 9.0]), 0.3
    z = np.random.default_rng(0).standard_normal((5, 2))
    out, _ = planar(u, w, b)(f64(z), mg.zeros(5, FEATURES, dtype=mg.float64))
    # m(a) = softplus(a) - 1 is a - 1 there: û is u - w / |w|^2.
    expected = z + (u - w / (w @ w)) * np.tanh(z @ w + b)[:, None]
    assert np.allclose(out.numpy(force=True), expected, atol=1e-9)


def test_a_mirror_is_its_own_inverse_and_makes_covariances_full():
    flow = Householder(2, FEATURES).double()
    h = mg.randn(1, FEATURES, dtype=mg.float64).expand(50_000, FEATURES)
    z = mg.randn(50_000, 2, dtype=mg.float64) * f64([2.0, 0.1])
    out, log_det = flow(z, h)
    assert np.allclose(flow(out, h)[0].numpy(force=True), z.numpy(), atol=1e-12)
    assert not log_det.numpy(force=True).any()
    covariance = np.cov(out.numpy(force=True).T)
    assert np.linalg.eigvalsh(covariance) == pytest.approx([0.01, 4], rel=0.05)
    assert abs(covariance[0, 1]) > 0.1


# ---- densities -----------------------------------------------------------------------------------


def inverse(flow: Flow, z: np.ndarray, h: mg.Tensor) -> np.ndarray:
    """Where the flow takes to z (N, 2), by Newton's method from z on."""
    at = z.copy()
    for _ in range(60):
        leaf = mg.tensor(at, requires_grad=True)
        out, _ = flow(leaf, h)
        rows = [mg.grad(out[:, i].sum(), leaf, retain_graph=True)[0].numpy() for i in (0, 1)]
        off = out.numpy(force=True) - z
        step = np.linalg.solve(np.stack(rows, 1), off[..., None])[..., 0]
        at -= step / np.maximum(1, np.abs(step).max(1, keepdims=True))
        if np.abs(off).max() < 1e-10:
            return at
    raise AssertionError("no inverse was found")


@pytest.mark.parametrize("name", FLOWS)
def test_the_density_of_what_flows_integrates_to_one(name):
    """log q(z_T) = log q(z_0) - log |det|: with the other sign it is not 1."""
    flow = made(name, 2, 2, scale=1.2)
    line = np.linspace(-7, 7, 101)
    z = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    h = f64(np.tile([[0.5, -1.0, 1.0]], (len(z), 1)))
    before = inverse(flow, z, h)
    log_q = -0.5 * np.square(before).sum(1) - math.log(2 * math.pi)
    log_det = flow(f64(before), h)[1].numpy(force=True)
    area = (line[1] - line[0]) ** 2
    assert np.exp(log_q - log_det).sum() * area == pytest.approx(1, abs=1e-3)
    if name != "householder":
        assert abs(np.exp(log_q + log_det).sum() * area - 1) > 0.05


# ---- a VAE with such a posterior -----------------------------------------------------------------


def flowing(name: str, steps: int = 2, scale: float = 1.5) -> VAE:
    model = with_flows(tiny(), name, steps, **({"hidden": 4} if name == "iaf" else {}))
    with mg.no_grad():
        for parameter in model.encoder.flow.parameters():
            parameter.mul_(scale)
    return model


@pytest.mark.parametrize("name", FLOWS)
def test_the_weights_are_the_densities_of_the_same_samples(name):
    """log p(x|z) + log p(z) - log q(z|x), each from its own formula."""
    model = flowing(name)
    x, eps = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(4, 3, 2, dtype=mg.float64)
    mu, logvar = model.encoder(x)
    z_0 = mu + (0.5 * logvar).exp() * eps
    z, log_det = model.encoder.flow(z_0, model.encoder.body(x))

    def log_normal(z, mu, logvar):
        return -0.5 * ((z - mu) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).sum(-1)

    log_q = log_normal(z_0, mu, logvar) - log_det
    zero = mg.zeros_like(mu)
    h = model.decoder(z.flatten(0, 1))
    log_p = model.likelihood.log_prob(x.expand(4, *x.shape).flatten(0, 1), h).reshape(4, 3)
    expected = log_p + log_normal(z, zero, zero) - log_q
    log_w, likelihoods, kl = model._weigh(x, 4, eps)
    assert np.allclose(log_w.numpy(force=True), expected.numpy(force=True), atol=1e-12)
    assert np.allclose(likelihoods.numpy(force=True), log_p.numpy(force=True), atol=1e-12)
    sampled = (log_q - log_normal(z, zero, zero)).mean(0)
    assert np.allclose(kl.numpy(force=True), sampled.numpy(force=True), atol=1e-12)


@pytest.mark.parametrize("name", FLOWS)
def test_the_elbo_is_iwae_of_one_sample(name):
    model = flowing(name)
    x, eps = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(3, 2, dtype=mg.float64)
    terms, other = model.loss(x, eps), model.iwae_loss(x, 1, eps.unsqueeze(0))
    assert [t.item() for t in terms] == pytest.approx([t.item() for t in other], rel=1e-12)
    model.beta = 3.0
    assert model.loss(x, eps).loss.item() == pytest.approx((terms.rec + 3 * terms.kl).item())


@pytest.mark.parametrize("name", FLOWS)
def test_bounds_with_flows_rise_to_the_same_log_p(name):
    """log p(x) is the decoder's alone: whatever q is, IWAE's bound climbs to it."""
    model = flowing(name, 1, scale=1.0)
    x = mg.rand(4, 1, 2, 2, dtype=mg.float64)
    _, _, log_p = log_p_on_a_grid(model, x)
    copies = x.expand(20, *x.shape).flatten(0, 1)
    means = [model.iwae(copies, k, rows=10**5).numpy().mean() for k in (1, 10, 1000)]
    assert means == sorted(means)
    assert means[-1] == pytest.approx(log_p.mean(), abs=0.02)


@pytest.mark.parametrize("name", FLOWS)
def test_the_gradient_of_the_whole_loss(name):
    model = flowing(name)
    x, eps = mg.rand(2, 1, 2, 2, dtype=mg.float64), mg.randn(2, 2, dtype=mg.float64)
    parameters = [p for name, p in model.named_parameters() if "encoder" in name]
    assert gradcheck(lambda *_: model.loss(x, eps).loss, parameters)


@pytest.mark.parametrize("name", FLOWS)
def test_float32_stays_float32(name):
    model = with_flows(conv_vae((1, 8, 8), 4), name, 3)
    x = mg.rand(3, 1, 8, 8)
    terms = model.loss(x)
    terms.loss.backward()
    assert {term.dtype for term in terms} == {mg.float32}
    assert {p.grad.dtype for p in model.parameters()} == {mg.float32}
    assert {model.iwae(x, 3).dtype, model.sample(2).dtype, model.reconstruct(x).dtype} == {
        mg.float32
    }


@pytest.mark.parametrize("name", FLOWS)
def test_a_training_step_never_waits_for_the_device(name, monkeypatch):
    model = with_flows(tiny(), name, 2)
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-3))
    x = mg.rand(3, 1, 2, 2, dtype=mg.float64)
    refuse_fetches(monkeypatch)
    learner.train_step(x)


def test_flows_leave_the_gaussian_and_the_decoder_as_they_were():
    plain = tiny()
    x, z = mg.rand(3, 1, 2, 2, dtype=mg.float64), mg.randn(3, 2, dtype=mg.float64)
    before = [*plain.encoder(x), plain.decode(z)]
    model = with_flows(plain, "planar", 2)
    after = [*model.encoder(x), model.decode(z)]
    assert all(
        np.array_equal(a.numpy(force=True), b.numpy(force=True)) for a, b in zip(before, after)
    )
    kl = kl_per_latent(*after[:2]).sum(1)
    assert not np.allclose(kl.numpy(force=True), model.encoder.draw(x)[1].numpy(force=True))


def test_masks_are_no_part_of_a_checkpoint():
    assert not [name for name in tiny_flow_state() if "mask" in name]


def tiny_flow_state() -> dict:
    return with_flows(tiny(), "iaf", 1).state_dict()


@pytest.mark.parametrize("name", FLOWS)
def test_several_draws_of_each_posterior_are_as_rows_of_their_own(name):
    """(k, N, latent), as for IWAE's bound."""
    flow, z, h = made(name, 4, 2), mg.randn(2, 3, 4), mg.randn(2, 3, FEATURES)
    together = flow(z.double(), h.double())
    alone = flow(z.double().flatten(0, 1), h.double().flatten(0, 1))
    for one, other in zip(together, alone, strict=True):
        found = one.numpy(force=True).reshape(other.shape)
        np.testing.assert_allclose(found, other.numpy(force=True), rtol=1e-12)


def test_errors_say_what_was_expected():
    with pytest.raises(ValueError, match="one of planar, iaf, householder and 1 step or more"):
        with_flows(tiny(), "radial", 2)
    with pytest.raises(ValueError, match="got iaf 0"):
        with_flows(tiny(), "iaf", 0)
    with pytest.raises(ValueError, match="an encoder with linear heads"):
        with_flows(grid_vae((3, 8, 8)), "iaf", 1)


def test_the_determinant_does_not_lose_what_is_small():
    """Far against w, 1 + (1 - tanh^2) w.û is a difference of nearly equal numbers: e^-30 here."""
    w = np.array([1.0, 0.0])
    flow = planar(-30 * w, w, 0.0)
    _, log_det = flow(mg.zeros(1, 2, dtype=mg.float64), mg.zeros(1, FEATURES, dtype=mg.float64))
    assert log_det.item() == pytest.approx(math.log(F.softplus(f64(-30.0)).item()), rel=1e-9)
    assert log_det.item() == pytest.approx(-30, abs=1e-6)
