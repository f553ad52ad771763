"""Modes of mixtures, and distances on a line: answers that are known beforehand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.measures.distances import (
    Normal,
    divergence_of_intervals,
    jensen_shannon,
    power,
    wasserstein_1d,
)
from models.measures.modes import (
    MIXTURES,
    SAMPLES,
    Coverage,
    controls,
    coverage,
    grid,
    kl_to_uniform,
    ring,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- mixtures ------------------------------------------------------------------------------------


def test_the_ring_has_eight_modes_in_eight_places():
    mixture = ring()
    apart = np.linalg.norm(mixture.modes[:, None] - mixture.modes, axis=2)
    assert mixture.modes.shape == (8, 2)
    assert np.allclose(np.linalg.norm(mixture.modes, axis=1), 1)
    nearest = np.sort(apart, axis=1)[:, 1]
    assert np.allclose(nearest, 2 * math.sin(math.pi / 8))


def test_the_grid_has_every_pair_of_even_numbers_up_to_four():
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(mode) for mode in grid().modes} == expected
    expected = {(x, y) for x in (-1.5, -0.5, 0.5, 1.5) for y in (-1.5, -0.5, 0.5, 1.5)}
    assert {tuple(mode) for mode in grid(4, 1.0).modes} == expected


@pytest.mark.parametrize(("mixture", "std"), [(ring(), 0.01), (grid(), 0.05)])
def test_drawn_points_are_around_all_modes_alike(mixture, std):
    points = mixture.draw(100_000, rng())
    assert points.dtype == np.float32
    which = np.linalg.norm(points[:, None] - mixture.modes, axis=2).argmin(1)
    counts = np.bincount(which)
    expected = 100_000 / len(mixture.modes)
    assert np.abs(counts - expected).max() < 4 * math.sqrt(expected)
    offsets = points - mixture.modes[which]
    assert offsets.std(0) == pytest.approx([std, std], rel=0.02)


# ---- coverage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_real_points_cover_everything(mixture):
    got = coverage(mixture.draw(SAMPLES, rng()), mixture)
    assert got.modes == got.modes_20 == len(mixture.modes)
    # Within 3 standard deviations of a normal in the plane: 1 - exp(-9 / 2).
    assert got.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.008)
    # 2 N KL is chi-squared with K - 1 degrees of freedom.
    k = len(mixture.modes) - 1
    assert 2 * SAMPLES * got.kl < k + 4 * math.sqrt(2 * k)


def test_coverage_counts():
    mixture = ring(std=0.01)
    a, b, c = mixture.modes[:3]
    samples = np.concatenate(
        [
            np.tile(a, (25, 1)),
            np.tile(b, (19, 1)),
            [c + [0.029, 0]],  # within 3 standard deviations
            np.tile(c + [0.031, 0], (55, 1)),  # beyond
        ]
    )
    got = coverage(samples, mixture)
    p = np.array([25, 19, 1]) / 45
    kl = (p * np.log(p * 8)).sum()
    assert got == Coverage(modes=3, modes_20=1, high_quality=0.45, kl=pytest.approx(kl))


def test_one_mode_and_none():
    mixture = grid()
    one = coverage(np.zeros((100, 2)), mixture)
    assert one == Coverage(1, 1, 1.0, pytest.approx(math.log(25)))
    assert coverage(np.ones((100, 2)), mixture) == Coverage(0, 0, 0.0, math.inf)
    assert coverage(np.full((100, 2), np.nan), mixture) == Coverage(0, 0, 0.0, math.inf)


@given(counts=st.lists(st.integers(0, 50), min_size=2, max_size=30).filter(any))
def test_kl_to_uniform_is_log_k_minus_the_entropy(counts):
    p = np.array(counts) / sum(counts)
    entropy = -sum(x * math.log(x) for x in p if x)
    got = kl_to_uniform(np.array(counts))
    assert got == pytest.approx(math.log(len(counts)) - entropy, abs=1e-12)
    assert 0 <= got <= math.log(len(counts)) + 1e-12


@pytest.mark.parametrize("samples", [np.zeros((0, 2)), np.zeros((4, 3)), np.zeros(4)])
def test_samples_of_another_shape_are_refused(samples):
    with pytest.raises(ValueError, match="needs samples"):
        coverage(samples, ring())


@pytest.mark.parametrize(("name", "side", "std"), [("ring", 2.4, 0.01), ("grid", 9.6, 0.05)])
def test_controls(name, side, std):
    found = controls(name, rng())
    modes = len(MIXTURES[name]().modes)
    assert list(found) == [f"{name}, real data", f"{name}, points spread evenly"]
    real, even = found.values()
    assert real.modes_20 == modes and real.high_quality > 0.98
    # Of the square, discs around the modes hold this share.
    share = modes * math.pi * (3 * std) ** 2 / side**2
    assert even.high_quality == pytest.approx(share, abs=4 * math.sqrt(share / SAMPLES))


# ---- distances on a line -------------------------------------------------------------------------


def test_wasserstein_of_a_few_points():
    assert wasserstein_1d(np.array([0.0, 1, 3]), np.array([5.0, 6, 8])) == 5
    assert wasserstein_1d(np.array([0.0, 10]), np.array([10.0, 0])) == 0
    assert wasserstein_1d(np.array([0.0, 10]), np.array([9.0, 2])) == 1.5


@given(
    points=st.lists(st.floats(-100, 100), min_size=1, max_size=20),
    offset=st.floats(-10, 10),
    seed=st.integers(0, 99),
)
def test_wasserstein_of_a_shifted_cloud_is_the_shift(points, offset, seed):
    x = np.array(points)
    got = wasserstein_1d(x, rng(seed).permutation(x + offset))
    assert got == pytest.approx(abs(offset), abs=1e-9)


@given(seed=st.integers(0, 99), n=st.integers(1, 6))
def test_wasserstein_is_the_cheapest_matching(seed, n):
    from itertools import permutations

    x, y = rng(seed).standard_normal((2, n))
    cheapest = min(np.abs(x - y[list(order)]).mean() for order in permutations(range(n)))
    assert wasserstein_1d(x, y) == pytest.approx(cheapest, rel=1e-12)


def test_wasserstein_needs_two_samples_of_one_size():
    with pytest.raises(ValueError, match=r"got \[3\] and \[2\]"):
        wasserstein_1d(np.zeros(3), np.zeros(2))


def normal(x, mean, std):
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


def test_a_normals_density():
    x = np.linspace(-9, 9, 50)
    np.testing.assert_allclose(Normal(-1, 2).density(x), normal(x, -1, 2))


@pytest.mark.parametrize(("offset", "side"), [(0, 1), (0.25, 1), (1.5, 2), (2, 2), (5, 2)])
def test_the_divergence_of_intervals_is_the_share_that_is_not_common(offset, side):
    expected = min(1, offset / side) * math.log(2)
    assert divergence_of_intervals(offset, side) == pytest.approx(expected, abs=2e-4)


def test_the_divergence_where_densities_vanish():
    x = np.linspace(0, 4, 401)
    p, q = (x < 1) * 1.0, (x > 3) * 1.0
    area = np.trapezoid(p, x) + np.trapezoid(q, x)
    assert jensen_shannon(p, q, x) == pytest.approx(area / 2 * math.log(2))
    least = np.full_like(x, 5e-324)  # the half of which is 0
    assert jensen_shannon(least, np.zeros_like(x), x) == 0


def test_the_power_of_a_curve():
    x = np.array([0.5, 1, 2, 7])
    assert power(x, 3 * x**2) == pytest.approx(2)
    assert power(x, 5 / x) == pytest.approx(-1)
    assert math.isnan(power(x, x - 0.5))


def test_jensen_shannon_goes_from_0_to_log_2():
    x = np.linspace(-60, 60, 200_001)
    p = normal(x, 0, 1)
    assert jensen_shannon(p, p, x) == 0
    assert jensen_shannon(p, normal(x, 50, 1), x) == pytest.approx(math.log(2), abs=1e-9)
    values = [jensen_shannon(p, normal(x, d, 1), x) for d in (0.1, 1, 2, 4, 8)]
    assert values == sorted(values)
    # Near 0 it is an eighth of the Fisher information times the shift squared.
    assert values[0] == pytest.approx(0.1**2 / 8, rel=0.01)


def test_jensen_shannon_is_what_samples_give():
    x = np.linspace(-15, 15, 20_001)
    p, q = normal(x, -1, 1), normal(x, 1, 2)
    a, b = rng().normal(-1, 1, 400_000), rng(1).normal(1, 2, 400_000)

    def log_2p_over_p_plus_q(points, ours, theirs):
        mine, other = normal(points, *ours), normal(points, *theirs)
        return np.log(2 * mine / (mine + other))

    terms = log_2p_over_p_plus_q(a, (-1, 1), (1, 2)), log_2p_over_p_plus_q(b, (1, 2), (-1, 1))
    expected = sum(t.mean() for t in terms) / 2
    assert jensen_shannon(p, q, x) == pytest.approx(expected, abs=0.003)
    assert jensen_shannon(p, q, x) == pytest.approx(jensen_shannon(q, p, x))
