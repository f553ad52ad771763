"""draw(): what it shows of a tape, that the picture is in order, that nothing is left behind."""

import gc
import random
import re
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import minigrad as mg
from minigrad import nn
from minigrad.backend import Device
from minigrad.nodes import Node
from minigrad.recorded import Recorded
from minigrad.tools.drawing.dot import dot
from minigrad.tools.drawing.graph import Vertex, graph_of
from minigrad.tools.drawing.layout import Frame, Layout, layout
from minigrad.tools.drawing.rows import Item, Link, order, spread
from minigrad.tools.drawing.summary import Tile, tiles_of
from minigrad.tools.drawing.svg import picture
from models.gan import MLPDiscriminator
from models.penalties import gradient_penalty
from models.vae import conv_vae, mlp_vae

SVG = "{http://www.w3.org/2000/svg}"


def number(value: float, name: str = "") -> mg.Tensor:
    return mg.tensor(value, dtype=mg.float64, requires_grad=True)


def vae_step() -> mg.Tensor:
    vae = mlp_vae((1, 4, 4), latent=2, hidden=(5,))
    with mg.record_modules(vae):
        loss: mg.Tensor = vae.loss(mg.rand(3, 1, 4, 4)).loss
    return loss


# ---- what is shown -------------------------------------------------------------------------------


def test_a_small_tape() -> None:
    x, y = number(2.0), number(3.0)
    z = x * y + (x * x).sin()
    found = graph_of(z, {"x": x, "y": y, "z": z}, gradients=True)
    assert [(v.op, v.name, v.inputs) for v in found] == [
        ("leaf", "x", []),
        ("leaf", "y", []),
        ("multiply", "", [0, 1]),
        ("multiply", "", [0, 0]),
        ("sin", "", [3]),
        ("add", "z", [2, 4]),
    ]
    assert {v.dtype for v in found} == {"float64"}
    assert [v.shape for v in found] == [()] * 6
    assert [v.keeps for v in found] == [[], [], ["y", "x"], ["y", "x"], ["x"], []]
    assert [v.bytes for v in found] == [0, 0, 0, 0, 8, 0]
    slopes = [3 + 4 * np.cos(4), 2, 1, np.cos(4), 1, 1]
    assert [v.gradient for v in found] == pytest.approx(np.abs(slopes))


def test_the_norms_are_those_of_grad() -> None:
    w, x = mg.randn(4, 3, requires_grad=True), mg.randn(5, 3)
    hidden = (x @ w.T).tanh()
    loss = (hidden * hidden).mean()
    shown = {v.name: v.gradient for v in graph_of(loss, {"w": w, "h": hidden}, gradients=True)}
    for name, g in zip("wh", mg.grad(loss, [w, hidden]), strict=True):
        assert shown[name] == pytest.approx(np.linalg.norm(g.numpy()), rel=1e-6)


def test_without_a_walk_the_norms_are_what_backward_left() -> None:
    x = mg.tensor([3.0, 4.0], requires_grad=True)
    y = x * 1.0
    y.retain_grad()
    z = (y * y).sum() * 0.5
    assert {v.gradient for v in graph_of(z)} == {None}
    z.backward(retain_graph=True)
    assert [v.gradient for v in graph_of(z)] == [5.0, 5.0, None, None, None]


def test_finding_gradients_changes_nothing() -> None:
    x = mg.tensor([3.0, 4.0], requires_grad=True)
    y = x * 2
    seen: list[Any] = []
    y.register_hook(seen.append)
    y.retain_grad()
    z = (y * y).sum()
    z.backward(retain_graph=True)
    graph_of(z, gradients=True)
    assert len(seen) == 1
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.tolist(), y.grad.tolist()) == ([24.0, 32.0], [12.0, 16.0])


def test_a_tape_of_gradients_can_be_drawn() -> None:
    x = number(2.0)
    (slope,) = mg.grad(x**3, x, create_graph=True)
    found = graph_of(slope, {"x": x}, gradients=True)
    assert found[0].name == "x"
    assert found[0].gradient == pytest.approx(12.0)


