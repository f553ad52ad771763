"""From records of the tape to the tiles of a picture: one each, or where there are many, for many.

What is put into one tile was recorded without a break in between, by one call of a module or within
one stretch of time. So no path of the tape leaves a tile and comes back to it, and the tiles form a
graph without cycles like that of the nodes. A parameter is shown in each place where it is used.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby

from ..scopes import Scope
from .graph import Vertex

Place = tuple[Scope, ...]  # the boxes around a tile, outermost first
STRETCHES = 24  # of time, where neither modules nor single operations can be shown


@dataclass
class Tile:
    """What is drawn as one box with text."""

    id: str
    kind: str  # "op", "leaf", "group", or "output"
    lines: list[str]  # the first is the title
    place: Place
    members: list[int]  # its vertices
    sources: list[str] = field(default_factory=list)  # the ids of the tiles that feed it

    @property
    def age(self) -> int:
        """When its last operation ran: a tile is younger than all that feed it."""
        return self.members[-1]


def tiles_of(vertices: list[Vertex], limit: int) -> list[Tile]:
    """At most about `limit` tiles; ValueError for a limit below 1.

    Modules are folded, from the innermost out, until they fit, and what then is too much is divided
    by time.
    """
    if limit < 1:
        raise ValueError(f"draw: limit must be at least 1, got {limit}")
    depth = 1 + max(len(place) for vertex in vertices for place in vertex.places)
    tiles = _folded(vertices, depth)
    while len(tiles) > limit and depth > 1:
        depth -= 1
        tiles = _folded(vertices, depth)
    if len(tiles) > limit:
        tiles = _divided(vertices, tiles, min(limit, STRETCHES))
    _connect(vertices, tiles)
    _unwrap(tiles)
    return tiles


def _folded(vertices: list[Vertex], depth: int) -> list[Tile]:
    """A tile for each call of a module at this depth, and for each vertex outside of them."""
    groups: dict[object, list[tuple[int, Place]]] = {}
    for i, vertex in enumerate(vertices):
        for place in vertex.places:
            key = place[:depth] if len(place) >= depth else (i, place)
            groups.setdefault(key, []).append((i, place))
    tiles = []
    for copies in groups.values():
        members, (i, place) = [i for i, _ in copies], copies[0]
        if len(copies) == 1:
            number = vertices[i].places.index(place)
            name = f"n{i}_{number}" if number else f"n{i}"
            tiles.append(Tile(name, _kind(vertices, i), _lines(vertices[i], place), place, members))
        else:
            title = ": ".join(label(place[:depth]))
            tiles.append(_group(vertices, members, title, place[: depth - 1]))
    return sorted(tiles, key=lambda tile: tile.age)


def _divided(vertices: list[Vertex], tiles: list[Tile], most: int) -> list[Tile]:
    """At most so many tiles, for stretches of time.

    A stretch is from one call of a module to the next, or of equal length where there are too many
    calls. Leaves are where they are used.
    """
    done = [tile for tile in tiles if tile.kind != "leaf"]
    runs = [list(run) for _, run in groupby(done, lambda tile: tile.kind == "group" and tile.id)]
    spare = most - len(runs)
    if spare < 0:
        runs, length = [done], -(-len(done) // most)
    else:
        length = -(-len(done) // max(1, spare)) if spare else len(done)
    stretches = [run[i : i + length] for run in runs for i in range(0, len(run), length)]
    made = []
    for number, stretch in enumerate(stretches, 1):
        ops = {i for tile in stretch for i in tile.members}
        inputs = {parent for i in ops for parent in vertices[i].inputs}
        members = sorted(ops | {i for i in inputs if vertices[i].is_leaf})
        called = len(stretch) == 1 and stretch[0].kind == "group"
        title = stretch[0].lines[0] if called else f"part {number} of {len(stretches)}"
        made.append(_group(vertices, members, title, ()))
    return made


def _unwrap(tiles: list[Tile]) -> None:
    """A box with one operation in it is left out, and its name goes onto the tile."""
    content = Counter(tile.place[:n] for tile in tiles for n in range(1, len(tile.place) + 1))
    for tile in tiles:
        innermost = tile.place
        if tile.kind == "group" or content[innermost] != 1:
            continue
        while content[tile.place] == 1:
            tile.place = tile.place[:-1]
        tile.lines.insert(1, f"in {': '.join(label(innermost, len(tile.place)))}")


def _connect(vertices: list[Vertex], tiles: list[Tile]) -> None:
    """Find what feeds each tile; of a parameter's tiles, it is that in the same place."""
    home: dict[int, str] = {i: tile.id for tile in tiles for i in tile.members}
    copies = {(tile.age, tile.place): tile.id for tile in tiles if tile.kind == "leaf"}
    for tile in tiles:
        inside = set(tile.members)
        found = [
            copies.get((i, tile.place), home[i])
            for member in tile.members
            for i in vertices[member].inputs
            if i not in inside
        ]
        tile.sources = list(dict.fromkeys(found))


# ---- text ----------------------------------------------------------------------------------------


def label(place: Place, outside: int = -1) -> tuple[str, str]:
    """What a module is called within the one around it, or within so many, and its kind."""
    scope, around = place[-1], place[:-1] if outside < 0 else place[:outside]
    name = scope.name.removeprefix(f"{around[-1].name}." if around else "")
    return name, scope.kind + (f", call {scope.call}" if scope.call > 1 else "")


def size_text(size: float) -> str:
    """A number of bytes, such as 401.4 kB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _lines(vertex: Vertex, place: Place) -> list[str]:
    name = vertex.name
    if vertex.is_leaf:
        owner = f"{place[-1].name}." if place else ""
        title = name.removeprefix(owner) or "leaf"
    else:
        title = f"{name} = {vertex.op}" if name else vertex.op
    lines = [title, _type(vertex)]
    if vertex.keeps:
        new = f": {size_text(vertex.bytes)}" if vertex.bytes else ""
        lines.append(f"keeps {', '.join(vertex.keeps)}{new}")
    if len(vertex.places) > 1:
        lines.append(f"used in {len(vertex.places)} places")
    if vertex.gradient is not None:
        lines.append(f"|gradient| {vertex.gradient:.4g}")
    return lines


def _type(vertex: Vertex) -> str:
    return f"{vertex.dtype} {list(vertex.shape)}"


def _kind(vertices: list[Vertex], i: int) -> str:
    if vertices[i].is_leaf:
        return "leaf"
    return "output" if i == len(vertices) - 1 else "op"


def _group(vertices: list[Vertex], members: list[int], title: str, place: Place) -> Tile:
    inside = [vertices[i] for i in members]
    ops = [vertex for vertex in inside if not vertex.is_leaf]
    leaves = [vertex for vertex in inside if vertex.is_leaf]
    most = Counter(vertex.op for vertex in ops).most_common(3)
    what = ", ".join(f"{op} ×{n}" if n > 1 else op for op, n in most)
    more = len(ops) - sum(n for _, n in most)
    lines = [title, what + (f", {more} more" if more else ""), _type(vertices[members[-1]])]
    if leaves:
        numbers = sum(vertex.size for vertex in leaves)
        lines.append(f"{len(leaves)} leaves with {numbers:,} numbers")
    if kept := sum(vertex.bytes for vertex in inside):
        lines.append(f"keeps {size_text(kept)}")
    norms = [vertex.gradient for vertex in leaves if vertex.gradient is not None]
    if norms:
        lines.append(f"|gradient| of its leaves {sum(g * g for g in norms) ** 0.5:.4g}")
    return Tile(f"g{members[-1]}", "group", lines, place, members)
