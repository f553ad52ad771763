"""Hooks on gradients, and retain_grad()."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from tests.leaves import grad_of, leaf


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
    assert not np.shares_memory(x.grad.array, y.grad.array)


def test_retain_grad_of_a_leaf_changes_nothing() -> None:
    x = leaf(2.0)
    x.retain_grad()
    (x * 3).backward()
    assert grad_of(x) == [3.0]


def test_a_gradient_that_was_kept_stays_as_it_was():
    y = mg.ones(2, requires_grad=True) * 3
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    first = y.grad
    y.sum().backward()
    assert first.tolist() == [1, 1] and y.grad.tolist() == [2, 2]
