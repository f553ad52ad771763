"""The experiments on VAEs: their mathematics where answers are known, and each at a small size."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest

import minigrad as mg
from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments import bound, factors, feature, manifold, reparameterization
from demos.experiments.factors import Case
from demos.experiments.vaes import VAERecipe
from demos.experiments.vaes import vae as kept_vae
from minigrad import nn
from models.likelihoods import Gaussian, binarize
from models.measures import derivation, gradients
from models.measures.factors import measure, turned
from models.measures.gradients import Quadratic
from models.measures.linear import balanced
from models.measures.plane import Plane
from models.model import Learner
from models.vae import VAE, Encoder, mlp_vae

pytestmark = pytest.mark.slow

# ---- a model whose every density is known --------------------------------------------------------

W = np.array([[1.2, -0.3], [0.4, 0.9], [-0.5, 0.7]])
B, S = np.array([0.3, -0.2, 0.1]), 0.6  # x = W z + B + S noise


def log_gaussian(x, mean, covariance):
    """log N(x; mean, covariance), of rows."""
    offsets = x - mean
    _, logdet = np.linalg.slogdet(2 * math.pi * covariance)
    return -0.5 * (logdet + (offsets @ np.linalg.inv(covariance) * offsets).sum(-1))


def linear_gaussian(n):
    """Images x (n, 3), log p(x), and the mean and covariance of p(z|x)."""
    rng = np.random.default_rng(0)
    x = B + rng.standard_normal((n, 2)) @ W.T + S * rng.standard_normal((n, 3))
    log_p = log_gaussian(x, B, W @ W.T + S**2 * np.eye(3))
    covariance = np.linalg.inv(np.eye(2) + W.T @ W / S**2)
    return x, log_p, (x - B) @ W @ covariance / S**2, covariance


def kl_of_gaussians(mu, variance, mean, covariance):
    """KL(N(mu, diag(variance)) || N(mean, covariance))."""
    precision, offset = np.linalg.inv(covariance), mean - mu
    logdets = np.linalg.slogdet(covariance)[1] - np.log(variance).sum()
    trace = (np.diag(precision) * variance).sum()
    return 0.5 * (trace + offset @ precision @ offset - 2 + logdets)


def test_the_derivation_of_a_linear_gaussian_model():
    """Every line and term against what linear algebra says."""
    x, log_p, mean, covariance = linear_gaussian(5)
    mu, logvar = mean + 0.2, np.tile([-1.0, -2.0], (5, 1))
    places = derivation.grid(301)
    table = log_gaussian(x[:, None], places.z @ W.T + B, S**2 * np.eye(3))
    lines = derivation.derive(table, derivation.log_normal(places.z, mu, logvar), places)
    variance = np.exp(logvar[0])
    gap = [kl_of_gaussians(m, variance, to, covariance) for m, to in zip(mu, mean)]
    prior = [kl_of_gaussians(m, variance, np.zeros(2), np.eye(2)) for m in mu]
    # E_q of a quadratic in z: its value at mu, and half the trace of its curvature with variance.
    rec = log_gaussian(x, mu @ W.T + B, S**2 * np.eye(3))
    rec -= 0.5 * (np.diag(W.T @ W) * variance).sum() / S**2
    for line in ("log_p", "expected_log_p", "bayes", "times_q_over_q", "three_terms"):
        assert getattr(lines, line) == pytest.approx(log_p, abs=1e-9), line
    assert lines.kl_posterior == pytest.approx(gap, abs=1e-9)
    assert lines.kl_prior == pytest.approx(prior, abs=1e-9)
    assert lines.rec == pytest.approx(rec, abs=1e-9)
    assert lines.elbo == pytest.approx(log_p - gap, abs=1e-9)
    assert np.all(lines.elbo < log_p)


def test_the_gap_is_none_where_q_is_the_posterior():
    places = derivation.grid(201)
    # One pixel that is brighter with z1 only: the posterior has independent coordinates.
    w, s, x = 1.5, 0.7, 0.4
    table = log_gaussian(np.array([[[x]]]), w * places.z[:, :1], np.array([[s**2]]))
    variance = 1 / (1 + w**2 / s**2)
    mu, logvar = np.array([[variance * w * x / s**2, 0.0]]), np.log([[variance, 1.0]])
    lines = derivation.derive(table, derivation.log_normal(places.z, mu, logvar), places)
    # Of the prior's z2, 2e-9 are beyond the grid.
    assert lines.kl_posterior == pytest.approx([0], abs=1e-8)
    assert lines.elbo == pytest.approx(lines.log_p, abs=1e-8)


class Straight(Gaussian):
    """p(x|z) = N(h, sigma^2): with a linear decoder x is Gaussian too."""

    def mean(self, h):
        return h


def linear_gaussian_vae():
    """The model above as a VAE in float64, its q being the posterior's best diagonal Gaussian."""
    vae = VAE(Encoder(nn.Flatten(), 3, 2), nn.Linear(2, 3), "gaussian").double()
    vae.likelihood = Straight(variance=S**2).double()
    precision = np.eye(2) + W.T @ W / S**2
    to_mu = np.linalg.inv(precision) @ W.T / S**2
    values = {
        vae.decoder.weight: W,
        vae.decoder.bias: B,
        vae.encoder.mu.weight: to_mu,
        vae.encoder.mu.bias: -to_mu @ B,
        vae.encoder.logvar.weight: np.zeros((2, 3)),
        vae.encoder.logvar.bias: -np.log(np.diag(precision)),
    }
    with mg.no_grad():
        for parameter, value in values.items():
            parameter.copy_(mg.tensor(value))
    return vae


