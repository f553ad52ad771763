"""What the zoo's experiments on grey images share: sizes of small networks, and one loop."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor, optim
from minigrad.data import ImageDataset
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.gan import GAN

HIDDEN, NOISE, BATCH, LR = (256, 256), 50, 64, 5e-4
AT_ONCE = 500
Array = NDArray[Any]


def adam(parameters: Iterable[Tensor], lr: float = LR) -> optim.Adam:
    return optim.Adam(parameters, lr, (0.5, 0.999))


def played(
    gan: GAN, data: ImageDataset, steps: int, seed: int, prepared: Callable[..., tuple[Tensor, ...]]
) -> GAN:
    """The game after so many steps on drawn batches, the rates falling along half a cosine;
    `prepared` makes of images in [-1, 1] and labels what a step is given."""
    rng = np.random.default_rng(seed)
    schedules = [
        CosineAnnealingLR(optimizer, max(1, steps), optimizer.param_groups[0]["lr"] / 20)
        for optimizer in (gan.g_optimizer, gan.d_optimizer)
    ]
    for _ in range(steps):
        x, labels = data[rng.integers(0, len(data), BATCH)]
        gan.train_step(*prepared(2 * mg.from_numpy(x) - 1, mg.tensor(labels)))
        for schedule in schedules:
            schedule.step()
    return gan


def made(gan: GAN, z: Tensor, *labels: Tensor) -> Array:
    """Images (N, C, H, W) in [0, 1] of noise z (N, noise)."""
    images: Array = (gan.generate(z, *labels).numpy() + 1) / 2
    return images
