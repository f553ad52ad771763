"""Pictures: grids of images with every pixel sharp, curves, maps of codes. They are PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from minigrad.files import File, replacing

DPI = 100
GREY = "0.35"  # of what is not data
FONT = 9
Images = NDArray[Any]


def save(path: File, figure: Figure) -> None:
    """Writes a PNG file, which is whole at all times: a run's animation is made of its pictures."""
    with replacing(path) as file:
        figure.savefig(file, format="png")


def tiles(images: Images, columns: int, scale: int = 2, gap: int = 2) -> NDArray[np.uint8]:
    """Images (N, C, H, W) in [0, 1], C being 1 or 3, as one picture (height, width, 3).

    Every pixel becomes scale x scale pixels; the gaps between images and the places of a last row
    that is not full are white.
    """
    n, _, h, w = images.shape
    rows = -(-n // columns)
    h, w = h * scale, w * scale
    pixels = np.rint(np.clip(np.nan_to_num(images), 0, 1) * 255).astype(np.uint8)
    pixels = pixels.repeat(scale, axis=2).repeat(scale, axis=3).transpose(0, 2, 3, 1)
    picture = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(pixels):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        picture[top : top + h, left : left + w] = image
    return picture


def save_grid(
    path: Path,
    images: Images,
    columns: int,
    title: str,
    *,
    scale: int = 2,
    gap: int = 2,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    x_label: str = "",
    y_label: str = "",
) -> None:
    """Writes `tiles` of images with a title, and with labels of its rows and columns if given.

    The figure is as large as the picture and its margins: no pixel of an image is resampled.
    """
    picture = tiles(images, columns, scale, gap)
    height, width = picture.shape[:2]
    left = 12 + (7 * max(map(len, row_labels)) if row_labels else 0) + (18 if y_label else 0)
    bottom = 12 + (16 if column_labels else 0) + (18 if x_label else 0)
    right, top = 12, 34
    # Narrow grids still have room for their title.
    full_width = max(left + width + right, 7 * len(title) + 2 * left)
    full_height = top + height + bottom
    figure = Figure((full_width / DPI, full_height / DPI), dpi=DPI)
    axes = figure.add_axes(
        (left / full_width, bottom / full_height, width / full_width, height / full_height)
    )
    axes.imshow(picture, interpolation="nearest", aspect="auto")
    axes.set_title(title, fontsize=FONT + 2, loc="left", pad=8)
    axes.spines[:].set_visible(False)
    axes.set_xticks(_centres(column_labels, width, gap), column_labels, fontsize=FONT)
    axes.set_yticks(_centres(row_labels, height, gap), row_labels, fontsize=FONT)
    axes.tick_params(length=0, pad=4, colors=GREY)
    axes.set_xlabel(x_label, fontsize=FONT + 1, color=GREY)
    axes.set_ylabel(y_label, fontsize=FONT + 1, color=GREY)
    save(path, figure)


def _centres(labels: Sequence[str], length: int, gap: int) -> NDArray[Any]:
    """Where the labels of rows or columns of tiles stand, in pixels."""
    if not labels:
        return np.empty(0)
    pitch = (length + gap) / len(labels)
    return np.arange(len(labels)) * pitch + (pitch - gap) / 2 - 0.5


def save_curves(
    path: Path, rows: Sequence[dict[str, Any]], names: dict[str, str], title: str, y_label: str
) -> None:
    """Writes a panel for each of `names` (column: heading), with its train and test curves."""
    figure = Figure((3.6 * len(names), 3.2), dpi=DPI, layout="constrained")
    epochs = [row["epoch"] for row in rows]
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, (name, heading) in zip(panels, names.items(), strict=True):
        for split, style in (("train", "C0o-"), ("test", "C1s-")):
            values = [row[f"{split}_{name}"] for row in rows]
            axes.plot(epochs, values, style, markersize=3, linewidth=1.4, label=split)
        axes.set_title(heading, fontsize=FONT + 1)
        axes.set_xlabel("epoch", fontsize=FONT)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain(axes)
    panels[0].set_ylabel(y_label, fontsize=FONT)
    panels[0].legend(frameon=False, fontsize=FONT)
    figure.suptitle(title, fontsize=FONT + 2)
    save(path, figure)


def save_codes(
    path: Path, codes: NDArray[Any], labels: NDArray[Any], classes: Sequence[str], title: str
) -> None:
    """Writes a map of codes (N, 2), coloured by their labels (N,)."""
    figure = Figure((6.6, 5.6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    for i, name in enumerate(classes):
        mine = codes[labels == i]
        axes.scatter(*mine.T, s=4, alpha=0.6, linewidths=0, color=f"C{i % 10}", label=name)
    axes.set_xlabel("z1", fontsize=FONT)
    axes.set_ylabel("z2", fontsize=FONT)
    axes.set_title(title, fontsize=FONT + 2)
    axes.legend(
        frameon=False, fontsize=FONT, markerscale=3, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    plain(axes)
    save(path, figure)


def plain(axes: Any) -> None:
    """Axes with a pale grid, small ticks, and a line on two sides only."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=FONT - 1, colors=GREY)
    axes.grid(alpha=0.25, linewidth=0.6)
