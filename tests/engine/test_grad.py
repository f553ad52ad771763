"""grad(): for which inputs, of which outputs, with which cotangents."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from tests.leaves import grad_of, leaf


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
