"""Nearest neighbours against brute force, and a memoriser that the measure must expose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import data
from models.measures import neighbours
from models.measures.neighbours import memorisation, memoriser, nearest


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(1, 5))
def test_nearest_is_brute_force(n, m, d, block):
    rng = np.random.default_rng([n, m, d])
    a, b = rng.standard_normal((n, d)), rng.standard_normal((m, d))
    distances = np.linalg.norm(a[:, None] - b, axis=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "BLOCK", block)
        found = nearest(a, b)
    np.testing.assert_array_equal(found.row, distances.argmin(1))
    np.testing.assert_allclose(found.distance, distances.min(1), rtol=1e-12)


@pytest.mark.parametrize("block", [1, 2, 5])
def test_of_equals_the_first_is_the_nearest(block, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", block)
    train = np.array([[5.0], [1.0], [1.0], [5.0], [1.0]])
    assert nearest(np.array([[1.0], [6.0]]), train).row.tolist() == [1, 0]


def test_nearest_takes_images_and_bytes():
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 4), dtype=np.uint8)
    found = nearest(images[[7, 2]], images)
    assert found.row.tolist() == [7, 2]
    assert found.distance.tolist() == [0, 0]


def test_small_distances_of_float32_do_not_cancel():
    # |q|^2 - 2 q.t + |t|^2 of these is a difference of numbers around 784 of seven digits.
    train = np.ones((3, 784), np.float32)
    query = train[:1] + np.float32(1e-4)
    expected = np.linalg.norm((query - train[:1]).astype(np.float64))
    assert nearest(query, train).distance[0] == pytest.approx(expected)


def test_nearest_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"got \[3, 2\] and \[3, 4\]"):
        nearest(np.zeros((3, 2)), np.zeros((3, 4)))
    for n, m in ((3, 0), (0, 3)):
        with pytest.raises(ValueError, match="nearest: needs rows"):
            nearest(np.zeros((n, 2)), np.zeros((m, 2)))


def test_new_points_have_ratio_1():
    rng = np.random.default_rng(0)
    train, test, samples = (rng.standard_normal((n, 8)) for n in (4000, 4000, 4000))
    # Distances spread by a third of their median: the ratio of two of 4,000 by 0.8 %.
    assert memorisation(samples, test, train).ratio == pytest.approx(1, abs=0.03)


def test_far_samples_have_a_large_ratio():
    rng = np.random.default_rng(0)
    train, test, samples = (rng.standard_normal((500, 8)) for _ in range(3))
    assert memorisation(3 * samples, test, train).ratio > 2


def test_a_memoriser_is_exposed():
    train = data.load("glyphs", "train", limit=2000)[:][0]
    test = data.load("glyphs", "test", limit=600)[:][0]
    honest = memorisation(test[300:], test[:300], train)
    assert 0.9 < honest.ratio < 1.1
    planted = memoriser(train, 300, noise=0.01)
    assert planted.shape == (300, 1, 28, 28) and planted.dtype == np.float32
    assert planted.min() >= 0 and planted.max() <= 1
    caught = memorisation(planted, test[:300], train)
    assert 0 < caught.ratio < 0.1
    assert caught.test == honest.test


def test_the_memoriser_copies_many_images():
    train = np.random.default_rng(0).random((50, 6))
    found = nearest(memoriser(train, 200, noise=1e-3), train)
    assert len(np.unique(found.row)) > 40
    assert found.distance.max() < 0.01
    exact = memoriser(train, 200, noise=0)
    np.testing.assert_allclose(exact, train.astype(np.float32)[nearest(exact, train).row])


def test_test_images_that_are_training_images_are_no_measure():
    train = np.random.default_rng(0).random((50, 6))
    with pytest.raises(ValueError, match="test rows are training rows"):
        memorisation(train, train[:20], train)
