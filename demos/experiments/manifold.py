"""A VAE with two latents lays all the images out in a plane: the lecture's "data manifold for 2-d
z", which is figure 4 of Kingma & Welling 2013, and how much of it can be read."""

from statistics import NormalDist

import numpy as np
from matplotlib.colors import to_rgb

from demos.common import pictures
from demos.common.evaluation import flat
from demos.common.figures import HEADING, SMALL, TEXT, Array, Axes, Figure, points, sheet, strips
from demos.common.latents import decode, encode, quantile_grid
from demos.experiments.finding import Finding, Setting
from demos.experiments.judge import judge_of
from demos.experiments.vaes import vae
from minigrad.data import ImageDataset
from models.measures.judge import Judge
from models.measures.linear import pca
from models.measures.plane import CONFIDENT, Plane, plane

CLAIM = "the 2-D latents are a map of the data: every place decodes to an image, classes have areas"
# NOTE: where there is one layer of 400, as in `bound`, no cell of MNIST is surely a 4 or a 5.
HIDDEN = (512, 256)


def run(
    setting: Setting, *, n: int = 20, epochs: int = 10, limit: int | None = None,
    judge: Judge | None = None,
) -> Finding:  # fmt: skip
    """A VAE's plane, and as a control the plane of the first two principal components."""
    images = train, test = setting.images("glyphs", limit)
    model = vae(setting, latent=2, hidden=HIDDEN, epochs=epochs, limit=limit)
    judge = judge or judge_of(setting)
    known = train.labels, test.labels, judge
    places = quantile_grid(n)
    learned = plane(decode(model, places), *(encode(model, some)[0] for some in images), *known)
    linear = pca(flat(train), 2)
    scale = np.sqrt(linear.variances[:2])
    cells = np.clip(linear.decode(places * scale).reshape(learned.cells.shape), 0, 1)
    pcas = plane(cells, *(linear.encode(flat(some)) / scale for some in images), *known)
    real = judge.probabilities(test[: n * n][0]).max(1) > CONFIDENT
    control = {
        "PCA": pcas.numbers,
        "share of test images read with confidence": real.mean(),
        "accuracy of the judge": judge.accuracy,
    }
    beside = f"PCA: {pcas}; {real.mean():.1%} of test images"
    figure = draw(learned, test, f"{setting.dataset or 'glyphs'}: {learned}")
    numbers = {"cells": n * n, **learned.numbers}
    return Finding(CLAIM, str(learned), beside, numbers, control, figure)


def draw(found: Plane, test: ImageDataset, title: str) -> Figure:
    """What the cells decode to, how they are read, and where the test images are. The axes of all
    three are the prior's distribution functions of z1 and z2."""
    figure, (decoded, read, mapped) = sheet("abc", (12, 4.7), title)
    n = round(len(found.cells) ** 0.5)
    heading = "decoded means at quantiles of p(z)"
    strips(decoded, found.cells, heading, columns=n, gap=0, scale=1)
    draw_readings(read, found.readings, n, test.classes)
    at = np.vectorize(NormalDist().cdf)(found.codes)
    sets = {name: at[test.labels == i] for i, name in enumerate(test.classes)}
    points(mapped, sets, f"means of q(z|x) of {len(at):,} test images", size=2)
    pictures.name_clusters(mapped, at, test.labels, test.classes)
    for axes in (read, mapped):
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 1), yticks=(0, 1))
    for axes, pad in ((decoded, 3), (read, -5), (mapped, -5)):
        axes.set_xlabel("share of the prior below z1", fontsize=TEXT, labelpad=pad)
        axes.set_ylabel("share below z2", fontsize=TEXT, labelpad=pad)
    return figure


def draw_readings(axes: Axes, readings: Array, n: int, classes: tuple[str, ...]) -> None:
    """A coloured cell for each, with the class that it is read as."""
    best, confidence = readings.argmax(1), readings.max(1)
    colours = np.array([to_rgb(f"C{i % 10}") for i in best])
    strength = np.where(confidence > CONFIDENT, 0.8, 0.25)[:, None]
    axes.imshow((1 - strength * (1 - colours)).reshape(n, n, 3), extent=(0, 1, 0, 1))
    for i, (row, column) in enumerate(np.ndindex(n, n)):
        x, y = (column + 0.5) / n, 1 - (row + 0.5) / n
        axes.text(x, y, classes[best[i]][:2], ha="center", va="center", fontsize=SMALL - 1)
    axes.set_title(f"as a classifier reads them; pale: not above {CONFIDENT}", fontsize=HEADING)
    axes.tick_params(labelsize=SMALL)
