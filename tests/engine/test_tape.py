"""The walk: order, accumulation, freeing, hooks, grad() and its rules, changes in place."""

import gc
import itertools
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.clock import mutated

LONG = 100_000


def leaf(*values: float, dtype: Any = np.float64) -> mg.Tensor:
    return mg.tensor(list(values), dtype=dtype, requires_grad=True)


def grad_of(x: mg.Tensor) -> Any:
    assert x.grad is not None
    return x.grad.tolist()


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


# ---- create_graph --------------------------------------------------------------------------------

point = st.floats(-2, 2).filter(lambda v: abs(v) > 1e-2)


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (lambda x: x**5, [lambda x: 5 * x**4, lambda x: 20 * x**3, lambda x: 60 * x**2]),
        (lambda x: x.exp(), [np.exp] * 3),
        (
            lambda x: x.tanh(),
            [
                lambda x: 1 - np.tanh(x) ** 2,
                lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
                lambda x: (1 - np.tanh(x) ** 2) * (6 * np.tanh(x) ** 2 - 2),
            ],
        ),
        (
            lambda x: x.sin() * x,
            [
                lambda x: np.cos(x) * x + np.sin(x),
                lambda x: 2 * np.cos(x) - x * np.sin(x),
                lambda x: -3 * np.sin(x) - x * np.cos(x),
            ],
        ),
        (lambda x: 1 / x, [lambda x: -(x**-2), lambda x: 2 * x**-3, lambda x: -6 * x**-4]),
    ],
    ids=["x**5", "exp", "tanh", "x sin x", "1/x"],
)
@given(values=st.lists(point, min_size=1, max_size=4))
def test_three_derivatives_agree_with_closed_forms(
    f: Any, derivatives: list[Any], values: list[float]
) -> None:
    x = leaf(*values)
    y = f(x)
    for derivative in derivatives:
        (y,) = mg.grad(y.sum(), x, create_graph=True)
        np.testing.assert_allclose(
            y.numpy(force=True), derivative(np.array(values)), rtol=1e-9, atol=1e-10
        )


def test_the_sixth_derivative_of_a_fifth_power_is_zero() -> None:
    x = leaf(1.5, -2.0)
    y = x**5
    for _ in range(5):
        (y,) = mg.grad(y.sum(), x, create_graph=True)
    assert y.tolist() == pytest.approx([120.0, 120.0])


def quadratic(seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 4)), rng.normal(size=4)


@given(st.integers(0, 1000))
def test_hessian_vector_products(seed: int) -> None:
    a, v = quadratic(seed)
    x = mg.tensor(np.random.default_rng(seed + 1).normal(size=4), requires_grad=True)
    y = (x @ mg.tensor(a) @ x) + (x**3).sum()
    hessian = a + a.T + np.diag(6 * x.numpy(force=True))
    (g,) = mg.grad(y, x, create_graph=True)
    (forward_over_reverse,) = mg.grad(g @ mg.tensor(v), x, retain_graph=True)
    (by_cotangent,) = mg.grad(g, x, mg.tensor(v))
    np.testing.assert_allclose(forward_over_reverse.numpy(), hessian @ v, rtol=1e-10)
    np.testing.assert_allclose(by_cotangent.numpy(), hessian @ v, rtol=1e-10)


def test_a_mixed_derivative_does_not_depend_on_the_order() -> None:
    x, y = leaf(0.7), leaf(-1.3)
    f = (x * y).sin() * x
    gx, gy = mg.grad(f, [x, y], create_graph=True)
    (gxy,) = mg.grad(gx, y, retain_graph=True)
    (gyx,) = mg.grad(gy, x)
    assert gxy.item() == pytest.approx(gyx.item(), rel=1e-12)
    xv, yv = 0.7, -1.3
    expected = 2 * xv * np.cos(xv * yv) - xv * xv * yv * np.sin(xv * yv)
    assert gxy.item() == pytest.approx(expected)


def critic(x: Any, w: Any, v: Any) -> Any:
    return ((x @ w).tanh() @ v).sum()


