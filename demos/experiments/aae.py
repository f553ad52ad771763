"""An autoencoder and a GAN combined: a discriminator of codes makes them look like N(0, I), so that
new images can be drawn. A code is a point: there is no likelihood, and no bound of one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from demos.common.evaluation import codes, mean_loss
from demos.common.figures import Array, Figure, curves, sheet, strips
from demos.common.kept import Kept, Recipe, Setting, kept
from demos.common.run import Run
from demos.experiments.autoencoders import autoencoder
from demos.experiments.finding import Finding
from demos.experiments.judge import judge_of
from demos.experiments.not_generative import decoded, gaussian
from minigrad import Tensor
from models.aae import AAE, adversarial
from models.autoencoder import deep_autoencoder
from models.measures import mmd
from models.model import Losses

CLAIM = "combinations: adversarial autoencoders, whose codes a discriminator makes those of p(z)"
CODE, EPOCHS = 8, 8
SAMPLES, SHOWN = 10_000, 12


@dataclass(frozen=True, kw_only=True)
class AAERecipe(Recipe):
    """How an adversarial autoencoder is trained; the rates fall towards 0, along half a cosine."""

    kind: ClassVar[str] = "aae"
    code: int = CODE
    game_lr: float = 5e-4


def run(
    setting: Setting, *, samples: int = SAMPLES, epochs: int = EPOCHS, limit: int | None = None
) -> Finding:
    """Codes of an adversarial autoencoder, and what its decoder makes of N(0, I); beside it the
    same networks without a discriminator.

    Controls: a Gaussian fitted to the codes, which needs no discriminator; reconstructions, which
    need no prior; test images; and for the codes' distance to N(0, I), that of draws of it.
    """
    train, test = setting.images("glyphs", limit)
    how = {"epochs": epochs, "limit": limit}
    game = aae(setting, **how)
    plain = autoencoder(setting, model="deep", code=CODE, falling=True, **how).model
    rng = np.random.default_rng(setting.seed)
    numbers: dict[str, Any] = {}
    images = {}
    for name, model in (("adversarial", game.model.model), ("plain", plain)):
        z, learned = codes(model, test), codes(model, train)
        numbers[f"{name}: codes"] = measured(z)
        numbers[f"{name}: codes of training images"] = measured(learned)
        numbers[f"{name}: test mse"] = mean_loss(model, test) / test.images[0].size
        fitted = gaussian(learned, samples, rng)
        images[f"{name}, N(0, I)"] = decoded(model, rng.standard_normal((samples, CODE)))
        images[f"{name}, fitted Gaussian"] = decoded(model, fitted)
        images[f"{name}, reconstructions"] = decoded(model, z[:samples])
    images["test images"] = test[:samples][0]
    judge = judge_of(setting, limit=limit)
    judged = {name: judge.measure(x) for name, x in images.items()}
    distance = {name: f"{found['frechet']:.0f}" for name, found in judged.items()}
    ours, theirs = (numbers[f"{name}: codes"] for name in ("adversarial", "plain"))
    result = (
        f"{said(ours)}, kurtosis {ours['least kurtosis']:.1f} to {ours['largest kurtosis']:.1f}; "
        f"Fréchet distance of N(0, I) {distance['adversarial, N(0, I)']}"
    )
    beside = (
        f"without D {said(theirs)}; N(0, I) {distance['plain, N(0, I)']}, a fitted Gaussian "
        f"{distance['plain, fitted Gaussian']}; test images {distance['test images']}"
    )
    numbers["by the judge"] = {name: found for name, found in judged.items() if "N(0" in name}
    control = {name: found for name, found in judged.items() if "N(0" not in name}
    control["mean norm of N(0, I)"] = mmd.norm_of_normal(CODE)
    by_epoch = [row["test_mmd"] for row in game.rows]
    numbers["squared MMD after each epoch"] = by_epoch
    figure = draw(images, distance, by_epoch, ours["floor"], theirs["squared MMD"])
    return Finding(CLAIM, result, beside, numbers, control, figure)


def aae(setting: Setting, **how: Any) -> Kept:
    """The adversarial autoencoder of a recipe for the setting's data (else glyphs); its rows have
    the distance of test images' codes to N(0, I)."""
    recipe = setting.recipe(AAERecipe, **how)
    train, test = recipe.images(setting)

    def build(steps: int) -> AAE:
        model = deep_autoencoder(train.images.shape[1:], recipe.code)
        return adversarial(model, recipe.lr, game_lr=recipe.game_lr)

    def step(model: AAE, x: Tensor, labels: Tensor) -> Losses:
        return model.train_step(x)

    def end_of_epoch(model: AAE, run: Run, number: int) -> dict[str, float]:
        share = 0.5 * (1 + math.cos(math.pi * number / recipe.epochs))
        model.optimizer.param_groups[0]["lr"] = recipe.lr * share
        for optimizer in (model.d_optimizer, model.e_optimizer):
            optimizer.param_groups[0]["lr"] = recipe.game_lr * share
        return {"test_mmd": mmd.to_normal(codes(model.model, test, setting.device)).found}

    return kept(setting, recipe, train, build, step, end_of_epoch)


def measured(z: Array) -> dict[str, float]:
    """The moments of codes z (N, code), and their distance to N(0, I)."""
    found, floor = mmd.to_normal(z)
    return {
        **mmd.moments(z),
        "squared MMD": found,
        "floor": floor,
        "in floors": found / floor,
        "squared MMD, whitened": mmd.to_normal(mmd.whitened(z)).found,
    }


def said(found: Mapping[str, float]) -> str:
    return (
        f"MMD² {found['squared MMD']:.4f} ({found['in floors']:.1f} floors), "
        f"|z| {found['mean norm']:.2f}"
    )


def draw(
    images: Mapping[str, Array], distance: Mapping[str, str], by_epoch: list[float],
    floor: float, plain: float,
) -> Figure:  # fmt: skip
    """The first images of each with their distances, and the codes' distance epoch by epoch."""
    figure, (left, right) = sheet("aaab", (12, 3.8))
    rows = {f"{name}\nFréchet distance {distance[name]}": x[:SHOWN] for name, x in images.items()}
    strips(left, rows, "what decoders make of random codes, and of images' own", scale=2)
    epochs = range(1, len(by_epoch) + 1)
    levels = {"without discriminator": plain, "5 floors": 5 * floor, "floor": floor}
    title = "squared MMD of test codes to N(0, I)"
    curves(right, {"adversarial": (epochs, by_epoch, "o-")}, title, "epoch", log="y", levels=levels)
    return figure
