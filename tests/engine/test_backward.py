"""backward(): any graph, once or again, what it leaves in .grad, exceptions, threads."""

import itertools
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from tests.leaves import grad_of, leaf

LONG = 100_000


# ---- long, wide and tangled graphs ---------------------------------------------------------------


def test_a_chain_of_100_000_ops() -> None:
    factor = 1 + 1e-5
    x = y = leaf(1.0)
    for _ in range(LONG):
        y = y * factor
    assert y.item() == pytest.approx(factor**LONG, rel=1e-9)
    y.backward()
    assert grad_of(x) == pytest.approx([factor**LONG], rel=1e-9)


def test_a_chain_of_100_000_ops_is_freed_without_a_backward() -> None:
    y = leaf(1.0)
    for _ in range(LONG):
        y = y + 1.0
    assert y.item() == LONG + 1
    del y  # must not recurse through the parents until the C stack is full


def test_a_chain_of_20_000_views() -> None:
    x = y = mg.zeros(2, 3, requires_grad=True)
    for _ in range(10_000):
        y = y.T.T
    y.sum().backward()
    assert grad_of(x) == [[1.0] * 3] * 2


def test_a_node_used_20_000_times_gets_the_sum() -> None:
    x = leaf(3.0)
    total = x * 0
    for _ in range(20_000):
        total = total + x
    total.backward()
    assert grad_of(x) == [20_000]


