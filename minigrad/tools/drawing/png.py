"""PNG: the same by matplotlib, where that is installed."""

import os
from itertools import pairwise
from typing import Any

from ...files import replacing
from .layout import LINE, PAD, Frame, Layout, Stroke, title_of
from .summary import Tile
from .svg import HEAD

DPI = 144  # so that letters are sharp: 1.44 pixels for each of the layout's
_LOOKS = {  # face and edge
    "box": ("#4a6fa512", "#4a6fa580"),
    "op": ("#ffffff", "#777777"),
    "leaf": ("#e3f1dc", "#5d8a46"),
    "group": ("#e8edf5", "#4a6fa5"),
    "output": ("#fdeecb", "#b98a1d"),
}


def save(tiles: list[Tile], where: Layout, heading: str, path: str | os.PathLike[str]) -> None:
    """Write the picture of tiles in their places. ImportError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("draw: .png needs matplotlib; .svg needs nothing") from error
    width, height = max(where.width, len(heading) * 7.3 + 2 * PAD), where.height + HEAD
    figure = Figure(figsize=(width / 100, height / 100), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    left = (width - where.width) / 2
    _text(axes, PAD, HEAD - 10, heading)
    for _, frame in sorted(where.boxes.items(), key=lambda item: len(item[0])):
        _rectangle(axes, frame.moved(left, HEAD), "box", 6)
    for route in where.routes.values():
        _edge(axes, [stroke.moved(left, HEAD) for stroke in route])
    for place, frame in where.boxes.items():
        title = _text(axes, frame.x + left + PAD, frame.y + HEAD + 15, title_of(place), "#2f4d7a")
        title.set_bbox({"facecolor": "#eef2f8", "edgecolor": "none", "pad": 1})
    for tile in tiles:
        frame = where.tiles[tile.id].moved(left, HEAD)
        _rectangle(axes, frame, tile.kind, 8 if tile.kind == "leaf" else 2)
        for i, line in enumerate(tile.lines):
            colour, weight = ("#555555", "normal") if i else ("#222222", "bold")
            _text(axes, frame.x + PAD, frame.y + LINE * (i + 1), line, colour, weight)
    with replacing(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def _text(
    axes: Any, x: float, y: float, words: str, colour: str = "#222222", weight: str = "normal"
) -> Any:
    look = {"family": "monospace", "fontsize": 10.5 * 0.72, "weight": weight, "color": colour}
    return axes.text(x, y, words, parse_math=False, **look)


def _rectangle(axes: Any, frame: Frame, kind: str, radius: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    face, edge = _LOOKS[kind]
    style = f"round,pad=0,rounding_size={radius}"
    corner, size = (frame.x, frame.y), (frame.width, frame.height)
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, facecolor=face, edgecolor=edge))


def _edge(axes: Any, route: list[Stroke]) -> None:
    """Straight down each stroke, and on to the next in a curve, as in SVG."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    points, codes = [(route[0].x, route[0].top)], [Path.MOVETO]
    for stroke, following in pairwise([*route, None]):
        assert stroke is not None
        points.append((stroke.x, stroke.bottom))
        codes.append(Path.LINETO)
        if following is not None:
            middle = (stroke.bottom + following.top) / 2
            points += [(stroke.x, middle), (following.x, middle), (following.x, following.top)]
            codes += [Path.CURVE4] * 3
    axes.add_patch(PathPatch(Path(points, codes), facecolor="none", edgecolor="#888888"))