def test_ancestral_sampling_of_a_linear_gaussian_model():
    """z from the prior, then x from p(x|z): mean B, covariance W W' + S^2."""
    n = 200_000
    x = linear_gaussian_vae().sample(n, draw=True).numpy()
    covariance = W @ W.T + S**2 * np.eye(3)
    std = np.sqrt(np.diag(covariance))
    assert np.abs((x.mean(0) - B) / std).max() < 4 / math.sqrt(n)
    error = np.sqrt((np.outer(std, std) ** 2 + covariance**2) / n)
    assert np.abs((np.cov(x.T) - covariance) / error).max() < 4
    normal = np.linalg.solve(np.linalg.cholesky(covariance), (x - B).T)
    assert (normal**4).mean(1) == pytest.approx([3, 3, 3], abs=0.1)  # and it is Gaussian


def test_iwae_of_a_linear_gaussian_model_climbs_from_the_elbo_to_log_p():
    x, log_p, mean, covariance = linear_gaussian(4)
    vae = linear_gaussian_vae()
    with mg.no_grad():
        vae.encoder.mu.bias.add_(0.2)
    variance = 1 / np.diag(np.linalg.inv(covariance))
    gap = kl_of_gaussians(mean[0] + 0.2, variance, mean[0], covariance)
    copies = mg.tensor(x.repeat(1000, axis=0))
    means, errors = [], []
    for k in (1, 5, 50):
        below = log_p.repeat(1000) - vae.iwae(copies, k).numpy()
        means.append(below.mean())
        errors.append(below.std() / math.sqrt(len(below)))
    assert means[0] == pytest.approx(gap, abs=4 * errors[0])
    assert means[0] - 4 * errors[0] > means[1] > means[2] + 4 * errors[2]
    assert means[2] == pytest.approx(0, abs=0.01)


# ---- bound ---------------------------------------------------------------------------------------