@pytest.mark.parametrize("backward", [False, True])
def test_the_bytes_kept_are_those_that_the_allocator_gets_back(backward: bool) -> None:
    w = mg.randn(500, 400, requires_grad=True)
    images = mg.rand(300, 20, 20)

    def loss() -> mg.Tensor:
        h = (images.reshape(300, 400) * 2) @ w.T
        a = h.relu()  # keeps its result, and so does the product
        flat = a.reshape(-1)[100:]  # tanh keeps its own result
        out: mg.Tensor = (flat.tanh() * a.reshape(-1)[100:]).sum() + (a * a).mean()
        return out

    loss()  # what is made once and for all is made here
    tracemalloc.start()
    try:
        made = loss()
        if backward:
            made.backward(retain_graph=True)
        kept = sum(v.bytes for v in graph_of(made))
        before, _ = tracemalloc.get_traced_memory()
        del made
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept == pytest.approx(before - after, rel=0.01)


def test_a_tape_on_any_device_is_shown_alike(device: Device, tmp_path: Path) -> None:
    w = mg.tensor([[1.0, -2.0], [3.0, 4.0]], device=device, requires_grad=True)
    with mg.profile() as profile:
        h = (w * w).tanh()
        loss = (h[0] * 2).sum()
    found = graph_of(loss, {"w": w}, gradients=True)
    assert [v.op for v in found] == ["leaf", "multiply", "tanh", "index", "multiply", "sum"]
    assert [v.bytes for v in found] == [0, 0, 16, 0, 0, 0]
    assert sum(row.kept for row in profile.ops.values()) == 16
    slopes = 4 * np.array([1, -2]) * (1 - np.tanh([1.0, 4.0]) ** 2)
    assert found[0].gradient == pytest.approx(np.linalg.norm(slopes), rel=1e-5)
    mg.draw(loss, tmp_path / "x.svg")


def test_memory_that_several_nodes_keep_counts_for_the_oldest() -> None:
    x = mg.randn(10, requires_grad=True)
    y = x.exp()
    found = graph_of((y * y[2:5].sum()).sum())
    sizes = {v.op: v.bytes for v in found}
    assert sizes["exp"] == 40
    assert sizes["multiply"] == 4  # the sum; y is exp's
    assert sum(sizes.values()) == 44


def test_a_part_of_an_array_keeps_all_of_it() -> None:
    x = mg.randn(10, requires_grad=True)
    part = (x * 2)[3:5]
    found = graph_of((part * part).sum())
    assert {v.op: v.bytes for v in found}["multiply"] == 40


# ---- modules -------------------------------------------------------------------------------------


def scopes(vertices: list[Vertex]) -> list[tuple[str, list[str]]]:
    return [(v.name or v.op, [s.name for s in place]) for v in vertices for place in v.places]


def test_operations_and_parameters_lie_in_the_modules_that_used_them() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    x = mg.randn(5, 3, requires_grad=True)
    with mg.record_modules(net):
        y = net(x)
    found = sorted(scopes(graph_of(y.sum(), {"x": x})))
    assert found == [
        ("Sequential.0.bias", ["Sequential", "Sequential.0"]),
        ("Sequential.0.weight", ["Sequential", "Sequential.0"]),
        ("linear", ["Sequential", "Sequential.0"]),
        ("relu", ["Sequential", "Sequential.1"]),
        ("sum", []),
        ("x", []),
    ]


def test_a_parameter_is_shown_wherever_it_is_used() -> None:
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    net = nn.Sequential(a, b)
    with mg.record_modules(net):
        y = net(mg.randn(5, 3)) + net[0].bias
    vertices = graph_of(y.sum())
    found = scopes(vertices)
    inside = ["Sequential", "Sequential.0"], ["Sequential", "Sequential.1"]
    assert [place for name, place in found if name == "Sequential.0.weight"] == list(inside)
    assert [place for name, place in found if name == "Sequential.0.bias"] == [inside[0], []]
    tiles = {tile.id: tile for tile in tiles_of(vertices, 100)}
    for linear in (tile for tile in tiles.values() if tile.lines[0] == "linear"):
        leaves = [tiles[source] for source in linear.sources if tiles[source].kind == "leaf"]
        assert [leaf.place for leaf in leaves] == [linear.place] * 2
    shared = [t for t in tiles.values() if t.lines[0] in ("weight", "Sequential.0.weight")]
    assert [t.lines for t in shared] == [
        ["weight", "float32 [3, 3]", "used in 2 places"],
        ["Sequential.0.weight", "float32 [3, 3]", "used in 2 places"],
    ]


