"""Tiles of images as one panel among others of a figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from demos.common import pictures


def show(
    axes: Axes, images: NDArray[Any], columns: int, title: str = "",
    *, row_labels: Sequence[str] = (), scale: int = 3, gap: int = 3,
) -> None:  # fmt: skip
    """Images (N, C, H, W) in [0, 1] in rows of `columns`, with labels of the rows if given."""
    picture = pictures.tiles(images, columns, scale, gap)
    axes.imshow(picture, interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.spines[:].set_visible(False)
    pitch = (len(picture) + gap) / max(1, len(row_labels))
    middles = (np.arange(len(row_labels)) + 0.5) * pitch - gap / 2
    axes.set_xticks([])
    axes.set_yticks(middles, row_labels, fontsize=9)
    axes.tick_params(length=0, colors=pictures.GREY)
