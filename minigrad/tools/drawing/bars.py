"""A profile as horizontal bars: time and memory, forward and backward apart."""

from typing import NamedTuple

from .layout import CHAR, PAD, Frame
from .summary import size_text
from .svg import FONT, document, rect, text

ROW, BAR = 22.0, 220.0
FORWARD, BACKWARD, KEPT, OUTSIDE = "forward", "backward", "kept", "outside"

_STYLE = f"""
text {{ font: 11px {FONT}; fill: #222; }}
.title {{ font-weight: bold; }}
.more {{ fill: #555; }}
.{FORWARD} {{ fill: #4a6fa5; }}
.{BACKWARD} {{ fill: #e0a458; }}
.{KEPT} {{ fill: #333; }}
.{OUTSIDE} {{ fill: #bbb; }}
"""


class Bar(NamedTuple):
    """One line of the picture; the pairs are forward and backward."""

    name: str
    seconds: tuple[float, float]
    made: tuple[int, int]  # bytes
    kept: int  # bytes
    outside: float = 0.0  # seconds in no op


def bars(panels: dict[str, list[Bar]]) -> str:
    """The SVG text of panels of bars, one below the other, all to one scale."""
    every = [bar for panel in panels.values() for bar in panel]
    names = max(len(bar.name) for bar in every) * CHAR + 2 * PAD
    slowest = max(sum(bar.seconds) + bar.outside for bar in every) or 1.0
    largest = max(max(sum(bar.made), bar.kept) for bar in every) or 1
    numbers = 21 * CHAR + 2 * PAD
    memory = names + BAR + numbers
    body, y = [], ROW
    body += _legend(names, memory, y)
    for title, panel in panels.items():
        y += ROW * 1.5
        body.append(text(PAD, y, title, "title"))
        for bar in panel:
            y += ROW
            body.append(text(PAD, y, bar.name.replace(" ", "\N{NO-BREAK SPACE}")))
            body += _pair(names, y, [BAR * part / slowest for part in bar.seconds])
            forward, backward = (1e3 * part for part in bar.seconds)
            took = f"{forward:.2f} + {backward:.2f} ms"
            if bar.outside:
                took = f"{1e3 * bar.outside:.2f} ms"
                frame = Frame(names, y - 10, BAR * bar.outside / slowest, 11)
                body.append(rect(frame, 0, OUTSIDE))
            body.append(text(names + BAR + PAD, y, took, "more"))
            body += _pair(memory, y, [BAR * part / largest for part in bar.made])
            if bar.kept:
                body.append(rect(Frame(memory, y + 2, BAR * bar.kept / largest, 3), 0, KEPT))
            if any(bar.made):
                words = " + ".join(size_text(part) for part in bar.made)
                words += f", keeps {size_text(bar.kept)}" if bar.kept else ""
                body.append(text(memory + BAR + PAD, y, words, "more"))
    return document(memory + BAR + 36 * CHAR + 2 * PAD, y + ROW, _STYLE, body)


def _pair(x: float, y: float, widths: list[float]) -> list[str]:
    """A forward bar and, where it ends, a backward bar."""
    forward, backward = widths
    return [
        rect(Frame(x, y - 10, forward, 11), 0, FORWARD),
        rect(Frame(x + forward, y - 10, backward, 11), 0, BACKWARD),
    ]


def _legend(time: float, memory: float, y: float) -> list[str]:
    words = [
        (time, FORWARD, "time, forward"),
        (time + 110, BACKWARD, "backward"),
        (time + 190, OUTSIDE, "outside of ops"),
        (memory, FORWARD, "memory made, forward"),
        (memory + 170, BACKWARD, "backward"),
        (memory + 260, KEPT, "kept for backward"),
    ]
    return [
        part
        for x, kind, word in words
        for part in (rect(Frame(x, y - 9, 10, 10), 0, kind), text(x + 14, y, word))
    ]
