"""What a GAN cannot be asked, p(z|x), a BiGAN answers: its encoder gives the z of an image.

Codes are judged by nearest neighbours, and by how much nearer an image is to the sample of its code
than to another image's. Beside it, z is searched by descent through the generator alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Array, Figure, sheet, strips
from demos.common.games import in_steps, learn
from demos.experiments.finding import Finding, Setting
from demos.experiments.zoo_games import BATCH, digits, signed
from minigrad.data import ImageDataset
from models.measures.linear import nearest_neighbour_error
from models.zoo.bigan import mlp_bigan, recovered

CLAIM = "a GAN can't solve inference queries, p(z|x); with an encoder in the game, it can"
STEPS, SEEDS, CODES, TESTED, SOUGHT = 800, 1, 10_000, 2_000, 100
SHOWN = 12
MEASURES = ("1-NN error", "ratio", "ratio by descent", "core seconds")


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = SEEDS, limit: int | None = None
) -> Finding:
    """The codes of a BiGAN, and of the same networks untrained; and pixels."""
    data = digits(setting, "bigan", limit)
    train, test = data.judge.train, data.judge.test
    rows = {"BiGAN": {}, "untrained": {"steps": 0}}
    play = partial(game, test)
    played = data.play("bigan", play, rows, MEASURES, steps=steps, seeds=seeds)
    pixels = neighbour_error(train, test, lambda x: x.reshape(len(x), -1))
    ours, theirs = played.mean.values()
    result = (
        f"{data.name}: 1-NN on E(x) {1 - ours['1-NN error']:.1%} right; an image is "
        f"{ours['ratio']:.2f} times as far from G(E(x)) as another image's is"
    )
    beside = (
        f"on pixels {1 - pixels:.1%}, untrained {1 - theirs['1-NN error']:.1%} and "
        f"{theirs['ratio']:.2f}; z by descent through G alone {ours['ratio by descent']:.2f}"
    )
    numbers = {"tables": {f"{setting.times(steps)} steps": played.table}}
    control = {"1-NN error of pixels": pixels}
    return Finding(CLAIM, result, beside, numbers, control, draw(played.runs["BiGAN"][0]))


def game(
    test: ImageDataset, train: ImageDataset, device: str, *, steps: int, seed: int
) -> dict[str, Any]:
    """One game, and what its encoder is good for."""
    mg.manual_seed(seed)
    gan = mlp_bigan(train.images.shape[1:])
    how = {"batch": BATCH, "seed": seed, "device": device}
    learn(gan, train, in_steps(steps), **how, prepared=signed)
    error = neighbour_error(train, test, lambda x: gan.encode(2 * mg.from_numpy(x) - 1).numpy())
    x = 2 * mg.from_numpy(test[:SOUGHT][0]) - 1
    z = gan.encode(x)
    by_code, sought = (gan.generate(c) for c in (z, recovered(gan.sampler, x, 0 * z)))
    return {
        "1-NN error": error,
        "ratio": ratio(x.numpy(), by_code.numpy()),
        "ratio by descent": ratio(x.numpy(), sought.numpy()),
        "shown": np.stack([(t.numpy()[:SHOWN] + 1) / 2 for t in (x, by_code, sought)]),
    }


def neighbour_error(
    train: ImageDataset, test: ImageDataset, codes: Callable[[Array], Array]
) -> float:
    """The share of test images whose nearest training image, by codes, has another label."""
    (x, labels), (x_test, truth) = train[:CODES], test[:TESTED]
    return nearest_neighbour_error(codes(x), labels, codes(x_test), truth)


def ratio(x: Array, made: Array) -> float:
    """How far images (N, C, H, W) are from what was made for them, against from what was made for
    the next image: roots of summed squares, averaged. 1 is no inference."""
    own, other = (
        np.sqrt(((x - y) ** 2).sum((1, 2, 3))).mean() for y in (made, np.roll(made, 1, axis=0))
    )
    return float(own / other)


def draw(found: dict[str, Any]) -> Figure:
    figure, (axes,) = sheet("a", (8, 2.6))
    names = ("test images", "G(E(x))", "G(z), z by descent")
    strips(
        axes,
        dict(zip(names, np.array(found["shown"]), strict=True)),
        "test images, and what is made of their codes",
    )
    return figure
