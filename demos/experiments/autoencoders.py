"""Autoencoders that experiments share."""

from dataclasses import dataclass
from typing import Any, ClassVar

from demos.common.evaluation import mean_loss
from demos.common.kept import Falling, Kept, Recipe, Setting, kept
from demos.common.run import Run
from minigrad import Tensor, optim
from models.autoencoder import ARCHITECTURES
from models.model import Learner, Losses


@dataclass(frozen=True, kw_only=True)
class AutoencoderRecipe(Recipe):
    """How an autoencoder is made, and trained with Adam."""

    kind: ClassVar[str] = "autoencoder"
    model: str
    code: int = 32
    epochs: int = 5
    falling: bool = False  # whether the rate falls to 0, along half a cosine


def autoencoder(setting: Setting, **how: Any) -> Kept:
    """The autoencoder of a recipe for the setting's data (else glyphs); its rows have the errors on
    test images."""
    recipe = setting.recipe(AutoencoderRecipe, **how)
    train, test = recipe.images(setting)

    def build(steps: int) -> Learner:
        model = ARCHITECTURES[recipe.model](train.images.shape[1:], recipe.code)
        optimizer = optim.Adam(model.parameters(), recipe.lr)
        return Falling(model, optimizer, steps) if recipe.falling else Learner(model, optimizer)

    def step(learner: Learner, x: Tensor, labels: Tensor) -> Losses:
        return learner.train_step(x)

    def end_of_epoch(learner: Any, run: Run, number: int) -> dict[str, float]:
        loss = mean_loss(learner.model, test, setting.device)
        return {"test_loss": loss, "test_mse": loss / test.images[0].size}

    found = kept(setting, recipe, train, build, step, end_of_epoch)
    return found._replace(model=found.model.model)
