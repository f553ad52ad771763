"""SVG: what is drawn, as text."""

from collections.abc import Iterable
from itertools import pairwise

from .layout import CHAR, LINE, PAD, Frame, Layout, Stroke, title_of
from .summary import Tile

FONT = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
HEAD = 30.0

_STYLE = f"""
text {{ font: 11px {FONT}; fill: #222; }}
.title {{ font-weight: bold; }}
.head {{ font-size: 12px; }}
.more {{ fill: #555; }}
.box {{ fill: #4a6fa5; fill-opacity: 0.07; stroke: #4a6fa5; stroke-opacity: 0.5; }}
.plate {{ fill: #eef2f8; }}
.name {{ fill: #2f4d7a; }}
.op > rect {{ fill: #fff; stroke: #777; }}
.leaf > rect {{ fill: #e3f1dc; stroke: #5d8a46; }}
.group > rect {{ fill: #e8edf5; stroke: #4a6fa5; stroke-width: 1.5; }}
.output > rect {{ fill: #fdeecb; stroke: #b98a1d; stroke-width: 1.5; }}
.edge {{ fill: none; stroke: #888; marker-end: url(#head); }}
#head {{ fill: #888; }}
"""
# At an edge's end, in its direction, with its tip there.
_HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><polygon points="0,0 8,4 0,8"/></marker></defs>'
)


def escaped(text: str) -> str:
    """`text` as XML has it."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text


def number(x: float) -> str:
    """A coordinate: to a tenth of a pixel, without needless zeros."""
    return f"{round(x, 1) + 0.0:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    """An element of words, from x to the right, or where `anchor` has it; y is their base line."""
    look = f' class="{kind}"' if kind else ""
    look += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{number(x)}" y="{number(y)}"{look}>{escaped(words)}</text>'


def rect(frame: Frame, radius: float = 0.0, kind: str = "") -> str:
    """A rectangle, with round corners if `radius` is not 0."""
    x, y, width, height = map(number, frame)
    look = f' class="{kind}"' if kind else ""
    look += f' rx="{number(radius)}"' if radius else ""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"{look}/>'


def document(width: float, height: float, style: str, body: Iterable[str]) -> str:
    """An SVG file with these elements on white."""
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    background = f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{style}</style>'
    return "\n".join([head, background, *body, "</svg>\n"])


def picture(tiles: list[Tile], where: Layout, heading: str) -> str:
    """The SVG text of tiles in their places."""
    width = max(where.width, len(heading) * 7.3 + 2 * PAD)
    body = [_HEAD, text(PAD, HEAD - 10, heading, "head")]
    body.append(f'<g transform="translate({number((width - where.width) / 2)} {number(HEAD)})">')
    boxes = sorted(where.boxes.items(), key=lambda item: len(item[0]))
    body += [rect(frame, 6, "box") for _, frame in boxes]
    for (source, target), route in where.routes.items():
        ends = f'data-from="{source}" data-to="{target}"'
        body.append(f'<path class="edge" {ends} d="{path(route)}"/>')
    for place, frame in boxes:  # above the edges, some of which come in here
        title = title_of(place)
        behind = Frame(frame.x + 4, frame.y + 4, len(title) * CHAR + 8, LINE)
        body += [rect(behind, 3, "plate"), text(frame.x + PAD, frame.y + 15, title, "name")]
    body += [_tile(tile, where.tiles[tile.id]) for tile in tiles]
    return document(width, where.height + HEAD + PAD, _STYLE, [*body, "</g>"])


def path(route: list[Stroke]) -> str:
    """Straight down each stroke, and on to the next in a curve that begins and ends vertically."""
    first = route[0]
    parts = [f"M{number(first.x)} {number(first.top)}"]
    for stroke, following in pairwise([*route, None]):
        assert stroke is not None
        if stroke.bottom > stroke.top:
            parts.append(f"V{number(stroke.bottom)}")
        if following is not None and following.top > stroke.bottom:
            middle = number((stroke.bottom + following.top) / 2)
            x, y = number(following.x), number(following.top)
            parts.append(f"C{number(stroke.x)} {middle} {x} {middle} {x} {y}")
    return "".join(parts)


def _tile(tile: Tile, frame: Frame) -> str:
    rows = [
        text(frame.x + PAD, frame.y + LINE * (i + 1), line, "title" if i == 0 else "more")
        for i, line in enumerate(tile.lines)
    ]
    shape = rect(frame, 10 if tile.kind == "leaf" else 3)
    return f'<g class="{tile.kind}" id="{tile.id}">{shape}{"".join(rows)}</g>'
