"""Codes that are planted, so that what they have of each factor is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.measures.factors import (
    Codes,
    discretize,
    explained_variance,
    linear_r2,
    measure,
    mutual_information,
    mutual_information_gap,
    turned,
)

N = 20_000


def planted(seed: int = 0) -> tuple[np.random.Generator, list[np.ndarray]]:
    """Two amounts and a kind, independent of each other."""
    rng = np.random.default_rng(seed)
    return rng, [rng.uniform(-1, 1, N), rng.normal(0, 1, N), rng.integers(0, 4, N)]


def test_codes_that_are_the_factors():
    rng, factors = planted()
    codes = np.stack([*factors, rng.normal(0, 1, N)], axis=1)
    r2 = explained_variance(codes, factors)
    # Within a bin of 20, a uniform amount keeps a 400th of its variance.
    assert r2[0, 0] == pytest.approx(1 - 1 / 400, abs=2e-4)
    assert r2[2, 2] == pytest.approx(1, abs=1e-9)
    rest = r2[~np.eye(3, 4, dtype=bool)]
    assert np.abs(rest).max() < 0.005
    assert linear_r2(codes, factors)[:2] == pytest.approx([1, 1])
    gaps = mutual_information_gap(codes, factors)
    assert gaps == pytest.approx([1, 1, 1], abs=0.01)


@pytest.mark.parametrize("bins", [2, 5])
def test_what_there_is_to_explain_is_adjusted_for_the_bins(bins):
    """1 - (1 - R^2) (n - 1) / (n - bins), of a regression on which bin a factor is in."""
    rng = np.random.default_rng(0)
    factor, codes = np.arange(40) % bins, rng.standard_normal((40, 3))
    means = np.stack([codes[factor == b].mean(0) for b in range(bins)])[factor]
    r2 = 1 - np.square(codes - means).sum(0) / np.square(codes - codes.mean(0)).sum(0)
    wanted = 1 - (1 - r2) * 39 / (40 - bins)
    np.testing.assert_allclose(explained_variance(codes, [factor])[0], wanted)


def test_half_noise_is_half_explained():
    rng, factors = planted()
    noisy = factors[1] + rng.normal(0, 1, N)
    codes = np.stack([noisy, rng.normal(0, 1, N)], axis=1)
    assert explained_variance(codes, factors)[1, 0] == pytest.approx(0.5, abs=0.015)
    assert linear_r2(codes, factors)[1] == pytest.approx(0.5, abs=0.015)
    # Of two normals with correlation r it is -log(1 - r^2) / 2 = log(2) / 2, a little less in bins.
    information = mutual_information(codes, factors)
    assert information[1, 0] == pytest.approx(math.log(2) / 2, abs=0.015)
    assert np.abs(information[:, 1]).max() < 0.02


def test_what_is_not_a_line_is_explained_too():
    _, factors = planted()
    codes = np.stack([factors[0] ** 2, np.cos(factors[2])], axis=1)
    assert explained_variance(codes, factors)[0, 0] > 0.98
    assert explained_variance(codes, factors)[2, 1] == pytest.approx(1)
    assert linear_r2(codes, factors)[0] < 0.01


def test_a_rotation_hides_factors_from_single_codes_only():
    _, factors = planted()
    codes = np.stack([factors[0] * math.sqrt(3), factors[1]], axis=1)
    turn = np.array([[1, 1], [-1, 1]]) / math.sqrt(2)
    turned = codes @ turn
    assert explained_variance(turned, factors)[:2] == pytest.approx(np.full((2, 2), 0.5), abs=0.02)
    assert linear_r2(turned, factors)[:2] == pytest.approx([1, 1])
    assert mutual_information_gap(codes, factors)[:2].min() > 0.95
    assert mutual_information_gap(turned, factors)[:2].max() < 0.05


def test_a_factor_in_two_codes_has_no_gap():
    _, factors = planted()
    codes = np.stack([factors[0], -factors[0], factors[1]], axis=1)
    gaps = mutual_information_gap(codes, factors)
    assert gaps[0] == pytest.approx(0, abs=1e-12)
    assert gaps[1] > 0.95


@given(seed=st.integers(0, 99), d=st.integers(2, 5))
def test_independent_factors_share_out_a_code(seed, d):
    rng = np.random.default_rng(seed)
    factors = [rng.uniform(0, 1, 2000), rng.normal(0, 1, 2000), rng.integers(0, 3, 2000)]
    mixed = np.stack(factors, axis=1) @ rng.normal(0, 1, (3, d))
    r2 = explained_variance(mixed, factors)
    assert r2.min() > -0.05
    # Of 2,000 images, independent factors are correlated too: by about 0.02.
    assert r2.sum(0) == pytest.approx(np.ones(d), abs=0.15)
    assert np.abs(explained_variance(rng.normal(0, 1, (2000, d)), factors)).max() < 0.05


@given(seed=st.integers(0, 99))
def test_gaps_do_not_mind_order_sign_and_scale(seed):
    rng = np.random.default_rng(seed)
    factors = [rng.uniform(0, 1, 500), rng.integers(0, 3, 500)]
    codes = np.stack([f + rng.normal(0, 0.3, 500) for f in (*factors, factors[0])], axis=1)
    gaps = mutual_information_gap(codes, factors)
    assert np.all((0 <= gaps) & (gaps <= 1))
    other = np.exp(codes[:, ::-1])
    assert mutual_information_gap(other, factors) == pytest.approx(gaps, abs=1e-12)


def test_bins():
    values = np.random.default_rng(0).permutation(np.arange(1000) / 10)
    which = discretize(values)
    assert np.bincount(which).tolist() == [50] * 20
    assert np.all(np.diff(which[np.argsort(values)]) >= 0)
    assert discretize(np.array([7, 3, 7, -1])).tolist() == [2, 1, 2, 0]
    assert discretize(np.zeros(5)).tolist() == [0] * 5


def test_a_code_that_does_not_vary():
    _, factors = planted()
    codes = np.stack([np.full(N, 3.0), factors[0]], axis=1)
    assert explained_variance(codes, factors)[:, 0].tolist() == [0, 0, 0]
    assert mutual_information(codes, factors)[:, 0] == pytest.approx([0, 0, 0], abs=1e-12)
    assert mutual_information_gap(codes, factors)[0] == pytest.approx(1)


def test_a_factor_that_does_not_vary():
    codes = np.random.default_rng(0).standard_normal((100, 2))
    for constant in (np.ones(100), np.ones(100, int)):
        assert linear_r2(codes, [constant, codes[:, 0]]) == pytest.approx([0, 1])
        assert mutual_information_gap(codes, [constant])[0] == 0


def test_shapes_that_disagree_are_refused():
    codes, factor = np.zeros((4, 2)), np.zeros(4)
    for refused in (explained_variance, linear_r2, mutual_information, mutual_information_gap):
        with pytest.raises(ValueError, match=r"got \[4, 2\] and \[\[3\]\]"):
            refused(codes, [factor[:3]])
    with pytest.raises(ValueError, match=r"needs codes \(n, 2 or more\)"):
        mutual_information_gap(codes[:, :1], [factor])


# ---- all of them together ------------------------------------------------------------------------


def test_all_measures_at_once():
    rng = np.random.default_rng(0)
    factors = {"size": rng.uniform(0, 1, 300), "kind": rng.integers(0, 3, 300)}
    codes = rng.standard_normal((300, 3))
    codes[:, 1] += 3 * factors["kind"]
    found, values = measure(codes, factors), list(factors.values())
    assert found.names == ("size", "kind")
    np.testing.assert_array_equal(found.r2, explained_variance(codes, values))
    np.testing.assert_array_equal(found.together, linear_r2(codes, values))
    np.testing.assert_array_equal(found.gaps, mutual_information_gap(codes, values))


FOUND = Codes(
    ("size", "kind", "colour"),
    np.array([[0.1, 0.0, 0.7, 0.1], [0.2, 0.9, 0.1, 0.95], [0.3, 0.0, 0.0, 0.5]]),
    np.array([0.75, 0.99, 0.6]),
    np.array([0.5, 0.1, 0.3]),
)


def test_what_is_said_of_codes():
    assert FOUND.mig == pytest.approx(0.3)
    assert FOUND.followed == 2
    assert FOUND.order == [2, 3, 1, 0]
    assert FOUND.by_factor()["colour"] == {"best R2": 0.5, "R2 of all together": 0.6, "gap": 0.3}
    assert FOUND.by_factor()["size"]["best R2"] == 0.7
    assert FOUND.verdicts() == {
        "size": "z3 follows it, R2 0.70",
        "kind": "z4 follows it, R2 0.95",
        "colour": "is spread over latents: R2 0.50 in z4, 0.60 in all together",
    }
    gone = FOUND._replace(together=np.array([0.75, 0.99, 0.5]))
    assert gone.verdicts()["colour"].startswith("is hardly there: R2 0.50")


def test_the_gap_of_turned_codes():
    rng = np.random.default_rng(0)
    factors = {"a": rng.normal(0, 1, 4000), "b": rng.normal(0, 1, 4000)}
    codes = np.stack([*factors.values()], axis=1)
    gaps = turned(codes, factors, 5, seed=1)
    assert len(set(gaps)) == 5
    assert 0 < np.mean(gaps) < 0.6 < measure(codes, factors).mig
    first, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((2, 2)))
    assert gaps[0] == mutual_information_gap(codes @ first, list(factors.values())).mean()
    assert turned(codes, factors, 5, seed=2) != gaps
