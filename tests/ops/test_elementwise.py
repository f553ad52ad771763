"""Functions of single elements: values, gradients, broadcasting, kinks, large and tiny numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.nn.functional as F
from tests.checks import beside, check_op
from tests.strategies import (
    arrays,
    at_most,
    between,
    nonzero,
    normal,
    operands,
    positive,
    shapes,
)


def each(f):
    """The function of Python's math, applied to every element."""
    return np.vectorize(f, otypes=[float])


def multiples_plus(offset):
    """Whole numbers plus an offset: never equal to those with another one."""
    return lambda rng, shape: rng.integers(-3, 3, shape) + offset


# What is not smooth is drawn from `nonzero`, away from its kink at 0.
UNARY = {
    "negative": (mg.negative, each(lambda x: 0.0 - x), normal),
    "square": (mg.square, each(lambda x: x * x), normal),
    "exp": (mg.exp, each(math.exp), normal),
    "expm1": (mg.expm1, each(math.expm1), normal),
    "log": (mg.log, each(math.log), positive),
    "log1p": (mg.log1p, each(math.log1p), between(-0.6, 2)),
    "sqrt": (mg.sqrt, each(math.sqrt), positive),
    "abs": (mg.abs, each(lambda x: x if x > 0 else -x), nonzero),
    "sign": (mg.sign, each(lambda x: x / abs(x)), nonzero),
    "sin": (mg.sin, each(math.sin), normal),
    "cos": (mg.cos, each(math.cos), normal),
    "tanh": (mg.tanh, each(math.tanh), normal),
    "sigmoid": (mg.sigmoid, each(lambda x: 1 / (1 + math.exp(-x))), normal),
    "softplus": (mg.softplus, each(lambda x: math.log(1 + math.exp(x))), normal),
    "relu": (mg.relu, each(lambda x: x if x > 0 else 0), nonzero),
    "leaky_relu": (mg.leaky_relu, each(lambda x: x if x > 0 else x / 100), nonzero),
    "leaky_relu of slope .2": (
        lambda x: mg.leaky_relu(x, negative_slope=0.2),
        each(lambda x: x if x > 0 else x / 5),
        nonzero,
    ),
    "leaky_relu of slope 3": (
        lambda x: mg.leaky_relu(x, negative_slope=3.0),
        each(lambda x: x if x > 0 else 3 * x),
        nonzero,
    ),
    "leaky_relu of slope -.5": (
        lambda x: mg.leaky_relu(x, negative_slope=-0.5),
        each(lambda x: x if x > 0 else -x / 2),
        nonzero,
    ),
    "clip": (
        lambda x: mg.clip(x, min=-0.25, max=0.25),
        each(lambda x: sorted([-0.25, x, 0.25])[1]),
        nonzero,
    ),
    "clip from below": (lambda x: mg.clip(x, min=0.1), each(lambda x: max(x, 0.1)), nonzero),
    "clip from above": (lambda x: mg.clip(x, max=0.1), each(lambda x: min(x, 0.1)), nonzero),
    "power 2": (lambda x: x**2, each(lambda x: x * x), normal),
    "power 3": (lambda x: mg.power(x, 3), each(lambda x: x * x * x), normal),
    "power 1": (lambda x: x**1, each(lambda x: x), normal),
    "power 0": (lambda x: x**0, each(lambda x: 1), normal),
    "power -1": (lambda x: x**-1, each(lambda x: 1 / x), nonzero),
    "power .5": (lambda x: x**0.5, each(math.sqrt), positive),
    "power -1.5": (lambda x: x**-1.5, each(lambda x: 1 / (x * math.sqrt(x))), positive),
    "2 to the power": (
        lambda x: mg.power(2.0, x),
        each(lambda x: math.exp(x * math.log(2))),
        normal,
    ),
}
BINARY = {
    "add": (mg.add, each(lambda x, y: math.fsum([x, y])), (normal, normal)),
    "subtract": (mg.subtract, each(lambda x, y: math.fsum([x, -y])), (normal, normal)),
    "multiply": (
        mg.multiply,
        each(lambda x, y: float(Fraction(x) * Fraction(y))),
        (normal, normal),
    ),
    "divide": (mg.divide, each(lambda x, y: float(Fraction(x) / Fraction(y))), (normal, nonzero)),
    "power": (mg.power, each(lambda x, y: math.exp(y * math.log(x))), (positive, normal)),
    "maximum": (
        mg.maximum,
        each(lambda x, y: x if x > y else y),
        (multiples_plus(0.0), multiples_plus(0.5)),
    ),
    "minimum": (
        mg.minimum,
        each(lambda x, y: y if x > y else x),
        (multiples_plus(0.0), multiples_plus(0.5)),
    ),
}


