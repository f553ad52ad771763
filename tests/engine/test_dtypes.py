"""Numbers, arrays and tensors of several dtypes mixed, and to()."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from tests.leaves import leaf

FLOATS = (np.float32, np.float64)


# ---- numbers, arrays and tensors mixed -----------------------------------------------------------

MIXED = {
    "numpy array": lambda: np.array([2.0, 3.0], np.float32),
    "numpy float32": lambda: np.float32(2),
    "numpy float64": lambda: np.float64(2),
    "numpy int64": lambda: np.int64(2),
    "numpy int32": lambda: np.int32(2),
    "numpy bool": lambda: np.bool_(True),
    "float": lambda: 2.0,
    "int": lambda: 2,
    "bool": lambda: True,
    "int tensor": lambda: mg.tensor([2, 3]),
    "bool tensor": lambda: mg.tensor([True, True]),
    "0-d float64 tensor": lambda: mg.tensor(2.0, dtype=np.float64),
    "0-d int tensor": lambda: mg.tensor(2),
}
OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "maximum": lambda a, b: mg.maximum(a, b),
}


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("name", MIXED)
def test_float32_stays_float32_with_any_partner(name: str, sign: str) -> None:
    f = OPERATORS[sign]
    x = leaf(1.0, 2.0, dtype=np.float32)
    other = MIXED[name]()
    plain = other.numpy() if isinstance(other, mg.Tensor) else np.asarray(other)
    for out, expected in [
        (f(x, other), f(x.numpy(force=True).astype(float), plain.astype(float))),
        (f(other, x), f(plain.astype(float), x.numpy(force=True).astype(float))),
    ]:
        assert isinstance(out, mg.Tensor)
        assert out.dtype == np.float32
        expected = expected.numpy() if isinstance(expected, mg.Tensor) else expected
        np.testing.assert_allclose(out.numpy(force=True), expected, rtol=1e-6)
        x.grad = None
        out.sum().backward()
        assert x.grad is not None
        assert x.grad.dtype == np.float32


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_loss_of_no_axes_keeps_its_dtype(dtype: Any) -> None:
    loss = leaf(1.0, 2.0, dtype=dtype).sum()
    for number in (2, 2.0, np.float64(2), np.float32(2), np.int64(2), True):
        for out in (loss * number, number * loss, loss / number, loss + number, loss**number):
            assert out.dtype == dtype, type(number)


def test_integers_meet_floats_as_in_pytorch() -> None:
    i, f32, f64 = mg.tensor([1, 2]), mg.ones(2), mg.ones(2, dtype=np.float64)
    assert (i + i).dtype == (i * 2).dtype == (i**2).dtype == np.int64
    assert (i / i).dtype == (i / 2).dtype == (i * 0.5).dtype == i.exp().dtype == np.float32
    assert (i + f32).dtype == (f32 * i).dtype == np.float32
    assert (i + f64).dtype == (f64 * i).dtype == np.float64
    assert (f32 + f64).dtype == np.float64
    assert (i * mg.tensor(0.5)).dtype == np.float32
    assert (i * mg.tensor(0.5, dtype=np.float64)).dtype == np.float64
    assert (f32 * mg.tensor(0.5, dtype=np.float64)).dtype == np.float32
    assert (mg.tensor([True]) + 1).dtype == np.int64


def test_gradients_come_back_in_each_operands_dtype() -> None:
    a = leaf(1.0, 2.0, dtype=np.float32)
    b = leaf(3.0, 4.0, dtype=np.float64)
    s = mg.tensor(2.0, dtype=np.float64, requires_grad=True)
    out = a * b + a * s
    assert out.dtype == np.float64
    out.sum().backward()
    for x, expected in ((a, [5.0, 6.0]), (b, [1.0, 2.0]), (s, 3.0)):
        assert x.grad is not None
        assert x.grad.dtype == x.dtype
        assert x.grad.tolist() == expected


def test_an_array_on_the_left_gives_a_tensor() -> None:
    t = mg.ones(2, 2)
    array = np.ones((2, 2), np.float32)
    for f in (*OPERATORS.values(), lambda a, b: a @ b):
        out = f(array, t)
        assert isinstance(out, mg.Tensor)
        assert out.shape == (2, 2)
    for compare in (lambda a, b: a < b, lambda a, b: a == b, lambda a, b: a != b):
        assert isinstance(compare(array, t), mg.Tensor)


def test_comparisons_give_bool_tensors_off_the_tape() -> None:
    x, y = leaf(1.0, 2.0, 3.0), mg.tensor([2.0, 2.0, 2.0])
    for out, expected in [
        (x < y, [True, False, False]),
        (x <= y, [True, True, False]),
        (x > y, [False, False, True]),
        (x >= y, [False, True, True]),
        (x == y, [False, True, False]),
        (x != y, [True, False, True]),
        (x == 2, [False, True, False]),
        (2 < x, [False, False, True]),
        (~(x == 2), [True, False, True]),
        ((x > 1) & (x < 3), [False, True, False]),
        ((x < 2) | (x > 2), [True, False, True]),
    ]:
        assert isinstance(out, mg.Tensor)
        assert out.dtype == np.bool_
        assert out.tolist() == expected
        assert not out.requires_grad


def test_logical_operators_on_integers_work_on_bits() -> None:
    a, b = mg.tensor([1, 2, 6]), mg.tensor([2, 3, 3])
    assert (a & b).tolist() == [0, 2, 2]
    assert (a | b).tolist() == [3, 3, 7]
    assert (~a).tolist() == [-2, -3, -7]
    assert (a & b).dtype == np.int64


# ---- to ------------------------------------------------------------------------------------------


def test_to_is_the_tensor_itself_where_nothing_changes() -> None:
    x = leaf(1.0, dtype=np.float32)
    assert x.to(np.float32) is x
    assert x.to("cpu") is x
    assert x.to(mg.device("cpu")) is x
    assert x.to(device="cpu", dtype=np.float32) is x
    assert x.to("cpu", np.float32) is x
    assert x.to(mg.zeros(1)) is x
    assert x.float() is x.cpu() is x.contiguous() is x


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda x: x.to(np.float64), np.float64),
        (lambda x: x.to("float64"), np.float64),
        (lambda x: x.to(mg.float64), np.float64),
        (lambda x: x.to("cpu", mg.float64), np.float64),
        (lambda x: x.to(dtype=float), np.float64),
        (lambda x: x.to(mg.zeros(1, dtype=np.int64)), np.int64),
        (lambda x: x.double(), np.float64),
        (lambda x: x.long(), np.int64),
        (lambda x: x.bool(), np.bool_),
        (lambda x: x.astype(np.int32), np.int32),
    ],
)
def test_to_another_dtype(convert: Any, dtype: Any) -> None:
    t = convert(mg.tensor([1.5, 0.0, -2.5]))
    assert t.dtype == dtype
    assert t.tolist() == np.array([1.5, 0.0, -2.5]).astype(dtype).tolist()


def test_a_cast_is_on_the_tape_and_its_gradient_comes_back_in_the_old_dtype() -> None:
    x = leaf(1.0, 2.0, dtype=np.float32)
    (x.double() * np.array([0.5, 2.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [0.5, 2.0]


def test_a_cast_to_integers_leaves_the_tape() -> None:
    x = leaf(1.7, 2.2)
    assert not x.long().requires_grad
    assert not x.bool().requires_grad
    y = (x * x.long()).sum()
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 2.0]


def test_contiguous() -> None:
    x = mg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    t = x.T.contiguous()
    assert t.array.flags.c_contiguous
    assert t.tolist() == x.T.tolist()
    (t * t).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), 2 * np.arange(6.0).reshape(2, 3))
