"""Networks that experiments share: the first that needs one trains it, the others only read it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import minigrad as mg
from demos.common import datasets
from demos.common.run import CommandError, Row, Run
from demos.common.store import plain
from demos.common.training import Trainer
from minigrad import Tensor
from minigrad.data import DataLoader, Dataset, ImageDataset
from models.model import Losses, Stateful

State = dict[str, Any]


class Setting(NamedTuple):
    """What an experiment is given: its random numbers' seed; a folder where it may keep parts of
    its work, to go on from if it is stopped; and data, None being the experiment's own choice."""

    seed: int
    folder: Path
    dataset: str | None = None
    data_dir: str | None = None

    def images(self, default: str, limit: int | None = None) -> tuple[ImageDataset, ImageDataset]:
        """The train and test splits of the data set that was asked for, else of `default`."""
        return datasets.load(self.dataset or default, self.data_dir, limit)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that a kept network depends on besides the seed. Each kind has a class of its own."""

    kind = "network"
    dataset: str
    limit: int | None = None  # images of each split
    epochs: int = 10
    batch: int = 128
    lr: float = 1e-3

    def folder(self, seed: int) -> str:
        """KIND-DATASET-seedN, and between them all that is not as usual: another one for each."""
        parts = [
            named(field.name, value)
            for field in sorted(fields(self), key=lambda field: field.name)
            if (value := getattr(self, field.name)) != field.default and field.name != "dataset"
        ]
        return "-".join([self.kind, self.dataset, *parts, f"seed{seed}"])


def named(name: str, value: Any) -> str:
    """A part of a folder's name."""
    if isinstance(value, bool):
        return name if value else f"no_{name}"
    if isinstance(value, tuple):
        return name + "-".join(map(str, value))
    return f"{name}{value:g}" if isinstance(value, float) else f"{name}{value}"


class Kept(NamedTuple):
    """A network after its training, and what the training left."""

    model: Any
    rows: list[Row]  # of metrics.csv
    seconds: float
    folder: Path


def kept(
    setting: Setting,
    recipe: Recipe,
    data: Dataset,
    build: Callable[[], Mapping[str, Stateful]],
    step: Callable[..., Losses],
    end_of_epoch: Callable[[State, int], Mapping[str, float]] = lambda state, number: {},
    drop_last: bool = False,
) -> Kept:
    """The network of a recipe: from its folder, or trained on `data` and kept there.

    `build()` makes the "model", and beside it what else training changes; `step(state, *batch)` and
    `end_of_epoch(state, number)` are given all of it. A "schedule" is stepped after each batch.
    A training that was stopped goes on, one that was done is only read.
    """
    run = Run(setting.folder / recipe.folder(setting.seed), resume=True)
    refuse_other(run, asdict(recipe))
    mg.manual_seed(setting.seed)
    state = dict(build())
    size = min(recipe.batch, len(data))
    loader = DataLoader(
        data, size, shuffle=True, drop_last=drop_last, seed=setting.seed, device="cpu"
    )
    trainer = Trainer(run, loader, state, asdict(recipe), epochs=recipe.epochs, seed=setting.seed)

    def stepped(*batch: Tensor) -> Losses:
        values = step(state, *batch)
        if "schedule" in state:
            state["schedule"].step()
        return values

    trainer.fit(stepped, partial(end_of_epoch, state))
    return Kept(state["model"], trainer.rows, trainer.clock.rows[-1]["seconds"], run.folder)


def refuse_other(run: Run, recipe: Mapping[str, Any]) -> None:
    """Raises CommandError if the run is of a recipe of another version, whose folder this was."""
    if run.checkpoint is None:
        return
    before = run.checkpoint["args"]
    changed = [name for name, value in plain(recipe).items() if before.get(name) != value]
    if changed:
        raise CommandError(
            f"what is kept in {run.folder} is of another training ({', '.join(changed)}): "
            "move it away, or choose another --out"
        )
