"""Networks that experiments share: the first that needs one trains it, the others only read it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import minigrad as mg
from demos.common import datasets
from demos.common.run import CommandError, Row, Run
from demos.common.store import plain
from demos.common.training import Trainer
from minigrad import optim
from minigrad.data import DataLoader, Dataset, ImageDataset
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.model import Losses, Model, Scheduled


class Setting(NamedTuple):
    """What an experiment is given: its random numbers' seed; a folder where it may keep parts of
    its work, to go on from if it is stopped; data, None being the experiment's own choice; where
    its networks are trained (they are measured on the CPU), how many times as long as usual, and
    with how many seeds, from the first on, None being as many as usual.
    """

    seed: int
    folder: Path
    dataset: str | None = None
    data_dir: str | None = None
    device: str = "cpu"
    longer: float = 1.0
    seeds: int | None = None

    def recipe(self, kind: "type[R]", default: str = "glyphs", **how: Any) -> "R":
        """A recipe for the data set that was asked for, else for `default`, lengthened."""
        return self.lengthened(kind(**{"dataset": self.dataset or default, **how}))

    def lengthened(self, recipe: "R") -> "R":
        """A recipe of `longer` times as many epochs."""
        return replace(recipe, epochs=self.times(recipe.epochs))

    def times(self, steps: int) -> int:
        """`longer` times as many steps, or epochs."""
        return max(1, round(self.longer * steps))

    def runs(self, name: str) -> Path:
        """Where `measured` keeps the trainings of an experiment: of each length its own."""
        longer = "" if self.longer == 1 else f"-longer{self.longer:g}"
        return self.folder / f"{name}{self._on}{longer}-runs.json"

    def network(self, recipe: "Recipe") -> Path:
        """The folder of a recipe's network."""
        return self.folder / f"{recipe.folder(self.seed)}{self._on}"

    @property
    def _on(self) -> str:
        """The device in names, but for the CPU: sums have another order there."""
        return "" if self.device == "cpu" else f"-{self.device}"

    def images(self, default: str, limit: int | None = None) -> tuple[ImageDataset, ImageDataset]:
        """The train and test splits of the data set that was asked for, else of `default`."""
        return datasets.load(self.dataset or default, self.data_dir, limit)

    def grey_test(self, experiment: str, default: str, limit: int | None = None) -> ImageDataset:
        """The test split; CommandError, in the experiment's name, for images in colour."""
        _, test = self.images(default, limit)
        if test.images.shape[1] != 1:
            name = self.dataset or default
            raise CommandError(f"{experiment}: needs grey images, and those of {name} have colours")
        return test


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that a kept network depends on besides the seed. Each kind has a class of its own."""

    kind: ClassVar[str] = "network"
    dataset: str
    limit: int | None = None  # images of each split
    epochs: int = 10
    batch: int = 128
    lr: float = 1e-3

    def images(self, setting: Setting) -> tuple[ImageDataset, ImageDataset]:
        """The train and test splits."""
        return datasets.load(self.dataset, setting.data_dir, self.limit)

    def folder(self, seed: int) -> str:
        """KIND-DATASET-seedN, and between them all that is not as usual: another one for each."""
        parts = [
            named(field.name, getattr(self, field.name))
            for field in sorted(fields(self), key=lambda field: field.name)
            if field.name != "dataset" and getattr(self, field.name) != field.default
        ]
        return "-".join([self.kind, self.dataset, *parts, f"seed{seed}"])


def named(name: str, value: Any) -> str:
    """A part of a folder's name."""
    if isinstance(value, bool):
        return name if value else f"no-{name}"
    if isinstance(value, tuple):
        return name + "-".join(map(str, value))
    if isinstance(value, str):
        return value
    return f"{name}{value:g}"


R = TypeVar("R", bound=Recipe)


class Kept(NamedTuple):
    """A model after its training, and what the training left."""

    model: Any
    rows: list[Row]  # of metrics.csv
    seconds: float
    core_seconds: float
    folder: Path


class Falling(Scheduled):
    """A network whose rate falls step by step, along half a cosine."""

    def __init__(self, model: Any, optimizer: optim.Optimizer, steps: int, last: float = 0) -> None:
        super().__init__(model, optimizer, CosineAnnealingLR(optimizer, steps, last))


def kept(
    setting: Setting, recipe: Recipe, data: Dataset, build: Callable[[int], Model],
    step: Callable[..., Losses] = lambda model, *batch: model.train_step(*batch),
    end_of_epoch: Callable[..., Mapping[str, float]] = lambda *_: {},
    drop_last: bool = False,
) -> Kept:  # fmt: skip
    """The model of a recipe: from its folder, or trained on `data` and kept there.

    `build(steps)` makes it, given how many steps it will be trained; `step(model, *batch)` and
    `end_of_epoch(model, run, number)` are as in Trainer.fit, on the setting's device. A training
    that was stopped goes on, one that was done is only read. What is returned is on the CPU.
    """
    run = Run(setting.network(recipe), resume=True)
    refuse_another(run, asdict(recipe))
    size = min(recipe.batch, len(data))
    loader = DataLoader(
        data, size, shuffle=True, drop_last=drop_last, seed=setting.seed, device=setting.device
    )
    mg.manual_seed(setting.seed)
    model = build(recipe.epochs * len(loader)).to(setting.device)
    trainer = Trainer(
        run, loader, model.parts(), asdict(recipe),
        epochs=recipe.epochs, seed=setting.seed, device=setting.device,
    )  # fmt: skip
    trainer.fit(partial(step, model), partial(end_of_epoch, model, run))
    last = trainer.clock.rows[-1]
    return Kept(model.to("cpu"), trainer.rows, last["seconds"], last["core_seconds"], run.folder)


def refuse_another(run: Run, recipe: Mapping[str, Any]) -> None:
    """Raises CommandError if the run is of another version of its recipe."""
    now = plain(recipe)
    before = plain(run.checkpoint["args"]) if run.checkpoint else now
    changed = [name for name, value in now.items() if before.get(name) != value]
    if changed:
        raise CommandError(
            f"what is kept in {run.folder} is of another training ({', '.join(changed)}): "
            "move it away, or choose another --out"
        )
