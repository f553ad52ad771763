"""A VAE and a PixelCNN combined: the decoder draws pixels by those before, and z says what these do
not. A decoder that sees far says it all, and ignores z; its bound does not tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import minigrad as mg
from demos.common.figures import Array, Figure, bars, sheet, strips
from demos.common.kept import Falling, Kept, Recipe, Setting, kept
from demos.common.training import random_numbers
from demos.experiments.finding import Finding
from minigrad import Tensor, optim
from models.likelihoods import binarize
from models.measures.bounds import active_units, elbo, lost_with_anothers
from models.model import Losses
from models.pixelvae import pixel_vae
from models.vae import VAE, conv_vae

CLAIM = "combinations: PixelVAE, whose decoder is a PixelCNN; z is of use where that sees little"
LATENT, SHOWN = 16, 12
LOST = "nats lost with another image's z"
VAE_ALONE, PIXELVAE, BLIND, CURED = "VAE", "PixelVAE", "sees far", "sees far, free nats"
# 6 pixels to each side, where the usual one sees 3.
FAR = {"first": 7, "blocks": 3, "limit": 15_000}
# About a minute of one core each; a step of the VAE takes half the time.
RUNS: dict[str, dict[str, Any]] = {
    VAE_ALONE: {"pixels": False, "limit": 40_000, "epochs": 2},
    PIXELVAE: {"free": 0.5, "limit": 40_000},
    BLIND: FAR,
    CURED: {**FAR, "free": 0.5},
}


@dataclass(frozen=True, kw_only=True)
class PixelVAERecipe(Recipe):
    """How a PixelVAE is trained, or without `pixels` a VAE with the same encoder: on pixels drawn
    anew at every use, at a rate that falls to 0."""

    kind: ClassVar[str] = "pixelvae"
    epochs: int = 1
    batch: int = 64
    lr: float = 2e-3
    latent: int = LATENT
    pixels: bool = True
    free: float = 0.0
    first: int = 5
    blocks: int = 1


def run(
    setting: Setting, *, runs: Mapping[str, Mapping[str, Any]] = RUNS, limit: int | None = None,
    images: int = 2000,
) -> Finding:  # fmt: skip
    """Trains each, and measures on `images` test images its bound, its KL, how many latents vary,
    and what it loses when z is of another image."""
    _, test = setting.images("mnist", limit)
    with random_numbers(setting.seed):
        x = binarize(mg.tensor(test[:images][0]))
    found, samples = {}, {"test images": x[:SHOWN].numpy()}
    for name, how in runs.items():
        trained = pixelvae(setting, **{**how, "limit": limit or how.get("limit")})
        with random_numbers(setting.seed):
            found[name] = measured(trained, x)
            samples[f"{name}\n{said(found[name])}"] = trained.model.sample(SHOWN, True).numpy()
    ours, usual, blind, cured = (found[name] for name in (PIXELVAE, VAE_ALONE, BLIND, CURED))
    result = f"{said(ours)}, {ours['active units']} of {LATENT} latents vary"
    beside = f"VAE {said(usual)}; seeing far {said(blind)}, free nats {said(cured)}"
    numbers = {"what each was": runs, "test images": len(x), PIXELVAE: ours}
    control = {name: values for name, values in found.items() if name != PIXELVAE}
    return Finding(CLAIM, result, beside, numbers, control, draw(found, samples))


def pixelvae(setting: Setting, **how: Any) -> Kept:
    """The model of a recipe for the setting's data (else MNIST)."""
    recipe = setting.recipe(PixelVAERecipe, "mnist", **how)
    train, _ = recipe.images(setting)

    def build(steps: int) -> Falling:
        model = untrained(recipe, train.images.shape[1:])
        return Falling(model, optim.Adam(model.parameters(), recipe.lr), steps)

    def step(learner: Falling, x: Tensor, labels: Tensor) -> Losses:
        losses = learner.train_step(binarize(x))
        return {name: losses[name] for name in ("rec", "kl")}

    found = kept(setting, recipe, train, build, step)
    return found._replace(model=found.model.model)


def untrained(recipe: PixelVAERecipe, shape: tuple[int, ...]) -> VAE:
    if not recipe.pixels:
        return conv_vae(shape, recipe.latent, channels=(16, 32))
    sight = {"first": recipe.first, "blocks": recipe.blocks}
    return pixel_vae(shape, recipe.latent, free=recipe.free, **sight)


def measured(trained: Kept, x: Tensor) -> dict[str, float]:
    rec, kl = elbo(trained.model, x)
    return {
        "-ELBO": rec + kl,
        "kl": kl,
        "active units": active_units(trained.model, x),
        LOST: lost_with_anothers(trained.model, x),
        "core seconds": trained.core_seconds,
    }


def said(found: Mapping[str, float]) -> str:
    return f"-ELBO {found['-ELBO']:.1f}, KL {found['kl']:.2f}, another's z +{found[LOST]:.1f}"


def draw(found: Mapping[str, Mapping[str, float]], samples: Mapping[str, Array]) -> Figure:
    """Samples of each, and what z says and how much of it is read, where pixels are drawn by those
    before. (A VAE, all of whose image is z's, loses hundreds of nats.)"""
    figure, (left, right) = sheet("aab", (12, 3.6))
    strips(left, samples, "drawn from p(x|z), z from the prior")
    told = {"KL(q(z|x) || p(z))": "kl", "lost with another image's z": LOST}
    heights = {
        words: {name: found[name][key] for name in (PIXELVAE, BLIND, CURED)}
        for words, key in told.items()
    }
    bars(right, heights, "nats per image", text="{:.1f}", lying=True)
    return figure