def penalty(x: Any, w: Any, v: Any) -> Any:
    """WGAN-GP: (|d critic / d x| - 1)^2, averaged over the rows."""
    (g,) = mg.grad(critic(x, w, v), x, create_graph=True)
    return (((g * g).sum(1) ** 0.5 - 1) ** 2).mean()


def test_a_gradient_penalty_agrees_with_finite_differences() -> None:
    rng = np.random.default_rng(3)
    x = mg.tensor(rng.normal(size=(5, 3)), requires_grad=True)
    w = mg.tensor(rng.normal(size=(3, 4)), requires_grad=True)
    v = mg.tensor(rng.normal(size=(4, 1)), requires_grad=True)
    got = mg.grad(penalty(x, w, v), [w, v])
    for p, g in zip([w, v], got, strict=True):
        numeric = np.zeros(p.shape)
        for at in np.ndindex(p.shape):
            sides = []
            for h in (1e-6, -1e-6):
                moved = p.numpy(force=True).copy()
                moved[at] += h
                t = mg.tensor(moved, requires_grad=True)
                sides.append(penalty(x, *([t, v] if p is w else [w, t])).item())
            numeric[at] = (sides[0] - sides[1]) / 2e-6
        np.testing.assert_allclose(g.numpy(), numeric, rtol=1e-6, atol=1e-8)


def test_backward_with_create_graph_puts_the_gradient_on_the_tape() -> None:
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    assert first is not None
    assert first.requires_grad
    x.grad = None
    first.backward()
    assert grad_of(x) == [18.0]


def test_gradients_on_the_tape_add_up_too() -> None:
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    (x**2).backward(create_graph=True)
    total = x.grad
    assert total is not None
    assert total.tolist() == [27.0 + 6.0]
    x.grad = None
    total.backward()
    assert grad_of(x) == [18.0 + 2.0]


def test_create_graph_retains_the_graph_unless_told_otherwise() -> None:
    x = leaf(3.0)
    y = x**3
    mg.grad(y, x, create_graph=True)
    mg.grad(y, x, create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError, match="retain_graph"):
        mg.grad(y, x)


def test_gradients_without_create_graph_are_off_the_tape() -> None:
    x = leaf(3.0)
    y = x * x
    (g,) = mg.grad(y, x, retain_graph=True)
    y.backward()
    assert not g.requires_grad
    assert x.grad is not None
    assert not x.grad.requires_grad


def test_a_second_derivative_through_the_cotangent() -> None:
    x, v = leaf(2.0), leaf(1.0)
    (g,) = mg.grad(x**3, x, v, create_graph=True)
    assert g.item() == 12.0
    (gv,) = mg.grad(g, v)
    assert gv.item() == 12.0  # d(v f')/dv


def test_create_graph_under_no_grad_still_records() -> None:
    x = leaf(2.0)
    y = x**3
    with mg.no_grad():
        (g,) = mg.grad(y, x, create_graph=True)
        assert not mg.is_grad_enabled()
    assert mg.grad(g, x)[0].item() == 12.0


# ---- grad() --------------------------------------------------------------------------------------


def test_grad_of_several_outputs_and_inputs() -> None:
    x, y = leaf(2.0), leaf(3.0)
    gx, gy = mg.grad([x * y, x * x], [x, y])
    assert (gx.item(), gy.item()) == (3 + 4, 2)
    gx, gy = mg.grad([x * y, x * x], (x, y), [leaf(10.0).detach(), leaf(100.0).detach()])
    assert (gx.item(), gy.item()) == (30 + 400, 20)


def test_grad_leaves_grad_untouched() -> None:
    x, y = leaf(2.0), leaf(3.0)
    y.grad = mg.tensor([7.0], dtype=np.float64)
    mg.grad(x * y, [x, y])
    assert x.grad is None
    assert grad_of(y) == [7.0]


def test_an_input_asked_for_twice_comes_twice_and_not_shared() -> None:
    x = leaf(2.0)
    a, b = mg.grad(x * x, [x, x])
    a.fill_(0)
    assert b.item() == 4.0


