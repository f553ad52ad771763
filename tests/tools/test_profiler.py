"""profile(): what it counts, and that it leaves the engine as it was."""

import gc
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.tape import Node, mode


def step(net: nn.Module, x: mg.Tensor) -> None:
    net(x).sum().backward()


class Pair(nn.Module):
    """A model that is used by its parts, as a VAE is."""

    def __init__(self) -> None:
        self.down = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        self.up = nn.Linear(4, 3)

    def loss(self, x: mg.Tensor) -> mg.Tensor:
        y: mg.Tensor = self.up(self.down(x)).square().sum()
        return y


def test_it_counts_calls_forward_and_backward_by_op_and_module() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = mg.randn(5, 3)
    with mg.profile() as found:
        step(net, x)
        step(net, x)
    calls = {name: row.calls for name, row in found.ops.items()}
    assert calls == {"linear": 4, "relu": 2, "sum": 2}
    assert {name: row.calls for name, row in found.modules.items()} == {
        "Sequential": 0, "Sequential.0": 2, "Sequential.1": 2, "Sequential.2": 2, "": 2,
    }  # fmt: skip
    assert found.ops["linear"].bytes == 2 * 4 * (5 * 4 + 5 * 2)
    assert all(row.forward > 0 and row.backward > 0 for row in found.ops.values())
    parts = [found.modules[f"Sequential.{i}"] for i in range(3)]
    assert all(row.forward > 0 and row.backward > 0 for row in parts)
    inside = sum(row.total for row in found.ops.values())
    assert inside == pytest.approx(sum(row.total for row in found.modules.values()))
    assert inside < found.seconds


def test_modules_have_the_names_of_the_models_that_were_given() -> None:
    model = Pair()
    with mg.profile(model) as found:
        model.loss(mg.randn(5, 3)).backward()
    assert found.kinds == {
        "Pair.down": "Sequential", "Pair.down.0": "Linear", "Pair.down.1": "ReLU",
        "Pair.up": "Linear",
    }  # fmt: skip
    with mg.profile(first=model, second=Pair()) as found:
        model.loss(mg.randn(5, 3)).backward()
    assert list(found.kinds) == ["first.down", "first.down.0", "first.down.1", "first.up"]
    with mg.profile() as found:
        model.loss(mg.randn(5, 3))
        nn.Linear(3, 3)(mg.randn(5, 3))
    assert list(found.kinds) == [
        "Sequential", "Sequential.0", "Sequential.1", "Linear", "Linear-2"
    ]  # fmt: skip


def test_a_module_is_counted_with_all_that_is_below_it() -> None:
    model = Pair()
    with mg.profile(model) as found:
        model.loss(mg.randn(5, 3)).backward()
    parts = found.modules["Pair.down.0"], found.modules["Pair.down.1"]
    assert found.below("Pair.down").calls == 2
    assert found.below("Pair.down").forward == parts[0].forward + parts[1].forward
    assert found.below("Pair.dow").calls == 0  # part of a name is another name


def test_memory_made_kept_and_of_gradients() -> None:
    x = mg.randn(5, 3, requires_grad=True)
    with mg.profile() as found:
        y = (x * 2).reshape(15).exp()
        (y * y).sum().backward()
    number = np.dtype(np.float32).itemsize
    sizes = {name: (r.bytes, r.kept, r.gradients) for name, r in found.ops.items()}
    assert sizes["exp"] == (15 * number, 15 * number, 15 * number)
    # A view of what is there: no bytes, forward or backward.
    assert sizes["reshape"] == (0, 0, 0)
    # x * 2 and y * y, whose operand exp keeps already; two gradients for y, one for x.
    assert sizes["multiply"] == (2 * 15 * number, 0, 3 * 15 * number)
    assert sizes["sum"][:2] == (number, 0)


def test_memory_that_is_kept_twice_counts_once_also_after_its_address_is_used_again() -> None:
    x = mg.randn(1000, requires_grad=True)
    with mg.profile() as found:
        for _ in range(5):
            x.exp()
    assert found.ops["exp"].kept == 5 * 4000


def test_what_leaves_own_is_not_kept_by_the_tape() -> None:
    net = nn.Linear(3, 4)
    x = mg.randn(5, 3)
    with mg.profile() as found:
        step(net, x)
    assert found.ops["linear"].kept == x.array.nbytes


def test_an_op_that_runs_ops_counts_once() -> None:
    x = mg.randn(5, requires_grad=True)
    with mg.profile() as found:
        mg.grad((x * x).sum(), x, create_graph=True)
    calls = {name: row.calls for name, row in found.ops.items()}
    assert calls == {"multiply": 1, "sum": 1, "add": 1}  # the walk adds what reaches x


def test_nobody_watches_afterwards_also_after_an_error() -> None:
    def fail() -> None:
        assert mode.observer is not None
        raise KeyError

    with pytest.raises(KeyError), mg.profile():
        fail()
    assert mode.observer is None
    with mg.profile() as around, mg.profile() as found:
        with pytest.raises(ValueError, match="matmul"):
            mg.randn(2, 3) @ mg.randn(2, 3)
        mg.randn(3) + 1
    assert list(found.ops) == list(around.ops) == ["add"]


