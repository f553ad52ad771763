"""From records of the tape to the tiles of a picture: one each, or one for many where there are
hundreds.

What is put into one tile was recorded without a break in between, by one call of a module or within
one stretch of time. So no path of the tape leaves a tile and comes back to it, and the tiles form a
graph without cycles like that of the nodes.
"""

from collections import Counter
from dataclasses import dataclass, field

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
    """At most about `limit` tiles: modules are folded, from the innermost out, until they fit, and
    what then is too much is divided by time."""
    if limit < 1:
        raise ValueError(f"draw: limit must be at least 1, got {limit}")
    depth = 1 + max(len(vertex.scope) for vertex in vertices)
    tiles = _folded(vertices, depth)
    while len(tiles) > limit and depth > 1:
        depth -= 1
        tiles = _folded(vertices, depth)
    if len(tiles) > limit:
        tiles = _divided(vertices, tiles, min(limit, STRETCHES))
    if depth > 1:
        _unwrap(tiles)
    _connect(vertices, tiles)
    return tiles


def _folded(vertices: list[Vertex], depth: int) -> list[Tile]:
    """A tile for each call of a module at this depth, and for each vertex outside of them."""
    groups: dict[object, list[int]] = {}
    for i, vertex in enumerate(vertices):
        folded = len(vertex.scope) >= depth
        groups.setdefault(vertex.scope[:depth] if folded else i, []).append(i)
    tiles = []
    for members in groups.values():
        vertex, place = vertices[members[0]], vertices[members[0]].scope
        if len(members) == 1:
            last = members[0] == len(vertices) - 1
            kind = "leaf" if vertex.is_leaf else "output" if last else "op"
            tiles.append(Tile(f"n{members[0]}", kind, _lines(vertex), place, members))
        else:
            title = ": ".join(label(place[:depth]))
            tiles.append(_group(vertices, members, title, place[: depth - 1]))
    return sorted(tiles, key=lambda tile: tile.age)


def _divided(vertices: list[Vertex], tiles: list[Tile], most: int) -> list[Tile]:
    """At most so many tiles, each for a stretch of time; a leaf is in the first that uses it."""
    done = [tile for tile in tiles if tile.kind != "leaf"]
    count = -(-len(done) // most)
    stretches = [done[i : i + count] for i in range(0, len(done), count)]
    where = {m: i for i, stretch in enumerate(stretches) for tile in stretch for m in tile.members}
    members: list[list[int]] = [[] for _ in stretches]
    for i, vertex in enumerate(vertices):
        if i in where:
            members[where[i]].append(i)
            for parent in vertex.inputs:
                if parent not in where:
                    where[parent] = where[i]
                    members[where[i]].append(parent)
    names = [f"operations {i + 1} of {len(members)}" for i in range(len(members))]
    return [_group(vertices, sorted(group), name, ()) for group, name in zip(members, names)]


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
    owner = {member: tile.id for tile in tiles for member in tile.members}
    for tile in tiles:
        found = [owner[i] for member in tile.members for i in vertices[member].inputs]
        tile.sources = [source for source in dict.fromkeys(found) if source != tile.id]


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


def _lines(vertex: Vertex) -> list[str]:
    name = vertex.name
    if vertex.is_leaf:
        owner = f"{vertex.scope[-1].name}." if vertex.scope else ""
        title = name.removeprefix(owner) or "leaf"
    else:
        title = f"{name} = {vertex.op}" if name else vertex.op
    lines = [title, _kind(vertex)]
    if vertex.keeps:
        new = f": {size_text(vertex.bytes)}" if vertex.bytes else ""
        lines.append(f"keeps {', '.join(vertex.keeps)}{new}")
    if vertex.gradient is not None:
        lines.append(f"|gradient| {vertex.gradient:.4g}")
    return lines


def _kind(vertex: Vertex) -> str:
    return f"{vertex.dtype} {list(vertex.shape)}"


def _group(vertices: list[Vertex], members: list[int], title: str, place: Place) -> Tile:
    inside = [vertices[i] for i in members]
    ops = [vertex for vertex in inside if not vertex.is_leaf]
    leaves = [vertex for vertex in inside if vertex.is_leaf]
    most = Counter(vertex.op for vertex in ops).most_common(3)
    what = ", ".join(f"{op} ×{n}" if n > 1 else op for op, n in most)
    more = len(ops) - sum(n for _, n in most)
    lines = [title, what + (f", {more} more" if more else ""), _kind(vertices[members[-1]])]
    if leaves:
        numbers = sum(vertex.size for vertex in leaves)
        lines.append(f"{len(leaves)} leaves with {numbers:,} numbers")
    if kept := sum(vertex.bytes for vertex in inside):
        lines.append(f"keeps {size_text(kept)}")
    norms = [vertex.gradient for vertex in leaves if vertex.gradient is not None]
    if norms:
        lines.append(f"|gradient| of its leaves {sum(g * g for g in norms) ** 0.5:.4g}")
    return Tile(f"g{members[0]}", "group", lines, place, members)
