"""The judge of images, and what is measured through it, with a network that has learned nothing."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import ImageDataset
from models.measures import classifier, judge, paths
from models.measures.frechet import classifier_score, frechet_distance, kernel_distance
from models.measures.judge import Judge
from models.measures.linear import nearest_neighbour_error
from models.measures.plane import Plane, plane

CLASSES = ("a", "b", "c")


def drawn(n: int, seed: int) -> ImageDataset:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 1, 4, 4), dtype=np.uint8)
    return ImageDataset(images, np.arange(n) % 3, "noise", CLASSES)


def untrained(**options) -> Judge:
    mg.manual_seed(0)
    model = classifier.Classifier((1, 4, 4), 3)
    with mg.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # so that it has something to say
    return Judge(model, drawn(40, 0), drawn(15, 1), 0.5, **options)


def test_the_reference_is_of_all_training_images(monkeypatch):
    monkeypatch.setattr(judge, "AT_ONCE", 7)
    found = untrained()
    expected = classifier.features(found.model, found.train[:][0])
    np.testing.assert_allclose(found.reference, expected, rtol=1e-5, atol=1e-6)
    kept = untrained(reference=expected[:3])
    assert kept.reference.shape == (3, 64) and kept.accuracy == 0.5


def test_measures_are_those_of_its_features():
    found = untrained()
    images = drawn(20, 2)[:][0]
    features, p = found.features(images), found.probabilities(images)
    kernel = kernel_distance(found.reference, features)
    counts = np.bincount(found.predictions(images), minlength=3)
    assert counts.max() < 20
    got = found.measure(images)
    assert got.pop("classes") == dict(zip(CLASSES, (counts / 20).tolist(), strict=True))
    assert got == pytest.approx(
        {
            "frechet": frechet_distance(found.reference, features),
            "kernel": kernel.mean,
            "kernel_std": kernel.std,
            "score": classifier_score(p),
            "n": 20,
        }
    )


def test_controls(monkeypatch):
    found = untrained()
    monkeypatch.setattr(found, "measure", lambda images: images)
    images, labels = found.test[:]
    controls = found.controls(10, seed=4)
    assert list(controls) == ["real", "real with noise 0.1", "real without c"]
    np.testing.assert_array_equal(controls["real"], images[:10])
    np.testing.assert_array_equal(controls["real without c"], images[labels != 2][:10])
    noisy = controls["real with noise 0.1"]
    assert noisy.min() == 0 and noisy.max() == 1
    inside = (noisy > 0) & (noisy < 1)
    assert (noisy - images[:10])[inside].std() == pytest.approx(0.1, rel=0.15)
    usual, zero, one = (
        found.controls(4, **seed)["real with noise 0.1"] for seed in ({}, {"seed": 0}, {"seed": 1})
    )
    assert (usual == zero).all() and (usual != one).any()
    everything = found.controls()
    assert len(everything["real"]) == 15 and len(everything["real without c"]) == 10


def test_neighbours_and_what_is_known_by_heart():
    found = untrained()
    train, test = found.train[:][0], found.test[:][0]
    near = found.neighbours(train[[7, 3]])
    for name in ("in pixels", "in features"):
        np.testing.assert_array_equal(near[name], train[[7, 3]])
    copies = np.concatenate([train[:5], test])
    assert found.by_heart(copies, 5) == pytest.approx({"in pixels": 0, "in features": 0}, abs=1e-5)
    assert found.by_heart(test, 5) == pytest.approx({"in pixels": 1, "in features": 1})
    halves = found.by_heart(np.concatenate([test[:3], train[:3]]), 6)  # medians of half copies
    assert 0 < halves["in pixels"] < 1


# ---- paths of latents ----------------------------------------------------------------------------


def test_points_of_lines_and_arcs():
    a, b, t = np.array([[2.0, 0]]), np.array([[0, 2.0]]), np.array([0, 1 / 3, 1 / 2, 1])
    np.testing.assert_allclose(
        paths.linear(a, b, t), [[[2, 0], [4 / 3, 2 / 3], [1, 1], [0, 2]]], atol=1e-12
    )
    angles = np.pi / 2 * t
    on_a_circle = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.testing.assert_allclose(paths.spherical(a, b, t), on_a_circle[None], atol=1e-12)
    # Between parallel ends an arc is a line, also where the ends are of other lengths.
    np.testing.assert_allclose(paths.spherical(a, 3 * a, t), paths.linear(a, 3 * a, t), rtol=1e-5)
    far = paths.spherical(a, -a, t)
    assert np.isfinite(far).all()
    np.testing.assert_allclose(far[0, [0, -1]], [a[0], -a[0]], atol=1e-2)


def test_steps_along_paths():
    line = np.stack([np.arange(33.0), np.ones(33)], axis=1)  # even
    jump = np.where(np.arange(33)[:, None] < 10, 0.0, [3, 4])  # all at once
    features = np.stack([line, jump])
    assert paths.steps(features).shape == (2, 32)
    assert paths.steps(features)[0].tolist() == [1] * 32
    assert paths.steps(features)[1].max() == 5
    assert paths.unevenness(line[None]) == pytest.approx(1)
    assert paths.unevenness(jump[None]) == pytest.approx(32)
    assert paths.unevenness(np.zeros((1, 5, 2))) == 1
    assert paths.unevenness(features) == pytest.approx(16.5)
    found = paths.movement(features)
    apart = (np.linalg.norm(line[0] - jump[-1]) + np.linalg.norm(jump[0] - line[-1])) / 2
    assert found == pytest.approx(
        {
            "largest of 8 steps over the mean": (1 + 8) / 2,
            "largest of 32 steps over the mean": (1 + 32) / 2,
            "largest of 8 steps over a distance": (4 + 5) / 2 / apart,
        }
    )


def test_the_share_of_a_path_that_is_done():
    path = np.array([[0.0, 0], [3, 4], [3, 4], [3, 9]])
    assert paths.share_done(path) == pytest.approx([0, 0.5, 0.5, 1])
    assert paths.share_done(np.zeros((3, 2))) == pytest.approx([0, 0.5, 1])


def flat_decoder(z: np.ndarray) -> np.ndarray:
    """Latents of 16 numbers are the images."""
    return z.reshape(-1, 1, 4, 4)


def test_walks(monkeypatch):
    monkeypatch.setattr(paths, "KNOWN", 25)
    monkeypatch.setattr(paths, "POINTS", 4)
    found = untrained()
    a, b = (found.train[i : i + 2][0].reshape(2, 16) for i in (0, 10))
    walks = paths.walked(flat_decoder, found, a, b)
    t = np.linspace(0, 1, 4)
    line = paths.linear(a, b, t).reshape(2, 4, 1, 4, 4)
    np.testing.assert_allclose(walks["line"], line, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(walks["pixels"], line, rtol=1e-5, atol=1e-6)
    arc = paths.spherical(a, b, t).reshape(line.shape)
    np.testing.assert_allclose(walks["arc"], arc, rtol=1e-4, atol=1e-5)
    known = found.train[:25][0]
    squares = np.square(line[:, :, None] - known).sum((3, 4, 5))
    np.testing.assert_array_equal(walks["memoriser"], known[squares.argmin(2)])
    features = paths.features_of(found, walks["line"])
    assert features.shape == (2, 4, 64)
    np.testing.assert_allclose(features[1, 3], found.features(walks["line"][1, 3:4])[0], rtol=1e-4)


def test_images_fade_in_pixels_though_latents_do_not(monkeypatch):
    monkeypatch.setattr(paths, "POINTS", 3)
    found = untrained()
    a, b = (np.full((1, 16), value, np.float32) for value in (0.2, 1))
    walks = paths.walked(lambda z: flat_decoder(z) ** 2, found, a, b)
    assert walks["line"][0, :, 0, 0, 0] == pytest.approx([0.04, 0.36, 1])
    assert walks["pixels"][0, :, 0, 0, 0] == pytest.approx([0.04, 0.52, 1])


def test_halfway_between_samples():
    found = untrained()
    rng = np.random.default_rng(5)
    a, b = np.zeros((2, 12, 16), np.float32)
    a[:, 0], b[:, 1] = 2, 2
    a[:, 2:], b[:, 2:] = rng.random((2, 12, 14)) / 100
    got = paths.halfway(flat_decoder, found, a, b)
    lengths = {name: row["length of z"] for name, row in got.items() if "length of z" in row}
    assert lengths == pytest.approx(
        {"samples": 2, "middles of lines": 2**0.5, "middles of arcs": 2}, rel=1e-2
    )
    images = {
        "samples": a,
        "middles of lines": (a + b) / 2,
        "middles of arcs": paths.spherical(a, b, np.array([0.5]))[:, 0].astype(np.float32),
        "middles of pixels": (a + b) / 2,
        "test images": found.test[:12][0],
    }
    assert list(got) == list(images)
    for name, some in images.items():
        features = found.features(some.reshape(-1, 1, 4, 4))
        apart = np.linalg.norm(features[:, None] - found.reference, axis=2).min(1)
        expected = frechet_distance(found.reference, features)
        assert got[name]["distance to data"] == pytest.approx(np.median(apart), rel=1e-3)
        assert got[name]["Fréchet distance"] == pytest.approx(expected, rel=1e-3)


# ---- a plane of latents --------------------------------------------------------------------------


def test_a_planes_numbers():
    readings = np.array([[0.95, 0.05, 0], [0, 0.9, 0.1], [0.91, 0, 0.09], [0.05, 0, 0.95]])
    found = Plane(np.zeros((4, 1, 2, 2)), readings, np.zeros((5, 2)), 0.25)
    assert found.numbers == {
        "share of cells read with confidence": 0.75,
        "classes among these": 2,
        "cells of each class": [2, 0, 1],
        "1-NN accuracy of the codes": 0.75,
    }
    assert str(found) == "75.0% of 4 cells above 0.9, 2 of 3 classes; 1-NN 75.0%"


def test_a_plane_of_codes():
    found = untrained()
    rng = np.random.default_rng(0)
    codes, held = rng.standard_normal((30, 2)), rng.standard_normal((9, 2))
    labels, held_labels = rng.integers(3, size=30), rng.integers(3, size=9)
    cells = rng.random((4, 1, 4, 4))
    got = plane(cells, codes, held, labels, held_labels, found)
    assert got.error == nearest_neighbour_error(codes, labels, held, held_labels)
    assert got.codes.dtype == np.float64
    np.testing.assert_array_equal(got.codes, held)
    np.testing.assert_array_equal(got.cells, cells)
    np.testing.assert_array_equal(got.readings, found.probabilities(cells.astype(np.float32)))