def test_grad_for_interior_tensors_and_for_the_outputs_themselves() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * 3
    gz, gy, gx = mg.grad(z, [z, y, x])
    assert (gz.item(), gy.item(), gx.item()) == (1, 3, 12)


def test_grad_of_a_leaf_for_itself() -> None:
    x = leaf(2.0, 3.0)
    v = mg.tensor([5.0, 6.0], dtype=np.float64)
    (g,) = mg.grad(x, x, v)
    assert g.tolist() == [5.0, 6.0]
    g.fill_(0)
    assert v.tolist() == [5.0, 6.0]


def test_unused_inputs() -> None:
    x, y = leaf(2.0), leaf(3.0)
    with pytest.raises(
        RuntimeError, match=r"inputs \[1\] have no part in the outputs; allow_unused"
    ):
        mg.grad(x * 2, [x, y])
    g, none = mg.grad(x * 2, [x, y], allow_unused=True)
    assert g.item() == 2.0
    assert none is None


def test_an_input_that_requires_no_gradient_is_named() -> None:
    x = leaf(2.0)
    with pytest.raises(RuntimeError, match=r"grad: input 1 \(shape \[3\]\).*requires_grad_"):
        mg.grad(x * 2, [x, mg.zeros(3)])


def test_grad_runs_only_the_rules_that_lead_to_the_inputs() -> None:
    ran: list[str] = []

    @mg.op
    def product(xp: Any, x: Any, y: Any) -> Any:
        return x * y

    @product.gradient("x")
    def _(g: Any, y: Any) -> Any:
        ran.append("x")
        return g * y

    @product.gradient("y")
    def _(g: Any, x: Any) -> Any:
        ran.append("y")
        return g * x

    x, y, z = leaf(2.0), leaf(3.0), leaf(5.0)
    out = product(product(x, y), z)
    (g,) = mg.grad(out, z, retain_graph=True)
    assert (g.item(), ran) == (6.0, ["y"])
    ran.clear()
    (g,) = mg.grad(out, x, retain_graph=True)
    assert (g.item(), ran) == (15.0, ["x", "x"])
    ran.clear()
    out.backward()
    assert sorted(ran) == ["x", "x", "y", "y"]


@pytest.mark.parametrize("call", ["backward", "grad"])
@pytest.mark.parametrize(
    ("gradient", "problem"),
    [
        (None, "single number"),
        (np.ones(3, np.float32), r"float32\[2\].*float32\[3\]"),
        (np.ones((), np.float32), r"float32\[2\].*float32\[\]"),
        (np.ones((2, 2), np.float32), r"float32\[2\].*float32\[2, 2\]"),
        (np.ones(2, np.float64), r"float32\[2\].*float64\[2\]"),
        (np.ones(2, np.int64), r"float32\[2\].*int64\[2\]"),
    ],
)
def test_the_cotangent_must_fit(call: str, gradient: Any, problem: str) -> None:
    x = leaf(1.0, 2.0, dtype=np.float32)
    g = None if gradient is None else mg.tensor(gradient)
    with pytest.raises((RuntimeError, ValueError), match=f"^{call}: .*{problem}"):
        (x * 2).backward(g) if call == "backward" else mg.grad(x * 2, x, g)
    assert x.grad is None


def test_a_single_number_of_any_shape_needs_no_cotangent() -> None:
    for shape in [(), (1,), (1, 1, 1)]:
        x = mg.zeros(shape, requires_grad=True)
        (x * 3).backward()
        assert x.grad is not None
        assert x.grad.shape == shape
        assert x.grad.item() == 3.0


def test_the_cotangent_may_be_an_array() -> None:
    x = leaf(1.0, 2.0)
    (x * 2).backward(np.array([1.0, 10.0]))
    assert grad_of(x) == [2.0, 20.0]
    (g,) = mg.grad(x * 2, x, np.array([1.0, 10.0]))
    assert g.tolist() == [2.0, 20.0]


