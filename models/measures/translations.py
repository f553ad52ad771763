"""How right translations of images are, where the true partners are known, and how lively.

Images are (N, C, H, W) in [0, 1].
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[Any]
CORNER = 4  # pixels: the upper corners of a face's picture show its background


def squared_error(made: Images, truth: Images) -> float:
    """The mean square of the difference, over pixels and colours, white being 1."""
    return float(np.square(made - truth).mean())


def absolute_error(made: Images, truth: Images) -> float:
    """The mean of the difference without its sign."""
    return float(np.abs(made - truth).mean())


def controls(x: Images, y: Images) -> dict[str, Images]:
    """What takes no learning: the image itself where both kinds have as many colours, the mean of
    all partners, and the partner of another image, the next one."""
    same = {"identity": x} if x.shape[1] == y.shape[1] else {}
    mean = np.broadcast_to(y.mean(axis=0), y.shape)
    return {**same, "mean image": mean, "wrong pairs": np.roll(y, 1, axis=0)}


def spread_of_backgrounds(images: Images) -> float:
    """How much the colour of the upper corners differs between images: its standard deviation,
    averaged over the colours."""
    corners = np.concatenate([images[:, :, :CORNER, :CORNER], images[:, :, :CORNER, -CORNER:]], 3)
    return float(corners.mean(axis=(2, 3)).std(axis=0).mean())
