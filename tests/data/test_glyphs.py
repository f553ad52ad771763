"""The drawn digits: their factors drive the pictures, and the pictures are like MNIST's."""

import numpy as np
import pytest

from minigrad.data import glyphs, load, strokes


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@pytest.fixture(scope="module")
def data():
    return load("glyphs", limit=2000)


@pytest.fixture(scope="module")
def moments(data):
    """The centre of mass and the second moments of the ink, (n,) each."""
    ink = data.images[:, 0] / 255
    mass = ink.sum((1, 2))
    y, x = np.mgrid[:28, :28]
    cx, cy = (ink * x).sum((1, 2)) / mass, (ink * y).sum((1, 2)) / mass
    dx, dy = x - cx[:, None, None], y - cy[:, None, None]
    xy, yy = (ink * dx * dy).sum((1, 2)) / mass, (ink * dy * dy).sum((1, 2)) / mass
    return cx, cy, xy, yy


def test_labels_and_styles(data):
    assert data.labels.tolist() == data.factors["digit"].tolist()
    assert np.bincount(data.labels).min() > 150
    styles = {d: set(data.factors["style"][data.labels == d].tolist()) for d in range(10)}
    for digit, found in styles.items():
        assert found == set(range(sum(digit == t[0] for t in strokes.TEMPLATES)))
    assert all(len(found) >= 2 for found in styles.values())


def test_the_centre_of_mass_is_where_dx_and_dy_put_it(data, moments):
    cx, cy, _, _ = moments
    # Not exactly: where strokes overlap, their lengths count twice and the ink once.
    for centre, shift in ((cx, data.factors["dx"]), (cy, data.factors["dy"])):
        assert np.median(np.abs(centre - 13.5 - shift)) < 0.1
        assert correlation(centre, shift) > 0.9


def test_thickness_is_ink(data):
    ink = data.images.mean((1, 2, 3))
    for digit in range(10):
        of = data.labels == digit
        assert correlation(ink[of], data.factors["thickness"][of]) > 0.75


def test_slant_and_rotation_are_the_second_moment(data, moments):
    _, _, xy, yy = moments
    shear = -xy / yy
    for digit in range(10):
        of = data.labels == digit
        terms = [data.factors["slant"][of], data.factors["rotation"][of], np.ones(of.sum())]
        weights, *_ = np.linalg.lstsq(np.stack(terms, 1), shear[of], rcond=None)
        explained = np.stack(terms, 1) @ weights
        assert weights[0] > 0.5 and correlation(explained, shear[of]) > 0.75


def test_size_is_the_longer_side_and_aspect_the_width(data):
    inked = data.images[:, 0] > 127
    # Rows, then columns: from the first that has ink to the last.
    places = [np.where(inked.any(axis), np.arange(28), 14) for axis in (2, 1)]
    height, width = (np.ptp(place, axis=1) + 1 for place in places)
    longer = np.maximum(height, width)
    beyond = longer - data.factors["size"]
    assert -3.5 < beyond.min() and beyond.max() < 1  # a thin pen's strokes taper at their ends
    assert np.abs(np.median(beyond)) < 0.75  # whole pixels
    assert correlation(longer, data.factors["size"]) > 0.7
    zeros = data.labels == 0
    assert correlation(width[zeros] / height[zeros], data.factors["aspect"][zeros]) > 0.6


def test_the_ink_is_the_distance_to_the_stroke():
    # A long straight stroke along x = 13.2, three pixels wide.
    y = np.linspace(-20, 48, 300)
    points = np.stack((np.full_like(y, 13.2), y))[None].astype(np.float32)
    lengths = np.full((1, 300), y[1] - y[0], np.float32)
    image = glyphs.ink(points, lengths, np.array([3.0])) / 255
    expected = np.clip((1.5 - np.abs(np.arange(28) - 13.2)) / glyphs.EDGE + 0.5, 0, 1)
    np.testing.assert_allclose(image[0], np.broadcast_to(expected, (28, 28)), atol=0.004)


def test_templates_pass_through_their_points():
    for template, (_, _, written) in enumerate(strokes.TEMPLATES):
        names = dict.fromkeys(" ".join(written).split())
        points = np.array([name.split(",") for name in names], float)
        control = strokes.BANK.control[template]
        middle = control @ strokes.BANK.middle[template]
        curve = middle.T * 100 + [35, 50]
        gaps = np.abs(points[:, None] - curve[None]).max(2).min(1)
        assert gaps.max() < 2.5  # half a piece: a hundredth is half a pixel at most
        steps = np.hypot(*(control @ strokes.BANK.step[template])) * 20
        assert steps.max() < 1.0  # pixels: the Gaussians, 0.77 pixels wide, melt into a line


@pytest.mark.slow
def test_a_person_could_read_them(data):
    """1-nearest-neighbour on pixels: as with MNIST, good and not perfect."""
    train, labels = load("glyphs", limit=6000)[:]
    test, wanted = load("glyphs", "test", limit=600)[:]
    a, b = train.reshape(len(train), -1), test.reshape(len(test), -1)
    nearest = ((a * a).sum(1) - 2 * b @ a.T).argmin(1)
    accuracy = (labels[nearest] == wanted).mean()
    assert 0.92 < accuracy < 0.995


@pytest.mark.slow
def test_they_have_mnists_ink(data, data_dir):
    real = load("mnist", data_dir=data_dir("mnist"), limit=4000, download=False)
    ours, theirs = (d.images.mean((1, 2, 3)) / 255 for d in (data, real))
    assert abs(ours.mean() - theirs.mean()) < 0.012
    assert abs(ours.std() - theirs.std()) < 0.01
    assert abs((data.images == 0).mean() - (real.images == 0).mean()) < 0.03
