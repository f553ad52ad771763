"""What the zoo's experiments share: a table of trainings; games of digits that a judge reads."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from demos.common.kept import Setting
from demos.common.seeds import over_seeds, table_row
from demos.common.store import Arguments, Numbers
from demos.experiments.judge import judge_of
from minigrad import Tensor, optim
from models.gan import GAN
from models.measures.judge import Judge

HIDDEN, NOISE, BATCH, LR = (256, 256), 50, 64, 5e-4
Array = NDArray[Any]
Measure = Callable[[Numbers], Numbers]


class Games(NamedTuple):
    """Trainings with each seed for each row, a table of what was measured, and its means."""

    runs: dict[str, list[Numbers]]
    table: dict[str, Numbers]
    mean: dict[str, dict[str, float]]


def games(
    setting: Setting, name: str, play: Callable[..., Numbers], rows: Arguments, seeds: int,
    measures: Iterable[str], measure: Measure = lambda found: {},
) -> Games:  # fmt: skip
    """Plays `play(seed=..., **arguments)` for all rows and seeds, and takes the measures of what it
    gives, to which `measure` adds."""
    runs = over_seeds(setting, name, play, rows, seeds, jobs=1)
    for some in runs.values():
        for found in some:
            found |= measure(found)
    table = {row: table_row(some, measures) for row, some in runs.items()}
    mean = {row: {m: of[m]["mean"] for m in measures if m in of} for row, of in table.items()}
    return Games(runs, table, mean)


class Digits(NamedTuple):
    """Grey images, glyphs if nothing else is asked for, and a judge that reads them."""

    setting: Setting
    name: str
    limit: int | None
    judge: Judge

    def play(
        self, experiment: str, game: Callable[..., Numbers], rows: Mapping[str, Numbers],
        measures: Iterable[str], measure: Measure = lambda found: {}, *, steps: int, seeds: int,
    ) -> Games:  # fmt: skip
        """`games` of `game(train, device, steps=..., seed=..., **row)`."""
        train, device = self.judge.train, self.setting.device
        how = {"dataset": self.name, "limit": self.limit, "steps": self.setting.times(steps)}

        def play(dataset: str, limit: int | None, **how: Any) -> Numbers:
            return game(train, device, **how)

        each = {row: {**how, **some} for row, some in rows.items()}
        name = f"{experiment}-{self.name}"
        return games(self.setting, name, play, each, seeds, measures, measure)


def digits(setting: Setting, experiment: str, limit: int | None) -> Digits:
    """What an experiment plays with; CommandError, in its name, for images in colour."""
    setting.grey_test(experiment, "glyphs", limit)
    return Digits(setting, setting.dataset or "glyphs", limit, judge_of(setting, limit=limit))


def adam(parameters: Iterable[Tensor], lr: float = LR) -> optim.Adam:
    return optim.Adam(parameters, lr, (0.5, 0.999))


def signed(x: Tensor, *labels: Tensor) -> tuple[Tensor, ...]:
    """Images in [0, 1] as a game sees them, in [-1, 1]; without the labels."""
    return (2 * x - 1,)


def made(gan: GAN, z: Tensor, *labels: Tensor) -> Array:
    """Images (N, C, H, W) in [0, 1] of noise z (N, noise)."""
    images: Array = (gan.generate(z, *labels).numpy() + 1) / 2
    return images
