"""How good a DCGAN's samples are, epoch by epoch; and whether it only knows its data by heart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from demos.common.kept import Setting
from demos.common.pictures import plain, tiles
from demos.common.training import random_numbers
from demos.experiments import dcgans, vaes
from demos.experiments.finding import Finding
from demos.experiments.judge import Judge, judge_of
from models.gan import GAN
from models.measures.neighbours import memorisation, memoriser, nearest

CLAIM = "samples of a deep convolutional GAN look amazing; they are new images, not copies of data"
SAMPLES = 10_000  # as many as the reference has, on which the Fréchet distance depends
TARGET = {"frechet": 10.0, "score": 8.0}  # on MNIST, within 15 minutes of 2 cores
VAE_EPOCHS = 5
COMPARED = 1_000  # samples whose nearest neighbours are found, and test images
COPY_NOISE = 0.05  # of a model that has learned its data by heart, planted to be found out
SHOWN = 10
Images = NDArray[Any]


def run(
    setting: Setting, *, n: int = SAMPLES, limit: int | None = None, vae_epochs: int = VAE_EPOCHS,
    **changes: Any,
) -> Finding:  # fmt: skip
    """Measures the kept DCGAN of the data set (trained here if there is none) after each epoch."""
    name, seed = setting.dataset or "glyphs", setting.seed
    judge = judge_of(setting, "glyphs")
    gan = dcgans.trained(setting, name, limit=limit, **changes)
    folder = dcgans.folder_of(setting, name, limit=limit, **changes)
    seconds = dcgans.core_seconds(setting, name, limit=limit, **changes)
    curve = [judge.measure(drawn(e, n, seed)) for e in dcgans.after_each_epoch(gan, folder)]
    images, found = drawn(gan, n, seed), curve[-1]
    control = judge.controls(n)
    vae = vae_samples(setting, name, n, limit, vae_epochs)
    control[f"VAE, {vae_epochs} epochs"] = judge.measure(vae)
    copies = memoriser(judge.train[:][0], COMPARED, COPY_NOISE, seed)
    numbers = {
        **found,
        "core seconds of training": sum(seconds),
        "meets the target of MNIST": meets(found) and sum(seconds) <= 15 * 60,
        "target": TARGET,
        "distance to training data over that of test data": by_heart(images, judge),
        "classifier's accuracy": judge.accuracy,
        "after each epoch": [
            {"core seconds": s, **measures} for s, measures in zip(seconds, curve, strict=True)
        ],
    }
    result = (
        f"Fréchet distance {found['frechet']:.1f}, classifier score {found['score']:.2f}, least "
        f"class {min(found['classes'].values()):.1%}, after {sum(seconds):.0f} s of one core"
    )
    beside = "; ".join(f"{k} {v['frechet']:.1f}, {v['score']:.2f}" for k, v in control.items())
    figure = draw(images, judge, curve, control)
    control["distance to training data over that of test data"] = {
        f"copies with noise {COPY_NOISE}": by_heart(copies, judge),
        f"VAE, {vae_epochs} epochs": by_heart(vae, judge),
    }
    return Finding(CLAIM, result, beside, numbers, control, figure)


def drawn(gan: GAN, n: int, seed: int) -> Images:
    """Samples of the same noise for every GAN."""
    with random_numbers(seed):
        return dcgans.samples(gan, n)


def vae_samples(setting: Setting, name: str, n: int, limit: int | None, epochs: int) -> Images:
    vae = vaes.trained(setting, name, model="conv", epochs=epochs, limit=limit)
    with random_numbers(setting.seed):
        return vaes.samples(vae, n)


def meets(found: Mapping[str, Any]) -> bool:
    return (
        found["frechet"] <= TARGET["frechet"]
        and found["score"] >= TARGET["score"]
        and min(found["classes"].values()) > 0
    )


def by_heart(images: Images, judge: Judge) -> dict[str, Any]:
    """How near samples are to training images, against test images: 1 is new, near 0 is copied."""
    train, test = judge.train[:][0], judge.test[:COMPARED][0]
    pixels = memorisation(images[:COMPARED], test, train)
    features = memorisation(
        judge.features(images[:COMPARED]), judge.features(test), judge.reference
    )
    return {"in pixels": pixels.ratio, "in features": features.ratio}


# ---- the picture ---------------------------------------------------------------------------------


def draw(
    images: Images, judge: Judge, curve: list[dict[str, Any]], control: Mapping[str, Any]
) -> Figure:
    """Samples beside data, samples above their nearest neighbours, the distance by epoch."""
    figure = Figure((12.4, 6.3), dpi=100, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
    real = judge.test[: SHOWN * SHOWN // 2][0]
    for axes, shown, title in zip(
        left.subplots(2, 1), (images, real), ("samples", "test data"), strict=True
    ):
        axes.imshow(tiles(shown[: SHOWN * SHOWN // 2], SHOWN))
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    top, bottom = right.subfigures(2, 1, height_ratios=(1, 1.5))
    above, below = top.subplots(), bottom.subplots()
    above.imshow(tiles(neighbours(images[:SHOWN], judge), SHOWN))
    above.set_title("samples, and their nearest training images", fontsize=10)
    height = above.get_ylim()[0]
    names = ("samples", "in pixels", "in features")
    above.set_yticks([height * (i + 0.5) / 3 for i in range(3)], names, fontsize=9)
    above.set_xticks([])
    above.spines[:].set_visible(False)
    above.tick_params(length=0)
    draw_curve(below, curve, control)
    return figure


def neighbours(samples: Images, judge: Judge) -> Images:
    """Samples (n, C, H, W), then the nearest training images of each in pixels, in features."""
    train = judge.train[:][0]
    in_pixels = train[nearest(samples, train).row]
    in_features = train[nearest(judge.features(samples), judge.reference).row]
    return np.concatenate([samples, in_pixels, in_features])


def draw_curve(axes: Any, curve: list[dict[str, Any]], control: Mapping[str, Any]) -> None:
    epochs, distances = range(1, len(curve) + 1), [m["frechet"] for m in curve]
    axes.plot(epochs, distances, "C0o-", markersize=4, linewidth=1.4, label="DCGAN")
    for i, (name, measures) in enumerate(control.items()):
        style = {"color": f"C{i + 1}", "linewidth": 1.1, "linestyle": "--"}
        axes.axhline(measures["frechet"], label=name, **style)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title("Fréchet distance after each epoch, and of controls", fontsize=10)
    axes.set_xlabel("epoch", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(axes)
