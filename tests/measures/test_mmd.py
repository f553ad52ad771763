"""The maximum mean discrepancy against all pairs by hand, and against closed forms of Gaussians."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.measures import mmd
from models.measures.mmd import squared_mmd, to_normal


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 4), st.integers(1, 5))
def test_it_is_that_of_all_pairs(n, m, d, rows):
    rng = np.random.default_rng([n, m, d])
    x, y = rng.standard_normal((n, d)), 1 + 2 * rng.standard_normal((m, d))

    def mean(a, b):
        pairs = [math.exp(-((p - q) ** 2).sum() / (2 * d)) for p in a for q in b]
        return sum(pairs) / len(pairs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mmd, "ROWS", rows)
        found = squared_mmd(x, y)
        assert squared_mmd(x, x) == pytest.approx(0, abs=1e-12)
    assert found == pytest.approx(mean(x, x) + mean(y, y) - 2 * mean(x, y), abs=1e-12)
    assert squared_mmd(y, x) == pytest.approx(found, abs=1e-12)


def gaussian_kernel(mean: float, variance: float, d: int) -> float:
    """E exp(-|z|^2 / 2D) of z ~ N(mean, variance) in every one of D dimensions."""
    wide = 1 + variance / d
    return wide ** (-d / 2) * math.exp(-(mean**2) / (2 * wide))


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.3, 1.0), (0.0, 1.5), (-1.0, 0.2)])
def test_of_gaussians_it_has_a_closed_form(mean, std):
    d, n, rng = 3, 50, np.random.default_rng(0)
    draws = rng.standard_normal((200, 2, n, d))
    found = [squared_mmd(x, mean + std * y) for x, y in draws]
    within = [gaussian_kernel(0, 2 * s**2, d) for s in (1, std)]
    exact = sum(within) - 2 * gaussian_kernel(mean, 1 + std**2, d)
    floor = sum(1 - k for k in within) / n  # a draw with itself is one of its n pairs
    error = np.std(found) / math.sqrt(len(found))
    assert np.mean(found) == pytest.approx(exact + floor, abs=4 * error)
    assert error < 0.05 * (exact + floor)


def test_the_floor_is_the_mean_of_draws():
    rng, n, d = np.random.default_rng(0), 50, 8
    found = [squared_mmd(*rng.standard_normal((2, n, d))) for _ in range(200)]
    assert np.mean(found) == pytest.approx(mmd.floor(n, d), rel=0.05)
    assert mmd.floor(2000, 8) == pytest.approx(0.00059, abs=5e-6)  # as its docstring says


def test_codes_are_compared_with_the_prior_in_parts(monkeypatch):
    monkeypatch.setattr(mmd, "PART", 40)
    seen = []
    monkeypatch.setattr(mmd, "squared_mmd", lambda x, y: seen.append((x, y)) or len(seen))
    z = np.random.default_rng(0).standard_normal((100, 3))
    assert to_normal(z) == (1.5, mmd.floor(40, 3))
    codes = np.concatenate([x for x, _ in seen])
    rows = {row.tobytes() for row in codes}
    assert codes.shape == (80, 3) and len(rows) == 80 and rows <= {row.tobytes() for row in z}
    draws = np.concatenate([y for _, y in seen])
    assert draws.shape == (80, 3) and len(np.unique(draws)) == 240
    assert to_normal(z[:7]).floor == mmd.floor(7, 3)


def test_the_order_of_codes_does_not_count(monkeypatch):
    """Draws in the order of their first number: neighbours are far from the whole."""
    monkeypatch.setattr(mmd, "PART", 200)
    z = np.random.default_rng(1).standard_normal((2000, 2))
    z = z[z[:, 0].argsort()]
    found, floor = to_normal(z)
    assert found < 2 * floor
    assert squared_mmd(z[:200], z[::10]) > 20 * floor


def test_the_shape_counts_where_the_moments_are_alike():
    """Signs have the mean, the variance and the correlations of N(0, I)."""
    rng = np.random.default_rng(0)
    signs, draws, others = rng.choice([-1.0, 1.0], (1000, 2)), *rng.standard_normal((2, 1000, 2))
    assert squared_mmd(signs, draws) > 5 * squared_mmd(others, draws)


def test_moments_of_many_draws_are_those_of_the_distribution():
    """Each number has another: 4 + N(0, 1), a uniform one of std 2, a copy of the first, noisy."""
    rng, n = np.random.default_rng(0), 20_000
    first, second = 4 + rng.standard_normal(n), rng.uniform(-1, 1, n) * 2 * math.sqrt(3)
    third = 0.6 * (first - 4) + 0.8 * rng.standard_normal(n)
    found = mmd.moments(np.stack([first, second, third], axis=1))
    assert found["|mean|"] == pytest.approx(4, abs=0.03)
    assert found["least std"] == pytest.approx(1, abs=0.03)
    assert found["largest std"] == pytest.approx(2, abs=0.03)
    assert found["|correlation|"] == pytest.approx(0.6, abs=0.03)
    assert found["least kurtosis"] == pytest.approx(1.8, abs=0.03)
    assert found["largest kurtosis"] == pytest.approx(3, abs=0.2)


@given(st.integers(1, 4))
def test_whitened_codes_have_the_moments_of_the_prior(d):
    rng = np.random.default_rng(d)
    z = 3 + rng.standard_normal((50, d)) @ rng.standard_normal((d, d))
    white = mmd.whitened(z)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(np.atleast_2d(np.cov(white.T)), np.eye(d), atol=1e-9)


def test_the_mean_norm_of_draws():
    z = np.random.default_rng(0).standard_normal((20_000, 8))
    assert mmd.norm_of_normal(8) == pytest.approx(mmd.moments(z)["mean norm"], abs=0.02)
    assert mmd.norm_of_normal(1) == pytest.approx(math.sqrt(2 / math.pi))
    assert mmd.moments(z[:, :1])["|correlation|"] == 0  # there is no other


@pytest.mark.parametrize("shapes", [((3, 2), (3, 4)), ((0, 2), (3, 2)), ((3,), (3,))])
def test_what_does_not_fit_is_refused(shapes):
    with pytest.raises(ValueError, match="squared_mmd: needs rows"):
        squared_mmd(*(np.zeros(shape) for shape in shapes))
