"""Estimators of gradients: one draw by its formula, and many by their known means and variances."""

import math

import numpy as np
import pytest

import minigrad as mg
from models.measures import gradients
from models.measures.gradients import (
    ESTIMATORS,
    Quadratic,
    check_kl,
    chunks,
    estimate,
    moments,
    noise,
    single,
)


def test_the_quadratic():
    case = Quadratic(3, 0.5)
    np.testing.assert_allclose(case.c, [1, -1 / 2, 1 / 3])
    assert case.f(mg.tensor([[0.0, 0, 0], [1, -0.5, 4 / 3]], dtype=mg.float64)).numpy() == (
        pytest.approx([0.5 * (1 + 1 / 4 + 1 / 9), 0.5])
    )
    assert case.mean == pytest.approx(0.5 * (1 + 1 / 4 + 1 / 9 + 3 / 4))
    np.testing.assert_allclose(case.gradient, [-1, 1 / 2, -1 / 3, 0.125, 0.125, 0.125])


def test_moments_and_how_far_off_they_are():
    values = np.array([[1.0, 0], [3, 0], [5, 3], [7, 9]])
    found = moments(values)
    assert found.mean.tolist() == [4, 3]
    assert found.variance.tolist() == [5, 13.5]
    np.testing.assert_allclose(found.error, np.sqrt([5 / 4, 13.5 / 4]))
    assert found.off(np.array([4.0, 4])) == pytest.approx(1 / math.sqrt(13.5 / 4))
    assert found.off(5) == pytest.approx(2 / math.sqrt(13.5 / 4))


def test_estimates_by_their_formulas():
    case, n = Quadratic(2, 0.7), 4
    mg.manual_seed(1)
    eps = mg.randn(n, 2, dtype=mg.float64).numpy()
    mg.manual_seed(1)
    found = single(case, n)
    z = 0.7 * eps
    f = 0.5 * ((z - case.c) ** 2).sum(1, keepdims=True)
    path = np.concatenate([z - case.c, (z - case.c) * z / 2], axis=1)
    score = np.concatenate([eps / 0.7, 0.5 * (eps**2 - 1)], axis=1)
    np.testing.assert_allclose(found["pathwise"], path)
    np.testing.assert_allclose(found["score"], f * score)
    np.testing.assert_allclose(found["score with baseline"], (f - case.mean) * score)
    assert tuple(found) == ESTIMATORS


def test_estimates_agree_with_the_gradient(monkeypatch):
    monkeypatch.setattr(gradients, "ROWS", 3000)
    case = Quadratic(2, 1.3)
    found = estimate(case, 10_000)
    for name in ESTIMATORS:
        assert found[name].off(case.gradient) < 4, name
        # The error of a mean of 10,000, and not of one part's.
        np.testing.assert_allclose(found[name].error, np.sqrt(found[name].variance) / 100)
    rows = noise(case, 10_000)
    assert rows["d"] == 2 and rows["sigma"] == 1.3
    assert rows["pathwise"] == pytest.approx(2 * 1.3**2, rel=0.05)
    # E[f^2 eps^2] / sigma^2 of a quadratic is a sum of normal moments.
    assert rows["ratio"] == pytest.approx(rows["score"] / rows["pathwise"])
    baseline = rows["score with baseline"] / rows["pathwise"]
    assert rows["ratio with baseline"] == pytest.approx(baseline)
    exact = {name: exact_noise(case, name) for name in ("score", "score with baseline")}
    assert {name: rows[name] for name in exact} == pytest.approx(exact, rel=0.2)


def exact_noise(case: Quadratic, name: str) -> float:
    """The summed variances in mu of a score estimator, by Gauss-Hermite quadrature."""
    at, weights = np.polynomial.hermite_e.hermegauss(8)
    z = case.sigma * np.stack(np.meshgrid(at, at), axis=-1)
    share = np.outer(weights, weights) / weights.sum() ** 2
    f = 0.5 * ((z - case.c) ** 2).sum(-1) - (case.mean if name.endswith("baseline") else 0)
    second = (share * f**2 * (z**2).sum(-1)).sum() / case.sigma**4
    return second - (case.c**2).sum()


def test_the_kl_by_samples_and_in_closed_form(monkeypatch):
    monkeypatch.setattr(gradients, "ROWS", 3000)
    found = check_kl(0.8, -0.3, 10_000)
    exact = 0.5 * (0.8**2 + math.exp(-0.3) - 1 + 0.3)
    assert found["closed form"] == pytest.approx(exact, rel=1e-12)
    assert found["samples"] == pytest.approx(exact, abs=0.05)
    assert 0 < found["off"] < 4


def test_chunks():
    rows = gradients.ROWS
    assert chunks(3) == [3]
    assert chunks(rows) == [rows]
    assert chunks(2 * rows + 1) == [rows, rows, 1]
    assert rows == 2**18  # so many float64 samples of 2 numbers are 4 MB
