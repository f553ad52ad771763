"""Gradients of gradients: create_graph, with backward() and with grad()."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from tests.leaves import grad_of, leaf

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
