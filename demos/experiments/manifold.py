"""A VAE with two latents lays all the images out in a plane: the lecture's "data manifold for 2-d
z", which is figure 4 of Kingma & Welling 2013, and how much of it can be read."""

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from demos.common.kept import Setting
from demos.common.latents import decode, encode, quantile_grid
from demos.experiments import panels
from demos.experiments.finding import Finding
from demos.experiments.judge import Judge, judge_of
from demos.experiments.vaes import trained
from models.measures.linear import nearest_neighbour_error, pca

CLAIM = "the 2-D latents are a map of the data: every place decodes to an image, classes have areas"
CONFIDENT = 0.9
# NOTE: where there is one layer of 400, as in `bound`, no cell of MNIST is surely a 4 or a 5.
HIDDEN = (512, 256)
Array = NDArray[Any]


class Plane(NamedTuple):
    """Two numbers for an image, and what the places between them look like."""

    cells: Array  # (n n, C, H, W): rows from above, as a picture has them
    readings: Array  # (n n, classes): probabilities
    codes: Array  # (N, 2), of test images
    error: float  # the share of test images whose nearest training image has another label

    @property
    def numbers(self) -> dict[str, Any]:
        confident = self.readings.max(1) > CONFIDENT
        found = np.bincount(self.readings.argmax(1)[confident], minlength=self.readings.shape[1])
        return {
            "share of cells read with confidence": confident.mean(),
            "classes among these": int((found > 0).sum()),
            "cells of each class": found.tolist(),
            "1-NN accuracy of the codes": 1 - self.error,
        }


def run(
    setting: Setting,
    *,
    n: int = 20,
    epochs: int = 10,
    limit: int | None = None,
    judge: Judge | None = None,
) -> Finding:
    """A VAE's plane, and as a control the plane of the first two principal components."""
    name = setting.dataset or "glyphs"
    train, test = setting.images(name, limit)
    vae = trained(setting, name, latent=2, hidden=HIDDEN, epochs=epochs, limit=limit)
    judge = judge or judge_of(setting, name)
    places = quantile_grid(n)

    cells = decode(vae, places)
    codes = [encode(vae, images)[0] for images in (train, test)]
    learned = plane(cells, codes, judge, train.labels, test.labels)

    flat = [images[:][0].reshape(len(images), -1) for images in (train, test)]
    linear = pca(flat[0], 2)
    codes = [linear.encode(x) / np.sqrt(linear.variances[:2]) for x in flat]
    cells = linear.decode(places * np.sqrt(linear.variances[:2])).reshape(cells.shape)
    control = plane(np.clip(cells, 0, 1), codes, judge, train.labels, test.labels)

    real = judge.probabilities(test[: n * n][0]).max(1) > CONFIDENT
    numbers = {"cells": n * n, **learned.numbers}
    controls = {
        "PCA": control.numbers,
        "share of test images read with confidence": real.mean(),
        "accuracy of the judge": judge.accuracy,
    }
    result = sentence(learned, len(test.classes))
    beside = f"PCA: {sentence(control, len(test.classes))}; {real.mean():.1%} of test images"
    figure = draw(learned, test.labels, test.classes, f"{name}: {result}")
    return Finding(CLAIM, result, beside, numbers, controls, figure)


def plane(
    cells: Array, codes: list[Array], judge: Judge, labels: Array, test_labels: Array
) -> Plane:
    # float64: neighbours among many codes in a plane are nearer than float32 tells apart.
    train, test = (part.astype(np.float64) for part in codes)
    error = nearest_neighbour_error(train, labels, test, test_labels, rows=256)
    return Plane(cells, judge.probabilities(cells.astype(np.float32)), test, error)


def sentence(found: Plane, classes: int) -> str:
    numbers = found.numbers
    return (
        f"{numbers['share of cells read with confidence']:.1%} of {len(found.cells)} cells above "
        f"{CONFIDENT}, {numbers['classes among these']} of {classes} classes; 1-NN "
        f"{numbers['1-NN accuracy of the codes']:.1%}"
    )


def draw(found: Plane, labels: Array, classes: tuple[str, ...], title: str) -> Figure:
    """What the cells decode to, how they are read, and where the test images are. The axes of all
    three are the prior's distribution functions of z1 and z2."""
    n = round(len(found.cells) ** 0.5)
    figure = Figure((15, 5.6), dpi=100, layout="constrained")
    decoded, read, mapped = figure.subplots(1, 3)
    panels.show(decoded, found.cells, n, "decoded means at quantiles of p(z)", gap=0, scale=1)

    best, confidence = found.readings.argmax(1), found.readings.max(1)
    colours = np.array([to_rgb(f"C{i % 10}") for i in best])
    strength = np.where(confidence > CONFIDENT, 0.8, 0.25)[:, None]
    read.imshow((1 - strength * (1 - colours)).reshape(n, n, 3), extent=(0, 1, 0, 1))
    for i, (row, column) in enumerate(np.ndindex(n, n)):
        x, y = (column + 0.5) / n, 1 - (row + 0.5) / n
        read.text(x, y, classes[best[i]][:2], ha="center", va="center", fontsize=6)
    read.set_title(f"as the judge reads them; pale: not above {CONFIDENT}", fontsize=10)

    at = np.vectorize(NormalDist().cdf)(found.codes)
    for i, name in enumerate(classes):
        mine = at[labels == i]
        mapped.scatter(*mine.T, s=3, alpha=0.5, linewidths=0, color=f"C{i % 10}", label=name)
    mapped.set_title(f"means of q(z|x) of {len(at):,} test images", fontsize=10)
    mapped.legend(
        frameon=False, fontsize=9, markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    for axes in (read, mapped):
        axes.set_aspect("equal")
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 1), yticks=(0, 1))
        axes.tick_params(labelsize=8)
    figure.suptitle(title, fontsize=11)
    return figure
