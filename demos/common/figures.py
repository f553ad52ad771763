"""The figures of experiments: a sheet of panels in one style, and a word for each kind of panel."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from demos.common import pictures

TITLE, HEADING, TEXT, SMALL = 11, 10, 9, 8  # sizes of letters
EXACT = "0.75"  # the style of what others are to come near: pale and broad
Array = NDArray[Any]
Line = tuple[Any, ...]  # x, y, and a style if it is not that of its place


def sheet(
    layout: str | tuple[int, int], size: tuple[float, float], title: str = ""
) -> tuple[Figure, list[Axes]]:
    """A figure and its panels: rows x columns of them, or as letters show, in their order.

    "aab;aac" is a panel of two columns, and beside it two others, one above the other. What stands
    on both sides of a / has columns of its own.
    """
    figure = Figure(size, dpi=pictures.DPI, layout="constrained")
    if title:
        figure.suptitle(title, fontsize=TITLE)
    if not isinstance(layout, str):
        return figure, list(figure.subplots(*layout, squeeze=False).flat)
    bands = layout.split("/")
    heights = [1 + band.count(";") for band in bands]
    parts: Any = [figure]
    if len(bands) > 1:
        parts = figure.subfigures(len(bands), 1, height_ratios=heights)
    panels: dict[str, Axes] = {}
    for part, band in zip(parts, bands, strict=True):
        panels |= part.subplot_mosaic(band)
    return figure, [panels[letter] for letter in sorted(panels)]


def curves(
    axes: Axes, lines: Mapping[str, Line], title: str = "", x: str = "", y: str = "",
    *, log: str = "", levels: Mapping[str, float] | None = None, legend: str = "best",
) -> None:  # fmt: skip
    """Lines (x, y) by their names, and dashed ones at the level of each control.

    `log` are the axes, of "xy", that are logarithmic. Names that begin with _ are not shown.
    """
    for i, (name, (at, values, *style)) in enumerate(lines.items()):
        width = 3 if style == [EXACT] else 1.4
        axes.plot(at, values, *(style or [f"C{i}"]), markersize=4, linewidth=width, label=name)
    for i, (name, level) in enumerate((levels or {}).items(), len(lines)):
        axes.axhline(level, color=f"C{i}", linestyle="--", linewidth=1.1, label=name)
    if "x" in log:
        axes.set_xscale("log")
    elif all(isinstance(at, range) for at, *_ in lines.values()):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if "y" in log:
        axes.set_yscale("log")
    dress(axes, title, x, y, legend=legend)


def bars(
    axes: Axes, series: Mapping[str, Mapping[str, Any]], title: str = "", y: str = "",
    *, text: str = "", lying: bool = False, legend: str = "best", colours: Sequence[str] = (),
) -> None:  # fmt: skip
    """Bars of each series side by side, in the groups that all of them have.

    A bar is a number, or the mean of several, with a dot for each. `text` is how heights are
    written at their ends. With one series the colours are the bars', else the series'.
    """
    groups = list(next(iter(series.values())))
    width = 0.8 / len(series)
    draw, along = (axes.barh, axes.set_yticks) if lying else (axes.bar, axes.set_xticks)
    turned = slice(None, None, -1 if lying else 1)  # of what is given as (along, height)
    for i, (name, values) in enumerate(series.items()):
        places = np.arange(len(groups)) + (i - (len(series) - 1) / 2) * width
        each = [np.atleast_1d(values[group]) for group in groups]
        colour: Any = list(colours) or f"C{i}"
        if len(series) > 1:
            colour = colours[i] if colours else f"C{i}"
        means = [some.mean() for some in each]
        draw(places, means, 0.92 * width, color=colour, alpha=0.6, label=name)
        for place, some in zip(places, each, strict=True):
            if len(some) > 1:
                at = np.full(len(some), place)
                axes.plot(*(at, some)[turned], "k.", markersize=4, alpha=0.6)
            if text:
                tip, off = (place, some.max())[turned], (0, 3)[turned]
                side = {"va": "center"} if lying else {"ha": "center"}
                axes.annotate(
                    text.format(some.mean()), tip, off, textcoords="offset points",
                    fontsize=SMALL, **side,
                )  # fmt: skip
    along(range(len(groups)), groups)
    if lying:
        axes.invert_yaxis()
        axes.margins(x=0.12)
    dress(axes, title, "", y, legend=legend if len(series) > 1 else "", grid="x" if lying else "y")


def points(
    axes: Axes, sets: Mapping[str, Array], title: str = "",
    *, size: float = 3, reach: float = 0, legend: str = "",
) -> None:  # fmt: skip
    """Points (N, 2) of each set, in a square from -reach to reach if it is given."""
    for i, (name, at) in enumerate(sets.items()):
        axes.scatter(*at.T, s=size, alpha=0.5, linewidths=0, color=f"C{i % 10}", label=name)
    dress(axes, title, legend=legend, grid="", marker=3)
    axes.set_aspect("equal")
    if reach:
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
    axes.spines[:].set(color="0.85", visible=True)


def strips(
    axes: Axes, rows: Mapping[str, Array] | Array, title: str = "",
    *, columns: int = 0, scale: int = 3, gap: int = 3,
) -> None:  # fmt: skip
    """Images (N, C, H, W) in [0, 1]: a row for each name, or all of them in rows of `columns`."""
    names, images = [], rows
    if isinstance(rows, Mapping):
        names, images = list(rows), np.concatenate(list(rows.values()))
        columns = len(images) // len(rows)
    picture = pictures.tiles(images, columns, scale, gap)
    axes.imshow(picture, interpolation="nearest")
    axes.set_title(title, fontsize=HEADING)
    axes.spines[:].set_visible(False)
    pitch = (len(picture) + gap) / max(1, len(names))
    axes.set_xticks([])
    axes.set_yticks((np.arange(len(names)) + 0.5) * pitch - gap / 2, names, fontsize=TEXT)
    axes.tick_params(length=0, colors=pictures.GREY)


def dress(
    axes: Axes, title: str = "", x: str = "", y: str = "",
    *, legend: str = "best", grid: str = "both", marker: float = 1,
) -> None:  # fmt: skip
    """The style of all panels with numbers; `legend` is its place, or "beside", or "" for none."""
    axes.set_title(title, fontsize=HEADING)
    axes.set_xlabel(x, fontsize=TEXT)
    axes.set_ylabel(y, fontsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL, which="both", colors=pictures.GREY)
    if grid:
        axes.grid(axis=grid, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
    if legend and (names := axes.get_legend_handles_labels()[1]):
        beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        place: dict[str, Any] = beside if legend == "beside" else {"loc": legend}
        columns = len(names) if legend == "upper center" else 1
        axes.legend(frameon=False, fontsize=SMALL, ncols=columns, markerscale=marker, **place)