def test_a_ladder_of_diamonds_visits_each_node_once() -> None:
    calls = itertools.count()

    @mg.op
    def double(xp: Any, x: Any) -> Any:
        return x + x

    @double.gradient("x")
    def _(g: Any) -> Any:
        next(calls)
        return g + g

    x = y = leaf(1.0)
    for _ in range(40):  # 2**40 paths lead from the top to the bottom
        y = double(y)
        y = (y + y) * 0.25
    y.backward()
    assert next(calls) == 40
    assert grad_of(x) == [1.0]


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Steps of a program on scalars: an op and the places of its two operands among what exists."""
    count = draw(st.integers(1, 25))
    return [
        (
            draw(st.sampled_from(["add", "subtract", "multiply", "sin", "tanh"])),
            draw(st.integers(0, i + 2)),
            draw(st.integers(0, i + 2)),
        )
        for i in range(count)
    ]


@given(graphs(), st.data())
def test_any_graph_has_the_gradient_that_forward_mode_finds(
    steps: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    start = data.draw(st.lists(st.floats(-1, 1), min_size=3, max_size=3))
    leaves = [mg.tensor(v, dtype=np.float64, requires_grad=True) for v in start]
    values: list[Any] = list(leaves)
    # Forward mode beside it: each value with its derivatives for the three leaves.
    duals = [(v, np.eye(3)[i]) for i, v in enumerate(start)]
    for name, i, j in steps:
        a, b = values[i], values[j]
        (u, du), (v, dv) = duals[i], duals[j]
        if name in ("sin", "tanh"):
            values.append(getattr(a, name)())
            duals.append(
                (np.sin(u), np.cos(u) * du)
                if name == "sin"
                else (np.tanh(u), (1 - np.tanh(u) ** 2) * du)
            )
        else:
            half = 0.5 * a  # keeps the numbers near 1
            values.append(getattr(mg, name)(half, b))
            duals.append(
                {
                    "add": (u / 2 + v, du / 2 + dv),
                    "subtract": (u / 2 - v, du / 2 - dv),
                    "multiply": (u * v / 2, (du * v + u * dv) / 2),
                }[name]
            )
    value, slope = duals[-1]
    assert values[-1].item() == pytest.approx(value, abs=1e-12)
    by_grad = mg.grad(values[-1], leaves, retain_graph=True, allow_unused=True)
    values[-1].backward()
    for x, g, expected in zip(leaves, by_grad, slope, strict=True):
        found = 0.0 if g is None else g.item()
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert (None if x.grad is None else x.grad.item()) == (None if g is None else g.item())


def test_the_roots_may_lie_on_each_others_paths() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * 3
    mg.backward([z, y, x], [None, None, None])
    assert grad_of(x) == [3 * 4 + 4 + 1]


def test_backward_of_several_tensors_needs_as_many_gradients() -> None:
    x = leaf(2.0)
    with pytest.raises(ValueError, match="backward: 2 tensors but 1 gradients"):
        mg.backward([x * 2, x * 3], [None])


# ---- a second backward ---------------------------------------------------------------------------

ONCE = {
    "add": lambda x: x + 1,
    "negative": lambda x: -x,
    "multiply": lambda x: x * x,
    "exp": lambda x: x.exp(),
    "reshape": lambda x: x.reshape(1, 2),
    "sum": lambda x: x.sum(),
    "index": lambda x: x[0],
    "clone": lambda x: x.clone(),
}


@pytest.mark.parametrize("name", ONCE)
def test_a_second_backward_says_retain_graph(name: str) -> None:
    x = leaf(1.0, 2.0)
    y = ONCE[name](x)
    g = mg.ones_like(y)
    y.backward(g)
    before = grad_of(x)
    with pytest.raises(RuntimeError, match=rf"'{name}' has been freed.*retain_graph=True"):
        y.backward(g)
    with pytest.raises(RuntimeError, match=rf"'{name}' has been freed.*retain_graph=True"):
        mg.grad(y, x, g)
    assert grad_of(x) == before


@pytest.mark.parametrize("name", ONCE)
def test_retain_graph_allows_another_and_gradients_add_up(name: str) -> None:
    x = leaf(1.0, 2.0)
    y = ONCE[name](x)
    g = mg.ones_like(y)
    y.backward(g, retain_graph=True)
    once = np.array(grad_of(x))
    y.backward(g, retain_graph=True)
    y.backward(g)
    assert grad_of(x) == (3 * once).tolist()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward(g)


def test_a_part_that_was_freed_is_found_from_another_root() -> None:
    x = leaf(2.0)
    shared = x * x
    a, b = shared * 3, shared.exp()
    a.backward()
    with pytest.raises(RuntimeError, match=r"'multiply' has been freed"):
        b.backward()


def test_a_leaf_can_be_its_own_root_as_often_as_one_likes() -> None:
    x = leaf(1.0, 2.0)
    g = mg.tensor([3.0, 4.0], dtype=np.float64)
    x.backward(g)
    x.backward(g)
    assert grad_of(x) == [6.0, 8.0]
    assert g.tolist() == [3.0, 4.0]


def test_a_part_beside_the_path_of_grad_is_not_freed() -> None:
    x, y = leaf(2.0), leaf(3.0)
    left, right = x * x, y * y
    z = left * right
    (g,) = mg.grad(z, x)
    assert g.item() == 4 * 9
    right.backward()  # was not walked
    assert grad_of(y) == [6.0]


def test_the_gradient_of_an_interior_tensor_can_be_carried_on_from_there() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * y
    (g,) = mg.grad(z, y)
    assert g.item() == 8.0
    y.backward(g)
    assert grad_of(x) == [8.0 * 4.0]


# ---- .grad ---------------------------------------------------------------------------------------


def test_setting_grad() -> None:
    x = leaf(1.0, 2.0)
    x.grad = mg.tensor([5.0, 6.0], dtype=np.float64)
    (x * 2).sum().backward()
    assert grad_of(x) == [7.0, 8.0]
    x.grad = None
    assert x.grad is None
    for wrong in (mg.zeros(3, dtype=np.float64), mg.zeros(2)):
        with pytest.raises(ValueError, match=r"grad: needs shape \[2\] and float64"):
            x.grad = wrong
    for wrong in (3, [1.0, 2.0], np.zeros(2)):
        with pytest.raises((TypeError, ValueError), match="grad: "):
            x.grad = wrong  # type: ignore[assignment]


def test_an_interior_tensor_has_no_grad_to_set() -> None:
    y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="leaf"):
        y.grad = mg.ones(1, dtype=np.float64)


def test_a_tensor_off_the_tape_has_no_grad() -> None:
    assert mg.zeros(2).grad is None
    with pytest.raises(RuntimeError, match="not on the tape"):
        mg.zeros(()).backward()


def test_freezing_keeps_the_gradient() -> None:
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    x.requires_grad_(False)
    assert grad_of(x) == [3.0, 3.0]
    y = leaf(1.0)
    (x.sum() * y).backward()
    assert grad_of(x) == [3.0, 3.0]
    x.requires_grad_()
    x.sum().backward()
    assert grad_of(x) == [4.0, 4.0]


# ---- after an exception --------------------------------------------------------------------------


def failing_op() -> Any:
    @mg.op
    def fails(xp: Any, x: Any) -> Any:
        return x * 1

    @fails.gradient("x")
    def _(g: Any) -> Any:
        raise ZeroDivisionError("planted")

    return fails


def test_an_exception_in_a_rule_leaves_later_passes_right() -> None:
    fails = failing_op()
    x, y = leaf(2.0), leaf(3.0)
    bad = (x * y) + fails(x)
    with pytest.raises(ZeroDivisionError, match="planted"):
        bad.backward()
    x.grad = y.grad = None
    (x * y).backward()
    assert (grad_of(x), grad_of(y)) == ([3.0], [2.0])
    assert mg.is_grad_enabled()
    with pytest.raises(ZeroDivisionError, match="planted"):
        mg.grad(fails(x), x, create_graph=True)
    assert mg.is_grad_enabled()


def test_an_exception_with_retain_graph_leaves_the_graph_usable() -> None:
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: 1 / 0 if angry else None)
    angry = True
    z = y * 3
    with pytest.raises(ZeroDivisionError):
        z.backward(retain_graph=True)
    assert x.grad is None
    angry = False
    z.backward()
    assert grad_of(x) == [12.0]


def test_a_wrong_cotangent_frees_nothing() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    with pytest.raises(ValueError, match="backward: the gradient must be"):
        y.backward(mg.ones(3, dtype=np.float64))
    y.backward(mg.ones(2, dtype=np.float64))
    assert grad_of(x) == [2.0, 4.0]


# ---- threads -------------------------------------------------------------------------------------


def test_threads_build_and_walk_their_own_graphs() -> None:
    shared = mg.tensor([2.0, 3.0], dtype=np.float64)
    found: dict[int, Any] = {}

    def work(k: int) -> None:
        for _ in range(200):
            x = leaf(1.0, 2.0)
            y = x
            for _ in range(k + 1):
                y = y * shared
            y.sum().backward()
            found[k] = grad_of(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {k: [2.0 ** (k + 1), 3.0 ** (k + 1)] for k in range(4)}
