"""draw(): what it shows of a tape and of the modules that made it, however long it is."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.backend import Device
from minigrad.tape import Node
from minigrad.tools.drawing.graph import Vertex, graph_of
from minigrad.tools.drawing.layout import layout
from minigrad.tools.drawing.summary import tiles_of
from models.gan import MLPDiscriminator
from models.penalties import gradient_penalty
from models.vae import conv_vae
from tests.tools.drawings import assert_in_order, number, vae_step

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
    before = nn.Module.__call__, Node.__init__
    with pytest.raises(ZeroDivisionError), mg.record_modules(net):
        1 / 0  # noqa: B018
    assert (nn.Module.__call__, Node.__init__) == before
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
