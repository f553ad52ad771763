"""CoGAN: digits and their negatives, never in pairs; shared layers make both of a z the same digit.

A pair is right when the judge reads its first image and the negative of its second alike. Where a
generator draws one digit only all pairs are: so what one image tells of the other's digit is beside
it, in nats, and pairs of different z. Without sharing, two GANs have one noise.
"""

from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, sheet, strips
from demos.common.games import in_steps, learn
from demos.experiments.finding import Finding, Setting
from demos.experiments.zoo_games import BATCH, NOISE, adam, digits, made
from minigrad import Tensor
from models.gan import GAN
from models.measures.factors import mutual_information
from models.zoo.cogan import PairDiscriminator, PairGenerator

CLAIM = "CoGAN: a joint distribution of two kinds of images without pairs, by shared layers"
STEPS, SEEDS, SAMPLES, SHOWN, WIDTH = 600, 1, 5_000, 14, 16
ROWS = {"shared layers": {"shared": True}, "nothing shared": {"shared": False}}
MEASURES = ("alike", "chance", "information", "core seconds")


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = SEEDS, limit: int | None = None
) -> Finding:
    """With shared layers and without; chance is what pairs of different z have."""
    data = digits(setting, "cogan", limit)
    judge = data.judge

    def measure(found: dict[str, Any]) -> dict[str, float]:
        first, second = np.array(found["pairs"]).transpose(1, 0, 2, 3)[:, :, None]
        read, other = judge.predictions(first), judge.predictions(1 - second)
        return {
            "alike": float((read == other).mean()),
            "chance": float((read == np.roll(other, 1)).mean()),
            "information": float(mutual_information(read[:, None], [other])[0, 0]),
        }

    played = data.play("cogan", game, ROWS, MEASURES, measure, steps=steps, seeds=seeds)
    ours, other = played.mean.values()
    result = (
        f"{data.name}: {ours['alike']:.1%} of pairs are read as the same digit; one image tells "
        f"{ours['information']:.2f} nats of the other's digit"
    )
    beside = (
        f"nothing shared {other['alike']:.1%}, {other['information']:.2f} nats; pairs of different "
        f"z {ours['chance']:.1%}; the judge reads {judge.accuracy:.1%} of test images"
    )
    numbers = {"tables": {f"{setting.times(steps)} steps": played.table}}
    control = {"accuracy of the judge": judge.accuracy}
    return Finding(CLAIM, result, beside, numbers, control, draw(played.runs))


def game(train: Any, device: str, *, shared: bool, steps: int, seed: int) -> dict[str, Any]:
    """One game, and pairs (N, 2, H, W) in [0, 1]."""
    mg.manual_seed(seed)
    shape = train.images.shape[1:]
    generator = PairGenerator(NOISE, shape, WIDTH, shared=shared)
    discriminator = PairDiscriminator(shape, WIDTH, shared=shared)
    adams = [adam(network.parameters()) for network in (generator, discriminator)]
    gan = GAN(generator, discriminator, *adams, noise=NOISE, ema=0.99)
    how = {"batch": BATCH, "seed": seed, "device": device}
    learn(gan, train, in_steps(steps), **how, prepared=unpaired)
    return {"pairs": made(gan, gan.draw_noise(SAMPLES))}


def unpaired(x: Tensor, labels: Tensor) -> tuple[Tensor]:
    """The first half of a batch of images, and beside them the negatives of the other half."""
    images, others = (2 * x - 1).chunk(2)
    return (mg.concat([images, -others], 1),)


def draw(runs: dict[str, list[dict[str, Any]]]) -> Figure:
    figure, (axes,) = sheet("a", (9, 3))
    rows = {}
    for name, (found, *_) in runs.items():
        pairs = np.array(found["pairs"])[:SHOWN]
        rows[f"{name}: {found['alike']:.1%}"] = pairs[:, :1]
        rows[f"of the same z{' ' * len(rows)}"] = pairs[:, 1:]
    strips(axes, rows, "digits and negatives of the same z, and how often both are read alike")
    return figure