@pytest.mark.parametrize("name", UNARY)
@given(data=st.data())
@at_most(20)
def test_unary(name, data):
    f, reference, filling = UNARY[name]
    check_op(f, reference, data.draw(arrays(shapes(), filling)))


@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
@at_most(20)
def test_binary(name, data):
    f, reference, fillings = BINARY[name]
    check_op(f, reference, *data.draw(operands(*fillings)))


@given(operands(normal, normal, normal))
def test_where(xyz):
    *xy, z = xyz
    condition = z > 0
    choose = np.vectorize(lambda x, y, c: x if c else y, otypes=[float])
    check_op(
        lambda x, y: mg.where(beside(condition, x), x, y),
        lambda x, y: choose(x, y, condition),
        *xy,
    )


@given(arrays(shapes()))
def test_one_tensor_as_both_operands(x):
    check_op(lambda x: x * x + x / (x * x + 1), lambda x: x**2 + x / (1 + x**2), x)


# ---- operators -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by_operator", "by_name"),
    [
        (lambda x, y: x + y, mg.add),
        (lambda x, y: x - y, mg.subtract),
        (lambda x, y: x * y, mg.multiply),
        (lambda x, y: x / y, mg.divide),
        (lambda x, y: x**y, mg.power),
        (lambda x, y: x @ y, mg.matmul),
        (lambda x, y: x == y, mg.eq),
        (lambda x, y: x != y, mg.ne),
        (lambda x, y: x < y, mg.lt),
        (lambda x, y: x <= y, mg.le),
        (lambda x, y: x > y, mg.gt),
        (lambda x, y: x >= y, mg.ge),
    ],
)
def test_operators_with_a_tensor_on_either_side(by_operator, by_name):
    x, y = np.array([[0.5, 2.0], [3.0, 1.5]]), np.array([[2.0, 2.0], [0.5, 1.0]])
    expected = by_name(x, y)
    for a, b in ((mg.tensor(x), mg.tensor(y)), (mg.tensor(x), y), (x, mg.tensor(y))):
        out = by_operator(a, b)
        assert isinstance(out, mg.Tensor)
        np.testing.assert_array_equal(out.numpy(), expected)


@pytest.mark.parametrize("a", [2, 2.5, np.float64(2.5), np.float32(2.5), np.int64(2)])
def test_operators_with_a_number_on_either_side(a):
    x = mg.tensor([1.0, 4.0], requires_grad=True)
    for y, expected, slope in [
        (a + x, a + x.array, [1, 1]),
        (a - x, a - x.array, [-1, -1]),
        (a * x, a * x.array, [a, a]),
        (a / x, a / x.array, [-a, -a / 16]),
        (a**x, a**x.array, a**x.array * np.log(a)),
        (x - a, x.array - a, [1, 1]),
        (x / a, x.array / a, [1 / a, 1 / a]),
        (x**a, x.array**a, a * x.array ** (a - 1)),
    ]:
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-6)
        (g,) = mg.grad(y, x, mg.ones(2))
        assert y.dtype == g.dtype == np.float32
        np.testing.assert_allclose(g.numpy(), slope, rtol=1e-6)