def test_all_images_at_once_have_the_likelihood_of_the_model():
    vae = mlp_vae((1, 2, 2), 2, (8,), nn.Tanh).double()
    x = binarize(mg.rand(5, 1, 2, 2, dtype=mg.float64))
    z = mg.randn(7, 2, dtype=mg.float64)
    found = derivation.log_likelihood(vae, x.numpy(), z.numpy())
    for image, row in zip(x, found, strict=True):
        expected = vae.likelihood.log_prob(image.expand(7, 1, 2, 2), vae.decoder(z))
        assert row == pytest.approx(expected.detach().numpy(), abs=1e-12)


def test_probabilities_of_all_images_add_up_to_one():
    vae = mlp_vae((1, 2, 2), 2, (8,), nn.Tanh).double()
    every = np.array(list(np.ndindex(2, 2, 2, 2)), np.float64).reshape(16, 1, 2, 2)
    found = derivation.integrate(vae, every, 101)
    assert np.exp(found.fine.log_p).sum() == pytest.approx(1, abs=1e-7)
    assert np.all(found.fine.elbo < found.fine.log_p)


def test_the_bound_on_a_trained_model(tmp_path):
    found = bound.run(Setting(0, tmp_path), images=3, points=101, epochs=2, limit=256)
    assert found.numbers["largest error of the identity"] < 1e-6
    assert found.numbers["lines differ by"] < 1e-9
    assert found.numbers["KL(q || p(z)), grid and closed form"] < 1e-6
    assert found.numbers["images whose ELBO is above log p"] == 0
    assert len(found.invariants) == 4 and all(found.invariants.values())
    gaps = list(found.numbers["log p - IWAE-k, mean"].values())
    errors = list(found.numbers["its standard error"].values())
    gap = found.numbers["terms, mean"]["kl_posterior"]
    assert gaps[0] == pytest.approx(gap, abs=4 * errors[0])
    assert gaps[0] > gaps[1] > gaps[2] > -4 * errors[2]
    with pytest.raises(CommandError, match="needs grey images"):
        bound.run(Setting(0, tmp_path, "faces"), limit=8)


# ---- reparameterization --------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "sigma"), [(1, 0.5), (3, 2.0)])
def test_estimators_have_the_moments_that_integrals_say(d, sigma):
    case = Quadratic(d, sigma)
    at, weights = np.polynomial.hermite_e.hermegauss(9)  # exact for these polynomials
    eps = np.stack(np.meshgrid(*[at] * d), axis=-1).reshape(-1, d)
    share = np.prod(np.stack(np.meshgrid(*[weights] * d), axis=-1), axis=-1).reshape(-1)
    share /= share.sum()
    z = sigma * eps
    f = case.f(mg.tensor(z)).numpy()
    assert share @ f == pytest.approx(case.mean)
    in_mu, in_logvar = f[:, None] * eps / sigma, f[:, None] * (eps**2 - 1) / 2
    score = np.concatenate([in_mu, in_logvar], axis=1)
    assert share @ score == pytest.approx(case.gradient)  # by the identity of the score function
    found = gradients.estimate(case, 40_000)
    for moments in found.values():
        assert moments.off(case.gradient) < 4
    assert found["pathwise"].variance[:d] == pytest.approx([sigma**2] * d, rel=0.05)
    expected = share @ score**2 - (share @ score) ** 2
    assert found["score"].variance == pytest.approx(expected, rel=0.15)


def test_reparameterization_finds_the_variances_ratio(tmp_path):
    found = reparameterization.run(Setting(0, tmp_path), samples=20_000)
    assert found.numbers["KL, most standard errors off"] < 4
    assert found.numbers["gradients, most standard errors off"]["pathwise"] < 4
    first, last = (found.numbers["variance by dimension, sigma 0.5"][i]["ratio"] for i in (0, -1))
    assert 15 < first < 30
    assert last > 1000


def test_chunks_add_up():
    most = gradients.ROWS
    for n in (1, most, most + 1, 3 * most + 5):
        parts = gradients.chunks(n)
        assert sum(parts) == n and max(parts) <= most


