"""How good a DCGAN's samples are, epoch by epoch; and whether it only knows its data by heart."""

from collections.abc import Mapping
from typing import Any

from matplotlib.ticker import LogLocator, NullFormatter

from demos.common.figures import Array, Figure, curves, sheet, strips
from demos.common.training import random_numbers
from demos.experiments import dcgans, vaes
from demos.experiments.finding import Finding, Setting
from demos.experiments.judge import judge_of
from models.gan import GAN
from models.measures.judge import Judge
from models.measures.neighbours import memoriser

CLAIM = "samples of a deep convolutional GAN look amazing; they are new images, not copies of data"
SAMPLES = 10_000  # as many as the reference has, on which the Fréchet distance depends
TARGET = {"frechet": 8.0, "score": 8.0}  # on MNIST
SECONDS = 2 * 15 * 60  # of one core: 15 minutes of two
VAE_EPOCHS = 5
COMPARED = 1_000  # samples whose nearest neighbours are found, and test images
COPY_NOISE = 0.05  # of a model that has learned its data by heart, planted to be found out
SHOWN = 10
NEARNESS = "distance to training data over that of test data"


def run(
    setting: Setting, *, n: int = SAMPLES, limit: int | None = None, vae_epochs: int = VAE_EPOCHS,
    **changes: Any,
) -> Finding:  # fmt: skip
    """Measures the kept DCGAN of the data set (trained here if there is none) after each epoch."""
    seed = setting.seed
    judge = judge_of(setting)
    usual = dcgans.MNIST if setting.dataset == "mnist" else {}
    trained = dcgans.dcgan(setting, limit=limit, **{**usual, **changes})
    seconds = dcgans.core_seconds(trained)
    curve = [judge.measure(drawn(gan, n, seed)) for gan in dcgans.after_each_epoch(trained)]
    images, found = drawn(trained.model, n, seed), curve[-1]
    vae = vaes.vae(setting, model="conv", epochs=vae_epochs, limit=limit)
    with random_numbers(seed):
        blurry = vaes.samples(vae, n)
    controls = {**judge.controls(n), f"VAE, {vae_epochs} epochs": judge.measure(blurry)}
    copies = memoriser(judge.train[:][0], COMPARED, COPY_NOISE, seed)
    numbers = {
        **found,
        "core seconds of training": sum(seconds),
        "meets the target of MNIST": meets(found) and sum(seconds) <= SECONDS,
        "target": TARGET,
        NEARNESS: judge.by_heart(images, COMPARED),
        "classifier's accuracy": judge.accuracy,
        "after each epoch": [
            {"core seconds": s, **measures} for s, measures in zip(seconds, curve, strict=True)
        ],
    }
    nearness = {
        f"copies with noise {COPY_NOISE}": judge.by_heart(copies, COMPARED),
        f"VAE, {vae_epochs} epochs": judge.by_heart(blurry, COMPARED),
    }
    result = (
        f"Fréchet distance {found['frechet']:.1f}, classifier score {found['score']:.2f}, least "
        f"class {min(found['classes'].values()):.1%}, after {sum(seconds):.0f} s of one core"
    )
    beside = "; ".join(f"{k} {v['frechet']:.1f}, {v['score']:.2f}" for k, v in controls.items())
    figure = draw(images, judge, curve, controls)
    return Finding(CLAIM, result, beside, numbers, {**controls, NEARNESS: nearness}, figure)


def drawn(gan: GAN, n: int, seed: int) -> Array:
    """Samples of the same noise for every GAN."""
    with random_numbers(seed):
        return dcgans.samples(gan, n)


def meets(found: Mapping[str, Any]) -> bool:
    least = min(found["classes"].values())
    return found["frechet"] <= TARGET["frechet"] and found["score"] >= TARGET["score"] and least > 0


def draw(
    images: Array, judge: Judge, curve: list[dict[str, Any]], controls: Mapping[str, Any]
) -> Figure:
    """Samples beside data, samples above their nearest neighbours, the distance by epoch."""
    layout = "aaaccc;aaaccc;aaaddd;bbbddd;bbbddd;bbbddd"
    figure, (ours, theirs, above, below) = sheet(layout, (12.4, 6.3))
    many = SHOWN * SHOWN // 2
    strips(ours, images[:many], "samples", columns=SHOWN, scale=2, gap=2)
    strips(theirs, judge.test[:many][0], "test data", columns=SHOWN, scale=2, gap=2)
    rows = {"samples": images[:SHOWN], **judge.neighbours(images[:SHOWN])}
    strips(above, rows, "samples, and their nearest training images", scale=2, gap=2)
    lines = {"DCGAN": (range(1, len(curve) + 1), [m["frechet"] for m in curve], "o-")}
    levels = {name: measures["frechet"] for name, measures in controls.items()}
    title = "Fréchet distance after each epoch, and of controls"
    curves(below, lines, title, "epoch", log="y", levels=levels, legend="beside")
    below.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    below.yaxis.set_major_formatter("{x:g}")
    below.yaxis.set_minor_formatter(NullFormatter())
    return figure
