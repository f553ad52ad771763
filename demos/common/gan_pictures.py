"""Pictures of a GAN's training: samples of points, curves of the game, and the animation of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from demos.common import pictures
from demos.common.run import Row
from minigrad.files import replacing
from models.measures.modes import Mixture

SECONDS = 12  # that an animation lasts, if its frames are not held for more than half a second


def save_points(path: Path, points: NDArray[Any], mixture: Mixture, title: str) -> None:
    """Writes a map of points (N, 2) over circles at the modes of a mixture."""
    figure = Figure((5, 5.2), dpi=100, layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    reach = 1.3 * np.abs(mixture.modes).max()
    axes.scatter(*mixture.modes.T, s=260, facecolors="none", edgecolors="0.7", linewidths=1)
    axes.scatter(*points.T, s=3, color="C0", alpha=0.4, linewidths=0)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_title(title, fontsize=11)
    says = f"circles: the modes; within {3 * mixture.std:g} of one a sample is of high quality"
    axes.set_xlabel(says, fontsize=9)
    axes.tick_params(labelsize=8, colors="0.35")
    axes.spines[:].set_color("0.85")
    pictures.save(path, figure)


def save_curves(
    path: Path, rows: Sequence[Row], panels: Mapping[str, Mapping[str, str]], title: str
) -> None:
    """Writes a panel for each heading of `panels`, with its columns of `rows` under their names."""
    figure = Figure((3.8 * len(panels), 3.3), dpi=100, layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, (heading, columns) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for i, (column, label) in enumerate(columns.items()):
            values = [row[column] for row in rows]
            axes.plot(epochs, values, f"C{i}{'os^'[i]}-", markersize=4, linewidth=1.4, label=label)
        if axes.get_ylim()[0] > 0:
            axes.set_ylim(bottom=0)
        axes.set_title(heading, fontsize=10)
        pictures.in_epochs(axes, epochs)
        pictures.plain(axes)
        axes.legend(frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=11)
    pictures.save(path, figure)


def save_animation(path: Path, frames: Sequence[Path]) -> None:
    """Joins pictures, in the order of their names, into a GIF that ends on the last for longer."""
    images = [Image.open(frame).convert("RGB") for frame in sorted(frames)]
    size = images[-1].size
    still = [image.resize(size) if image.size != size else image for image in images]
    each = min(500, SECONDS * 1000 // len(still))
    durations = [each] * (len(still) - 1) + [2000]
    # One palette for all frames: they would flicker otherwise.
    palette = still[-1].quantize(256)
    paletted = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in still]
    how = {"append_images": paletted[1:], "duration": durations, "loop": 0, "disposal": 1}
    with replacing(path) as file:
        paletted[0].save(file, format="GIF", save_all=True, **how)