# ---- manifold ------------------------------------------------------------------------------------


def test_the_cells_share_out_the_prior():
    places = manifold.quantile_grid(4)
    rows = places.reshape(4, 4, 2)
    assert np.all(np.diff(rows[0, :, 0]) > 0) and np.all(np.diff(rows[:, 0, 1]) < 0)
    quarters = np.searchsorted(rows[0, :, 0], np.random.default_rng(0).normal(size=40_000))
    between = np.bincount(quarters)[1:-1] / 40_000
    assert between == pytest.approx([0.25] * 3, abs=0.01)


def test_cells_that_are_read():
    readings = np.array([[0.95, 0.05, 0], [0.02, 0.98, 0], [0.5, 0.2, 0.3], [0.04, 0.91, 0.05]])
    cells = np.zeros((4, 1, 2, 2))
    numbers = Plane(cells, readings, np.zeros((3, 2)), 0.25).numbers
    assert numbers["share of cells read with confidence"] == 0.75
    assert numbers["classes among these"] == 2
    assert numbers["cells of each class"] == [1, 2, 0]
    assert numbers["1-NN accuracy of the codes"] == 0.75


class Reader:
    """A judge that reads all as the digit 3."""

    accuracy = 0.1

    def probabilities(self, images):
        return np.tile(np.eye(10)[3], (len(images), 1))


def test_the_manifold_of_a_vae(tmp_path):
    found = manifold.run(Setting(0, tmp_path), n=3, epochs=1, limit=256, judge=Reader())
    assert found.numbers["cells"] == 9
    assert found.numbers["cells of each class"] == [0, 0, 0, 9, 0, 0, 0, 0, 0, 0]
    assert 0.1 < found.numbers["1-NN accuracy of the codes"] < 0.9
    assert 0.1 < found.control["PCA"]["1-NN accuracy of the codes"] < 0.9


# ---- factors -------------------------------------------------------------------------------------


def test_verdicts_on_planted_codes():
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=5000) for name in ("one", "spread", "none")}
    codes = np.stack([values["one"], *rng.normal(size=(2, 5000))], axis=1)
    codes[:, 1:] = np.stack([values["spread"] + codes[:, 1], values["spread"] - codes[:, 1]], 1)
    codes[:, 1:] += 0.1 * rng.normal(size=(5000, 2))
    found = measure(codes, values)
    verdicts = found.verdicts()
    assert verdicts["one"].startswith("z1 follows it, R2 0.9")
    assert verdicts["spread"].startswith("is spread over latents")
    assert verdicts["none"].startswith("is hardly there")
    assert found.followed == 1
    assert np.mean(turned(codes, values, 10, 0)) < found.mig / 2


