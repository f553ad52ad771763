"""Ops of one's own: what an op is, what a rule may read, broadcasting and dtypes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.op import not_differentiable
from tests.leaves import leaf


def make_cube() -> Any:
    @mg.op
    def cube(xp: Any, x: Any) -> Any:
        """x to the power three."""
        return x * x * x

    cube.gradient("x")(lambda g, x: g * (3 * x * x))
    return cube


# ---- what an op is -------------------------------------------------------------------------------


def test_an_op_on_arrays_gives_an_array_and_on_tensors_a_tensor() -> None:
    cube = make_cube()
    array = np.array([1.0, 2.0])
    assert type(cube(array)) is np.ndarray
    assert cube(array).tolist() == [1.0, 8.0]
    assert isinstance(cube(mg.tensor(array)), mg.Tensor)
    assert not cube(mg.tensor(array)).requires_grad
    assert cube(leaf(1.0, 2.0)).requires_grad
    with mg.no_grad():
        assert not cube(leaf(1.0, 2.0)).requires_grad


def test_an_op_says_what_it_is() -> None:
    cube = make_cube()
    assert cube.__name__ == "cube"
    assert cube.__doc__ == "x to the power three."
    assert repr(cube) == "<op cube(x)>"
    assert leaf(1.0).exp().grad_fn.name == "exp"


def test_one_rule_gives_derivatives_of_any_order() -> None:
    cube = make_cube()
    x = leaf(2.0)
    y = cube(x)
    found = []
    for _ in range(4):
        (y,) = mg.grad(y, x, create_graph=True)
        found.append(y.item())
        if not y.requires_grad:
            break
    assert found[:3] == [12.0, 12.0, 6.0]
    assert mg.gradcheck(cube, [leaf(0.5, -1.5)])
    assert mg.gradgradcheck(cube, [leaf(0.5, -1.5)])


def test_the_first_order_walk_hands_arrays_to_the_rule_and_create_graph_tensors() -> None:
    seen: list[type] = []

    @mg.op
    def same(xp: Any, x: Any) -> Any:
        return x * 1

    @same.gradient("x")
    def _(g: Any, x: Any, out: Any) -> Any:
        seen.extend([type(g), type(x), type(out)])
        return g

    x = leaf(1.0)
    mg.grad(same(x), x)
    assert seen == [np.ndarray] * 3
    seen.clear()
    mg.grad(same(x), x, create_graph=True)
    assert seen == [mg.Tensor] * 3


# ---- what rules read -----------------------------------------------------------------------------


@given(st.integers(0, 2**5 - 1))
def test_rules_get_what_they_name_whichever_operands_need_a_gradient(which: int) -> None:
    """Five operands, any of which may be constant: out = a b + c d e, and rules in mixed order."""

    @mg.op
    def mixed(xp: Any, a: Any, b: Any, c: Any, d: Any, e: Any, *, scale: float = 1.0) -> Any:
        return scale * (a * b + c * d * e)

    mixed.gradient("e")(lambda g, scale, d, c: g * (scale * c * d))
    mixed.gradient("a")(lambda g, b, scale: g * (scale * b))
    mixed.gradient("c", "d")(lambda g, e, d, c, scale: (g * (scale * d * e), g * (scale * c * e)))
    mixed.gradient("b")(lambda g, out, c, d, e, b, scale: g * ((out - scale * c * d * e) / b))
    values = [2.0, 3.0, 5.0, 7.0, 11.0]
    operands = [
        mg.tensor([v], dtype=np.float64, requires_grad=bool(which >> i & 1))
        for i, v in enumerate(values)
    ]
    expected = [3.0, 2.0, 77.0, 55.0, 35.0]
    for scale in (1.0, -2.0):
        out = mixed(*operands) if scale == 1.0 else mixed(*operands, scale=scale)
        assert out.requires_grad == bool(which)
        if which:
            out.backward()
        for i, x in enumerate(operands):
            if which >> i & 1:
                assert x.grad is not None
                assert x.grad.item() == scale * expected[i]
                x.grad = None
            else:
                assert x.grad is None


@pytest.mark.parametrize("create_graph", [False, True])
def test_rules_may_read_shape_dtype_and_device_alone(create_graph: bool) -> None:
    seen: list[Any] = []

    @mg.op
    def total(xp: Any, x: Any, *, times: int = 2) -> Any:
        return x.sum() * times

    @total.gradient("x")
    def _(g: Any, x_shape: Any, x_dtype: Any, x_device: Any, times: int) -> Any:
        seen.append((x_shape, x_dtype, x_device, times))
        return mg.expand(g * times, x_shape)

    x = mg.zeros(2, 3, requires_grad=True)
    for settings, times in (({}, 2), ({"times": 5}, 5)):
        (g,) = mg.grad(total(x, **settings), x, create_graph=create_graph)
        assert seen.pop() == ((2, 3), np.float32, mg.device("cpu"), times)
        assert g.tolist() == [[times] * 3] * 2


def test_an_operand_may_have_a_default() -> None:
    @mg.op
    def affine(xp: Any, x: Any, w: Any, b: Any = None, *, power: int = 1) -> Any:
        out = (x * w) ** power
        return out if b is None else out + b

    affine.gradient("x")(lambda g, x, w, out, b, power: g * (power * (x * w) ** (power - 1) * w))
    affine.gradient("b")(lambda g: g)
    affine.gradient("w")(lambda g, x, w, power: g * (power * (x * w) ** (power - 1) * x))
    x, w, b = leaf(2.0), leaf(3.0), leaf(5.0)
    for power in (1, 2):
        outer = power * 6.0 ** (power - 1)
        gx, gw = mg.grad(affine(x, w, power=power), [x, w])
        assert (gx.item(), gw.item()) == (outer * 3, outer * 2)
        gx, gb = mg.grad(affine(x, w, b, power=power), [x, b])
        assert (gx.item(), gb.item()) == (outer * 3, 1.0)
        assert mg.grad(affine(x, w, None, power=power), x)[0].item() == outer * 3


def test_a_joint_rule_runs_once_for_all_of_its_operands() -> None:
    runs: list[int] = []

    @mg.op
    def product(xp: Any, x: Any, y: Any) -> Any:
        return x * y

    @product.gradient("x", "y")
    def _(g: Any, x: Any, y: Any) -> Any:
        runs.append(1)
        return g * y, g * x

    x, y = leaf(2.0), leaf(3.0)
    product(x, y).backward()
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.item(), y.grad.item(), runs) == (3.0, 2.0, [1])
    (gx,) = mg.grad(product(x, y.detach()), x)
    assert gx.item() == 3.0
    (gy,) = mg.grad(product(x, y), y)
    assert gy.item() == 2.0


def test_a_joint_rule_may_leave_out_what_is_not_asked_for() -> None:
    @mg.op
    def product(xp: Any, x: Any, y: Any) -> Any:
        return x * y

    product.gradient("x", "y")(lambda g, y: (g * y, None))
    x = leaf(2.0)
    (g,) = mg.grad(product(x, np.array([3.0])), x)
    assert g.item() == 3.0


@given(
    st.lists(hnp.arrays(np.float64, (2,), elements=st.floats(-2, 2)), min_size=1, max_size=5),
    st.data(),
)
def test_ops_of_any_number_of_operands(arrays: list[Any], data: st.DataObject) -> None:
    @mg.op
    def weighted(xp: Any, *xs: Any, by: float = 1.0) -> Any:
        return sum((i + by) * x for i, x in enumerate(xs))

    @weighted.gradient("xs")
    def _(g: Any, by: float) -> Any:
        return [g * (i + by) for i in range(len(arrays))]

    flags = [data.draw(st.booleans()) for _ in arrays]
    xs = [mg.tensor(a, requires_grad=f) for a, f in zip(arrays, flags, strict=True)]
    out = weighted(*xs, by=2.0)
    assert out.requires_grad == any(flags)
    if any(flags):
        out.backward(mg.ones(2, dtype=np.float64))
    for i, x in enumerate(xs):
        assert (x.grad is not None) == flags[i]
        assert x.grad is None or x.grad.tolist() == [i + 2.0] * 2


# ---- elementwise ---------------------------------------------------------------------------------


@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3))
def test_elementwise_ops_sum_over_what_was_broadcast(shapes: Any) -> None:
    @mg.elementwise
    def fma(xp: Any, x: Any, y: Any, z: Any) -> Any:
        return x * y + z

    fma.gradient("x")(lambda g, y: g * y)
    fma.gradient("y")(lambda g, x: g * x)
    fma.gradient("z")(lambda g: g)
    a, b, c = (mg.randn(s, dtype=np.float64, requires_grad=True) for s in shapes.input_shapes)
    out = fma(a, b, c)
    assert out.shape == shapes.result_shape
    v = np.random.default_rng(0).normal(size=out.shape)
    found = mg.grad(out, [a, b, c], mg.tensor(v))
    full = [
        v * np.broadcast_to(b.numpy(force=True), v.shape),
        v * np.broadcast_to(a.numpy(force=True), v.shape),
        v,
    ]
    for x, g, f in zip((a, b, c), found, full, strict=True):
        lead = f.ndim - x.ndim
        f = f.sum(tuple(range(lead)))
        f = f.sum(tuple(i for i, n in enumerate(x.shape) if n == 1), keepdims=True)
        np.testing.assert_allclose(g.numpy(), f.reshape(x.shape), rtol=1e-12, atol=1e-12)
        assert g.shape == x.shape


def test_elementwise_ops_meet_in_the_right_dtype() -> None:
    @mg.elementwise
    def plus(xp: Any, x: Any, y: Any) -> Any:
        return x + y

    plus.gradient("x", "y")(lambda g: (g, g))
    for x, y, dtype in [
        (mg.ones(2), np.float64(1), np.float32),
        (mg.ones(2), 1, np.float32),
        (mg.ones(2), mg.tensor([1, 2]), np.float32),
        (mg.ones(2), np.ones(2), np.float64),
        (mg.tensor([1]), mg.tensor([True]), np.int64),
    ]:
        assert plus(x, y).dtype == dtype


def test_ops_that_are_not_differentiable_are_off_the_tape() -> None:
    @not_differentiable
    def count(xp: Any, x: Any) -> Any:
        return (x > 0).sum()

    out = count(leaf(1.0, -1.0))
    assert isinstance(out, mg.Tensor)
    assert not out.requires_grad
    assert out.item() == 1


def test_a_result_that_is_not_floating_is_off_the_tape() -> None:
    @mg.op
    def rounded(xp: Any, x: Any) -> Any:
        return x.astype(np.int64)

    rounded.gradient("x")(lambda g: g)
    assert not rounded(leaf(1.5)).requires_grad


def test_a_forward_may_return_a_scalar_or_its_operand() -> None:
    @mg.op
    def total(xp: Any, x: Any) -> Any:
        return x.sum()  # NumPy gives a scalar, not an array

    total.gradient("x")(lambda g, x_shape: mg.expand(g, x_shape))

    @mg.op
    def same(xp: Any, x: Any) -> Any:
        return x

    same.gradient("x")(lambda g: g)
    x = leaf(1.0, 2.0)
    y = total(same(x))
    assert y.shape == ()
    assert isinstance(y.array, np.ndarray)
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]