def test_gradients_of_empty_tensors() -> None:
    x = mg.zeros(0, 3, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.shape == (0, 3)


# ---- hooks and retain_grad -----------------------------------------------------------------------


def test_a_hook_sees_the_whole_gradient_once() -> None:
    seen: list[Any] = []
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: seen.append(g.tolist()))
    (y * 3 + y * 4).backward()
    assert seen == [[7.0], [28.0]]


def test_what_a_hook_returns_replaces_the_gradient() -> None:
    x = leaf(2.0)
    y = x * 1
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)  # hooks run in the order they came in
    x.register_hook(lambda g: g * 2)
    y.backward()
    assert grad_of(x) == [22.0]
    (g,) = mg.grad((y * 1.0), x) if y.grad_fn is None else mg.grad(x * 1, x)
    assert g.item() == 2.0


def test_a_hook_can_be_removed_also_twice_and_while_it_runs() -> None:
    seen: list[int] = []
    x = leaf(2.0)

    def once(g: mg.Tensor) -> None:
        seen.append(1)
        remove()

    remove = x.register_hook(once)
    (x * 1).backward()
    (x * 1).backward()
    remove()
    assert seen == [1]


def test_a_hook_is_not_called_where_no_gradient_comes() -> None:
    x, y = leaf(2.0), leaf(3.0)
    y.register_hook(lambda g: pytest.fail("called"))
    (x * 2).backward()
    mg.grad(x * y, x)


def test_a_hook_with_create_graph_gets_a_gradient_on_the_tape() -> None:
    x = leaf(2.0)
    y = x * x
    remove = y.register_hook(lambda g: g * g)
    z = y * y
    (g,) = mg.grad(z, x, create_graph=True)
    remove()
    # (dz/dy)^2 dy/dx = (2 x^2)^2 2 x = 8 x^5
    assert g.item() == 8 * 32
    assert mg.grad(g, x)[0].item() == 40 * 16


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda g: mg.zeros(7, dtype=np.float64), r"\[7\]"),
        (lambda g: g.float(), "float32"),
        (lambda g: 3.0, "float"),
        (lambda g: g.numpy(), "ndarray"),
    ],
    ids=["shape", "dtype", "number", "array"],
)
def test_what_a_hook_returns_is_checked(wrong: Any, named: str) -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.register_hook(wrong)
    with pytest.raises((RuntimeError, TypeError, ValueError), match=f"hook.*{named}"):
        y.sum().backward()


def test_a_hook_may_run_a_backward_of_its_own() -> None:
    x, other = leaf(2.0), leaf(5.0)
    beside = other * other
    x.register_hook(lambda g: beside.backward())
    (x * x).backward()
    assert grad_of(x) == [4.0]
    assert grad_of(other) == [10.0]


def test_a_hook_that_keeps_its_gradient_does_not_share_it() -> None:
    kept: list[mg.Tensor] = []
    x, y = leaf(2.0), leaf(3.0)
    z = x + y
    z.register_hook(lambda g: kept.append(g))
    x.register_hook(lambda g: kept.append(g))
    z.backward()
    z = x * 1
    z.backward()
    assert [g.tolist() for g in kept] == [[1.0], [1.0], [1.0]]
    assert grad_of(x) == [2.0]
    assert grad_of(y) == [1.0]


def test_retain_grad_keeps_the_gradient_of_an_interior_tensor() -> None:
    x = leaf(2.0)
    y = x * x
    assert y.grad is None
    y.retain_grad()
    z = y * 3
    z.backward(retain_graph=True)
    assert grad_of(y) == [3.0]
    z.backward()
    assert grad_of(y) == [6.0]  # adds up, as in a leaf
    assert grad_of(x) == [24.0]


def test_retain_grad_sees_what_the_hooks_made_of_it_whatever_came_first() -> None:
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.backward()
    assert grad_of(y) == [10.0]
    assert grad_of(x) == [40.0]


def test_a_retained_gradient_is_not_shared() -> None:
    x = leaf(2.0)
    y = x.clone()
    y.retain_grad()
    (y + x).backward()
    assert x.grad is not None
    assert y.grad is not None
    assert not np.shares_memory(x.grad.data, y.grad.data)


