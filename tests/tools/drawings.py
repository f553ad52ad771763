"""What is drawn in the tests of draw(), and what must hold of every drawing."""

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.tools.drawing.layout import Frame, Layout
from minigrad.tools.drawing.summary import Tile
from models.vae import mlp_vae


def number(value: float, name: str = "") -> mg.Tensor:
    return mg.tensor(value, dtype=mg.float64, requires_grad=True)


def vae_step() -> mg.Tensor:
    vae = mlp_vae((1, 4, 4), latent=2, hidden=(5,))
    with mg.record_modules(vae):
        loss: mg.Tensor = vae.loss(mg.rand(3, 1, 4, 4)).loss
    return loss


def apart(a: Frame, b: Frame) -> bool:
    return (
        a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y
        or b.y + b.height <= a.y
    )  # fmt: skip


def encloses(a: Frame, b: Frame) -> bool:
    return (
        a.x <= b.x + 0.01 and b.x + b.width <= a.x + a.width + 0.01
        and a.y <= b.y and b.y + b.height <= a.y + a.height + 0.01
    )  # fmt: skip


def points(route: list[Any]) -> Iterator[tuple[float, float]]:
    """Points on an edge: along its strokes, and on the Bézier curves between them."""
    for stroke, following in pairwise([*route, None]):
        yield from ((stroke.x, stroke.top + (stroke.bottom - stroke.top) * t / 4) for t in range(5))
        if following is not None:
            for t in np.linspace(0, 1, 9):
                s = t * t * (3 - 2 * t)  # x, where the control points have the ends' x
                middle = (stroke.bottom + following.top) / 2
                y = stroke.bottom * (1 - t) ** 3 + following.top * t**3
                yield (
                    stroke.x + (following.x - stroke.x) * s,
                    y + 3 * t * (1 - t) * middle,
                )


def within(frame: Frame, x: float, y: float) -> bool:
    return (
        frame.x + 0.1 < x < frame.x + frame.width - 0.1
        and frame.y + 0.1 < y < frame.y + frame.height - 0.1
    )


def assert_in_order(tiles: list[Tile], done: Layout) -> None:
    """Nothing overlaps that should not, and every edge leads where it should."""
    for (p, a), (q, b) in combinations(done.tiles.items(), 2):
        assert apart(a, b), (p, q)
    for (p, a), (q, b) in combinations(done.boxes.items(), 2):
        nested = p == q[: len(p)] or q == p[: len(q)]
        assert apart(a, b) or (nested and (encloses(a, b) or encloses(b, a))), (p, q)
    for tile in tiles:
        for place, box in done.boxes.items():
            frame = done.tiles[tile.id]
            inside = tile.place[: len(place)] == place
            assert encloses(box, frame) if inside else apart(box, frame), (tile.id, place)
    whole = Frame(0, 0, done.width, done.height)
    assert all(encloses(whole, frame) for frame in (*done.tiles.values(), *done.boxes.values()))
    place = {tile.id: tile.place for tile in tiles}
    assert set(done.routes) == {(source, tile.id) for tile in tiles for source in tile.sources}
    for (source, target), route in done.routes.items():
        above, below = done.tiles[source], done.tiles[target]
        assert route[0].top == pytest.approx(above.y + above.height)
        assert above.x < route[0].x < above.x + above.width
        assert route[-1].bottom == pytest.approx(below.y)
        assert below.x < route[-1].x < below.x + below.width
        for a, b in pairwise(route):  # down in a curve, or straight on through a border
            assert b.top > a.bottom + 1 or (b.top, b.x) == pytest.approx((a.bottom, a.x))
        strangers = [
            frame
            for box, frame in done.boxes.items()
            if box not in (place[source][: len(box)], place[target][: len(box)])
        ]
        for x, y in points(route):
            assert not any(within(frame, x, y) for frame in (*done.tiles.values(), *strangers))


def check_dot(text: str, tiles: list[Tile]) -> None:
    """Parse DOT by the part of its grammar that is used here, and compare with the tiles."""
    string = r'"(?:[^"\\]|\\.)*"'
    token = re.compile(rf"\s*({string}|->|[{{}}\[\]=,;]|[A-Za-z_]\w*)")
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = token.match(text, at)
        assert match, text[at : at + 40]
        tokens.append(match[1])
        at = match.end()
    assert tokens[:3] == ["digraph", "tape", "{"]
    nodes, edges, depth, i = {}, set(), 1, 3
    while depth:
        word, after = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else ""
        if word == "}":
            depth, i = depth - 1, i + 1
        elif word == "subgraph":
            assert tokens[i + 2] == "{"
            depth, i = depth + 1, i + 3
        elif after == "=":
            assert tokens[i + 3] == ";"
            i += 4
        elif after == "->":
            assert tokens[i + 3] == ";"
            edges.add((word, tokens[i + 2]))
            i += 4
        else:
            assert after == "["
            end = tokens.index("]", i)
            parts = tokens[i + 2 : end]
            assert all(parts[k + 1] == "=" for k in range(0, len(parts), 4))
            assert all(comma == "," for comma in parts[3::4])
            if word != "node":
                nodes[word] = parts[2][1:-1]
            assert tokens[end + 1] == ";"
            i = end + 2
    assert i == len(tokens)
    assert set(nodes) == {f'"{tile.id}"' for tile in tiles}
    assert edges == {(f'"{s}"', f'"{tile.id}"') for tile in tiles for s in tile.sources}
    for tile in tiles:
        shown = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), nodes[f'"{tile.id}"'])
        assert shown == "\n".join(tile.lines)