def test_each_thread_is_watched_by_its_own() -> None:
    """Two profiles at once, whose steps take turns: neither sees what the other thread does."""
    turns, found = Barrier(2), {}

    def measured(name: str, op: Callable[[mg.Tensor], mg.Tensor]) -> None:
        net, x = nn.Sequential(nn.Linear(3, 3)), mg.randn(2, 3)
        with mg.profile(**{name: net}) as found[name]:
            for _ in range(3):
                turns.wait(timeout=60)
                y = op(net(x)).sum()
                turns.wait(timeout=60)
                y.backward()

    threads = [
        Thread(target=measured, args=("exp", mg.exp)),
        Thread(target=measured, args=("tanh", mg.tanh)),
    ]
    for thread in threads:
        thread.start()
    net = nn.Linear(3, 3)  # and the main thread works on unseen
    while any(thread.is_alive() for thread in threads):
        net(mg.randn(2, 3)).sin().sum().backward()
    assert mode.observer is None
    for name in ("exp", "tanh"):
        calls = {op: row.calls for op, row in found[name].ops.items()}
        assert calls == {"linear": 3, name: 3, "sum": 3}
        assert all(row.backward > 0 for row in found[name].ops.values())
        assert list(found[name].kinds) == [name, f"{name}.0"]


def test_an_op_that_fails_is_not_counted_and_what_follows_is() -> None:
    x = mg.randn(5, 3)
    with mg.profile() as found:
        with pytest.raises(ValueError, match="matmul"):
            x @ x
        x + 1
    assert {name: row.calls for name, row in found.ops.items()} == {"add": 1}


@pytest.mark.usefixtures("no_collector")
def test_a_profile_keeps_nothing_alive() -> None:
    def alive() -> list[object]:
        return [o for o in gc.get_objects() if type(o) in (Node, mg.Tensor, nn.Linear)]

    before = alive()  # other tests' objects; they are held, so that no new one has their id
    ids = {id(o) for o in before}
    with mg.profile() as found:
        step(nn.Linear(3, 4), mg.randn(5, 3))
    assert found.ops
    assert not [o for o in alive() if id(o) not in ids]


def test_the_table_names_ops_modules_and_the_rest() -> None:
    model = Pair()
    with mg.profile(model) as found:
        model.loss(mg.randn(5, 3)).backward()
    lines = str(found).splitlines()
    for word in ("linear", "sum", "calls", "backward ms", "kept MB", "(outside of ops)"):
        assert any(word in line for line in lines)
    at = [line[:20].rstrip() for line in lines].index("Pair.down: Sequential"[:20])
    # Under the module that is around it, indented, in the order of the calls.
    names = [line[:28].rstrip() for line in lines[at : at + 5]]
    assert names == [
        "Pair.down: Sequential", "  0: Linear", "  1: ReLU", "Pair.up: Linear",
        "(outside of modules)",
    ]  # fmt: skip
    shares = [line for line in lines if "%" in line]
    assert len({len(line) for line in shares}) == 1, "the columns are aligned"


def test_the_picture_is_drawn_to_scale(tmp_path: Path) -> None:
    model = Pair()
    with mg.profile(model) as found:
        model.loss(mg.randn(50, 3)).backward()
    found.draw(tmp_path / "profile.svg")
    tree = ElementTree.parse(tmp_path / "profile.svg").getroot()
    tag = "{http://www.w3.org/2000/svg}"
    words = [t.text.replace("\N{NO-BREAK SPACE}", " ") for t in tree.iter(f"{tag}text") if t.text]
    for name in (*found.ops, "Pair.down: Sequential", "  1: ReLU", "(outside of ops)"):
        assert words.count(name) >= 1, name
    # The legend has a rectangle of each kind first, twice forward and backward.
    bars = {
        kind: [
            (float(r.get("x", "nan")), float(r.get("width", "nan")))
            for r in tree.iter(f"{tag}rect")
            if r.get("class") == kind
        ][2::2]  # of the others, time and memory take turns
        for kind in ("forward", "backward")
    }
    rows = [row for _, row in sorted(found.ops.items(), key=lambda item: -item[1].total)]
    every = [*rows, found.below("Pair.down"), found.below("Pair.up"), found.modules[""]]
    rest = found.seconds - sum(row.total for row in rows)
    scale = 220 / max(rest, *(row.total for row in every))
    for row, (x, forward), (start, backward) in zip(rows, bars["forward"], bars["backward"]):
        assert forward == pytest.approx(scale * row.forward, abs=0.06)
        assert backward == pytest.approx(scale * row.backward, abs=0.06)
        assert start == pytest.approx(x + forward, abs=0.11)
    # What is outside of ops is neither; the legend's is the first.
    rects = [r for r in tree.iter(f"{tag}rect") if r.get("class") == "outside"]
    widths = [float(r.get("width", "nan")) for r in rects[1:]]
    assert widths == pytest.approx([scale * rest] * 2, abs=0.06)


def test_a_picture_is_svg(tmp_path: Path) -> None:
    with mg.profile() as found:
        mg.randn(5) + 1
    with pytest.raises(ValueError, match=r"Profile.draw: a picture is .svg, got .*profile.png"):
        found.draw(tmp_path / "profile.png")