def test_retain_grad_of_a_leaf_changes_nothing() -> None:
    x = leaf(2.0)
    x.retain_grad()
    (x * 3).backward()
    assert grad_of(x) == [3.0]


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


# ---- changes in place ----------------------------------------------------------------------------

CHANGES = {
    "setitem": lambda c: c.__setitem__(0, 5.0),
    "setitem slice": lambda c: c.__setitem__(slice(1, None), mg.zeros(2, dtype=np.float64)),
    "setitem mask": lambda c: c.__setitem__(c > 1, 0.0),
    "copy_": lambda c: c.copy_(np.zeros(3)),
    "add_": lambda c: c.add_(1),
    "mul_": lambda c: c.mul_(2),
    "clamp_": lambda c: c.clamp_(0, 1),
    "fill_": lambda c: c.fill_(7),
    "zero_": lambda c: c.zero_(),
    "normal_": lambda c: c.normal_(),
    "uniform_": lambda c: c.uniform_(),
    "a view": lambda c: c[1:].zero_(),
    "a view of a view": lambda c: c.reshape(3, 1).T[0, 2:].fill_(9),
    "detach": lambda c: c.detach().zero_(),
    "from_numpy": lambda c: mg.from_numpy(c.numpy()).zero_(),
    "data of another tensor": lambda c: mg.Tensor(c.data).zero_(),
    "an optimizer": lambda c: mutated(c.data),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_saved_and_then_changed_is_an_error_that_names_the_op(change: str) -> None:
    c = mg.tensor([1.0, 2.0, 3.0], dtype=np.float64)
    x = leaf(1.0, 1.0, 1.0)
    y = (x * c).sum()
    CHANGES[change](c)
    with pytest.raises(RuntimeError, match=r"'multiply' saved .*shape \[3\].*changed in place"):
        y.backward()
    x.grad = None
    (x * c).sum().backward()  # anew, with what is there now
    assert grad_of(x) == c.tolist()


@pytest.mark.parametrize("change", CHANGES)
def test_the_change_is_seen_through_a_view_that_was_saved(change: str) -> None:
    c = mg.tensor([1.0, 2.0, 3.0], dtype=np.float64)
    x = leaf(1.0, 1.0, 1.0)
    y = (x * c.flip(0).reshape(1, 3).T[:, 0]).sum()
    CHANGES[change](c)
    with pytest.raises(RuntimeError, match=r"'multiply' saved .*changed in place"):
        y.backward()


@pytest.mark.parametrize("change", CHANGES)
def test_with_create_graph_the_change_is_seen_too(change: str) -> None:
    c = mg.tensor([1.0, 2.0, 3.0], dtype=np.float64)
    x = leaf(1.0, 1.0, 1.0)
    (g,) = mg.grad(((x * c) ** 2).sum(), x, create_graph=True)
    CHANGES[change](c)
    with pytest.raises(RuntimeError, match=r"changed in place"):
        mg.grad(g.sum(), x)


def test_a_parameter_changed_by_a_step_between_forward_and_backward() -> None:
    w = leaf(1.0, 2.0)
    x = leaf(3.0, 4.0)
    loss = (x * w).sum()
    with mg.no_grad():
        w.add_(w.detach(), alpha=-0.1)
    with pytest.raises(RuntimeError, match=r"'multiply' saved .*optimizer"):
        loss.backward()


def test_an_output_that_a_rule_reads_is_guarded_as_well() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="'exp' saved"):
        y.sum().backward()


def test_what_no_rule_reads_may_change() -> None:
    x = leaf(1.0, 2.0)
    c = mg.tensor([3.0, 4.0], dtype=np.float64)
    y = (x + c).exp()  # add keeps nothing, exp its output
    c.zero_()
    with mg.no_grad():
        x.zero_()
    y.sum().backward()
    np.testing.assert_allclose(grad_of(x), np.exp([4.0, 6.0]))


