"""The measures of images on known answers: closed forms, bounds, distributions that are equal."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import optim
from models.measures import classifier
from models.measures.frechet import (
    classifier_score,
    frechet_distance,
    gaussian_distance,
    kernel_distance,
)
from models.model import Learner

SEEDS = st.integers(0, 2**32 - 1)


def covariance(rng, d, rank=None):
    factor = rng.standard_normal((d, rank or d))
    return factor @ factor.T / d


# ---- the Fréchet distance ------------------------------------------------------------------------


@given(st.integers(1, 6), SEEDS)
def test_frechet_of_gaussians_whose_covariances_commute(d, seed):
    # sum (mu_a - mu_b)^2 + sum (sigma_a - sigma_b)^2, in any basis that both are diagonal in.
    rng = np.random.default_rng(seed)
    mu_a, mu_b = rng.standard_normal((2, d))
    sigma_a, sigma_b = rng.uniform(0, 2, (2, d))
    basis, _ = np.linalg.qr(rng.standard_normal((d, d)))
    found = gaussian_distance(
        mu_a, basis * sigma_a**2 @ basis.T, mu_b, basis * sigma_b**2 @ basis.T
    )
    expected = ((mu_a - mu_b) ** 2).sum() + ((sigma_a - sigma_b) ** 2).sum()
    # Roots of what rounds to 1e-16 instead of 0 are 1e-8.
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-7)


@given(SEEDS)
def test_frechet_of_planar_gaussians(seed):
    # In two dimensions tr (A B)^(1/2) = sqrt(tr AB + 2 sqrt(det AB)): here they don't commute.
    rng = np.random.default_rng(seed)
    a, b = covariance(rng, 2), covariance(rng, 2)
    product = a @ b
    root = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
    zero = np.zeros(2)
    found = gaussian_distance(zero, a, zero, b)
    assert found == pytest.approx(np.trace(a) + np.trace(b) - 2 * root, rel=1e-6, abs=1e-7)


@given(st.integers(1, 4), SEEDS)
def test_frechet_of_singular_covariances(rank, seed):
    # All of A in one subspace, all of B in the orthogonal one: A B = 0, and the traces remain.
    rng = np.random.default_rng(seed)
    a, b = np.zeros((2, 8, 8))
    a[:4, :4] = covariance(rng, 4, rank)
    b[4:, 4:] = covariance(rng, 4, rank)
    zero = np.zeros(8)
    assert gaussian_distance(zero, a, zero, b) == pytest.approx(np.trace(a) + np.trace(b))
    assert gaussian_distance(zero, a, zero, a) == pytest.approx(0, abs=1e-6)


def test_frechet_of_samples_is_that_of_their_means_and_covariances():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((400, 5)) @ rng.standard_normal((5, 5)) + 1
    b = rng.standard_normal((300, 5))
    expected = gaussian_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert frechet_distance(a, b) == pytest.approx(expected)
    assert frechet_distance(b, a) == pytest.approx(expected)


def test_frechet_of_a_shift_and_of_equal_sets():
    a = np.random.default_rng(0).standard_normal((200, 16)).astype(np.float32)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 3) == pytest.approx(16 * 9, rel=1e-5)


def test_frechet_of_features_that_are_far_from_zero():
    # In float32 the means of these alone would be wrong by more than the distance.
    a = np.random.default_rng(0).standard_normal((1000, 4)) + 1e4
    expected = frechet_distance(a - 1e4, 2 * (a - 1e4))
    assert frechet_distance(a.astype(np.float32), 2 * (a - 1e4) + 1e4) == pytest.approx(
        expected, rel=1e-2
    )


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_frechet_of_what_is_not_finite_is_refused_in_either_place(wrong):
    a, b = np.random.default_rng(0).standard_normal((2, 4, 3))
    b[1, 2] = wrong
    for pair in ((a, b), (b, a)):
        with pytest.raises(ValueError, match="frechet_distance: features that are infinite or NaN"):
            frechet_distance(*pair)


def test_frechet_of_fewer_features_than_dimensions():
    a, b = np.random.default_rng(0).standard_normal((2, 10, 64))
    assert 0 < frechet_distance(a, b) < math.inf
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-5)


# ---- the kernel distance -------------------------------------------------------------------------


def test_kernel_distance_by_its_definition():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 6, 3))
    pairs = [(i, j) for i in range(6) for j in range(6)]
    k = lambda a, b: (a @ b / 3 + 1) ** 3
    within = sum(k(x[i], x[j]) + k(y[i], y[j]) for i, j in pairs if i != j) / 30
    between = sum(k(x[i], y[j]) for i, j in pairs) / 36
    found = kernel_distance(x, y, subsets=3)
    assert found.mean == pytest.approx(within - 2 * between)
    assert found.std == pytest.approx(0, abs=1e-12)  # each subset is all of them


def test_kernel_distance_is_unbiased():
    # Of many small independent samples of one distribution: the mean is 0, whatever their size,
    # where the biased one, with the diagonals, would be 2 E k(x, x) / n too high: 1.4 here.
    rng = np.random.default_rng(0)
    values = [kernel_distance(*rng.standard_normal((2, 12, 4)), subsets=1).mean for _ in range(800)]
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * error
    assert error < 0.05
    assert min(values) < 0


@pytest.mark.parametrize("change", [lambda x: x + 0.3, lambda x: 1.3 * x, lambda x: x**3 / 4])
def test_kernel_distance_sees_means_variances_and_more(change):
    rng = np.random.default_rng(1)
    x, y, z = rng.standard_normal((3, 1000, 4)) + 0.5
    equal, changed = kernel_distance(x, y, 10, 500), kernel_distance(x, change(z), 10, 500)
    assert changed.mean > 5 * abs(equal.mean)


def test_kernel_distance_depends_on_its_seed_alone():
    x, y = np.random.default_rng(0).standard_normal((2, 50, 3))
    assert kernel_distance(x, y, 4, 20) == kernel_distance(x, y, 4, 20)
    assert kernel_distance(x, y, 4, 20) != kernel_distance(x, y, 4, 20, seed=1)


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
def test_distances_refuse_what_has_none(measure):
    a = np.zeros((5, 3))
    with pytest.raises(ValueError, match=r"features \(N, D\).*got \[5, 3\] and \[5, 4\]"):
        measure(a, np.zeros((5, 4)))
    with pytest.raises(ValueError, match="two rows"):
        measure(a, a[:1])
    with pytest.raises(ValueError, match="NaN"):
        measure(a, np.full((5, 3), np.nan))


# ---- the classifier score ------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(1, 5))
def test_score_of_clear_samples_is_the_number_of_classes(classes, each):
    assert classifier_score(np.eye(classes).repeat(each, 0)) == pytest.approx(classes)


def test_score_of_one_class_and_of_no_idea_is_1():
    assert classifier_score(np.eye(10)[[3] * 7]) == pytest.approx(1)
    assert classifier_score(np.full((7, 10), 0.1)) == pytest.approx(1)
    assert classifier_score(np.tile([0.7, 0.3, 0], (5, 1))) == pytest.approx(1)


@given(st.integers(1, 20), st.integers(1, 10), SEEDS)
def test_score_is_between_1_and_the_number_of_classes(n, classes, seed):
    p = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), n)
    assert 1 - 1e-12 <= classifier_score(p) <= classes + 1e-9


def test_score_by_its_definition():
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    kl = [sum(q * math.log(q / m) for q, m in zip(row, (0.55, 0.45))) for row in p.tolist()]
    assert classifier_score(p) == pytest.approx(math.exp(sum(kl) / 2))
    with pytest.raises(ValueError, match="probabilities"):
        classifier_score(p[0])


# ---- the classifier ------------------------------------------------------------------------------


def bars(n, shape, seed=0):
    """Images with a bright bar in one of four places, which is their class, under noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=n)
    images = rng.uniform(0, 0.4, (n, *shape)).astype(np.float32)
    width = shape[2] // 4
    for image, label in zip(images, labels):
        image[..., label * width : (label + 1) * width] += 0.5
    return images, labels


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 13, 9)])
def test_classifier_learns(shape):
    mg.manual_seed(0)
    model = classifier.Classifier(shape, 4)
    learner = Learner(model, optim.Adam(model.parameters(), lr=2e-3))
    images, labels = bars(200, shape)
    for _ in range(4):
        for i in range(0, 200, 40):
            batch = mg.tensor(images[i : i + 40]), mg.tensor(labels[i : i + 40])
            last = learner.train_step(*batch)
    assert last["accuracy"].item() > 0.95
    images, labels = bars(50, shape, seed=1)
    assert (classifier.predictions(model, images) == labels).mean() > 0.95


def test_features_and_probabilities_belong_together(monkeypatch):
    mg.manual_seed(0)
    model = classifier.Classifier((1, 8, 8), 4)
    images = np.random.default_rng(0).random((10, 1, 8, 8))
    features, p = classifier.features(model, images), classifier.probabilities(model, images)
    assert features.shape == (10, 64) and features.dtype == np.float32
    assert features.min() >= 0
    assert p.shape == (10, 4)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(p, classifier.of_features(model, features))
    np.testing.assert_array_equal(p.argmax(1), classifier.predictions(model, images))
    monkeypatch.setattr(classifier, "AT_ONCE", 3)
    np.testing.assert_allclose(classifier.features(model, images), features, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 1, 8, 9), (4, 3, 8, 8), (0, 1, 8, 8), (1, 8, 8)])
def test_classifier_refuses_images_of_another_size(shape):
    model = classifier.Classifier((1, 8, 8), 4)
    with pytest.raises(ValueError, match=r"needs images \['N', 1, 8, 8\], got"):
        classifier.features(model, np.zeros(shape))
