"""Autoregressive models that experiments share."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from demos.common import datasets
from demos.common.evaluation import mean_losses
from demos.common.kept import Falling, Kept, Recipe, Setting, kept
from demos.common.run import Run
from minigrad import Tensor, optim
from minigrad.data import DataLoader
from models.autoregressive import Autoregressive
from models.likelihoods import binarize
from models.made import MADE
from models.model import Losses
from models.pixelrnn import KINDS

EVALUATED_AT_ONCE = 100  # images


@dataclass(frozen=True, kw_only=True)
class AutoregressiveRecipe(Recipe):
    """How an autoregressive model is made and trained: on black and white pixels that are drawn at
    every use, or on bytes of colours, with a rate that falls to 0.

    NOTE: after 40 core seconds, PixelCNN reached 96.3 nats with batches of 16, and 95.2 with 8,
    since an image has a gradient for each of its pixels; and 90.4 with a bias for each place.
    """

    kind: ClassVar[str] = "autoregressive"
    model: str = "pixelcnn"  # or gated, pixelrnn, made
    train_on: int | None = None  # the first images of the training set, where these are enough
    epochs: int = 1
    batch: int = 8
    lr: float = 3e-3
    channels: int = 32
    layers: int = 4
    first: int = 13
    places: bool = True
    hidden: tuple[int, ...] = (1000,)  # of made


# About a minute of one core each: 90.9, 93.4, 95.1 and 101.6 nats of MNIST's test images.
MODELS: dict[str, dict[str, Any]] = {
    "pixelcnn": {"train_on": 12_000, "layers": 2},
    "gated": {"train_on": 7_000, "layers": 2, "channels": 16},
    "pixelrnn": {"train_on": 5_000, "layers": 1},
    "made": {"batch": 50, "epochs": 2, "lr": 2e-3},
}


def untrained(recipe: AutoregressiveRecipe, shape: tuple[int, ...]) -> Autoregressive:
    likelihood = "bernoulli" if shape[0] == 1 else "mixture"
    if recipe.model == "made":
        return MADE(shape, recipe.hidden, likelihood)
    kind = KINDS[recipe.model]
    return kind(
        shape,
        recipe.channels,
        recipe.layers,
        recipe.first,
        likelihood=likelihood,
        places=recipe.places,
    )


def lengthened(setting: Setting, recipe: AutoregressiveRecipe) -> AutoregressiveRecipe:
    """A recipe for `longer` times as many steps: of more images, and then of more epochs."""
    size = len(recipe.images(setting)[0])
    first = min(recipe.train_on or size, size)
    images = setting.times(first * recipe.epochs)
    if first < size and images < size:
        return replace(recipe, train_on=images, epochs=1)
    return replace(recipe, train_on=None, epochs=max(1, round(images / size)))


def trained(setting: Setting, model: str, **how: Any) -> Kept:
    """The model of a recipe, its rows having the nats of test images, drawn once."""
    dataset = setting.dataset or "glyphs"
    how = {"model": model, "dataset": dataset, **MODELS[model], **how}
    recipe = lengthened(setting, AutoregressiveRecipe(**how))
    train, test = recipe.images(setting)
    if recipe.train_on:
        train, _ = replace(recipe, limit=recipe.train_on).images(setting)
    grey = train.images.shape[1] == 1
    held = datasets.binarized(test, 0) if grey else test
    loader = DataLoader(held, EVALUATED_AT_ONCE, device=setting.device)

    def build(steps: int) -> Falling:
        network = untrained(recipe, train.images.shape[1:])
        return Falling(network, optim.Adam(network.parameters(), recipe.lr), steps)

    def step(learner: Falling, x: Tensor, labels: Tensor) -> Losses:
        return learner.train_step(binarize(x) if grey else x)

    def end_of_epoch(learner: Falling, run: Run, number: int) -> dict[str, float]:
        return {"test_loss": mean_losses(lambda x, _: learner.model.losses(x), loader)["loss"]}

    return kept(setting, recipe, train, build, step, end_of_epoch)
