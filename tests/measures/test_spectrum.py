"""Shares of high frequencies of images whose spectrum is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.measures import spectrum
from models.measures.spectrum import frequencies, high_frequencies, power, radial, relative


def wave(cycles_down, cycles_across, side=32, phase=0.4):
    down, across = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    angle = 2 * math.pi * (cycles_down * down + cycles_across * across) / side
    return (0.5 + 0.3 * np.cos(angle + phase))[None, None]


def blurred(images, sigma):
    """A Gaussian blur on the torus: power at frequency f falls by exp(-(2 pi sigma f)^2)."""
    response = np.exp(-0.5 * (2 * math.pi * sigma * frequencies(*images.shape[2:])) ** 2)
    return np.fft.ifft2(np.fft.fft2(images) * response).real


@pytest.mark.parametrize(("height", "width"), [(28, 28), (32, 32), (15, 24)])
def test_white_noise_has_equal_power_at_all_frequencies(height, width):
    images = np.random.default_rng(0).normal(0.5, 0.1, (1000, 1, height, width))
    found = power(images)
    assert found[0, 0] == pytest.approx(0, abs=1e-20)
    np.testing.assert_allclose(found.ravel()[1:], 0.01, rtol=0.2)
    lengths = frequencies(height, width)
    share = (lengths >= 0.25).sum() / (lengths.size - 1)
    assert high_frequencies(images) == pytest.approx(share, rel=0.01)
    np.testing.assert_allclose(radial(images).power, 0.01, rtol=0.1)


@given(st.integers(0, 15), st.integers(0, 15), st.floats(0, 6))
def test_a_wave_is_high_or_low(down, across, phase):
    if down == across == 0:
        return
    length = math.hypot(down, across) / 32
    share = high_frequencies(wave(down, across, phase=phase))
    assert share == pytest.approx(float(length >= 0.25), abs=1e-12)


def test_the_power_of_a_wave_is_in_its_ring():
    found = radial(wave(0, 5))
    assert found.frequency[found.power.argmax()] == pytest.approx(5 / 32)
    assert found.power.max() > 1e6 * np.sort(found.power)[-2]
    assert found.frequency[0] == 1 / 32 and found.frequency[-1] == 0.5


def test_two_waves_share_their_power():
    # Amplitudes 3 and 1 are powers 9 and 1.
    low, high = wave(0, 2) - 0.5, wave(0, 12) - 0.5
    assert high_frequencies(3 * low + high) == pytest.approx(0.1)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_a_blur_of_white_noise(sigma):
    images = np.random.default_rng(0).standard_normal((1000, 1, 24, 24))
    lengths = frequencies(24, 24)
    left = np.exp(-((2 * math.pi * sigma * lengths) ** 2))
    left[0, 0] = 0
    expected = left[lengths >= 0.25].sum() / left.sum()
    assert high_frequencies(blurred(images, sigma)) == pytest.approx(expected, rel=0.03)
    assert high_frequencies(blurred(images, sigma)) < high_frequencies(images)


def test_the_blur_that_experiments_use():
    images = np.random.default_rng(0).standard_normal((3, 2, 8, 12))
    found = spectrum.blurred(images, 0.7)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, blurred(images, 0.7), rtol=1e-4, atol=1e-6)


def test_shares_of_the_datas():
    low, high = wave(0, 2) - 0.5, wave(0, 12) - 0.5  # at 1/16 and 3/8
    found = relative(2 * low + high, low + high, (0.05, 0.25))
    assert found == {
        "at 0.05 and above": pytest.approx(1),
        "at 0.25 and above": pytest.approx((1 / 5) / (1 / 2)),
        "all power": pytest.approx(5 / 2),
    }


@given(st.floats(0.1, 5), st.floats(-1, 1))
def test_neither_contrast_nor_brightness_counts(contrast, brightness):
    images = np.random.default_rng(0).random((4, 3, 8, 8))
    changed = high_frequencies(contrast * images + brightness)
    assert changed == pytest.approx(high_frequencies(images))


def test_powers_sum_to_the_mean_square():
    images = np.random.default_rng(0).random((1500, 2, 6, 8)).astype(np.float32)
    centred = images.astype(np.float64) - images.mean((2, 3), keepdims=True, dtype=np.float64)
    assert power(images).sum() == pytest.approx((centred**2).sum() / 3000)


def test_what_has_no_spectrum_is_refused():
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got \[8, 8\]"):
        power(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="no contrast"):
        high_frequencies(np.full((3, 1, 8, 8), 0.5))