def test_a_traversal_changes_one_latent():
    vae = mlp_vae((1, 2, 2), 3, (8,))
    code = np.array([0.5, -1, 2], np.float32)
    values = np.linspace(-factors.REACH, factors.REACH, factors.STEPS)
    images = factors.traverse(vae, code, [2, 0], values).reshape(2, factors.STEPS, 1, 2, 2)
    lowest, highest = (vae.decode(mg.tensor([[0.5, -1.0, x]])).numpy()[0] for x in (-3, 3))
    assert images[0, 0] == pytest.approx(lowest) and images[0, -1] == pytest.approx(highest)
    middle = vae.decode(mg.tensor([[0.0, -1.0, 2.0]])).numpy()[0]
    assert images[1, factors.STEPS // 2] == pytest.approx(middle)


def test_factors_of_a_small_vae(tmp_path):
    case = Case("mlp", 3, 1, (1.0, 4.0))
    found = factors.run(Setting(0, tmp_path), case=case, limit=256)
    assert set(found.numbers["MIG"]) == {"beta 1", "beta 4"}
    assert set(found.numbers["at beta 1"]) == set(found.control["by factor"]["PCA"])
    assert all(0 <= value <= 1 for value in found.control["MIG"].values())
    with pytest.raises(CommandError, match="mnist has no known factors"):
        factors.run(Setting(0, tmp_path, "mnist"))


# ---- feature -------------------------------------------------------------------------------------


def test_labels_are_drawn_for_each_class_alike():
    labels = np.random.default_rng(0).integers(0, 5, 400)
    rng = np.random.default_rng(1)
    first, second = (balanced(labels, 50, rng) for _ in range(2))
    assert np.bincount(labels[first]).tolist() == [10] * 5
    assert len(set(first)) == 50
    assert set(first) != set(second)


def test_features_that_tell_and_features_that_do_not():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    told = np.eye(4)[labels] + 0.01 * rng.normal(size=(400, 4))
    draws = [balanced(labels, 40, rng) for _ in range(3)]
    for x, low, high in ((told, 0, 0), (rng.normal(size=(400, 4)), 0.55, 0.95)):
        found = feature.read(x, x, labels, labels, draws)
        assert all(low <= row["mean"] <= high for row in found.values())
        assert all(len(row["each"]) == 3 for row in found.values())


def test_features_of_a_small_vae(tmp_path):
    sizes = {"latent": 3, "components": 5, "labels": (20,), "draws": 1}
    found = feature.run(Setting(0, tmp_path), **sizes, epochs=1, limit=256)
    assert set(found.control) == {"pixels", "PCA 3", "PCA 5", "untrained encoder"}
    errors = {"VAE": found.numbers["test errors"], **found.control}
    assert all(0 < row["20"]["1-NN"]["mean"] < 0.9 for row in errors.values())
    assert errors["pixels"]["20"]["1-NN"]["mean"] < 0.5


# ---- VAEs that are kept --------------------------------------------------------------------------

SMALL = {"latent": 2, "epochs": 2, "limit": 256}


def test_a_trained_vae_is_only_read(tmp_path, monkeypatch):
    first = kept_vae(Setting(0, tmp_path), **SMALL)
    monkeypatch.setattr(Learner, "train_step", None)
    second = kept_vae(Setting(0, tmp_path), **SMALL)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert np.array_equal(a.numpy(force=True), b.numpy(force=True))


def test_a_stopped_training_goes_on(tmp_path, monkeypatch):
    whole = kept_vae(Setting(0, tmp_path / "whole"), **SMALL, dynamic=True)
    steps = []

    def until_the_third(*args):
        steps.append(0)
        if len(steps) == 3:  # the first of the second epoch
            raise KeyboardInterrupt
        return train_step(*args)

    train_step = Learner.train_step
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "train_step", until_the_third)
        with pytest.raises(KeyboardInterrupt):
            kept_vae(Setting(0, tmp_path), **SMALL, dynamic=True)
    rest = kept_vae(Setting(0, tmp_path), **SMALL, dynamic=True)
    for a, b in zip(whole.parameters(), rest.parameters(), strict=True):
        assert np.array_equal(a.numpy(force=True), b.numpy(force=True))


def test_every_recipe_has_a_folder_of_its_own():
    usual = VAERecipe(dataset="glyphs")
    others = {"dataset": "mnist", "model": "conv", "latent": 2, "epochs": 1, "beta": 4.0}
    others |= {"dynamic": True, "activation": "tanh", "hidden": (50,), "limit": 100}
    others |= {"batch": 7, "lr": 1e-2}
    assert set(others) == {field.name for field in fields(usual)}
    names = [replace(usual, **{name: value}).folder(0) for name, value in others.items()]
    assert len({usual.folder(0), usual.folder(1), *names}) == len(others) + 2


def test_units_of_a_vae(tmp_path):
    vae = kept_vae(Setting(0, tmp_path), latent=2, epochs=1, limit=1, activation="tanh")
    assert {type(part) for part in vae.decoder.modules()} > {nn.Tanh}
