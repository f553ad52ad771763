"""CoGAN: digits and their negatives, never in pairs; shared layers make both of a z the same digit.

A pair is right when the judge reads its first image and the negative of its second alike. Where a
generator draws one digit only all pairs are: so what one image tells of the other's digit is beside
it, in nats, and pairs of different z. Without sharing, two GANs have one noise.
"""

from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, sheet, strips
from demos.common.seeds import over_seeds, table_row
from demos.experiments.finding import Finding, Setting
from demos.experiments.judge import judge_of
from demos.experiments.zoo_games import HIDDEN, NOISE, adam, made, played
from minigrad import Tensor
from models.gan import GAN
from models.measures.factors import mutual_information
from models.objectives import named
from models.zoo.cogan import PairDiscriminator, PairGenerator

CLAIM = "CoGAN: a joint distribution of two kinds of images without pairs, by shared layers"
STEPS, SEEDS, SAMPLES, SHOWN = 800, 1, 5_000, 14
R1 = 1.0  # NOTE: without it the generator draws one digit after 800 steps
ROWS = {"shared layers": True, "nothing shared": False}
MEASURES = ("alike", "information", "core seconds")


def run(
    setting: Setting, *, steps: int = STEPS, seeds: int = SEEDS, limit: int | None = None
) -> Finding:
    """With shared layers and without; chance is what pairs of different z have."""
    setting.grey_test("cogan", "glyphs", limit)
    name = setting.dataset or "glyphs"
    judge = judge_of(setting, limit=limit)

    def play(
        shared: bool, dataset: str, steps: int, seed: int, limit: int | None
    ) -> dict[str, Any]:
        return game(judge.train, shared, steps, seed)

    how = {"dataset": name, "steps": steps, "limit": limit}
    rows = {row: {"shared": shared, **how} for row, shared in ROWS.items()}
    runs = over_seeds(setting, f"cogan-{name}", play, rows, seeds, jobs=1)
    chance = {}
    for row, some in runs.items():
        for found in some:
            first, second = np.array(found["pairs"]).transpose(1, 0, 2, 3)[:, :, None]
            digits, others = judge.predictions(first), judge.predictions(1 - second)
            found["alike"] = float((digits == others).mean())
            found["information"] = float(mutual_information(digits[:, None], [others])[0, 0])
            chance[row] = float((digits == np.roll(others, 1)).mean())
    table = {row: table_row(some, MEASURES) for row, some in runs.items()}
    ours, other = ({m: table[row][m]["mean"] for m in MEASURES} for row in ROWS)
    result = (
        f"{name}: {ours['alike']:.1%} of pairs are read as the same digit; one image tells "
        f"{ours['information']:.2f} nats of the other's digit"
    )
    beside = (
        f"nothing shared {other['alike']:.1%}, {other['information']:.2f} nats; pairs of different "
        f"z {chance['shared layers']:.1%}; the judge reads {judge.accuracy:.1%} of test images"
    )
    numbers = {"tables": {f"{steps} steps": table}}
    control = {"pairs of different z": chance, "accuracy of the judge": judge.accuracy}
    return Finding(CLAIM, result, beside, numbers, control, draw(runs))


def game(train: Any, shared: bool, steps: int, seed: int) -> dict[str, Any]:
    """One game, and pairs (N, 2, H, W) in [0, 1]."""
    mg.manual_seed(seed)
    shape = train.images.shape[1:]
    generator = PairGenerator(NOISE, HIDDEN, shape, shared=shared)
    discriminator = PairDiscriminator(shape, HIDDEN, shared=shared)
    adams = [adam(network.parameters()) for network in (generator, discriminator)]
    gan = GAN(generator, discriminator, *adams, named(r1=R1), noise=NOISE, ema=0.99)
    rng = np.random.default_rng(seed + 1)

    def unpaired(x: Tensor, labels: Tensor) -> tuple[Tensor]:
        """Images, and the negatives of others."""
        others = 2 * mg.from_numpy(train[rng.integers(0, len(train), len(x))][0]) - 1
        return (mg.concat([x, -others], 1),)

    played(gan, train, steps, seed, unpaired)
    return {"pairs": made(gan, gan.draw_noise(SAMPLES))}


def draw(runs: dict[str, list[dict[str, Any]]]) -> Figure:
    figure, (axes,) = sheet("a", (9, 3))
    rows = {}
    for name, (found, *_) in runs.items():
        pairs = np.array(found["pairs"])[:SHOWN]
        rows[f"{name}: {found['alike']:.1%}"] = pairs[:, :1]
        rows[f"of the same z{' ' * len(rows)}"] = pairs[:, 1:]
    strips(axes, rows, "digits and negatives of the same z, and how often both are read alike")
    return figure
