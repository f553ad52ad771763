"""Layered drawing of a graph without cycles, after Sugiyama, Tagawa and Toda 1981.

Rows by longest path; the order in a row by the mean of the neighbours' places (the barycentre);
then places as near to the neighbours' as the order allows.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

GAP = 18.0  # between neighbours in a row
SWEEPS = 12
TOP, BOTTOM = -1.0, float("inf")  # the ages of items that belong in the first and in the last row


@dataclass(eq=False)
class Item:
    """What has a place in a row: a rectangle, with doors where signals go in and out."""

    age: float  # links lead from lower to higher age
    width: float = 0.0
    height: float = 0.0
    ins: dict[str, float] = field(default_factory=dict)  # signal: from the left side; else middle
    outs: dict[str, float] = field(default_factory=dict)
    row: int = 0
    x: float = 0.0  # of the left side
    y: float = 0.0


class Link(NamedTuple):
    """A signal on its way from one item to another."""

    signal: str
    above: Item
    below: Item

    @property
    def exit(self) -> float:
        """Where it leaves, from the item's left side."""
        return self.above.outs.get(self.signal, self.above.width / 2)

    @property
    def entry(self) -> float:
        return self.below.ins.get(self.signal, self.below.width / 2)

    @property
    def lean(self) -> float:
        """How far it goes to the right."""
        return self.below.x + self.entry - self.above.x - self.exit


def choose_rows(items: Iterable[Item], links: Sequence[Link]) -> None:
    """Each item below all that lead to it; what nothing leads to, right above its first use."""
    items = sorted(items, key=lambda item: item.age)
    above: dict[Item, list[Item]] = {item: [] for item in items}
    below: dict[Item, list[Item]] = {item: [] for item in items}
    for link in links:
        above[link.below].append(link.above)
        below[link.above].append(link.below)
    inner = 1 if items[0].age == TOP else 0
    for item in items:
        item.row = max([a.row + 1 for a in above[item]], default=0 if item.age == TOP else inner)
    for item in items:
        if item.age > TOP and not above[item] and below[item]:
            item.row = min(b.row for b in below[item]) - 1
    last = 1 + max([item.row for item in items if item.age < BOTTOM], default=0)
    for item in items:
        if item.age == BOTTOM:
            item.row = last


def threaded(links: Sequence[Link]) -> tuple[list[Link], dict[Link, list[Item]]]:
    """Links between neighbouring rows alone, and for each of the links, the items on its way.

    Where a link passes a row there is a dummy; links of one signal from one item share theirs.
    """
    steps: dict[Link, None] = {}
    threads: dict[tuple[str, Item], list[Item]] = {}
    ways = {}
    for link in links:
        thread = threads.setdefault((link.signal, link.above), [link.above])
        passed = link.below.row - link.above.row
        while len(thread) < passed:
            thread.append(Item(link.above.age, row=thread[-1].row + 1))
        way = ways[link] = [*thread[:passed], link.below]
        steps.update(dict.fromkeys(Link(link.signal, a, b) for a, b in pairwise(way)))
    return list(steps), ways


def in_rows(items: Iterable[Item]) -> list[list[Item]]:
    """The items of each row, in the order of their ages."""
    rows: dict[int, list[Item]] = {}
    for item in sorted(items, key=lambda item: item.age):
        rows.setdefault(item.row, []).append(item)
    return [rows.get(i, []) for i in range(1 + max(rows))]


# ---- the order in a row --------------------------------------------------------------------------


def order(rows: list[list[Item]], steps: Sequence[Link]) -> None:
    """Sort each row so that few links cross."""
    best, least = [list(row) for row in rows], _crossings(rows, steps)
    for sweep in range(SWEEPS):
        _sort(rows, steps, downwards=sweep % 2 == 0)
        count = _crossings(rows, steps)
        if count < least:
            best, least = [list(row) for row in rows], count
    rows[:] = best


def _sort(rows: list[list[Item]], steps: Sequence[Link], downwards: bool) -> None:
    """Each row by the mean place of each item's neighbours in the row before."""
    near: dict[Item, list[Link]] = {}
    for link in steps:
        near.setdefault(link.below if downwards else link.above, []).append(link)
    for row in rows if downwards else reversed(rows):
        places = _places(rows)
        means = {}
        for item in row:
            ends = [_ends(link, places)[not downwards] for link in near.get(item, [])]
            means[item] = sum(ends) / len(ends) if ends else places[item]
        row.sort(key=means.__getitem__)


def _places(rows: list[list[Item]]) -> dict[Item, float]:
    return {item: float(i) for row in rows for i, item in enumerate(row)}


def _ends(link: Link, places: dict[Item, float]) -> tuple[float, float]:
    """A link's ends, in places of their rows; a door is a little to the left or right."""
    exit = link.exit / (link.above.width or 1) if link.above.width else 0.5
    entry = link.entry / (link.below.width or 1) if link.below.width else 0.5
    return places[link.above] + 0.9 * (exit - 0.5), places[link.below] + 0.9 * (entry - 0.5)


def _crossings(rows: list[list[Item]], steps: Sequence[Link]) -> int:
    places = _places(rows)
    by_row: dict[int, list[tuple[float, float]]] = {}
    for link in steps:
        by_row.setdefault(link.above.row, []).append(_ends(link, places))
    count = 0
    for ends in by_row.values():
        seen: list[float] = []
        for _, end in sorted(ends):
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count


# ---- the places in a row -------------------------------------------------------------------------


def spread(rows: list[list[Item]], steps: Sequence[Link]) -> None:
    """Choose each item's x, in the order of its row and GAP apart, so that links are steep."""
    for row in rows:
        x = 0.0
        for item in row:
            item.x = x
            x += item.width + GAP
        for item in row:
            item.x -= x / 2
    up: dict[Item, list[Link]] = {}
    down: dict[Item, list[Link]] = {}
    for link in steps:
        up.setdefault(link.below, []).append(link)
        down.setdefault(link.above, []).append(link)

    def wish(item: Item) -> tuple[float, float]:
        """Where the links of an item would be vertical, and how much that matters."""
        wished = [(item.x - link.lean, _pull(link)) for link in up.get(item, [])]
        wished += [(item.x + link.lean, _pull(link)) for link in down.get(item, [])]
        total = sum(pull for _, pull in wished)
        return (sum(x * pull for x, pull in wished) / total, total) if total else (item.x, 0.01)

    for sweep in range(2 * SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _place(row, wish)


def _pull(link: Link) -> float:
    """Long edges should be straight: their parts between dummies pull most."""
    return (1.0, 2.0, 8.0)[(not link.above.width) + (not link.below.width)]


def _place(row: list[Item], wish: Callable[[Item], tuple[float, float]]) -> None:
    """Choose the x nearest to what is wished, by weighted least squares, that keep the order.

    Neighbours that would be too close are moved as one block (pool adjacent violators).
    """
    blocks: list[tuple[float, float, list[Item]]] = []  # mean, weight, items
    shifts = {}
    shift = 0.0
    for item in row:
        shifts[item] = shift
        x, weight = wish(item)
        mean, members = x - shift, [item]
        while blocks and blocks[-1][0] > mean:
            left, more, others = blocks.pop()
            mean = (left * more + mean * weight) / (more + weight)
            weight, members = weight + more, others + members
        blocks.append((mean, weight, members))
        shift += item.width + GAP
    for mean, _, members in blocks:
        for item in members:
            item.x = mean + shifts[item]