def test_logical_operators():
    x, y = mg.tensor([True, True, False, False]), mg.tensor([True, False, True, False])
    assert (x & y).tolist() == [True, False, False, False]
    assert (x | y).tolist() == [True, True, True, False]
    assert (~x).tolist() == [False, False, True, True]
    for a, b in ((x, y), (x * 2.0, y * -3)):
        assert mg.logical_and(a, b).tolist() == [True, False, False, False]
        assert mg.logical_or(a, b).tolist() == [True, True, True, False]
        assert mg.logical_xor(a, b).tolist() == (x ^ y).tolist() == [False, True, True, False]
        assert mg.logical_not(a).tolist() == [False, False, True, True]
    assert mg.any(x).item() is True
    assert mg.all(x).item() is False


def test_bounds_that_are_tensors_get_the_gradient_of_what_they_replace():
    x, bound = (mg.tensor(v, requires_grad=True) for v in ([-1.0, 2.0, 5.0], [0.0, 3.0, 4.0]))
    for out, expected, slope in [
        (mg.clip(x, bound), [0, 3, 5], [0, 0, 1]),
        (mg.clip(x, max=bound), [-1, 2, 4], [1, 1, 0]),
        (mg.clip(x, bound, bound), [0, 3, 4], [0, 0, 0]),
    ]:
        assert out.tolist() == expected
        of_x, of_bound = mg.grad(out.sum(), [x, bound])
        assert of_x.tolist() == slope
        assert of_bound.tolist() == [1 - s for s in slope]


def test_the_slope_of_a_power_of_0():
    y = mg.tensor([2.0, 0.0, -1.0], requires_grad=True)
    for zero in (0.0, mg.zeros(3)):
        with np.errstate(divide="ignore"):
            (slope,) = mg.grad((zero**y).sum(), y)
        assert slope.tolist() == [0, 0, -math.inf]


def test_comparisons_are_not_on_the_tape():
    x = mg.tensor([1.0, -2.0, math.inf, math.nan], requires_grad=True)
    for y, expected in [
        (x > 0, [True, False, True, False]),
        (mg.isfinite(x), [True, True, False, False]),
        (mg.isnan(x), [False, False, False, True]),
    ]:
        assert y.tolist() == expected and y.dtype == np.bool_ and not y.requires_grad


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(ValueError, match=r"add.*\[2, 3\].*\[2\]"):
        mg.ones(2, 3) + mg.ones(2)


# ---- at kinks and ties: PyTorch's choices --------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (mg.relu, 0.0, 0),
        (mg.relu, -0.0, 0),
        (lambda x: mg.leaky_relu(x, negative_slope=0.2), 0.0, 0.2),
        (lambda x: mg.leaky_relu(x, negative_slope=0.2), -0.0, 0.2),
        (lambda x: mg.leaky_relu(x, negative_slope=3.0), 0.0, 3.0),
        (mg.abs, 0.0, 0),
        (mg.sign, 0.0, 0),
        (mg.sqrt, 0.0, math.inf),
        (lambda x: x**0.5, 0.0, math.inf),
        (lambda x: x**0, 0.0, 0),
        (lambda x: x**1, 0.0, 1),
        (lambda x: x**2, 0.0, 0),
        (lambda x: x**3, -0.0, 0),
        (lambda x: mg.clip(x, min=-1, max=1), 1.0, 1),
        (lambda x: mg.clip(x, min=-1, max=1), -1.0, 1),
        (lambda x: mg.clip(x, min=-1, max=1), 1.5, 0),
        (lambda x: mg.clip(x, min=-1, max=1), -1.5, 0),
        (lambda x: F.hardtanh(x, -1, 2), 2.0, 0),
        (lambda x: F.hardtanh(x, -1, 2), -1.0, 0),
        (lambda x: F.relu6(x), 6.0, 0),
        (lambda x: F.relu6(x), 0.0, 0),
        (lambda x: F.elu(x, 0.5), 0.0, 0.5),
        (lambda x: F.leaky_relu(x, 0.25), 0.0, 0.25),
        (lambda x: mg.maximum(x, x.detach()), 2.0, 0.5),
        (lambda x: mg.minimum(x, x.detach()), 2.0, 0.5),
        (lambda x: mg.maximum(x.detach(), x), 2.0, 0.5),
        (lambda x: mg.minimum(x.detach(), x), 2.0, 0.5),
    ],
)
def test_slope_at_a_kink(f, at, slope, dtype):
    x = mg.tensor(np.array([at, 5.0], dtype), requires_grad=True)
    with np.errstate(divide="ignore"):
        (g,) = mg.grad(f(x), x, mg.tensor(np.array([1.0, 0.0], dtype)))
        h = mg.grad(f(x), x, mg.tensor(np.array([2.0, 0.0], dtype)), create_graph=True)[0].detach()
    assert g.array[0] == dtype(slope)
    assert h.array[0] == dtype(2) * dtype(slope)


