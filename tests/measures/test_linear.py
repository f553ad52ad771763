"""PCA, principal angles, nearest neighbours and the linear probe against what defines them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.measures import linear
from models.measures.linear import (
    linear_probe_error,
    logistic_regression,
    nearest_neighbour_error,
    pca,
    principal_angles,
)


def cloud(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Points with another variance along each of d directions, away from 0."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return rng.standard_normal((n, d)) * np.arange(d, 0, -1) @ turn + 5


# ---- PCA -----------------------------------------------------------------------------------------


@given(n=st.integers(2, 30), d=st.integers(1, 8), data=st.data())
def test_pca_is_the_best_of_its_rank(n, d, data):
    """Eckart and Young: the error is that of the singular values left out."""
    k = data.draw(st.integers(1, d))
    x = cloud(n, d)
    found = pca(x, k)
    singular = np.linalg.svd(x - x.mean(0), compute_uv=False)
    assert found.error(x) == pytest.approx((singular[k:] ** 2).sum() / x.size, abs=1e-10)
    assert np.allclose(found.components @ found.components.T, np.eye(k), atol=1e-10)
    assert found.variances[k:].sum() == pytest.approx(found.error(x) * d, abs=1e-9)
    assert found.encode(x).shape == (n, k)


@pytest.mark.parametrize(("n", "d"), [(4, 7), (7, 7), (9, 7)])
def test_pca_has_a_variance_for_every_feature(n, d):
    """Where there are fewer samples, none is left for the others."""
    x = cloud(n, d)
    singular = np.linalg.svd(x - x.mean(0), compute_uv=False)
    variances = np.pad(singular**2 / n, (0, d - len(singular)))
    assert pca(x, 3).variances == pytest.approx(variances, abs=1e-9)


def test_pca_of_more_rows_than_are_worked_on_at_once(monkeypatch):
    x = cloud(50, 4)
    whole = pca(x, 2)
    monkeypatch.setattr(linear, "ROWS", 7)
    parts = pca(x, 2)
    assert np.allclose(np.abs(np.sum(whole.components * parts.components, 1)), 1)
    assert parts.error(x) == pytest.approx(whole.error(x))


@pytest.mark.parametrize("n", [5, 50])
def test_pca_keeps_its_digits_far_from_zero(n):
    """Of whole numbers, which can be moved without rounding."""
    x = cloud(n, 6).round()
    np.testing.assert_allclose(pca(x + 2**30, 4).variances, pca(x, 4).variances, atol=1e-6)


def test_pca_keeps_the_dtype():
    found = pca(cloud(9, 3).astype(np.float32), 2)
    assert found.mean.dtype == found.components.dtype == np.float32
    assert pca(np.arange(12).reshape(4, 3), 1).mean.dtype == np.float64


@pytest.mark.parametrize("k", [0, 4])
def test_pca_needs_a_possible_size(k):
    with pytest.raises(ValueError, match=f"k must be from 1 to the 3 features, got {k}"):
        pca(cloud(9, 3), k)


def test_pca_needs_a_matrix():
    with pytest.raises(ValueError, match=r"needs a matrix .* got shape \[2, 3, 4\]"):
        pca(np.zeros((2, 3, 4)), 1)


# ---- principal angles ----------------------------------------------------------------------------


@given(st.floats(1e-7, 90))
def test_a_plane_that_is_turned(degrees):
    """One axis is kept, the other turned out of the plane."""
    t = math.radians(degrees)
    a = np.eye(4)[:, :2]
    b = np.array([[1, 0], [0, math.cos(t)], [0, math.sin(t)], [0, 0]]) @ [[2, 1], [0, 3]]
    for angles in (principal_angles(a, b), principal_angles(b, a)):
        assert angles == pytest.approx([0, degrees], rel=1e-6, abs=1e-12)


def test_a_span_within_another():
    a = cloud(6, 3)
    assert principal_angles(a, a @ [[1.0], [2.0], [-1.0]]) == pytest.approx([0], abs=1e-10)
    assert principal_angles(a[:, :1], a).shape == (1,)


def test_angles_do_not_depend_on_the_basis():
    a, b = cloud(7, 3), cloud(7, 3, seed=1)
    turned = principal_angles(a @ np.diag([1.0, -3.0, 0.1]), b @ cloud(3, 3, seed=2))
    assert turned == pytest.approx(principal_angles(a, b))


def test_angles_need_two_bases():
    with pytest.raises(ValueError, match="needs columns of one length, got 3 and 4"):
        principal_angles(np.eye(3), np.eye(4))
    with pytest.raises(ValueError, match="the columns of b are linearly dependent"):
        principal_angles(np.eye(3), np.ones((3, 2)))


# ---- labels --------------------------------------------------------------------------------------


def test_the_nearest_neighbour(monkeypatch):
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((20, 3)) + 100, rng.standard_normal((11, 3)) + 100
    labels, test_labels = rng.integers(4, size=20), rng.integers(4, size=11)
    distances = np.linalg.norm(test[:, None] - train, axis=2)
    expected = np.mean(labels[distances.argmin(1)] != test_labels)
    assert nearest_neighbour_error(train, labels, test, test_labels) == expected
    assert nearest_neighbour_error(train, labels, test, test_labels, rows=3) == expected
    assert nearest_neighbour_error(train, labels, train, labels) == 0


def test_as_many_of_each_class():
    labels = np.array([0, 1, 1, 1, 2, 2, 1, 0, 2, 1])
    chosen = linear.balanced(labels, 6, np.random.default_rng(0))
    assert labels[chosen].tolist() == [0, 0, 1, 1, 2, 2]
    assert len(set(chosen.tolist())) == 6
    some = {tuple(linear.balanced(labels, 3, np.random.default_rng(i))) for i in range(30)}
    assert len(some) > 5


def test_the_mean_image_of_each_class():
    images = np.arange(24.0).reshape(4, 1, 2, 3)
    means, classes = linear.class_means(images, np.array([5, 3, 5, 9]))
    assert classes.tolist() == [3, 5, 9]
    np.testing.assert_array_equal(means, images[[1, 1, 3]])
    other, _ = linear.class_means(images, np.array([5, 3, 5, 3]))
    np.testing.assert_array_equal(other, np.stack([images[1] + 6, images[1]]))


def objective(weights, x, y, penalty):
    logits = np.c_[x, np.ones(len(x))] @ weights
    entropy = np.log(np.exp(logits).sum(1)) - (logits * y).sum(1)
    return entropy.mean() + penalty / 2 * np.square(weights[:-1]).sum()


@pytest.mark.parametrize("penalty", [1e-3, 1.0])
def test_logistic_regression_is_at_the_minimum(penalty):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((40, 3)), np.eye(3)[rng.integers(3, size=40)]
    weights = logistic_regression(x, y, penalty, 1e-9)
    least = objective(weights, x, y, penalty)
    for _ in range(30):
        # A minimum: the objective rises by the square of the way.
        away = weights + 1e-3 * rng.standard_normal(weights.shape)
        assert least < objective(away, x, y, penalty) < least + 1e-4


@pytest.mark.parametrize("seed", range(4))
def test_no_slope_is_above_the_tolerance_at_the_end(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((60, 2)), np.eye(6)[np.maximum(rng.integers(-20, 6, size=60), 0)]
    weights = logistic_regression(x, y, 0.1, 1e-2)
    x = np.c_[x, np.ones(len(x))]
    e = np.exp(x @ weights)
    slopes = x.T @ (e / e.sum(1, keepdims=True) - y) / len(x)
    slopes[:-1] += 0.1 * weights[:-1]
    assert np.abs(slopes).max() <= 1e-2


def test_logistic_regression_of_two_classes_is_known():
    """With a feature that says nothing, the logits are the logarithms of the shares."""
    x, y = np.zeros((4, 1)), np.eye(2)[[0, 0, 0, 1]]
    weights = logistic_regression(x, y, 0.1)
    assert weights[1, 0] - weights[1, 1] == pytest.approx(math.log(3), abs=1e-4)


def test_a_probe_that_does_not_end_is_an_error(monkeypatch):
    monkeypatch.setattr(linear, "STEPS", 3)
    with pytest.raises(RuntimeError, match=r"not done after 3 steps \(penalty 0.01\)"):
        logistic_regression(cloud(5, 2), np.eye(5), 0.01)


def test_the_probe_finds_what_is_linear_whatever_scale_and_place():
    rng = np.random.default_rng(2)
    centres = 4 * rng.standard_normal((3, 5))
    labels = rng.integers(3, size=300)
    x = centres[labels] + rng.standard_normal((300, 5))
    halves = (x[:150], labels[:150], x[150:], labels[150:])
    error = linear_probe_error(*halves)
    assert error < 0.05
    moved = linear_probe_error(1e3 * x[:150] + 50, labels[:150], 1e3 * x[150:] + 50, labels[150:])
    assert moved == error
    shuffled = rng.permutation(labels[:150])
    assert linear_probe_error(x[:150], shuffled, x[150:], labels[150:]) > 0.4


def test_more_features_than_samples_are_no_other_classifier():
    rng = np.random.default_rng(4)
    labels = rng.integers(3, size=212)
    x = rng.standard_normal((3, 30))[labels] + 2 * rng.standard_normal((212, 30))
    train, test = x[:12] - x[:12].mean(0), x[12:] - x[:12].mean(0)
    scale = math.sqrt(np.square(train).sum(1).mean())
    weights = logistic_regression(train / scale, np.eye(3)[labels[:12]], 0.1)
    expected = ((test / scale) @ weights[:-1] + weights[-1]).argmax(1) != labels[12:]
    assert 0.1 < expected.mean() < 0.6
    assert linear_probe_error(x[:12], labels[:12], x[12:], labels[12:], [0.1]) == expected.mean()


def test_the_penalty_is_chosen_by_cross_validation():
    """Labels that are noise want a strong penalty; labels that are clear want a weak one."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((60, 10))
    noise, clear = np.eye(2)[rng.integers(2, size=60)], np.eye(2)[(x[:, 0] > 0).astype(int)]
    assert linear._best_penalty(x, noise, (1e-3, 10.0)) == 10
    assert linear._best_penalty(x, clear, (1e-3, 10.0)) == 1e-3


def test_features_that_depend_on_each_other_or_are_constant_are_fine():
    labels = np.array([0, 1] * 10)
    x = np.stack([labels, 2 * labels, np.full(20, 7.0)], axis=1)
    assert linear_probe_error(x, labels, x, labels) == 0
    assert linear_probe_error(np.ones((20, 2)), labels, np.ones((20, 2)), labels) == 0.5


@pytest.mark.parametrize("function", [nearest_neighbour_error, linear_probe_error])
def test_features_and_labels_must_fit(function):
    x, labels = np.zeros((4, 2)), np.zeros(4, int)
    with pytest.raises(ValueError, match=r"\[\[4, 2\], \[3\], \[4, 2\], \[4\]\]"):
        function(x, labels[:3], x, labels)
    with pytest.raises(ValueError, match="needs features"):
        function(x, labels, x[:, :1], labels)
    with pytest.raises(ValueError, match="needs a matrix"):
        function(x[:0], labels[:0], x, labels)


def test_penalties_must_be_positive():
    x, labels = np.zeros((4, 2)), np.zeros(4, int)
    with pytest.raises(ValueError, match=r"penalties must be positive, got \[1.0, 0.0\]"):
        linear_probe_error(x, labels, x, labels, (1.0, 0.0))
