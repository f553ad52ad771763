"""What the program and the experiments of translations share: falling rates, pictures, numbers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from demos.common import pictures
from minigrad import Tensor, optim
from minigrad.data.pairs import pixels
from minigrad.optim.lr_scheduler import LambdaLR
from models.cyclegan import CycleGAN
from models.measures.parts import in_parts
from models.model import Losses, Model

Array = NDArray[Any]
AT_ONCE = 250  # images


class Fading(Model):
    """A game whose rates are as they are in the first half of `steps`, and fall to 0 in the second
    by equal steps (Zhu et al. 2017); more steps may follow."""

    def __init__(self, game: Model, steps: int) -> None:
        self.game = game

        def share(step: int) -> float:
            return min(1.0, 2 * max(0.0, 1 - step / steps))

        for name, part in game.parts().items():
            if isinstance(part, optim.Optimizer):
                setattr(self, f"{name}_schedule", LambdaLR(part, share))

    def train_step(self, *batch: Any, **options: Any) -> Losses:
        losses = self.game.train_step(*batch, **options)
        for schedule in self.parts().values():
            if isinstance(schedule, LambdaLR):
                mg.each_step(schedule.step)
        return losses


def translated(network: Callable[[Tensor], Tensor], images: Array, device: str = "cpu") -> Array:
    """What a network from [-1, 1] to [-1, 1] makes of images (N, C, H, W) in [0, 1]."""

    def some(rows: slice) -> Tensor:
        return network(mg.tensor(2 * images[rows] - 1, dtype=mg.float32, device=device))

    return (in_parts(len(images), AT_ONCE, some) + 1) / 2


def unit(images: Array) -> Array:
    """Bytes as numbers in [0, 1]."""
    return np.divide(images, 255, dtype=np.float32)


def prepared(*batch: Tensor) -> tuple[Tensor, ...]:
    """A batch of bytes as the networks see it."""
    return tuple(pixels(part) for part in batch)


def there_and_back(gan: CycleGAN, x: Array, y: Array, device: str = "cpu") -> dict[str, Array]:
    """Images x and y, what is made of each, and what of these again."""
    to_y, to_x = translated(gan.forth, x, device), translated(gan.back, y, device)
    return {
        "x": x,
        "G(x)": to_y,
        "F(G(x))": translated(gan.back, to_y, device),
        "y": y,
        "F(y)": to_x,
        "G(F(y))": translated(gan.forth, to_x, device),
    }


def in_colour(images: Array) -> Array:
    """Images (N, 1 or 3, H, W) as (N, 3, H, W)."""
    return np.broadcast_to(images, (len(images), 3, *images.shape[2:]))


def save_rows(path: Path, rows: Mapping[str, Array], title: str) -> None:
    """Writes a row of images for each name."""
    images = np.concatenate([in_colour(some) for some in rows.values()])
    columns = len(images) // len(rows)
    pictures.save_grid(path, images, columns, title, row_labels=list(rows))