def test_the_other_factor_may_change_where_its_partner_needs_no_gradient() -> None:
    x = leaf(1.0, 2.0)
    c = mg.tensor([3.0, 4.0], dtype=np.float64)
    y = (x * c).sum()  # keeps c only
    with mg.no_grad():
        x.zero_()
    y.backward()
    assert grad_of(x) == [3.0, 4.0]


def test_a_change_before_the_forward_is_no_matter() -> None:
    x, c = leaf(1.0), mg.tensor([3.0], dtype=np.float64)
    c.zero_()
    c.add_(2)
    (x * c).backward()
    assert grad_of(x) == [2.0]


def test_a_change_after_the_backward_is_no_matter() -> None:
    x, c = leaf(1.0), mg.tensor([3.0], dtype=np.float64)
    (x * c).backward()
    c.zero_()
    assert grad_of(x) == [3.0]


def test_changing_something_else_is_no_false_alarm() -> None:
    x, c = leaf(1.0, 2.0), mg.tensor([3.0, 4.0], dtype=np.float64)
    other = c.clone()
    y = (x * c).sum()
    other.zero_()
    mg.zeros(2).add_(1)
    y.backward()
    assert grad_of(x) == [3.0, 4.0]


def test_a_change_before_the_forward_and_one_elsewhere_after_it_are_no_false_alarm() -> None:
    """As in training: the step before changed the weights, and this forward the statistics."""
    w, other = leaf(1.0, 2.0), mg.zeros(2)
    for _ in range(3):
        y = (w * w).sum()
        other.add_(1)
        y.backward()
        with mg.no_grad():
            w.mul_(0.5)
    assert grad_of(w) == [2 * (1 + 0.5 + 0.25), 4 * (1 + 0.5 + 0.25)]


def test_a_change_that_failed_is_no_false_alarm() -> None:
    x, c = leaf(1.0, 2.0), mg.tensor([3.0, 4.0], dtype=np.float64)
    y = (x * c).sum()
    with pytest.raises(ValueError, match="broadcast"):
        c.copy_(np.zeros(5))
    y.backward()
    assert grad_of(x) == [3.0, 4.0]


def test_memory_used_again_at_the_same_address_is_no_false_alarm() -> None:
    """Arrays that died after a change leave their id() to later ones."""
    seen: set[int] = set()
    again = 0
    x = mg.ones(8, requires_grad=True)
    for _ in range(2000):
        old = mg.zeros(8)
        y_early = x * 2.0
        old.zero_()
        seen.add(id(old.data))
        del old
        new = mg.ones(8)
        again += id(new.data) in seen
        (x * new).sum().backward()
        del y_early
    assert again > 0, "no address was used again: the test shows nothing"


def test_the_records_of_changes_die_with_their_arrays() -> None:
    from minigrad import clock

    gc.collect()
    before = len(clock._mutations)
    for _ in range(100):
        t = mg.zeros(3)
        t.add_(1)
        t.reshape(3, 1).zero_()
    del t
    assert len(clock._mutations) == before


def test_gradients_that_add_up_in_place_count_as_changed() -> None:
    x = leaf(2.0)
    (x * 3).backward()
    grad = x.grad
    assert grad is not None
    y = leaf(1.0)
    z = y * grad
    (x * 3).backward()  # adds to x.grad in place
    with pytest.raises(RuntimeError, match="'multiply' saved"):
        z.backward()


@given(st.lists(st.sampled_from(["c", "view", "other", "none"]), min_size=1, max_size=6))
def test_backward_raises_exactly_when_something_saved_was_changed(changes: list[str]) -> None:
    c = mg.tensor([1.0, 2.0], dtype=np.float64)
    other = c.clone()
    x = leaf(1.0, 1.0)
    y = (x * c).sum()
    for name in changes:
        {"c": c, "view": c[:1], "other": other, "none": mg.zeros(2)}[name].add_(1)
    if {"c", "view"} & set(changes):
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward()
    else:
        y.backward()
        assert grad_of(x) == [1.0, 2.0]
