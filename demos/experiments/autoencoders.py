"""Autoencoders that experiments share: the first that needs one trains it, the others read it."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import minigrad as mg
from demos.common.evaluation import mean_loss
from demos.common.kept import Setting
from demos.common.run import Row, Run
from demos.common.training import Trainer
from minigrad import Tensor, optim
from minigrad.data import DataLoader
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.autoencoder import ARCHITECTURES, Autoencoder
from models.model import Learner, Losses


@dataclass(frozen=True)
class Recipe:
    """All that a trained autoencoder depends on, besides its data and seed."""

    model: str
    code: int = 32
    epochs: int = 5
    batch: int = 128
    lr: float = 1e-3
    falling: bool = False  # whether the rate falls to 0, along half a cosine

    @property
    def name(self) -> str:
        """The name of its folder, another one for every recipe."""
        falling = "-falling" if self.falling else ""
        how = f"{self.epochs}epochs-batch{self.batch}-lr{self.lr:g}{falling}"
        return f"autoencoder-{self.model}-{self.code}-{how}"


class Trained(NamedTuple):
    """An autoencoder after its training, the rows of its metrics.csv, and the seconds it took."""

    model: Autoencoder
    rows: list[Row]
    seconds: float

    @property
    def test_mse(self) -> float:
        """The squared error per pixel of the test images."""
        mse: float = self.rows[-1]["test_mse"]
        return mse


def trained(setting: Setting, recipe: Recipe, limit: int | None = None) -> Trained:
    """The autoencoder of a recipe for the setting's data (else glyphs), trained with Adam.

    Its run is kept in the setting's folder: a training that was stopped goes on, one that was done
    is only read.
    """
    train_set, test_set = setting.images("glyphs", limit)
    mg.manual_seed(setting.seed)
    model = ARCHITECTURES[recipe.model](train_set.images.shape[1:], recipe.code)
    optimizer = optim.Adam(model.parameters(), recipe.lr)
    learner = Learner(model, optimizer)
    loader = DataLoader(train_set, recipe.batch, shuffle=True, seed=setting.seed, device="cpu")
    state: dict[str, Any] = {"model": model, "optimizer": optimizer}
    if recipe.falling:
        state["schedule"] = CosineAnnealingLR(optimizer, recipe.epochs * len(loader))
    first = f"-first{limit}" if limit else ""
    data = f"{setting.dataset or 'glyphs'}{first}-{setting.seed}"
    run = Run(setting.folder / f"{recipe.name}-{data}", resume=True)
    trainer = Trainer(run, loader, state, asdict(recipe), epochs=recipe.epochs, seed=setting.seed)

    def step(x: Tensor, labels: Tensor) -> Losses:
        losses = learner.train_step(x)
        if recipe.falling:
            state["schedule"].step()
        return losses

    def end_of_epoch(number: int) -> dict[str, float]:
        loss = mean_loss(model, test_set)
        return {"test_loss": loss, "test_mse": loss / test_set.images[0].size}

    trainer.fit(step, end_of_epoch)
    return Trained(model, trainer.rows, trainer.clock.rows[-1]["seconds"])
