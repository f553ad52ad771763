"""What the zoo's games of digits share: small networks, and a judge that reads grey images."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from demos.common.kept import Setting
from demos.common.seeds import Measure, Tabled, tabled
from demos.common.store import Numbers
from demos.experiments.judge import judge_of
from minigrad import Tensor, optim
from models.gan import GAN
from models.measures.judge import Judge
from models.measures.parts import in_parts

HIDDEN, NOISE, BATCH, LR = (256, 256), 50, 64, 5e-4
AT_ONCE = 500  # images
Array = NDArray[Any]


class Digits(NamedTuple):
    """Grey images, glyphs if nothing else is asked for, and a judge that reads them."""

    setting: Setting
    name: str
    limit: int | None
    judge: Judge

    def play(
        self, experiment: str, game: Callable[..., Numbers], rows: Mapping[str, Numbers],
        measures: Iterable[str], measure: Measure = lambda found: {}, *, steps: int, seeds: int,
    ) -> Tabled:  # fmt: skip
        """`tabled` of `game(train, device, steps=..., seed=..., **row)`."""
        train, device = self.judge.train, self.setting.device
        how = {"dataset": self.name, "limit": self.limit, "steps": self.setting.times(steps)}

        def play(dataset: str, limit: int | None, **how: Any) -> Numbers:
            return game(train, device, **how)

        each = {row: {**how, **some} for row, some in rows.items()}
        name = f"{experiment}-{self.name}"
        return tabled(self.setting, name, play, each, seeds, measures, measure, jobs=1)


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
    given = z, *labels
    images = in_parts(len(z), AT_ONCE, lambda rows: gan.generate(*(part[rows] for part in given)))
    return (images + 1) / 2
