"""How people write the ten digits: strokes through control points, and the splines between them.

The grid has 100 units from the top (0) down to the bottom (100) and about 70 across. A point that
two strokes share (the corner of a 7) is one control point: when it strays, both strokes follow.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PIECES: Final = 112  # straight pieces per glyph; at 20 pixels of height each is about half a pixel

# One line per way to write a digit: the digit, the share of writers who do, and the strokes, each
# "x,y x,y ..." from where the pen touches down to where it lifts.
TEMPLATES: Final[tuple[tuple[int, float, tuple[str, ...]], ...]] = (
    (0, 0.6, ("44,4 20,10 5,40 10,80 34,97 58,82 66,46 54,13 36,4",)),
    (0, 0.4, ("28,8 10,30 8,70 28,96 52,88 64,52 56,16 36,3 20,14",)),
    (1, 0.76, ("35,2 35,34 35,66 35,98",)),
    (1, 0.16, ("18,24 28,15 38,2", "38,2 38,34 38,66 38,98")),
    (1, 0.08, ("18,22 28,13 38,2", "38,2 38,34 38,66 38,97", "16,97 38,97 60,97")),
    (2, 0.5, ("8,26 20,7 42,3 58,18 50,46 28,74 6,95", "6,95 36,92 68,95")),
    (2, 0.5, ("10,22 24,5 46,5 56,24 44,54 22,84 8,92 8,78 26,78 46,93 70,88",)),
    (3, 0.7, ("10,14 30,3 52,12 48,34 26,46", "26,46 54,54 62,76 40,97 8,88")),
    (3, 0.3, ("12,6 36,5 60,4", "60,4 46,24 28,42", "28,42 58,52 60,80 36,97 8,90")),
    (4, 0.45, ("14,6 10,30 8,52", "8,52 34,52 64,48", "56,8 53,50 48,98")),
    (4, 0.35, ("12,8 8,36 20,52 42,50 58,40", "62,4 58,40 50,98")),
    (4, 0.2, ("48,4 28,34 6,64", "6,64 38,63 72,60", "48,4 47,50 45,98")),
    (5, 0.6, ("20,8 18,26 14,44", "14,44 38,38 58,54 54,84 30,97 6,88", "20,8 40,8 64,4")),
    (5, 0.4, ("62,6 42,7 24,12 18,38 36,44 54,60 50,86 28,97 6,88",)),
    (6, 0.6, ("52,3 28,22 11,54 14,86 36,97 56,82 52,60 34,56 14,72",)),
    (6, 0.4, ("34,2 18,38 9,74 24,96 48,92 54,72 38,62 16,76",)),
    (7, 0.55, ("6,10 34,9 62,6", "62,6 46,48 32,98")),
    (7, 0.2, ("6,10 34,8 62,6", "62,6 46,48 30,98", "22,52 42,51 62,48")),
    (7, 0.25, ("6,24 8,8", "8,8 34,10 62,6", "62,6 44,40 38,98")),
    (8, 0.35, ("56,14 36,3 16,12 20,34 38,48 58,68 52,91 30,98 10,88 14,66 36,48 56,32 54,12",)),
    (8, 0.25, ("58,10 40,4 24,16 30,36 42,56 46,80 32,97 18,92 18,74 34,50 50,30 60,8",)),
    (8, 0.4, ("34,47 13,34 14,11 36,2 56,13 54,35 34,47 9,64 10,90 34,98 60,90 59,64 34,47",)),
    (9, 0.55, ("56,14 34,3 12,16 10,38 30,47 50,34 57,12", "57,12 54,54 50,98")),
    (9, 0.25, ("56,14 34,3 12,16 10,38 30,47 50,34 57,12", "57,12 60,56 48,90 16,94")),
    (9, 0.2, ("48,10 28,6 10,24 16,44 38,42 52,16", "52,16 48,50 34,98")),
)


class Bank(NamedTuple):
    """All T templates as arrays, so that a batch of glyphs is a few indexing operations.

    With control points c of shape (2, P), the curve's pieces have their middles at c @ middle and
    run along c @ step, both (2, PIECES).
    """

    digit: NDArray[np.int64]  # (T,)
    style: NDArray[np.int64]  # (T,) 0, 1, ... among the templates of the same digit
    frequency: NDArray[np.float64]  # (T,) sums to 1; the ten digits are equally frequent
    control: NDArray[np.float64]  # (T, 2, P) in heights of the digit, about the centre
    middle: NDArray[np.float32]  # (T, P, PIECES)
    step: NDArray[np.float32]  # (T, P, PIECES)


def catmull_rom(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (4, len(t)) of the points before, at the start, at the end and after, t in [0, 1]."""
    return 0.5 * np.stack(
        (
            -t + 2 * t**2 - t**3,
            2 - 5 * t**2 + 3 * t**3,
            t + 4 * t**2 - 3 * t**3,
            t**3 - t**2,
        )
    )


def _neighbours(stroke: list[int], i: int) -> tuple[int, int, int, int]:
    """The four points that shape the piece from stroke[i]; an end stands in for what is beyond."""
    closed = stroke[0] == stroke[-1]
    before = stroke[i - 1] if i else stroke[-2] if closed else stroke[0]
    last = i + 2 == len(stroke)
    after = stroke[i + 2] if not last else stroke[1] if closed else stroke[-1]
    return before, stroke[i], stroke[i + 1], after


def _template(strokes: tuple[str, ...], points: int) -> tuple[NDArray[np.float64], ...]:
    """One template's control points (2, points), and its `middle` and `step`."""
    names = {name: i for i, name in enumerate(dict.fromkeys(" ".join(strokes).split()))}
    control = np.zeros((2, points))
    control[:, : len(names)] = np.array([name.split(",") for name in names], float).T
    spans = []
    for stroke in strokes:
        indices = [names[name] for name in stroke.split()]
        spans += [_neighbours(indices, i) for i in range(len(indices) - 1)]
    lengths = [np.hypot(*(control[:, b] - control[:, a])) for _, a, b, _ in spans]
    ends = np.rint(np.cumsum([0, *lengths]) * PIECES / sum(lengths)).astype(int)
    middle, step = np.zeros((2, points, PIECES))
    for span, first, last in zip(spans, ends[:-1], ends[1:], strict=True):
        weights = catmull_rom(np.linspace(0, 1, last - first + 1))
        for point, weight in zip(span, weights, strict=True):
            middle[point, first:last] += (weight[1:] + weight[:-1]) / 2
            step[point, first:last] += weight[1:] - weight[:-1]
    return (control - [[35], [50]]) / 100, middle, step


def _bank() -> Bank:
    points = max(len(set(" ".join(strokes).split())) for _, _, strokes in TEMPLATES)
    digits = [digit for digit, _, _ in TEMPLATES]
    style = [i - digits.index(digit) for i, digit in enumerate(digits)]
    drawn = [_template(strokes, points) for _, _, strokes in TEMPLATES]
    control, middle, step = (np.stack(parts) for parts in zip(*drawn, strict=True))
    share = np.array([share for _, share, _ in TEMPLATES])
    return Bank(
        np.array(digits, np.int64),
        np.array(style, np.int64),
        share / share.sum(),
        control,
        middle.astype(np.float32),
        step.astype(np.float32),
    )


BANK: Final = _bank()
