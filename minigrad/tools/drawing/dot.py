"""DOT: the same for Graphviz, which lays it out itself."""

from .layout import title_of
from .summary import Place, Tile

_COLOURS = {"op": "white", "leaf": "#e3f1dc", "group": "#e8edf5", "output": "#fdeecb"}


def dot(tiles: list[Tile], heading: str) -> str:
    """The DOT text of tiles, with a cluster for each box."""
    lines = [
        "digraph tape {",
        f"  label={_quoted(heading)};",
        '  labelloc="t";',
        '  node [shape="box", style="filled", fontname="monospace", fontsize="10"];',
    ]
    lines += _cluster((), tiles, "  ")
    lines += [f'  "{source}" -> "{tile.id}";' for tile in tiles for source in tile.sources]
    return "\n".join([*lines, "}\n"])


def _cluster(place: Place, tiles: list[Tile], indent: str) -> list[str]:
    lines = []
    inner: dict[Place, list[Tile]] = {}
    for tile in tiles:
        if tile.place == place:
            colour, words = _COLOURS[tile.kind], _quoted("\n".join(tile.lines))
            lines.append(f'{indent}"{tile.id}" [label={words}, fillcolor="{colour}"];')
        else:
            inner.setdefault(tile.place[: len(place) + 1], []).append(tile)
    for box, members in inner.items():
        lines.append(f'{indent}subgraph "cluster_{members[0].id}_{len(box)}" {{')
        lines.append(f"{indent}  label={_quoted(title_of(box))};")
        lines += _cluster(box, members, indent + "  ")
        lines.append(indent + "}")
    return lines


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