def test_each_call_of_a_module_is_a_box_of_its_own() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    with mg.record_modules(D=net):
        y = net(net(mg.randn(5, 3)) * 2)
    tiles = tiles_of(graph_of(y.sum()), 100)
    boxes = {tile.place[0][:3] for tile in tiles if tile.place}
    assert boxes == {("D", "Sequential", 1), ("D", "Sequential", 2)}
    assert_in_order(tiles, layout(tiles))


def test_modules_recorded_one_after_the_other_do_not_mix() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    y = mg.randn(5, 3)
    for _ in range(3):
        with mg.record_modules(net):
            y = net(y)
        y = y * 2
    tiles = tiles_of(graph_of(y.sum()), 100)
    assert len({tile.place[:1] for tile in tiles}) == 4
    assert_in_order(tiles, layout(tiles))


def test_a_box_with_one_operation_is_left_out() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU()))
    with mg.record_modules(net):
        y = net(mg.randn(5, 3))
    (relu,) = [t for t in tiles_of(graph_of(y.sum()), 100) if t.lines[0] == "relu"]
    assert relu.lines[1] == "in 1.0: ReLU"
    assert [scope.kind for scope in relu.place] == ["Sequential"]


def test_nodes_that_were_made_outside_know_no_module_and_cost_nothing() -> None:
    net = nn.Linear(3, 3)
    before = nn.Module.__call__, Recorded.__init__
    with pytest.raises(ZeroDivisionError), mg.record_modules(net):
        1 / 0  # noqa: B018
    assert (nn.Module.__call__, Recorded.__init__) == before
    node = net(mg.randn(5, 3)).node
    assert node is not None
    assert node.extras is None


# ---- hundreds of nodes ---------------------------------------------------------------------------


def test_modules_are_folded_from_the_innermost_until_all_fits() -> None:
    vae = conv_vae((1, 8, 8), latent=2, hidden=6, channels=(2, 3))
    with mg.record_modules(vae):
        loss = vae.loss(mg.rand(3, 1, 8, 8)).loss
    vertices = graph_of(loss, gradients=True)
    whole = tiles_of(vertices, 1000)
    assert all(len(tile.members) == 1 for tile in whole)
    folded = tiles_of(vertices, len(whole) - 1)
    titles = {tile.lines[0] for tile in folded}
    assert {"0: Conv2d", "2: Conv2d", "5: Linear", "relu"} <= titles, "the third level"
    assert "mu: Linear" not in titles
    coarse = tiles_of(vertices, len(folded) - 1)
    titles = {tile.lines[0] for tile in coarse}
    assert {"body: Sequential", "mu: Linear", "7: ConvTranspose2d"} <= titles, "the second"
    assert len(coarse) < len(folded) < len(whole)
    for tiles in (whole, folded, coarse):
        assert sorted(m for tile in tiles for m in tile.members) == list(range(len(vertices)))
        assert_in_order(tiles, layout(tiles))
    (conv,) = [tile for tile in folded if tile.lines[0] == "0: Conv2d"]
    kept = sum(vertices[i].bytes for i in conv.members)
    weights = [vertices[i] for i in conv.members if vertices[i].is_leaf]
    norm = np.sqrt(sum((w.gradient or 0.0) ** 2 for w in weights))
    assert conv.lines[1:] == [
        "conv2d",
        "float32 [3, 2, 4, 4]",
        "2 leaves with 34 numbers",
        f"keeps {kept / 1000:.1f} kB",
        f"|gradient| of its leaves {norm:.4g}",
    ]


def test_a_long_tape_without_modules_is_divided_by_time() -> None:
    x = y = number(1.0)
    for _ in range(1500):
        y = y * 1.001 + x
    tiles = tiles_of(graph_of(y), 50)
    assert 10 <= len(tiles) <= 24
    assert tiles[0].lines[0] == f"part 1 of {len(tiles)}"
    assert sum("add ×" in tile.lines[1] for tile in tiles) == len(tiles)
    assert sum(len(tile.members) for tile in tiles) == 3000 + len(tiles), "x is in all"
    assert_in_order(tiles, layout(tiles))


