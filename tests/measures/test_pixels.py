"""Models of pixels without a network, against their definitions."""

import math

import numpy as np
import pytest

from minigrad.data import ImageDataset
from models.measures.pixels import gaussian_bits, pixels_alone


def of(images: np.ndarray) -> ImageDataset:
    images = images.astype(np.uint8)
    return ImageDataset(images, np.zeros(len(images), np.int64), "drawn", ("any",))


def test_the_gaussian_of_pixels_by_its_density():
    rng = np.random.default_rng(0)
    turn = rng.standard_normal((6, 6))
    train, test = ((100 + rng.standard_normal((n, 6)) @ turn).round() for n in (2300, 40))
    mean, covariance = train.mean(0), np.cov(train.T, bias=True) + np.eye(6) / 12
    noisy = test + np.random.default_rng(7).random(test.shape) - 0.5
    away = noisy - mean
    squares = (away @ np.linalg.inv(covariance) * away).sum(1)
    nats = 0.5 * (squares.mean() + np.linalg.slogdet(2 * math.pi * covariance)[1])
    found = gaussian_bits(*(of(x.reshape(-1, 1, 2, 3)) for x in (train, test)), seed=7)
    assert found == pytest.approx(nats / math.log(2) / 6)


def test_a_constant_pixel_is_only_its_noise():
    """Uniform noise in a normal with its variance: log2(2 pi / 12) / 2 + 1 / (2 log 2) bits."""
    images = of(np.full((5000, 1, 1, 1), 3))
    expected = 0.5 * math.log2(2 * math.pi / 12) + 0.5 / math.log(2)
    assert gaussian_bits(images, images, 0) == pytest.approx(expected, abs=0.02)


def test_every_pixel_by_itself():
    train = of(255 * np.array([[0, 1], [0, 1], [0, 0], [1, 0]]).reshape(4, 1, 1, 2))
    test = of(255 * np.array([[0, 1], [1, 1]]).reshape(2, 1, 1, 2))
    # The pixels are 1 with probabilities 1/4 and 1/2.
    expected = -(math.log(3 / 4) + math.log(1 / 4)) / 2 - math.log(1 / 2)
    assert pixels_alone(train, test) == pytest.approx(expected)
    # What never was is a thousandth, and what always was a thousandth less than 1.
    never, always = of(np.zeros((2, 1, 1, 1))), of(np.full((2, 1, 1, 1), 255))
    for known, other in ((never, always), (always, never)):
        assert pixels_alone(known, other) == pytest.approx(math.log(1000))
        assert pixels_alone(known, known) == pytest.approx(-math.log(0.999))
