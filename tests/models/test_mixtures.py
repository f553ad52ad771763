"""Mixtures of discretised logistics, of numbers alone and of the three colours of a pixel."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.tools.gradcheck import gradcheck
from models import likelihoods
from models.likelihoods import ColourMixture, DiscretizedLogistic, LogisticMixture
from models.measures.exact import disturbed, total_probability
from models.pixelcnn import GatedPixelCNN, PixelCNN
from tests.devices import refuse_fetches

BYTES = np.arange(256) / 255
FEW = 5  # levels, where all colours of a pixel are tried


def coarse(levels: int = FEW) -> ColourMixture:
    likelihood = ColourMixture()
    likelihood.LEVELS = levels
    return likelihood


def channels(seed: int, count: int, std: float = 1.5, dtype=np.float64) -> mg.Tensor:
    """What a network might say of one pixel: (1, count, 1, 1)."""
    rng = np.random.default_rng(seed)
    return mg.tensor(rng.normal(0, std, (1, count, 1, 1)).astype(dtype))


def all_colours(levels: int = FEW, colours: int = 3) -> mg.Tensor:
    """Of one pixel: (levels ** colours, colours, 1, 1)."""
    values = np.arange(levels) / (levels - 1)
    return mg.tensor(np.array(list(product(values, repeat=colours))).reshape(-1, colours, 1, 1))


def probabilities(likelihood, x: mg.Tensor, h: mg.Tensor) -> np.ndarray:
    return np.exp(likelihood.log_prob(x, h.expand(len(x), *h.shape[1:])).numpy())


@given(seed=st.integers(0, 2**16), std=st.floats(0, 4))
def test_the_256_levels_share_all_of_the_probability(seed, std):
    likelihood = LogisticMixture()
    h = channels(seed, likelihood.numbers, std)
    p = probabilities(likelihood, mg.tensor(BYTES.reshape(-1, 1, 1, 1)), h)
    assert p.sum() == pytest.approx(1, abs=1e-12)


@given(st.integers(0, 2**16), st.floats(0, 4), st.integers(2, 6), st.integers(1, 3))
def test_the_colours_of_a_pixel_share_all_of_the_probability(seed, std, levels, colours):
    h = channels(seed, colours * ColourMixture.numbers, std)
    p = probabilities(coarse(levels), all_colours(levels, colours), h)
    assert p.sum() == pytest.approx(1, abs=1e-12)


def test_a_colour_that_is_moved_by_a_later_one_is_noticed(monkeypatch):
    backwards = lambda share, x: likelihoods.moved(share.flip(-3), x.flip(-3)).flip(-3)
    around = lambda share, x: share.tanh() * (x.roll(1, -3) - 0.5)
    h, right = channels(0, 3 * ColourMixture.numbers), likelihoods.moved
    for move, total in ((right, True), (around, False)):
        monkeypatch.setattr(likelihoods, "moved", move)
        p = probabilities(coarse(), all_colours(), h)
        assert (abs(p.sum() - 1) < 1e-9) == total
    monkeypatch.setattr(likelihoods, "moved", right)
    # In the opposite order it is a distribution too, another one.
    assert not np.allclose(backwards(h[:, :3], h[:, 3:6]), right(h[:, :3], h[:, 3:6]))


@pytest.mark.parametrize("make", [PixelCNN, GatedPixelCNN])
def test_all_images_of_a_pixelcnn_with_mixtures_add_up_to_one(make):
    model = make((3, 2, 1), 6, 2, 3, likelihood="mixture")
    model.likelihood.LEVELS = 2  # black and white
    assert total_probability(disturbed(model, 0.4)) == pytest.approx(1, abs=1e-12)


def shares_of_bins(location: np.ndarray, log_scale: np.ndarray, levels: int) -> np.ndarray:
    """By differences of distribution functions: (levels, *location.shape)."""
    edges = ((np.arange(levels + 1) - 0.5) / (levels - 1)).reshape(-1, *[1] * location.ndim)
    with np.errstate(over="ignore"):
        cdf = 1 / (1 + np.exp(-(edges - location) / np.exp(log_scale)))
    cdf[0], cdf[-1] = 0, 1
    return np.diff(cdf, axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_a_pixel_is_as_likely_as_the_papers_formula_says(seed):
    """Equations 1 to 3, component after component and colour after colour."""
    likelihood, k = coarse(), ColourMixture.COMPONENTS
    h = channels(seed, 3 * likelihood.numbers)
    weight, location, g, share = h.numpy().reshape(4, k, 3)
    pi = np.exp(weight.mean(1))
    pi /= pi.sum()
    log_scale = np.log(np.exp(g + np.log(0.1) + 8) + 1) - 8
    mu, (a, b, c) = (location + 1) / 2, np.tanh(share).T
    expected = []
    for colour in all_colours().numpy().reshape(-1, 3):
        i, (red, green, _) = np.rint(colour * (FEW - 1)).astype(int), colour - 0.5
        means = [mu[:, 0], mu[:, 1] + a * red, mu[:, 2] + b * red + c * green]
        p = [
            shares_of_bins(means[n], log_scale[:, n], FEW)[i[n]] for n in range(3)
        ]  # (k,) for each colour
        expected.append((pi * p[0] * p[1] * p[2]).sum())
    assert np.allclose(probabilities(likelihood, all_colours(), h), expected, rtol=1e-8, atol=1e-14)


@given(seed=st.integers(0, 2**16))
def test_a_mixture_of_equal_components_is_one_of_them(seed):
    rng = np.random.default_rng(seed)
    one = rng.normal(0, 1, (2, 2, 3, 2, 2))
    x = mg.tensor(rng.integers(0, 256, (2, 3, 2, 2)) / 255)
    k = LogisticMixture.COMPONENTS
    many = np.repeat(np.stack([0 * one[:, 0], one[:, 0], one[:, 1]], 1)[:, :, None], k, 2)
    expected = DiscretizedLogistic().log_prob(x, mg.tensor(one.reshape(2, 6, 2, 2))).numpy()
    got = LogisticMixture().log_prob(x, mg.tensor(many.reshape(2, -1, 2, 2))).numpy()
    assert np.allclose(got, expected, rtol=1e-12)
    alone = np.concatenate([many, 0 * many[:, :1]], 1)  # green and blue are moved by nothing
    got = ColourMixture().log_prob(x, mg.tensor(alone.reshape(2, -1, 2, 2))).numpy()
    assert np.allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize(("kind", "parts"), [(LogisticMixture, 3), (ColourMixture, 4)])
def test_gradients(kind, parts):
    likelihood = kind()
    likelihood.COMPONENTS, likelihood.numbers = 2, 2 * parts
    h = mg.tensor(np.random.default_rng(0).normal(0, 0.5, (3, 6 * parts, 1, 1)))
    h.requires_grad = True
    x = mg.tensor(np.array([[0, 1, 255], [254, 0, 127], [3, 255, 100]]).reshape(3, 3, 1, 1) / 255)
    assert gradcheck(lambda h: likelihood.log_prob(x, h), [h])


@pytest.mark.parametrize("kind", [LogisticMixture, ColourMixture])
def test_what_is_far_off_has_a_finite_logarithm_and_a_slope(kind):
    h = mg.full((4, 3 * kind.numbers, 1, 1), 60.0)
    h[:, : 3 * kind.COMPONENTS] = channels(0, 3 * kind.COMPONENTS, 50.0, np.float32)
    h[:, 6 * kind.COMPONENTS : 9 * kind.COMPONENTS] = -60.0  # the least scales
    h.requires_grad = True
    x = mg.tensor([0.0, 1 / 255, 254 / 255, 1.0]).reshape(4, 1, 1, 1).expand(4, 3, 1, 1)
    with np.errstate(all="raise", under="ignore"):
        log_p = kind().log_prob(x, h)
        log_p.sum().backward()
    log_p, slope = log_p.numpy(force=True), h.grad.numpy()
    assert np.isfinite(log_p).all() and (log_p[:3] < -1000).all()
    assert log_p[3] == 0  # white, where all that is above is white too
    assert np.isfinite(slope).all() and np.abs(slope[:3]).max() > 1


def test_draws_of_a_pixel_are_as_frequent_as_likely():
    likelihood, n = coarse(4), 60_000
    h = channels(3, 3 * likelihood.numbers, 1.0)
    p = probabilities(likelihood, all_colours(4), h)
    drawn = likelihood.draw(h.expand(n, *h.shape[1:])).numpy().reshape(n, 3)
    found = np.bincount(np.rint(drawn * 3).astype(int) @ [16, 4, 1], minlength=64) / n
    assert np.abs(found - p).max() < 5 * np.sqrt(p.max() / n)
    assert 0.5 * np.abs(found - p).sum() < 0.02


def test_draws_and_means_of_numbers_alone():
    """Narrow components: the draws are at their locations, as often as the weights say."""
    likelihood, n = LogisticMixture(), 40_000
    h = channels(0, likelihood.numbers, 1.0, np.float32)
    weight, location, _ = h.numpy().reshape(3, -1)
    h[:, 10:] = -99.0
    pi = np.exp(weight) / np.exp(weight).sum()
    drawn = likelihood.draw(h.expand(n, *h.shape[1:]))
    assert (drawn.shape, drawn.dtype) == ((n, 1, 1, 1), mg.float32)
    mean = (pi * ((location + 1) / 2).clip(0, 1)).sum()
    assert likelihood.mean(h).item() == pytest.approx(mean, rel=1e-5)
    assert drawn.numpy().mean() == pytest.approx(mean, abs=0.01)


def test_the_mean_of_a_pixel_moves_with_the_colours_before():
    """One component alone, and narrow: its mean is what is drawn."""
    likelihood = ColourMixture()
    h = mg.full((1, 4, likelihood.COMPONENTS, 3, 1, 1), -99.0)
    h[:, 0, 0] = 99.0
    h[:, 1] = mg.tensor([0.4, 0.0, -0.2]).reshape(3, 1, 1)
    h[:, 3] = mg.tensor([0.5, -0.3, 0.8]).reshape(3, 1, 1)
    h = h.flatten(1, 3)
    red, green = 0.7, 0.5 + np.tanh(0.5) * 0.2
    blue = 0.4 - np.tanh(0.3) * 0.2 + np.tanh(0.8) * (green - 0.5)
    expected = np.array([red, green, blue])
    assert np.allclose(likelihood.mean(h).numpy().ravel(), expected, atol=1e-6)
    assert np.allclose(likelihood.draw(h).numpy().ravel(), expected, atol=2 / 255)


@given(seed=st.integers(0, 2**16))
def test_of_grey_images_both_are_one(seed):
    h = channels(seed, ColourMixture.numbers)
    x = mg.tensor(BYTES.reshape(-1, 1, 1, 1))
    expected = probabilities(LogisticMixture(), x, h[:, : LogisticMixture.numbers])
    assert np.allclose(probabilities(ColourMixture(), x, h), expected, rtol=1e-12)


def test_no_more_than_three_colours_depend_on_each_other():
    with pytest.raises(ValueError, match="80 channels are of more than three colours"):
        ColourMixture().log_prob(mg.zeros(1, 4, 2, 2), mg.zeros(1, 80, 2, 2))


@pytest.mark.parametrize("kind", [LogisticMixture, ColourMixture])
def test_nothing_is_fetched(kind, monkeypatch):
    h, x = mg.randn(2, 3 * kind.numbers, 2, 2, requires_grad=True), mg.rand(2, 3, 2, 2)
    refuse_fetches(monkeypatch)
    kind().log_prob(x, h).sum().backward()
    kind().draw(h)
