"""Of translations: their errors, what takes no learning, how lively backgrounds are."""

import numpy as np
import pytest

from models.measures import translations


def test_errors():
    made, truth = np.array([[0.5, 0.25], [1.0, 0.0]]), np.array([[0.0, 0.25], [0.0, 0.5]])
    made, truth = (x.reshape(2, 1, 1, 2) for x in (made, truth))
    assert translations.squared_error(made, truth) == pytest.approx((0.25 + 1 + 0.25) / 4)
    assert translations.absolute_error(made, truth) == pytest.approx((0.5 + 1 + 0.5) / 4)


def test_controls():
    grey, colours = np.arange(12.0).reshape(3, 1, 2, 2), np.arange(36.0).reshape(3, 3, 2, 2)
    found = translations.controls(grey, colours)
    assert [*found] == ["mean image", "wrong pairs"]
    np.testing.assert_array_equal(found["mean image"], [colours[1]] * 3)
    np.testing.assert_array_equal(found["wrong pairs"], colours[[2, 0, 1]])
    found = translations.controls(colours, colours[::-1])
    assert [*found] == ["identity", "mean image", "wrong pairs"]
    assert found["identity"] is colours


def test_backgrounds_are_in_the_upper_corners():
    """Of two images whose corners differ by 1 in red, 0.5 in green and not in blue; all else is
    noise, that of the corners without a mean."""
    images = np.random.default_rng(0).random((2, 3, 16, 16))
    for corner in (slice(4), slice(-4, None)):
        images[:, :, :4, corner] = np.resize([0.1, -0.1], (4, 4))
        images[1, :, :4, corner] += np.array([1, 0.5, 0])[:, None, None]
    expected = (0.5 + 0.25 + 0) / 3
    assert translations.spread_of_backgrounds(images) == pytest.approx(expected)
    images[0, :, :4, -4:] += 0.2  # one corner of two
    expected = (0.45 + 0.2 + 0.05) / 3
    assert translations.spread_of_backgrounds(images) == pytest.approx(expected)
