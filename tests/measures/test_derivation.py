"""The derivation of the ELBO on a grid: lines that are known, and what it holds of q."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from models.measures import derivation
from models.measures.derivation import (
    by_samples_of_prior,
    codes,
    controls,
    derive,
    grid,
    grid_of,
    integrate,
    invariants,
    iwae_bounds,
    log_likelihood,
    log_normal,
    standard_error,
    summary,
    without_grid,
)
from models.vae import mlp_vae


def small_vae():
    """A VAE of nine pixels and two latents whose q is narrow, and three images."""
    vae = mlp_vae((1, 3, 3), 2, (6,), nn.Tanh).double()
    with mg.no_grad():
        vae.encoder.logvar.bias.copy_(mg.tensor([-2.0, -1.0], dtype=mg.float64))
    return vae, mg.tensor(np.random.default_rng(0).integers(0, 2, (3, 1, 3, 3)).astype(float))


def test_a_grid():
    found = grid(5, 2.0)
    assert found.area == 1
    assert found.z.tolist() == [[x, y] for y in range(-2, 3) for x in range(-2, 3)]
    assert found.log_prior[13] == pytest.approx(-0.5 - math.log(2 * math.pi))
    every = grid()
    assert len(every.z) == 401**2 and every.area == pytest.approx(0.03**2)
    assert np.exp(every.log_prior).sum() * every.area == pytest.approx(1)


def test_a_grid_holds_every_q():
    narrow = grid_of(np.array([[1.0, -7], [3, 2]]), np.array([[1.0, 0.5], [0.1, 2]]), 101)
    side = math.isqrt(len(narrow.z))
    assert narrow.z.max() == 14 and narrow.z.min() == -14  # 2 and 6 times 2
    step = math.sqrt(narrow.area)
    assert 0.99 * 0.075 < step < 0.075
    assert side % 2 == 1  # so that every other place is a grid with the same ends
    below = grid_of(np.array([[-7.0, 0]]), np.array([[0.5, 0.5]]), 101)
    assert below.z.max() == 10 and below.z.min() == -10
    wide = grid_of(np.zeros((1, 2)), np.full((1, 2), 0.9), 101)
    assert len(wide.z) == 101**2 and wide.z.max() == 6
    assert len(grid_of(np.zeros((1, 2)), np.full((1, 2), 0.9)).z) == 401**2


def test_the_lines_of_a_gaussian_whose_posterior_is_known():
    """p(x|z) = N(x; z, I) in the plane: p(x) = N(0, 2 I), p(z|x) = N(x / 2, I / 2)."""
    x, mu, var = np.array([[1.0, -0.5], [0, 2]]), np.array([[0.4, 0.1], [0, 1]]), 0.3
    places = grid(241)
    squares = np.square(places.z - x[:, None]).sum(2)
    log_q = log_normal(places.z, mu, np.full((2, 2), math.log(var)))
    found = derive(-0.5 * squares - math.log(2 * math.pi), log_q, places)
    log_p = -0.25 * (x**2).sum(1) - math.log(4 * math.pi)
    rec = -0.5 * (((mu - x) ** 2).sum(1) + 2 * var) - math.log(2 * math.pi)
    kl_prior = 0.5 * ((mu**2).sum(1) + 2 * (var - 1 - math.log(var)))
    share = var / 0.5
    kl_posterior = 0.5 * (((mu - x / 2) ** 2).sum(1) / 0.5 + 2 * (share - 1 - math.log(share)))
    for name in derivation.DERIVATION:
        np.testing.assert_allclose(getattr(found, name), log_p, err_msg=name)
    np.testing.assert_allclose(found.rec, rec)
    np.testing.assert_allclose(found.kl_prior, kl_prior)
    np.testing.assert_allclose(found.kl_posterior, kl_posterior)
    np.testing.assert_allclose(found.elbo, rec - kl_prior)


def test_a_line_far_below_what_exp_can_hold():
    places = grid(81)
    log_q = log_normal(places.z, np.zeros((1, 2)), np.zeros((1, 2)))
    found = derive(np.full((1, len(places.z)), -5000.0), log_q, places)
    assert found.log_p == pytest.approx([-5000])


def test_likelihoods_are_the_models(monkeypatch):
    vae, x = small_vae()
    z = np.random.default_rng(1).standard_normal((8, 2))
    with mg.no_grad():
        expected = [
            vae.log_likelihood(x, mg.tensor(z[i : i + 1]).expand(3, 2)).numpy() for i in range(8)
        ]
    monkeypatch.setattr(derivation, "ROWS", 3)
    np.testing.assert_allclose(log_likelihood(vae, x.numpy(), z), np.stack(expected, axis=1))


def test_the_grids_q_has_the_encoders_mean_and_deviation():
    vae, x = small_vae()
    with mg.no_grad():
        mu, logvar = vae.encoder(x)
    found = integrate(vae, x.numpy(), 121)
    q = np.exp(found.log_q)
    q /= q.sum(1, keepdims=True)
    z = np.asarray(found.places.z)
    mean = q @ z
    deviation = np.sqrt(np.einsum("ng,ngk->nk", q, (z - mean[:, None]) ** 2))
    np.testing.assert_allclose(mean, mu.numpy(), atol=1e-3)
    np.testing.assert_allclose(found.std, deviation, rtol=1e-3)
    np.testing.assert_allclose(found.std, np.exp(0.5 * logvar.numpy()), rtol=1e-12)


def test_grids_and_quadrature_agree():
    vae, x = small_vae()
    found = integrate(vae, x.numpy(), 201)
    rec, kl = without_grid(vae, x.numpy())
    np.testing.assert_allclose(found.rec, rec)
    np.testing.assert_allclose(found.kl, kl)
    np.testing.assert_allclose(found.fine.rec, rec, rtol=1e-8)
    np.testing.assert_allclose(found.fine.kl_prior, kl, rtol=1e-6)
    for name in derivation.DERIVATION:
        np.testing.assert_allclose(getattr(found.coarse, name), found.fine.log_p, rtol=1e-5)
    # The coarse grid is one of its own: twice the step, the same ends.
    wider = grid(101)
    table = log_likelihood(vae, x.numpy(), wider.z)
    mu, std = codes(vae, x.numpy())
    again = derive(table, log_normal(wider.z, mu, 2 * np.log(std)), wider)
    np.testing.assert_allclose(found.coarse.kl_posterior, again.kl_posterior, rtol=1e-9)


def test_samples_of_the_prior_say_log_p_too():
    vae, x = small_vae()
    found = integrate(vae, x.numpy(), 121)
    sampled = by_samples_of_prior(found, 20_000)
    np.testing.assert_allclose(sampled, found.fine.log_p, atol=0.02)
    deep = found._replace(log_likelihood=found.log_likelihood - 5000)
    np.testing.assert_allclose(by_samples_of_prior(deep, 20_000), sampled - 5000)


def test_bounds_are_repeated(monkeypatch):
    class Counting:
        def __init__(self):
            self.asked = []

        def iwae(self, images, k):
            self.asked.append((len(images), k))
            return images.flatten(1).sum(1)

    vae, x = Counting(), mg.tensor(np.arange(3.0).reshape(3, 1, 1, 1))
    monkeypatch.setattr(derivation, "ROWS", 6)
    assert iwae_bounds(vae, x, 10, 50).tolist() == [[0, 1, 2]] * 5
    assert vae.asked == [(6, 10), (6, 10), (3, 10)]
    monkeypatch.setattr(derivation, "ROWS", 2)
    assert iwae_bounds(vae, x, 10, 29).shape == (2, 3)


def test_the_standard_error_of_repeated_bounds():
    bounds = np.array([[0.0, 10], [2, 14], [4, 18]])
    # Of the images' means the variances are 4 / 3 and 16 / 3.
    assert standard_error(bounds) == pytest.approx(math.sqrt(20 / 3) / 2)


def test_the_numbers_of_a_summary():
    vae, x = small_vae()
    found = integrate(vae, x.numpy(), 101)
    fine = found.fine
    moved = found._replace(
        rec=found.rec + [0, 0.25, 0], kl=found.kl - [0, 0, 0.5],
        fine=fine._replace(bayes=fine.bayes - [0, 0.125, 0], kl_posterior=fine.kl_posterior - 9),
    )  # fmt: skip
    iwae = {5: fine.log_p + [[-1.0, 0, 0], [-3, 0, 0]]}
    got = summary(moved, iwae)
    assert got["images"] == 3
    assert got["lines, mean"]["bayes"] == pytest.approx(fine.log_p.mean() - 0.125 / 3)
    assert got["terms, mean"]["rec"] == pytest.approx(fine.rec.mean())
    assert got["lines differ by"] == pytest.approx(9)
    assert got["largest error of the identity"] == pytest.approx(9, abs=1e-4)
    assert got["KL(q || p(z)), grid and closed form"] == pytest.approx(0.5, abs=1e-4)
    assert got["IWAE-k, mean"][5] == pytest.approx(fine.log_p.mean() - 2 / 3)
    assert got["log p - IWAE-k, mean"][5] == pytest.approx(2 / 3)
    assert got["its standard error"][5] == pytest.approx(1 / 3)
    assert got["smallest KL(q || p(z|x))"] == pytest.approx(fine.kl_posterior.min() - 9)
    assert got["images whose ELBO is above log p"] == 0
    assert got["smallest standard deviation of q"] == found.std.min()
    high = found._replace(fine=fine._replace(rec=fine.rec + [0, 99, 99]))
    assert summary(high, iwae)["images whose ELBO is above log p"] == 2
    identity = summary(found, iwae)["largest error of the identity"]
    assert identity < 1e-5


def test_what_holds_of_every_summary():
    vae, x = small_vae()
    found = integrate(vae, x.numpy(), 101)
    log_p = found.fine.log_p
    numbers = summary(found, {5: log_p + [[-1.0, 0, 0], [-3, 0, 0]]})
    assert list(invariants(numbers).values()) == [True] * 4
    above = log_p + [[0.1, 0, 0], [0.2, 0, 0]]
    changes = {
        "lines differ by": 1e-3,
        "largest error of the identity": 1e-3,
        "images whose ELBO is above log p": 1,
    }
    for i, (name, value) in enumerate(changes.items()):
        assert list(invariants(numbers | {name: value}).values()) == [j != i for j in range(4)]
    # A mean that is 0.05 above log p, and one below it: as far as four errors of 0.0125.
    numbers = summary(found, {1: above, 5: np.stack([log_p, log_p]) - 1})
    for error, holds in ((0.012, False), (0.013, True)):
        numbers["its standard error"] = {1: error, 5: 0.01}
        assert list(invariants(numbers).values()) == [True, True, True, holds]


def test_the_numbers_of_the_controls():
    vae, x = small_vae()
    found = integrate(vae, x.numpy(), 101)
    coarse = found.fine._replace(
        log_p=found.fine.log_p + [0, -0.5, 0], kl_posterior=found.fine.kl_posterior + [2, 0, 0]
    )
    got = controls(found._replace(coarse=coarse), 200)
    assert got == pytest.approx(
        {
            "step of the grid": 0.12,
            "log p, twice the step": 0.5,
            "KL(q || p(z|x)), twice the step": 2,
            "log p by samples of p(z)": by_samples_of_prior(found, 200).mean(),
        }
    )


def test_the_grid_holds_codes_that_are_far_out_and_narrow():
    """As those of drawn digits: a grid from -6 to 6 cuts through a q at 6."""
    vae = mlp_vae((1, 2, 2), 2, (8,), nn.Tanh).double()
    with mg.no_grad():
        vae.encoder.mu.bias.copy_(mg.tensor([6.0, 0.0]))
        vae.encoder.logvar.bias.copy_(mg.tensor([-3.0, -6.0]))
        for weight in (vae.encoder.mu.weight, vae.encoder.logvar.weight):
            weight.mul_(0.1)
    x = np.array([[1.0, 0, 0, 1], [0, 1, 1, 1]]).reshape(2, 1, 2, 2)
    mu, std = derivation.codes(vae, x)
    narrow = derivation.grid(101)
    log_q = derivation.log_normal(narrow.z, mu, 2 * np.log(std))
    assert np.abs(np.exp(log_q).sum(1) * narrow.area - 1).max() > 0.1
    found = derivation.integrate(vae, x, 101)
    numbers = derivation.summary(found, {1: np.full((2, 2), -10.0)})
    assert all(derivation.invariants(numbers).values())
    broken = numbers | {"lines differ by": 0.6, "images whose ELBO is above log p": 1}
    assert list(derivation.invariants(broken).values()) == [False, True, False, True]
