"""Deeper is better at the same length of code: linear, deep and fully connected, convolutional.

All have the same data, epochs and optimizer, and the convolutional one fewer parameters than the
deep one: what it gains it gains by its architecture.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
from demos.common.evaluation import flat
from demos.common.kept import Setting
from demos.experiments.autoencoders import Recipe, Trained, trained
from demos.experiments.finding import Finding
from demos.experiments.panels import show
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
    learned = {name: trained(setting, Recipe(name, CODE, epochs), limit) for name in ARCHITECTURES}
    numbers: dict[str, Any] = {"numbers in a code": CODE, "epochs": epochs}
    for name, found in learned.items():
        numbers[name] = {
            "test mse": found.test_mse,
            "train mse": found.rows[-1]["train_loss"] / test.images[0].size,
            "parameters": sum(p.numel() for p in found.model.parameters()),
            "seconds of training": found.seconds,
            "test mse after each epoch": [row["test_mse"] for row in found.rows],
        }
    control = {"PCA's test mse": best, "PCA's parameters": exact.components.size + exact.mean.size}
    told = ", ".join(f"{name} {numbers[name]['test mse']:.5f}" for name in ("deep", "conv"))
    millions = ", ".join(
        f"{name} {numbers[name]['parameters'] / 1e6:.2f} M" for name in ("deep", "conv")
    )
    result = f"{CODE} numbers, {epochs} epochs: {told} per pixel (parameters: {millions})"
    others = ", ".join(f"{name} {numbers[name]['test mse']:.5f}" for name in ("linear", "sigmoid"))
    beside = f"PCA {best:.5f}; after as many epochs {others}"
    return Finding(CLAIM, result, beside, numbers, control, draw(exact, learned, test, best))


def draw(exact: PCA, learned: dict[str, Trained], test: ImageDataset, best: float) -> Figure:
    """The same images through every code, and the errors by epoch."""
    # Of every class one, in order, or the first of all where there are fewer images.
    firsts = [np.flatnonzero(test.labels == c)[:1] for c in range(len(test.classes))]
    x, _ = test[np.concatenate(firsts)[:SHOWN]]
    rows = {"test images": x}
    rows["PCA"] = exact.decode(exact.encode(x.reshape(len(x), -1))).reshape(x.shape)
    for name, found in learned.items():
        rows[name] = found.model.reconstruct(mg.tensor(x)).numpy()
    figure = Figure((11.6, 4.4), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    tiles = np.concatenate(list(rows.values()))
    show(left, tiles, len(x), "reconstructions", row_labels=list(rows))
    right.axhline(best, color="k", linestyle="--", linewidth=1, label=f"PCA: {best:.4f}")
    for name, found in learned.items():
        errors = [row["test_mse"] for row in found.rows]
        label = f"{name}: {errors[-1]:.4f}"
        right.plot(range(1, len(errors) + 1), errors, "o-", markersize=3, label=label)
    right.set_ylim(0, 3 * best)
    right.set_xlabel("epoch")
    right.xaxis.get_major_locator().set_params(integer=True)
    right.set_title("squared error per pixel of test images", fontsize=10)
    right.legend(frameon=False, fontsize=9)
    right.tick_params(labelsize=8)
    right.spines[["top", "right"]].set_visible(False)
    right.grid(alpha=0.25, linewidth=0.6)
    figure.suptitle(f"codes of {CODE} numbers", fontsize=11)
    return figure
