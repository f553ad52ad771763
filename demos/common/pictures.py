"""Pictures: grids of images with every pixel sharp, curves, maps of codes. They are PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from minigrad.files import File, replacing

DPI = 100
GREY = "0.35"  # of what is not data
FONT = 9
Images = NDArray[Any]
# C0 to C9 in every picture. The first five are told apart by eyes that see no red, green or blue
# (Okabe and Ito 2008); ten classes never are by colour alone, and have their names beside.
COLOURS = "#0072b2 #e69f00 #009e73 #d55e00 #cc79a7 #8c6d31 #56b4e9 #7f7f7f #a8a100 #4b2e83".split()
matplotlib.rcParams["axes.prop_cycle"] = matplotlib.cycler(color=COLOURS)


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
    left = 12 + max((width_of(text, FONT) for text in row_labels), default=0)
    left += (6 if row_labels else 0) + (18 if y_label else 0)
    bottom = 12 + (16 if column_labels else 0) + (18 if x_label else 0)
    right, top = 12, 34
    # Narrow grids still have room for their title.
    full_width = max(left + width + right, left + width_of(title, FONT + 2) + right)
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


def width_of(text: str, size: float) -> int:
    """How many pixels wide a text in letters of that size is."""
    renderer = FigureCanvasAgg(Figure(dpi=DPI)).get_renderer()
    font = FontProperties(size=size)
    return int(np.ceil(renderer.get_text_width_height_descent(text, font, ismath=False)[0]))


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
        in_epochs(axes, epochs)
        plain(axes)
    panels[0].set_ylabel(y_label, fontsize=FONT)
    panels[0].legend(frameon=False, fontsize=FONT)
    figure.suptitle(title, fontsize=FONT + 2)
    save(path, figure)


def in_epochs(axes: Any, epochs: Sequence[int]) -> None:
    """An axis of whole epochs, also where there is only one."""
    axes.set_xlabel("epoch", fontsize=FONT)
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def save_codes(
    path: Path, codes: NDArray[Any], labels: NDArray[Any], classes: Sequence[str], title: str
) -> None:
    """Writes a map of codes (N, 2), coloured by their labels (N,), with each class's name."""
    figure = Figure((6.6, 6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    for i, name in enumerate(classes):
        mine = codes[labels == i]
        axes.scatter(*mine.T, s=4, alpha=0.6, linewidths=0, color=f"C{i % 10}", label=name)
    axes.set_xlabel("z1", fontsize=FONT)
    axes.set_ylabel("z2", fontsize=FONT)
    axes.set_title(title, fontsize=FONT + 2)
    name_clusters(axes, codes, labels, classes)
    plain(axes)
    save(path, figure)


def name_clusters(
    axes: Any, at: NDArray[Any], labels: NDArray[Any], classes: Sequence[str]
) -> None:
    """Writes each class's name among its points (N, 2)."""
    halo = [withStroke(linewidth=3, foreground="white")]
    for i, place in places_of_names(at, labels, len(classes)).items():
        axes.text(
            *place, classes[i], color="k", fontsize=FONT + 4, weight="bold",
            ha="center", va="center", path_effects=halo, clip_on=True,
        )  # fmt: skip


def places_of_names(
    at: NDArray[Any], labels: NDArray[Any], classes: int, apart: float = 0.06
) -> dict[int, NDArray[Any]]:
    """Where each class that has points (N, 2) is named: at their median, or if another name is
    there, at the point nearest to it that is `apart` from all names, a share of the picture."""
    size = np.ptp(at, axis=0) + 1e-9
    places: dict[int, NDArray[Any]] = {}
    for i in range(classes):
        if not (mine := at[labels == i]).size:
            continue
        middle = np.median(mine, 0)
        order = np.linalg.norm((mine - middle) / size, axis=1).argsort()
        free = np.stack([middle, *mine[order]])
        for taken in places.values():
            free = free[np.linalg.norm((free - taken) / size, axis=1) >= apart]
        places[i] = free[0] if len(free) else middle
    return places


def plain(axes: Any) -> None:
    """Axes with a pale grid, small ticks, and a line on two sides only."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=FONT - 1, colors=GREY)
    axes.grid(alpha=0.25, linewidth=0.6)
