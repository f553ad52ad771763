"""InfoGAN: a code of ten categories comes to mean digits, though no label is ever shown.

The judge reads the digits of samples. How much these tell of the category is their information, at
most log 10 nats; purity is the share of samples that are read as their category's most frequent
digit, and is high too where all samples of all categories look alike. Without the information in
the game the generator ignores the code.
"""

from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Array, Figure, sheet, strips
from demos.common.games import in_steps, learn
from demos.experiments.finding import Finding, Setting
from demos.experiments.zoo_games import BATCH, HIDDEN, adam, digits, made, signed
from minigrad import nn
from models.gan import MLPDiscriminator, MLPGenerator
from models.measures.factors import mutual_information
from models.zoo.heads import InfoGAN

CLAIM = "InfoGAN: a code of ten categories, part of the noise, comes to mean digits without labels"
STEPS, SEEDS, SAMPLES, SHOWN = 800, 1, 5_000, 12
CATEGORIES, CONTINUOUS, REST = 10, 2, 10
# NOTE: the paper's rates. With 5e-4 for both, D's features change faster than Q can follow: after
# 1,000 steps it reads 11 % of the codes.
LR, D_LR = 1e-3, 2e-4
ROWS = {"InfoGAN": {"info": 1.0}, "without information": {"info": 0.0}}
MEASURES = ("information", "purity", "code read", "core seconds")


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = SEEDS, limit: int | None = None
) -> Finding:
    """With the information in the game and without; and, as a floor, shuffled codes."""
    data = digits(setting, "infogan", limit)
    judge, rng = data.judge, np.random.default_rng(setting.seed)
    floor = []

    def measure(found: dict[str, Any]) -> dict[str, float]:
        read, category = judge.predictions(found["images"]), found["category"]
        floor.append(information(rng.permutation(category), read))
        return {"purity": purity(category, read), "information": information(category, read)}

    played = data.play("infogan", game, ROWS, MEASURES, measure, steps=steps, seeds=seeds)
    ours, other = played.mean.values()
    result = (
        f"{data.name}: digits read in samples tell {ours['information']:.2f} nats of the category "
        f"(at most {np.log(CATEGORIES):.2f}), purity {ours['purity']:.1%}; Q reads "
        f"{ours['code read']:.1%} of codes"
    )
    beside = (
        f"without the information in the game {other['information']:.2f} nats, purity "
        f"{other['purity']:.1%}, {other['code read']:.1%}; shuffled codes {np.mean(floor):.2f} nats"
    )
    numbers = {"tables": {f"{setting.times(steps)} steps": played.table}}
    control = {"nats of shuffled codes": floor, "accuracy of the judge": judge.accuracy}
    return Finding(CLAIM, result, beside, numbers, control, draw(played.runs))


def game(train: Any, device: str, *, info: float, steps: int, seed: int) -> dict[str, Any]:
    """One game, and samples with their categories, in turn."""
    mg.manual_seed(seed)
    shape = train.images.shape[1:]
    noise = CATEGORIES + CONTINUOUS + REST
    generator, discriminator = MLPGenerator(noise, HIDDEN, shape), MLPDiscriminator(shape, HIDDEN)
    q = nn.Linear(HIDDEN[-1], CATEGORIES + CONTINUOUS)
    both = [*generator.parameters(), *q.parameters()]
    adams = adam(both, LR), adam(discriminator.parameters(), D_LR)
    gan = InfoGAN(
        generator, discriminator, *adams, q=q, categories=CATEGORIES, continuous=CONTINUOUS,
        info=info, noise=noise, ema=0.99,
    )  # fmt: skip
    how = {"batch": BATCH, "seed": seed, "device": device}
    learn(gan, train, in_steps(steps), **how, prepared=signed)
    category = np.arange(SAMPLES) % CATEGORIES
    images = made(gan, gan.draw_noise(SAMPLES, mg.tensor(category)))
    with mg.no_grad():
        read = q(discriminator.features(2 * mg.from_numpy(images) - 1)).numpy()
    right = read[:, :CATEGORIES].argmax(1) == category
    return {"images": images, "category": category, "code read": float(right.mean())}


def information(category: Array, digits: Array) -> float:
    """The mutual information of categories and digits, in nats."""
    return float(mutual_information(category[:, None], [digits])[0, 0])


def purity(category: Array, digits: Array) -> float:
    """The share of samples whose digit is the most frequent one of their category."""
    counts = np.zeros((category.max() + 1, digits.max() + 1), int)
    np.add.at(counts, (category, digits), 1)
    return float(counts.max(1).sum() / len(digits))


def draw(runs: dict[str, list[dict[str, Any]]]) -> Figure:
    """A row for each category."""
    figure, panels = sheet((1, len(runs)), (5 * len(runs), 4.6))
    for axes, (name, (found, *_)) in zip(panels, runs.items(), strict=True):
        images, category = np.array(found["images"]), np.array(found["category"])
        rows = {str(c): images[category == c][:SHOWN] for c in range(CATEGORIES)}
        text = f"{name}: {found['information']:.2f} nats, purity {found['purity']:.1%}"
        strips(axes, rows, text, scale=2)
    return figure