def test_calls_of_modules_stay_whole_where_the_rest_is_divided() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    y = mg.randn(5, 3)
    with mg.record_modules(net):
        for _ in range(3):
            y = net(y)
            for _ in range(100):
                y = y * 1.01
    tiles = tiles_of(graph_of(y.sum()), 20)
    titles = [tile.lines[0] for tile in tiles]
    calls = [f"Sequential: Sequential{more}" for more in ("", ", call 2", ", call 3")]
    assert [title for title in titles if title.startswith("Seq")] == calls
    assert len(tiles) <= 20
    assert_in_order(tiles, layout(tiles))


def test_the_penalty_of_a_critic_is_drawn_in_order() -> None:
    critic = MLPDiscriminator((2,), [5, 5])
    x, fake = mg.randn(4, 2), mg.randn(4, 2)
    with mg.record_modules(D=critic):
        penalty = gradient_penalty(critic, x, fake)
        loss = critic(x).mean() - critic(fake).mean() + penalty
    names = {v.name for v in graph_of(penalty) if v.op == "leaf"} - {""}
    assert names == {f"D.layers.{i}.weight" for i in (0, 2, 4)}, "those that rules use, too"
    for limit in (1000, 30, 12, 5):
        tiles = tiles_of(graph_of(loss, gradients=True), limit)
        assert_in_order(tiles, layout(tiles))


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_any_limit_is_kept(limit: int) -> None:
    tiles = tiles_of(graph_of(vae_step()), limit)
    assert len(tiles) <= limit
    assert_in_order(tiles, layout(tiles))


# ---- the layout ----------------------------------------------------------------------------------


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


# ---- the files -----------------------------------------------------------------------------------


def test_svg_is_xml_that_says_what_is_joined_to_what(tmp_path: Path) -> None:
    loss = vae_step()
    mg.draw(loss, tmp_path / "step.svg", gradients=True)
    root = ElementTree.parse(tmp_path / "step.svg").getroot()
    tiles = tiles_of(graph_of(loss), 1000)
    groups = {g.get("id"): g for g in root.iter(f"{SVG}g") if g.get("id")}
    assert set(groups) == {tile.id for tile in tiles}
    drawn = {(p.get("data-from"), p.get("data-to")) for p in root.iter(f"{SVG}path")}
    assert drawn == {(source, tile.id) for tile in tiles for source in tile.sources}
    for tile in tiles:
        words = [t.text for t in groups[tile.id].iter(f"{SVG}text")]
        assert words[: len(tile.lines)] == tile.lines
    everything = "".join(root.itertext())
    for words in ("VAE.encoder: Encoder", "mu: Linear", "in 2: ReLU", "keeps out: 60 bytes"):
        assert words in everything
    width, height = (float(root.get(side, "nan")) for side in ("width", "height"))
    for rect in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.get(key, "0")) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_names_with_markup_are_escaped(tmp_path: Path) -> None:
    x = number(1.0)
    name = 'a<b> & "c\\d"\n'
    mg.draw(x * 2, tmp_path / "x.svg", names={name.strip(): x})
    assert name.strip() in "".join(ElementTree.parse(tmp_path / "x.svg").getroot().itertext())
    tiles = tiles_of(graph_of(x * 2, {name: x}), 10)
    check_dot(dot(tiles, ""), tiles)


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


def test_dot_has_a_cluster_for_each_module(tmp_path: Path) -> None:
    loss = vae_step()
    mg.draw(loss, tmp_path / "step.dot")
    text = (tmp_path / "step.dot").read_text("utf-8")
    tiles = tiles_of(graph_of(loss), 1000)
    check_dot(text, tiles)
    boxes = {tile.place[:n] for tile in tiles for n in range(1, len(tile.place) + 1)}
    clusters = re.findall(r'subgraph ("cluster_\w+")', text)
    assert len(clusters) == len(set(clusters)) == len(boxes)


