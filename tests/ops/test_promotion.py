"""Which dtype comes of two: by PyTorch's rules, a number never makes a float32 tensor wider."""

import numpy as np
import pytest

import minigrad as mg

F4, F8, I8, B = mg.float32, mg.float64, mg.int64, mg.bool_
ARITHMETIC = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / y,
    lambda x, y: x**y,
    mg.maximum,
    mg.minimum,
    lambda x, y: mg.where(mg.tensor([True, False]), x, y),
]
each_op = pytest.mark.parametrize(
    "f", ARITHMETIC, ids=["+", "-", "*", "/", "**", "maximum", "minimum", "where"]
)


def of(dtype, *values):
    return mg.tensor(np.array(values, dtype))


@each_op
@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (of(F4, 1, 2), 3, F4),
        (of(F4, 1, 2), 3.5, F4),
        (of(F4, 1, 2), np.float64(3.5), F4),
        (of(F4, 1, 2), np.float32(3.5), F4),
        (of(F4, 1, 2), np.int64(3), F4),
        (of(F8, 1, 2), np.float32(3.5), F8),
        (of(F8, 1, 2), 3.5, F8),
        (of(F4, 1, 2), mg.tensor(np.array(3.5)), F4),  # without axes: a number
        (mg.tensor(np.float32(3)), of(F8, 1, 2), F8),
        (mg.tensor(np.float32(3)), mg.tensor(np.float64(3)), F8),
        (of(F4, 1, 2), of(F8, 1, 2), F8),
        (of(F4, 1, 2), of(I8, 1, 2), F4),
        (of(F8, 1, 2), of(I8, 1, 2), F8),
        (of(I8, 1, 2), 3.5, F4),
        (of(I8, 1, 2), mg.tensor(np.float64(3.5)), F8),
        (of(F4, 1, 2), of(B, 1, 0), F4),
    ],
    ids=lambda v: f"{v.dtype}{list(v.shape)}" if isinstance(v, mg.Tensor) else repr(v),
)
def test_the_dtype_of_two(f, x, y, expected):
    for a, b in ((x, y), (y, x)):
        if f is ARITHMETIC[-2] and not (isinstance(a, mg.Tensor) or isinstance(b, mg.Tensor)):
            continue
        with np.errstate(divide="ignore"):
            out = f(a, b)
        assert out.dtype == expected, f"{out.dtype} of {a!r} and {b!r}"
        double = [v.double() if isinstance(v, mg.Tensor) else float(v) for v in (a, b)]
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(out.numpy(), f(*double).numpy(), rtol=1e-6)


@each_op
@pytest.mark.parametrize("one_is_a_number", [False, True])
def test_each_operand_has_a_gradient_of_its_own_dtype(f, one_is_a_number):
    x = of(F4, 1.5, 2.5).requires_grad_()
    y = (mg.tensor(np.float64(3)) if one_is_a_number else of(F8, 3, 1)).requires_grad_()
    for a, b in ((x, y), (y, x)):
        out = f(a, b)
        gx, gy = mg.grad(out, [x, y], mg.ones_like(out))
        assert (gx.dtype, gy.dtype) == (F4, F8)
        a64, b64 = (v.detach().double().requires_grad_() for v in (a, b))
        out = f(a64, b64)
        exact = mg.grad(out, [a64, b64], mg.ones_like(out))
        for g, h in zip(mg.grad(f(a, b), [a, b], mg.ones_like(f(a, b))), exact, strict=True):
            np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-6)


@each_op
@pytest.mark.parametrize("number", [2, 2.5, np.float64(2.5), np.float32(2.5)])
def test_gradients_with_a_number(f, number):
    for dtype in (F4, F8):
        x = of(dtype, 1.5, 2.5).requires_grad_()
        for out in (f(x, number), f(number, x)):
            (g,) = mg.grad(out, x, mg.ones_like(out), create_graph=True)
            assert out.dtype == g.dtype == dtype


def test_division_of_integers_is_float32():
    out = mg.arange(3) / mg.tensor([2, 2, 2])
    assert out.dtype == F4 and out.tolist() == [0, 0.5, 1]


def test_functions_of_integers_are_float32():
    for f in (mg.exp, mg.sqrt, mg.sin, mg.sigmoid, mg.tanh, mg.log1p):
        assert f(mg.tensor([1, 2])).dtype == F4


@pytest.mark.parametrize("f", [mg.relu, mg.abs, mg.negative, mg.sign])
def test_functions_that_keep_integers(f):
    assert f(mg.tensor([-1, 2])).dtype == I8


def test_casts_carry_gradients_back_in_the_dtype_they_came_from():
    x = of(F4, 1, 2).requires_grad_()
    y = x.double() * 3
    assert y.dtype == F8
    (g,) = mg.grad(y, x, mg.tensor(np.array([1.0, 0.1])))
    assert g.dtype == F4
    np.testing.assert_array_equal(g.numpy(), np.array([3, np.float64(0.1) * 3], np.float32))


def test_a_number_as_wide_as_it_is_long_does_not_overflow_in_silence():
    """float32 keeps its dtype: a number beyond its range becomes inf, with NumPy's warning."""
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert (of(F4, 1.0) * 1e300).tolist() == [np.inf]