@pytest.mark.parametrize(
    ("x", "y", "slope_x", "slope_y"),
    [(0, 0, 0, 0), (0, 1, 1, 0), (0, 2, 0, 0), (0, 0.5, math.inf, 0), (2, 0, 0, math.log(2))],
)
def test_slopes_of_power_at_zero(x, y, slope_x, slope_y):
    x, y = (mg.tensor([float(v), 2.0], dtype=mg.float64, requires_grad=True) for v in (x, y))
    with np.errstate(divide="ignore"):
        gx, gy = mg.grad((x**y)[0], [x, y])
    assert (gx.array[0], gy.array[0]) == (slope_x, slope_y)


def test_nothing_crosses_to_what_where_did_not_choose():
    """Also where the other branch's own gradient is not finite: inf times 0 would be NaN."""
    x = mg.tensor([0.0, 4.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        safe = mg.where(x > 0, x, 1.0)
        (g,) = mg.grad(mg.where(x > 0, mg.sqrt(safe), 0.0).sum(), x)
    assert g.tolist() == [0.0, 0.25]


# ---- large and tiny numbers ----------------------------------------------------------------------


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


POINTS = [-1000, -100, -30, -10, -1, -1e-6, 0, 1e-6, 1, 10, 30, 100, 1000]
CAREFUL = {
    "tanh": (mg.tanh, math.tanh, lambda x: (1 - math.tanh(x)) * (1 + math.tanh(x))),
    "sigmoid": (mg.sigmoid, logistic, lambda x: logistic(x) * logistic(-x)),
    "softplus": (
        mg.softplus,
        lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))),
        logistic,
    ),
    "expm1": (lambda x: mg.expm1(mg.minimum(x, 80.0)), lambda x: math.expm1(min(x, 80)), None),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CAREFUL)
def test_accurate_everywhere_without_a_floating_point_error(name, dtype):
    f, value, slope = CAREFUL[name]
    points = np.array(POINTS, dtype)
    info = np.finfo(dtype)
    with np.errstate(all="raise"):
        x = mg.tensor(points, requires_grad=True)
        y = f(x)
        (g,) = mg.grad(y, x, mg.ones_like(x))
    expected = [value(float(p)) for p in points]
    np.testing.assert_allclose(y.detach().numpy(), expected, 4 * info.eps, atol=info.tiny)
    if slope is not None:
        expected = [slope(float(p)) for p in points]
        np.testing.assert_allclose(g.numpy(), expected, 4 * info.eps, atol=info.eps)


def test_a_tolerance_is_not_negative():
    x = mg.ones(2)
    for tolerances in ((-1e-5, 1), (1, -1e-8)):
        with pytest.raises(ValueError, match="tolerances must be >= 0"):
            mg.isclose(x, x, *tolerances)


@pytest.mark.parametrize("f", [mg.floor, mg.ceil, mg.trunc, mg.round, mg.sign])
def test_steps_are_flat(f):
    x = mg.tensor([-1.7, 0.2, 2.6], requires_grad=True)
    assert mg.grad(f(x).sum(), x)[0].tolist() == [0, 0, 0]
