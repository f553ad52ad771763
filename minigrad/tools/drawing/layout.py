"""Where things go: rows of tiles from top to bottom, in nested boxes.

A box is laid out by itself first and then is one item among others; an edge that crosses its border
does so through a port, which is an item in the first or the last row of the box. So an edge crosses
no tile, and no box that it does not lead into or out of.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .rows import BOTTOM, GAP, TOP, Item, Link, choose_rows, in_rows, order, spread, threaded
from .summary import Place, Tile, label

CHAR, LINE = 6.7, 14.0  # of the 11 px typeface, whose letters are all as wide
PAD, TITLE = 8.0, 20.0
LEVEL = 22.0  # between rows, at least

Edge = tuple[str, str]  # the ids of two tiles


class Frame(NamedTuple):
    """A rectangle, in pixels."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, dx: float, dy: float) -> "Frame":
        return self._replace(x=self.x + dx, y=self.y + dy)


class Stroke(NamedTuple):
    """A vertical part of an edge; from its bottom, a curve leads to the top of the next."""

    x: float
    top: float
    bottom: float

    def moved(self, dx: float, dy: float) -> "Stroke":
        return Stroke(self.x + dx, self.top + dy, self.bottom + dy)


@dataclass
class Layout:
    """The places of everything in a box, from its corner."""

    width: float
    height: float
    tiles: dict[str, Frame] = field(default_factory=dict)
    boxes: dict[Place, Frame] = field(default_factory=dict)
    routes: dict[Edge, list[Stroke]] = field(default_factory=dict)  # as far as they lie in the box
    ins: dict[str, float] = field(default_factory=dict)  # x of the ports, by the signals' sources
    outs: dict[str, float] = field(default_factory=dict)

    def add(self, inner: "Layout", x: float, y: float) -> None:
        """Take in what lies in an inner box, except for its routes."""
        self.tiles |= {key: frame.moved(x, y) for key, frame in inner.tiles.items()}
        self.boxes |= {key: frame.moved(x, y) for key, frame in inner.boxes.items()}


def title_of(place: Place) -> str:
    """What stands above a box."""
    return ": ".join(label(place))


def tile_frame(tile: Tile) -> tuple[float, float]:
    """The width and the height that a tile's text needs."""
    return max(map(len, tile.lines)) * CHAR + 2 * PAD, len(tile.lines) * LINE + PAD


def layout(tiles: Sequence[Tile]) -> Layout:
    """Places for tiles."""
    edges = [(source, tile.id) for tile in tiles for source in tile.sources]
    return _arranged((), tiles, edges)


def _arranged(place: Place, tiles: Iterable[Tile], edges: Sequence[Edge]) -> Layout:
    """The box at `place`, with these tiles in it; `edges` begin or end in it, or both."""
    items: dict[Any, Item] = {}
    home: dict[str, Any] = {}  # of each tile: itself, or the box in which it is
    boxed: dict[Place, list[Tile]] = {}
    for tile in tiles:
        if tile.place == place:
            home[tile.id] = tile.id
            items[tile.id] = Item(tile.age, *tile_frame(tile))
        else:
            box = home[tile.id] = tile.place[: len(place) + 1]
            boxed.setdefault(box, []).append(tile)
    inner = {}
    for box, members in boxed.items():
        touching = [edge for edge in edges if box in (home.get(edge[0]), home.get(edge[1]))]
        done = inner[box] = _arranged(box, members, touching)
        # A parameter may be younger than the box's operations, but nothing leads to it.
        last = max(tile.age for tile in members if tile.kind != "leaf")
        items[box] = Item(last, done.width, done.height, done.ins, done.outs)
    ends = {}
    for a, b in edges:
        start, end = home.get(a, ("in", a)), home.get(b, ("out", a))
        for key, age in ((start, TOP), (end, BOTTOM)):
            items.setdefault(key, Item(age, GAP))
        ends[a, b] = start, end
    crossing = {
        edge: Link(edge[0], items[start], items[end])
        for edge, (start, end) in ends.items()
        if start != end
    }
    links = list(dict.fromkeys(crossing.values()))
    choose_rows(items.values(), links)
    steps, ways = threaded(links)
    dummies = [item for way in ways.values() for item in way[1:-1]]
    rows = in_rows(dict.fromkeys([*items.values(), *dummies]))
    order(rows, steps)
    spread(rows, steps)
    made, bottoms = _stacked(place, rows, steps)
    for key, item in items.items():
        if isinstance(key, str):
            made.tiles[key] = Frame(item.x, item.y, item.width, item.height)
        elif key in inner:
            made.boxes[key] = Frame(item.x, item.y, item.width, item.height)
            made.add(inner[key], item.x, item.y)
        else:
            way, signal = key
            (made.ins if way == "in" else made.outs)[signal] = item.x + item.width / 2
    for edge, keys in ends.items():
        parts = []
        for key in dict.fromkeys(keys):
            item = items[key]
            within = inner[key].routes[edge] if key in inner else []
            parts.append([stroke.moved(item.x, item.y) for stroke in within])
        if edge in crossing:
            link = crossing[edge]
            parts.insert(1, _strokes(link, ways[link], bottoms))
        made.routes[edge] = [stroke for part in parts for stroke in part]
    return made


def _stacked(
    place: Place, rows: list[list[Item]], steps: Sequence[Link]
) -> tuple[Layout, list[float]]:
    """The box's size, after moving the rows to their places in it; and where each row ends."""
    left = min(item.x for row in rows for item in row)
    extent = max(item.x + item.width for row in rows for item in row) - left
    title = len(title_of(place)) * CHAR if place else 0.0
    width = max(extent, title) + 2 * PAD
    y = PAD if not place else TITLE if any(item.height for item in rows[0]) else 0.0
    bottoms: list[float] = []
    for i, row in enumerate(rows):
        height = max(item.height for item in row)
        for item in row:
            item.x += (width - extent) / 2 - left
            item.y = y
        bottoms.append(y + height)
        lean = max([abs(link.lean) for link in steps if link.above.row == i], default=0.0)
        y += height + min(80.0, LEVEL + lean / 12)
        y += TITLE / 2 if i == 0 and place and not height else 0.0
    open_end = rows[-1][0].age == BOTTOM
    return Layout(width, bottoms[-1] + (0.0 if open_end else PAD)), bottoms


def _strokes(link: Link, way: list[Item], bottoms: list[float]) -> list[Stroke]:
    """The route of a link through the rows that it passes."""
    start, *passed, end = way
    x = start.x + link.exit
    strokes = [Stroke(x, start.y + start.height, bottoms[start.row])]
    strokes += [Stroke(item.x, item.y, bottoms[item.row]) for item in passed]
    return [*strokes, Stroke(end.x + link.entry, end.y, end.y)]
