"""AC-GAN: the discriminator reads classes too, and the generator is told them.

Its samples are easy to read. That can be had by making all samples of a class the clearest one: so
their spread is beside it, in features, data's being 1; and another conditional GAN of the same
networks, whose discriminator is given the label.
"""

from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Array, Figure, sheet, strips
from demos.common.games import in_steps, learn
from demos.experiments.finding import Finding, Setting
from demos.experiments.zoo_games import BATCH, HIDDEN, NOISE, adam, digits, made
from minigrad import nn
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.zoo.heads import ACGAN

CLAIM = "AC-GAN: a discriminator that reads classes too; what is asked for is drawn, less diversely"
STEPS, SEEDS, SAMPLES, SHOWN = 800, 1, 5_000, 12
ROWS = {"AC-GAN": {"reads": True}, "D is given the label": {"reads": False}}
MEASURES = ("agreement", "diversity", "core seconds")


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = SEEDS, limit: int | None = None
) -> Finding:
    """How often samples are read as asked, and how far those of a class are from each other."""
    data = digits(setting, "acgan", limit)
    judge = data.judge
    real, truth = judge.test[:SAMPLES]
    spread = within(judge.features(real), truth)

    def measure(found: dict[str, Any]) -> dict[str, float]:
        x, labels = np.array(found["images"]), np.arange(SAMPLES) % len(judge.train.classes)
        agreement = float((judge.predictions(x) == labels).mean())
        return {"agreement": agreement, "diversity": within(judge.features(x), labels) / spread}

    played = data.play("acgan", game, ROWS, MEASURES, measure, steps=steps, seeds=seeds)
    ours, theirs = played.mean.values()
    result = (
        f"{data.name}: {ours['agreement']:.1%} are read as asked; their spread within a class is "
        f"{ours['diversity']:.2f} of data's"
    )
    beside = (
        f"a D that is given the label {theirs['agreement']:.1%}, {theirs['diversity']:.2f}; test "
        f"images {judge.accuracy:.1%}"
    )
    numbers = {"tables": {f"{setting.times(steps)} steps": played.table}}
    control = {"accuracy of the judge": judge.accuracy, "spread of test images": spread}
    figure = draw(played.runs, judge.train.classes)
    return Finding(CLAIM, result, beside, numbers, control, figure)


def game(train: Any, device: str, *, reads: bool, steps: int, seed: int) -> dict[str, Any]:
    """One game, and samples of the classes in turn."""
    mg.manual_seed(seed)
    shape, classes = train.images.shape[1:], len(train.classes)
    generator = MLPGenerator(NOISE, HIDDEN, shape, classes)
    options: dict[str, Any] = {"noise": NOISE, "ema": 0.99}
    if reads:
        discriminator, head = MLPDiscriminator(shape, HIDDEN), nn.Linear(HIDDEN[-1], classes)
        adams = (
            adam(generator.parameters()),
            adam([*discriminator.parameters(), *head.parameters()]),
        )
        gan: GAN = ACGAN(generator, discriminator, *adams, head=head, **options)
    else:
        discriminator = MLPDiscriminator(shape, HIDDEN, classes)
        adams = adam(generator.parameters()), adam(discriminator.parameters())
        gan = GAN(generator, discriminator, *adams, **options)
    how = {"batch": BATCH, "seed": seed, "device": device}
    learn(gan, train, in_steps(steps), **how, prepared=lambda x, labels: (2 * x - 1, labels))
    labels = mg.tensor(np.arange(SAMPLES) % classes)
    return {"images": made(gan, gan.draw_noise(SAMPLES), labels)}


def within(features: Array, labels: Array) -> float:
    """The root of the mean square distance of features (N, D) to their class's mean."""
    squares = [
        np.square(some - some.mean(0)).sum(1)
        for some in (features[labels == c] for c in np.unique(labels))
    ]
    return float(np.sqrt(np.concatenate(squares).mean()))


def draw(runs: dict[str, list[dict[str, Any]]], classes: tuple[str, ...]) -> Figure:
    """A row for each class."""
    figure, panels = sheet((1, len(runs)), (5 * len(runs), 4.6))
    for axes, (name, (found, *_)) in zip(panels, runs.items(), strict=True):
        images, labels = np.array(found["images"]), np.arange(SAMPLES) % len(classes)
        rows = {c: images[labels == i][:SHOWN] for i, c in enumerate(classes)}
        title = f"{name}: {found['agreement']:.1%} as asked, diversity {found['diversity']:.2f}"
        strips(axes, rows, title, scale=2)
    return figure
