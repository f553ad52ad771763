"""Conditional samples: a generator that is told the class (Mirza and Osindero 2014) draws it.

Two questions: does a classifier that has seen data only read the class that was asked for? And can
the samples stand in for data: how good is a nearest neighbour among them at reading real images
(the protocol of Radford et al. 2016 for MNIST)?
"""

from typing import Any

import numpy as np

from demos.common.figures import Array, Figure, sheet, strips
from demos.experiments import dcgans
from demos.experiments.finding import Finding, Setting
from demos.experiments.judge import judge_of
from minigrad.data import ImageDataset
from models.gan import GAN
from models.measures.judge import Judge
from models.measures.linear import nearest_neighbour_error

CLAIM = (
    "a conditional DCGAN draws the class that it is asked for, well enough to learn reading from"
)
SAMPLES = 10_000
COLUMNS = 14  # of the picture
RECIPE = {"conditional": True, "epochs": 5, "width": 32, "lr": 2e-4}


def run(
    setting: Setting, *, samples: int = SAMPLES, judge: Judge | None = None, **changes: Any
) -> Finding:
    """The asked labels against those that the judge reads, and nearest neighbours of test images
    among samples, among as much data, and, as a control, among the means of the classes."""
    judge = judge or judge_of(setting)
    data, test = judge.train, judge.test
    # Array begin at a quarter of their size: told the class, that is enough, and takes less time.
    start = data.images.shape[-1] // 4
    found = dcgans.dcgan(setting, **{**RECIPE, "start": start, **changes})
    labels = np.arange(samples) % len(data.classes)
    images = dcgans.samples(found.model, samples, labels)
    right = judge.predictions(images) == labels
    shares = {c: float(right[labels == i].mean()) for i, c in enumerate(data.classes)}
    errors = {
        "samples": neighbour_error(images, labels, test),
        "data": neighbour_error(*data[:samples], test),
        "class means": neighbour_error(*class_means(images, labels), test),
    }
    numbers = {
        "agreement with the asked label": float(right.mean()),
        "1-NN error, trained on samples": errors["samples"],
        "samples": samples,
        "core seconds of training": sum(dcgans.core_seconds(found)),
        "agreement by class": shares,
        "measures": judge.measure(images),
    }
    control = {
        "agreement of test labels": judge.accuracy,
        "1-NN error, trained on data": errors["data"],
        "1-NN error, trained on class means": errors["class means"],
        "measures of test images": judge.measure(test[:samples][0]),
    }
    name = setting.dataset or "glyphs"
    result = (
        f"{name}: {right.mean():.1%} are read as the asked class; 1-NN among {samples:,} samples "
        f"reads test images with {errors['samples']:.1%} error"
    )
    beside = (
        f"test images: {judge.accuracy:.1%} are read as their class; 1-NN among as much data "
        f"{errors['data']:.1%}, among class means {errors['class means']:.1%}"
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(found.model, shares))


def neighbour_error(images: Array, labels: Array, test: ImageDataset) -> float:
    """The share of test images whose nearest one of `images`, in pixels, has another label."""
    x, truth = test[:]
    return nearest_neighbour_error(
        images.reshape(len(images), -1), labels, x.reshape(len(x), -1), truth
    )


def class_means(images: Array, labels: Array) -> tuple[Array, Array]:
    """One image for each class, and its label."""
    classes = np.unique(labels)
    return np.stack([images[labels == c].mean(0) for c in classes]), classes


def draw(gan: GAN, shares: dict[str, float]) -> Figure:
    """For each class, a row of images of the same latents."""
    figure, (axes,) = sheet("a", (9, 0.6 * len(shares) + 0.6))
    z = gan.draw_noise(COLUMNS).numpy()
    rows = {
        f"{name}   {share:.1%}": dcgans.decode(gan, z, np.full(COLUMNS, i))
        for i, (name, share) in enumerate(shares.items())
    }
    title = "the same latents with each label; beside it, how often it is read in its samples"
    strips(axes, rows, title)
    return figure
