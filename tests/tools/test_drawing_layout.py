"""draw() puts every tape in order: no two tiles meet, edges go down."""

import random

from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.tools.drawing.dot import dot
from minigrad.tools.drawing.graph import graph_of
from minigrad.tools.drawing.layout import layout
from minigrad.tools.drawing.rows import Item, Link, order, spread
from minigrad.tools.drawing.summary import tiles_of
from tests.tools.drawings import assert_in_order, check_dot


@given(st.permutations(range(7)))
def test_the_order_of_a_row_avoids_crossings(places: list[int]) -> None:
    above = [Item(float(i), 10.0) for i in range(7)]
    below = [Item(7.0 + i, 10.0, row=1) for i in range(7)]
    steps = [Link(str(i), above[i], below[place]) for i, place in enumerate(places)]
    rows = [list(above), list(below)]
    order(rows, steps)
    assert [rows[1].index(below[places[above.index(a)]]) for a in rows[0]] == list(range(7))
    spread(rows, steps)
    assert all(abs(step.lean) < 1e-6 for step in steps), "and straight edges are possible"


class Block(nn.Module):
    """A random program on numbers, part of which is done by blocks within it."""

    def __init__(self, rng: random.Random, depth: int) -> None:
        self.scale = nn.Parameter(mg.tensor(rng.uniform(0.5, 1.0)))
        self.steps = [rng.random() for _ in range(rng.randint(1, 6))]
        self.rng = random.Random(rng.random())
        self.blocks = nn.ModuleList([Block(rng, depth - 1) for _ in range(depth)])

    def forward(self, known: list[mg.Tensor]) -> list[mg.Tensor]:
        made = [self.rng.choice(known) * self.scale]
        for step in self.steps:
            a, b = (self.rng.choice(known + made) for _ in range(2))
            if step < 0.3 and self.blocks:
                made += self.rng.choice(list(self.blocks))([a, b])
            elif step < 0.6:
                made.append(a.tanh())
            else:
                made.append(a + b if step < 0.8 else a * b)
        return made[-2:]


@given(seed=st.integers(0, 10**6), depth=st.integers(0, 3), fold=st.booleans())
def test_any_tape_is_drawn_in_order(seed: int, depth: int, fold: bool) -> None:
    rng = random.Random(seed)
    block = Block(rng, depth)
    leaves = [mg.tensor(rng.uniform(-1, 1), requires_grad=True) for _ in range(rng.randint(1, 3))]
    with mg.record_modules(block):
        made = block(leaves)
        made = [*made, *block(made)]
    total = made[0]
    for x in made[1:]:
        total = total + x
    vertices = graph_of(total)
    tiles = tiles_of(vertices, len(vertices) // 2 + 1 if fold else 10**6)
    assert_in_order(tiles, layout(tiles))
    check_dot(dot(tiles, ""), tiles)
