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
from demos.common.seeds import over_seeds, table_row
from demos.experiments.finding import Finding, Setting
from demos.experiments.judge import judge_of
from demos.experiments.zoo_games import HIDDEN, adam, made, played
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
ROWS = {"InfoGAN": 1.0, "without information": 0.0}
MEASURES = ("information", "purity", "code read", "core seconds")


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = SEEDS, limit: int | None = None
) -> Finding:
    """With the information in the game and without; and, as a floor, shuffled codes."""
    setting.grey_test("infogan", "glyphs", limit)
    name = setting.dataset or "glyphs"
    judge = judge_of(setting, limit=limit)

    def play(info: float, dataset: str, steps: int, seed: int, limit: int | None) -> dict[str, Any]:
        return game(judge.train, info, steps, seed)

    how = {"dataset": name, "steps": steps, "limit": limit}
    rows = {row: {"info": info, **how} for row, info in ROWS.items()}
    runs = over_seeds(setting, f"infogan-{name}", play, rows, seeds, jobs=1)
    rng = np.random.default_rng(setting.seed)
    floor = []
    for some in runs.values():
        for found in some:
            digits, category = judge.predictions(found["images"]), found["category"]
            found["purity"] = purity(category, digits)
            found["information"] = information(category, digits)
            floor.append(information(rng.permutation(category), digits))
    table = {row: table_row(some, MEASURES) for row, some in runs.items()}
    mean = {k: {m: row[m]["mean"] for m in MEASURES} for k, row in table.items()}
    ours, other = (mean[row] for row in ROWS)
    result = (
        f"{name}: digits read in samples tell {ours['information']:.2f} nats of the category (at "
        f"most {np.log(CATEGORIES):.2f}), purity {ours['purity']:.1%}; Q reads "
        f"{ours['code read']:.1%} of codes"
    )
    beside = (
        f"without the information in the game {other['information']:.2f} nats, purity "
        f"{other['purity']:.1%}, {other['code read']:.1%}; shuffled codes {np.mean(floor):.2f} nats"
    )
    numbers = {"tables": {f"{steps} steps": table}}
    control = {"nats of shuffled codes": floor, "accuracy of the judge": judge.accuracy}
    return Finding(CLAIM, result, beside, numbers, control, draw(runs))


def game(train: Any, info: float, steps: int, seed: int) -> dict[str, Any]:
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
    played(gan, train, steps, seed, lambda x, labels: (x,))
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
