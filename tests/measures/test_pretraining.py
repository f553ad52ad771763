"""Classifiers from random weights and from an encoder: the same but for what is compared."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.data import ImageDataset
from models.autoencoder import deep_autoencoder
from models.measures import pretraining
from models.measures.pretraining import fitted_error, paired_errors


def halves(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images whose class is the brighter half, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    images = rng.integers(0, 60, (n, 1, 2, 2))
    images[np.arange(n), 0, labels] += 150
    return images.astype(np.uint8), labels


def dataset(images: np.ndarray, labels: np.ndarray) -> ImageDataset:
    return ImageDataset(images, labels, "halves", ("above", "below"))


def test_a_classifier_is_trained_for_so_many_steps(monkeypatch):
    monkeypatch.setattr(pretraining, "BATCH", 10)
    monkeypatch.setattr(pretraining, "TESTED_AT_ONCE", 7)
    monkeypatch.setattr(pretraining, "LR", 0.1)
    images, labels = halves(25)
    x, test = images / np.float32(255), dataset(*halves(40, seed=1))

    def fresh():
        mg.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        with mg.no_grad():
            net[1].weight.zero_()
            net[1].bias.copy_(mg.tensor([1.0, 0.0]))  # all are of class 0
        return net

    assert fitted_error(fresh(), x, labels, test, 0, 0) == pytest.approx(test.labels.mean())
    assert fitted_error(fresh(), x, labels, test, 30, 0) == 0  # ten epochs
    steps = []
    monkeypatch.setattr(pretraining, "descend", lambda *a: steps.append(a))
    fitted_error(fresh(), x, labels, test, 8, 0)
    assert len(steps) == 8
    assert steps[0][0].param_groups[0]["lr"] == 0.1


def test_both_begin_with_the_same_last_layer_and_see_the_same(monkeypatch):
    seen = []

    def fitted(model, x, labels, test, steps, seed):
        seen.append((model, steps, seed))
        return float(len(seen))

    monkeypatch.setattr(pretraining, "fitted_error", fitted)
    model = deep_autoencoder((1, 2, 2))
    images, labels = halves(6)
    x, test = images / np.float32(255), dataset(*halves(4))
    for draw, on_code in ((3, False), (3, True), (4, True)):
        found = paired_errors(model, x, labels, test, on_code=on_code, steps=5, seed=2, draw=draw)
        assert found == (len(seen) - 1, len(seen))
        (scratch, *rest), (begun, *others) = seen[-2:]
        assert rest == others == [5, draw]
        assert same(scratch[1], begun[1])
        assert same(begun[0], model.encoder if on_code else model.encoder.body)
        assert not same(scratch[0], begun[0])
    assert not same(seen[2][0][1], seen[4][0][1])  # the draw is part of the seed
    mg.manual_seed(2004)
    assert same(seen[4][0][0], deep_autoencoder((1, 2, 2)).encoder)


def same(a: nn.Module, b: nn.Module) -> bool:
    states = a.state_dict(), b.state_dict()
    return all((states[0][name].numpy() == t.numpy()).all() for name, t in states[1].items())
