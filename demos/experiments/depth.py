"""Deeper is better at the same length of code: linear, deep and fully connected, convolutional.

All have the same data, epochs and optimizer, and the convolutional one fewer parameters than the
deep one: what it gains it gains by its architecture.
"""

from typing import Any

import numpy as np

import minigrad as mg
from demos.common.evaluation import flat
from demos.common.figures import Figure, curves, sheet, strips
from demos.common.kept import Kept
from demos.experiments.autoencoders import autoencoder
from demos.experiments.finding import Finding, Setting
from minigrad.data import ImageDataset
from models.autoencoder import ARCHITECTURES
from models.measures.linear import PCA, pca

CLAIM = "originally linear + sigmoid; later deep, fully-connected; later ReLU CNN (upconv)"
CODE, EPOCHS = 32, 5
SHOWN = 10


def run(setting: Setting, *, epochs: int = EPOCHS, limit: int | None = None) -> Finding:
    """The four architectures, and PCA, with codes of 32 numbers."""
    train, test = setting.images("glyphs", limit)
    exact = pca(flat(train), CODE)
    best = exact.error(flat(test))
    how = {"code": CODE, "epochs": epochs, "limit": limit}
    learned = {name: autoencoder(setting, model=name, **how) for name in ARCHITECTURES}
    numbers: dict[str, Any] = {"numbers in a code": CODE, "epochs": epochs}
    for name, found in learned.items():
        numbers[name] = {
            "test mse": found.rows[-1]["test_mse"],
            "train mse": found.rows[-1]["train_loss"] / test.images[0].size,
            "parameters": sum(p.numel() for p in found.model.parameters()),
            "seconds of training": found.seconds,
            "test mse after each epoch": [row["test_mse"] for row in found.rows],
        }
    control = {"PCA's test mse": best, "PCA's parameters": exact.components.size + exact.mean.size}
    mse = {name: f"{name} {numbers[name]['test mse']:.5f}" for name in learned}
    millions = ", ".join(
        f"{name} {numbers[name]['parameters'] / 1e6:.2f} M" for name in ("deep", "conv")
    )
    result = (
        f"{CODE} numbers, {epochs} epochs: {mse['deep']}, {mse['conv']} per pixel "
        f"(parameters: {millions})"
    )
    beside = f"PCA {best:.5f}; after as many epochs {mse['linear']}, {mse['sigmoid']}"
    return Finding(CLAIM, result, beside, numbers, control, draw(exact, learned, test, best))


def draw(exact: PCA, learned: dict[str, Kept], test: ImageDataset, best: float) -> Figure:
    """The same images through every code, and the errors by epoch."""
    # Of every class one, in order, or the first of all where there are fewer images.
    firsts = [np.flatnonzero(test.labels == c)[:1] for c in range(len(test.classes))]
    x, _ = test[np.concatenate(firsts)[:SHOWN]]
    rows = {"test images": x}
    rows["PCA"] = exact.decode(exact.encode(x.reshape(len(x), -1))).reshape(x.shape)
    lines = {}
    for name, found in learned.items():
        rows[name] = found.model.reconstruct(mg.tensor(x)).numpy()
        errors = [row["test_mse"] for row in found.rows]
        lines[f"{name}: {errors[-1]:.4f}"] = (range(1, len(errors) + 1), errors, "o-")
    figure, (left, right) = sheet("aaabb", (11.6, 4.4), f"codes of {CODE} numbers")
    strips(left, rows, "reconstructions")
    title = "squared error per pixel of test images"
    curves(right, lines, title, "epoch", levels={f"PCA: {best:.4f}": best})
    right.set_ylim(0, 3 * best)
    return figure