@pytest.mark.parametrize("suffix", ["svg", "dot", "gv"])
def test_a_second_drawing_has_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    loss = vae_step()
    first, second = tmp_path / f"1.{suffix}", tmp_path / f"2.{suffix}"
    mg.draw(loss, first, gradients=True)
    vae_step()
    mg.draw(loss, second, gradients=True)
    assert first.read_bytes() == second.read_bytes()


def test_png_is_drawn_by_matplotlib_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mg.record_modules(net := nn.Linear(2, 3)):
        loss = net(mg.ones(4, 2)).sum()
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    mg.draw(loss, first)
    mg.draw(loss, second)
    assert first.read_bytes() == second.read_bytes()
    where = layout(tiles_of(graph_of(loss), 1000))
    with Image.open(first) as shown:
        assert shown.height == pytest.approx((where.height + 30) * 1.44, abs=2)
        assert shown.width >= where.width * 1.44, "the heading may be wider"
        colours = {colour for _, colour in shown.convert("RGB").getcolors(1 << 20) or []}
    # The faces of operations, leaves, and the output.
    assert {(255, 255, 255), (227, 241, 220), (253, 238, 203)} <= colours
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"draw: .png needs matplotlib; .svg needs nothing"):
        mg.draw(loss, first)


def test_a_leaf_alone_can_be_drawn(tmp_path: Path) -> None:
    mg.draw(number(1.0), tmp_path / "x.svg", gradients=True)
    assert "|gradient| 1" in (tmp_path / "x.svg").read_text("utf-8")


# ---- what is left behind -------------------------------------------------------------------------


@pytest.mark.usefixtures("no_collector")
def test_a_drawing_keeps_nothing_alive_and_makes_no_cycles(tmp_path: Path) -> None:
    def nodes() -> int:
        return sum(issubclass(type(o), Node) for o in gc.get_objects())

    before = nodes()
    loss = vae_step()
    mg.draw(loss, tmp_path / "x.svg", gradients=True)
    del loss
    assert nodes() == before


def test_backward_is_the_same_after_a_drawing(tmp_path: Path) -> None:
    vae = mlp_vae((1, 4, 4), latent=2, hidden=(5,))
    x, eps = mg.rand(3, 1, 4, 4), mg.randn(3, 2)
    found = []
    for drawn in (False, True):
        vae.zero_grad()
        with mg.record_modules(vae):
            loss = vae.loss(x, eps).loss
        if drawn:
            mg.draw(loss, tmp_path / "x.svg", gradients=True)
        loss.backward()
        found.append([p.grad.tolist() for p in vae.parameters() if p.grad is not None])
    assert found[0] == found[1]


# ---- errors --------------------------------------------------------------------------------------


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    with pytest.raises(TypeError, match="draw: needs a tensor, got list"):
        mg.draw([x], path)
    with pytest.raises(RuntimeError, match=r"draw: this tensor \(shape \[2\]\) is not on the tape"):
        mg.draw(x.detach(), path)
    with pytest.raises(RuntimeError, match=r"gradients=True needs a single number, not shape \[2"):
        mg.draw(x * 2, path, gradients=True)
    with pytest.raises(TypeError, match="names are of tensors and modules, 'x' is int"):
        mg.draw(y, path, names={"x": 1})
    with pytest.raises(ValueError, match=r"a drawing is .svg or .png, or .dot or .gv for"):
        mg.draw(y, tmp_path / "x.pdf")
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        mg.draw(y, path, limit=0)
    with pytest.raises(TypeError, match="record_modules: model must be a module, got int"):
        mg.record_modules(model=1).__enter__()  # type: ignore[arg-type]
    y.backward()
    with pytest.raises(
        RuntimeError, match=r"behind 'sum' has been freed .* pass retain_graph=True"
    ):
        mg.draw(y, path)
    assert not path.exists()


def test_the_picture_is_as_wide_as_its_heading() -> None:
    tiles = tiles_of(graph_of(number(1.0) * 2), 10)
    text = picture(tiles, layout(tiles), "a heading of many words that is wider than what is drawn")
    root = ElementTree.fromstring(text)
    assert float(root.get("width", "0")) > 350
