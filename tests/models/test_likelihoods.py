"""What a decoder's output says of pixels: Bernoulli, Gaussian, discretised logistic."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.tools.gradcheck import gradcheck
from models.likelihoods import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
    binarize,
    bits_per_dimension,
    discretized_logistic_log_prob,
    gaussian_log_prob,
)

LEVELS = np.arange(256) / 255


def f64(values) -> mg.Tensor:
    return mg.tensor(np.asarray(values, np.float64))


# ---- likelihoods ---------------------------------------------------------------------------------


def test_the_gaussian_log_density_is_the_analytic_one():
    x, mean, var = [0.1, 0.5, 0.9], [0.3, 0.5, -0.2], [0.01, 1.0, 4.0]
    expected = [
        math.log(NormalDist(m, math.sqrt(v)).pdf(a)) for a, m, v in zip(x, mean, var, strict=True)
    ]
    got = gaussian_log_prob(f64(x), f64(mean), f64(np.log(var))).numpy()
    assert np.allclose(got, expected, rtol=1e-12)


def test_the_gaussian_likelihood_is_summed_over_pixels():
    likelihood = Gaussian(variance=0.04).double()
    h, x = mg.randn(3, 2, 2, 2, dtype=mg.float64), mg.rand(3, 2, 2, 2, dtype=mg.float64)
    mean = 1 / (1 + np.exp(-h.numpy()))
    pixels = [
        math.log(NormalDist(m, 0.2).pdf(a)) for m, a in zip(mean.flat, x.numpy().flat, strict=True)
    ]
    expected = np.reshape(pixels, (3, 8)).sum(1)
    # The variance is kept as a float32 to begin with.
    assert np.allclose(likelihood.log_prob(x, h).numpy(force=True), expected, rtol=1e-5)


def test_the_bernoulli_likelihood_is_the_product_of_the_pixels_probabilities():
    h = mg.randn(3, 1, 2, 2, dtype=mg.float64)
    x = (mg.rand_like(h) < 0.5).to(mg.float64)
    p = 1 / (1 + np.exp(-h.numpy()))
    expected = np.log(np.where(x.numpy() == 1, p, 1 - p).reshape(3, 4).prod(1))
    assert np.allclose(Bernoulli().log_prob(x, h).numpy(), expected, rtol=1e-12)


def test_the_bernoulli_likelihood_is_finite_at_extreme_logits():
    h = mg.tensor([[[[100.0, -100.0, 100.0, -100.0]]]])
    x = mg.tensor([[[[1.0, 0.0, 0.0, 1.0]]]])
    with np.errstate(all="raise"):
        assert Bernoulli().log_prob(x, h).item() == pytest.approx(-200)


def test_bernoulli_draws_follow_the_mean():
    h = f64([[-2.0, 0.0, 1.0]]).expand(50_000, 3)
    drawn = Bernoulli().draw(h)
    assert drawn.dtype == mg.float64
    assert set(np.unique(drawn.numpy())) == {0.0, 1.0}
    assert np.allclose(drawn.numpy().mean(0), 1 / (1 + np.exp([2.0, 0.0, -1.0])), atol=0.01)


def test_gaussian_draws_have_the_learned_variance():
    likelihood = Gaussian(variance=0.09)
    drawn = likelihood.draw(mg.full((50_000, 1), 1.0)).detach()
    assert drawn.numpy().mean() == pytest.approx(1 / (1 + math.exp(-1)), abs=0.01)
    assert drawn.numpy().var() == pytest.approx(0.09, rel=0.03)


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_binarized_pixels_are_on_as_often_as_they_are_grey(dtype):
    grey = mg.tensor([0.0, 0.25, 0.9, 1.0]).to(dtype).expand(50_000, 4)
    drawn = binarize(grey)
    assert drawn.dtype == dtype
    assert set(np.unique(drawn.numpy())) == {0.0, 1.0}
    means = drawn.numpy().mean(0)
    assert (means[0], means[3]) == (0, 1)
    assert np.allclose(means, [0, 0.25, 0.9, 1], atol=0.01)
    assert not np.array_equal(binarize(grey).numpy(), drawn.numpy())


def test_binarize_follows_the_seed(device):
    grey = mg.rand(10, 1, 4, 4, device=device)
    draws = []
    for _ in range(2):
        mg.manual_seed(4)
        drawn = binarize(grey)
        assert drawn.device == grey.device
        draws.append(drawn.numpy(force=True))
    assert np.array_equal(*draws)


# ---- the discretised logistic --------------------------------------------------------------------


def log_probs(location: float, log_scale: float, dtype=np.float64) -> np.ndarray:
    """Of each of the 256 levels."""
    rows = (mg.tensor(np.full(256, v, dtype)) for v in (location, log_scale))
    return discretized_logistic_log_prob(mg.tensor(LEVELS.astype(dtype)), *rows).numpy()


@given(location=st.floats(-20, 20), log_scale=st.floats(-12, 8))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_256_levels_share_all_of_the_probability(dtype, location, log_scale):
    with np.errstate(all="raise", under="ignore"):
        log_p = log_probs(location, log_scale, dtype)
    assert log_p.dtype == dtype
    assert np.isfinite(log_p).all()
    # A float32 level is known to 6e-8, of which a scale makes so many times more.
    slack = 8 * float(np.finfo(dtype).eps) * (4 + (1 + abs(location)) * math.exp(-log_scale))
    assert np.exp(log_p.astype(np.float64)).sum() == pytest.approx(1, abs=slack)


@given(location=st.floats(-0.5, 1.5), log_scale=st.floats(-4, 1))
def test_a_levels_probability_is_the_logistic_share_of_its_bin(location, log_scale):
    """By the difference of two distribution functions, as the papers write it."""
    scale = math.exp(log_scale)
    cdf = 1 / (1 + np.exp(-((np.arange(257) - 0.5) / 255 - location) / scale))
    cdf[0], cdf[-1] = 0, 1
    assert np.allclose(np.exp(log_probs(location, log_scale)), np.diff(cdf), rtol=1e-6, atol=1e-14)


def test_far_from_the_location_the_logarithm_falls_by_the_distance():
    """At 1,000 scales the share itself is 0 in any float; its logarithm has a slope still."""
    x, location = f64([100 / 255]), f64([1e3 + 100 / 255])
    location.requires_grad = True
    log_p = discretized_logistic_log_prob(x, location, f64([0.0]))
    (slope,) = mg.grad(log_p.sum(), location)
    assert log_p.item() == pytest.approx(-1000 - math.log(255), rel=1e-6)
    assert slope.item() == pytest.approx(-1, rel=1e-12)


@given(st.data())
def test_the_gradient_of_the_discretized_logistic(data):
    levels = data.draw(st.lists(st.sampled_from([0, 1, 127, 254, 255]), min_size=1, max_size=4))
    seed = data.draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    x = f64(np.array(levels) / 255)
    location, log_scale = (f64(rng.normal(m, 0.4, len(levels))) for m in (0.5, -2.0))
    location.requires_grad = log_scale.requires_grad = True
    assert gradcheck(
        lambda location, log_scale: discretized_logistic_log_prob(x, location, log_scale),
        [location, log_scale],
    )


def test_no_logistic_codes_even_bytes_in_less_than_eight_bits():
    costs = {
        (location, log_scale): bits_per_dimension(-log_probs(location, log_scale).sum(), 256)
        for location in (0.3, 0.5, 0.7)
        for log_scale in (-3.0, -2.0, -1.5, -1.0, 0.0)
    }
    assert min(costs.values()) > 8
    assert min(costs, key=costs.get) == (0.5, -1.5)
    assert costs[0.5, -1.5] < 8.4
    assert bits_per_dimension(3 * math.log(256), 3) == pytest.approx(8)


def test_the_likelihood_reads_location_and_scale_from_the_channels():
    likelihood = DiscretizedLogistic()
    rng = np.random.default_rng(0)
    h, x = f64(rng.normal(0, 0.5, (3, 4, 2, 2))), f64(rng.integers(0, 256, (3, 2, 2, 2)) / 255)
    location, log_scale = (t.numpy() for t in likelihood.parameters_of(h))
    assert np.allclose(location, (h.numpy()[:, :2] + 1) / 2)
    g = h.numpy()[:, 2:] + math.log(0.1)
    assert np.allclose(log_scale, np.log(np.exp(g) + np.exp(-8)), rtol=1e-3)
    expected = discretized_logistic_log_prob(x, f64(location), f64(log_scale)).numpy()
    assert np.allclose(likelihood.log_prob(x, h).numpy(), expected.reshape(3, 8).sum(1))
    assert likelihood.mean(h).shape == x.shape


@pytest.mark.parametrize("kind", [Bernoulli, Gaussian, DiscretizedLogistic])
def test_a_mean_is_an_image(kind):
    """Of outputs however large: from 0, which is reached or nearly so, to 1."""
    likelihood = kind()
    h = mg.zeros(9, likelihood.numbers, 2, 2)
    h[:, :1] = mg.linspace(-40, 40, 9).reshape(9, 1, 1, 1)
    mean = likelihood.mean(h).numpy(force=True)
    assert mean.shape == (9, 1, 2, 2)
    assert mean.min() == pytest.approx(0, abs=1e-12) and mean.max() == pytest.approx(1, abs=1e-12)
    assert (np.diff(mean, axis=0) >= 0).all()


def test_draws_of_the_discretized_logistic_follow_its_probabilities():
    likelihood = DiscretizedLogistic()
    h = mg.tensor([[0.9, -0.3]]).reshape(1, 2, 1, 1).expand(200_000, 2, 1, 1)
    drawn = likelihood.draw(h)
    assert (drawn.shape, drawn.dtype) == ((200_000, 1, 1, 1), mg.float32)
    got = np.bincount(np.rint(drawn.numpy().ravel() * 255).astype(int), minlength=256) / 200_000
    location, log_scale = (t[0].item() for t in likelihood.parameters_of(h.double()))
    expected = np.exp(log_probs(location, log_scale))
    assert expected[255] > 0.1  # the open end
    assert np.allclose(got, expected, atol=5 * np.sqrt(expected.max() / 200_000))
    levels = drawn.numpy().ravel() * 255
    assert np.allclose(levels, np.rint(levels), atol=1e-4)


def test_draws_fall_to_the_nearest_level():
    """At the least scale, of a twelfth of a level: what is 0.3 of a level away is of that level."""
    likelihood = DiscretizedLogistic()
    for away in (-0.3, 0.3):
        location = 2 * (100 + away) / 255 - 1
        h = mg.tensor([[location, -99.0]]).reshape(1, 2, 1, 1).expand(1000, 2, 1, 1)
        levels = np.rint(likelihood.draw(h).numpy().ravel() * 255)
        assert (levels == 100).mean() > 0.8  # expected: sigmoid(0.2 * 11.7) = 0.91
