"""GANs of points in the plane: one recipe, in which the experiments change what they are about."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import optim
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models import objectives
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.measures.modes import MIXTURES, SAMPLES, Coverage, Mixture, coverage

# Every objective as it is usually played; penalties as strong as suits points at distances of 1.
OBJECTIVES: dict[str, dict[str, Any]] = {
    "minimax": {"objective": "minimax"},
    "non-saturating": {"objective": "non-saturating"},
    "LSGAN": {"objective": "lsgan"},
    "hinge": {"objective": "hinge"},
    "WGAN, clipping": {"objective": "wgan", "clip": 0.1},
    "WGAN-GP": {"objective": "wgan", "gp": 0.1},
    "non-saturating + R1": {"objective": "non-saturating", "r1": 1.0},
}


@dataclass(frozen=True)
class Recipe:
    """How a GAN of points is trained. `reach` is that of the data as the networks see them: the
    mixture is scaled so that no coordinate of a mode is larger."""

    steps: int = 10_000  # of the generator
    batch: int = 128
    hidden: tuple[int, ...] = (128, 128, 128)
    noise: int = 2
    lr: float = 1e-3
    betas: tuple[float, float] = (0.0, 0.99)
    ema: float = 0.999
    last_lr: float = 0.01  # of the first; the rate falls along half a cosine
    reach: float = 1.0
    rules: dict[str, Any] = field(default_factory=dict)  # k, and how the objective is named


class Toy:
    """A mixture, and a GAN that learns it."""

    def __init__(self, mixture: Mixture, recipe: Recipe, seed: int) -> None:
        mg.manual_seed(seed)
        self.mixture, self.recipe = mixture, recipe
        self.scale = np.float32(recipe.reach / np.abs(mixture.modes).max())
        self.rng = np.random.default_rng(seed)
        generator = MLPGenerator(recipe.noise, recipe.hidden, (2,))
        networks = generator, MLPDiscriminator((2,), recipe.hidden)
        optimizers = [optim.Adam(net.parameters(), recipe.lr, recipe.betas) for net in networks]
        rules = {"k": 1, **recipe.rules}
        options = {"noise": recipe.noise, "k": rules.pop("k"), "ema": recipe.ema}
        self.gan = GAN(*networks, *optimizers, objectives.named(**rules), **options)
        self.schedules = [
            CosineAnnealingLR(optimizer, max(1, recipe.steps), recipe.lr * recipe.last_lr)
            for optimizer in optimizers
        ]

    def data(self) -> mg.Tensor:
        """New data for one step of the game, as the networks see them."""
        points = self.mixture.draw(self.recipe.batch * self.gan.k, self.rng)
        return mg.from_numpy(points * self.scale)

    def train(self) -> None:
        """Plays the whole game."""
        for _ in range(self.recipe.steps):
            self.gan.train_step(self.data())
            for schedule in self.schedules:
                schedule.step()

    def samples(self, n: int = SAMPLES) -> NDArray[Any]:
        """Points (n, 2) from the averaged generator, in the mixture's coordinates."""
        points: NDArray[Any] = self.gan.sample(n).numpy() / self.scale
        return points

    def coverage(self) -> Coverage:
        return coverage(self.samples(), self.mixture)


def toy(name: str, seed: int, **how: Any) -> Toy:
    """A toy of one of MIXTURES; `how` are parts of its Recipe."""
    return Toy(MIXTURES[name](), Recipe(**how), seed)
