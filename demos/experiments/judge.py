"""The judge that experiments share: its classifier is trained once for each data set."""

from dataclasses import dataclass
from typing import Any, ClassVar

import minigrad as mg
from demos.common.kept import Recipe, Setting, kept
from demos.common.run import Run
from demos.common.training import random_numbers
from minigrad import optim
from minigrad.data import ImageDataset
from models.measures.classifier import Classifier, predictions
from models.measures.judge import Judge
from models.model import Learner


@dataclass(frozen=True, kw_only=True)
class JudgeRecipe(Recipe):
    """How the judge's classifier is trained: about a minute for MNIST."""

    kind: ClassVar[str] = "classifier"
    epochs: int = 3
    batch: int = 64


def judge_of(
    setting: Setting, data: tuple[ImageDataset, ImageDataset] | None = None, **how: Any
) -> Judge:
    """The judge of the setting's data (else glyphs), or of other splits of it.

    Its seed is 0 whatever the experiment's: all that share a folder share its scale.
    """
    recipe = setting._replace(longer=1.0).recipe(JudgeRecipe, **how)
    train, test = data or recipe.images(setting)

    def build(steps: int) -> Learner:
        model = Classifier(train.images.shape[1:], len(train.classes))
        return Learner(model, optim.Adam(model.parameters(), recipe.lr))

    def end_of_epoch(learner: Any, run: Run, number: int) -> dict[str, float]:
        images, labels = test[:]
        return {"test_accuracy": float((predictions(learner.model, images) == labels).mean())}

    # Other experiments' random numbers must not depend on whether there was one to train here.
    with random_numbers(0):
        found = kept(setting._replace(seed=0), recipe, train, build, end_of_epoch=end_of_epoch)
    features = found.folder / "features.safetensors"
    reference = mg.load(features)["features"] if features.exists() else None
    accuracy = float(found.rows[-1]["test_accuracy"])
    judge = Judge(found.model.model, train, test, accuracy, reference)
    if reference is None:
        mg.save({"features": judge.reference}, features)
    return judge
