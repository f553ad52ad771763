"""What an encoder is worth as the beginning of a classifier, against random weights."""

from itertools import chain, islice, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.data import DataLoader, ImageDataset, TensorDataset

from ..autoencoder import Autoencoder, classifier, deep_autoencoder
from ..model import descend

LR, BATCH = 1e-3, 100
TESTED_AT_ONCE = 500


def paired_errors(
    model: Autoencoder,
    x: NDArray[Any],
    labels: NDArray[Any],
    test: ImageDataset,
    *,
    on_code: bool,
    steps: int,
    seed: int,
    draw: int,
) -> tuple[float, float]:
    """The test errors of two classifiers trained on the same labelled images, in the same order,
    with the same last layer to begin with: from random weights, and from a deep autoencoder's
    encoder."""
    mg.manual_seed(1000 * seed + draw)
    classes = len(test.classes)
    scratch = classifier(deep_autoencoder(test.images.shape[1:]), classes, on_code)
    begun = classifier(model, classes, on_code)
    begun[1].load_state_dict(scratch[1].state_dict())
    before, after = (fitted_error(net, x, labels, test, steps, draw) for net in (scratch, begun))
    return before, after


def fitted_error(
    model: nn.Module,
    x: NDArray[Any],
    labels: NDArray[Any],
    test: ImageDataset,
    steps: int,
    seed: int,
) -> float:
    """Trains a classifier on labelled images with Adam; the share of test images it gets wrong."""
    optimizer = optim.Adam(model.parameters(), LR)
    loader = DataLoader(TensorDataset(x, labels), BATCH, shuffle=True, seed=seed, device="cpu")
    batches = chain.from_iterable(repeat(loader))  # every pass over a loader is an epoch
    for images, targets in islice(batches, steps):
        descend(optimizer, F.cross_entropy(model(images), targets))
    with mg.no_grad():
        held = DataLoader(test, TESTED_AT_ONCE, device="cpu")
        right = [model(images).numpy().argmax(1) == y.numpy() for images, y in held]
    return 1 - float(np.concatenate(right).mean())
