"""Tensor: what it says of itself, how it is made, how it leaves, and how it is changed in place."""

import copy
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg

FLOATS = (np.float32, np.float64)
arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


def leaf(*values: float, dtype: Any = np.float64) -> mg.Tensor:
    return mg.tensor(list(values), dtype=dtype, requires_grad=True)


# ---- what it is ----------------------------------------------------------------------------------


@given(arrays)
def test_a_tensor_describes_itself_as_its_array_does(array: Any) -> None:
    t = mg.tensor(array)
    assert t.shape == t.size() == array.shape
    assert t.ndim == t.dim() == array.ndim
    assert t.dtype == array.dtype
    assert t.numel() == array.size
    assert t.element_size() == array.itemsize
    assert [t.size(d) for d in range(-t.ndim, t.ndim)] == [*array.shape, *array.shape]
    assert str(t.device) == "cpu"
    assert not t.requires_grad
    assert t.is_leaf
    assert t.grad_fn is None
    assert t.tolist() == array.tolist() or not np.isfinite(array).all()
    np.testing.assert_array_equal(t.numpy(), array)


@given(arrays.filter(lambda a: a.ndim > 0))
def test_len_and_iteration_go_over_the_first_axis(array: Any) -> None:
    t = mg.tensor(array)
    assert len(t) == len(array)
    rows = list(t)
    assert len(rows) == len(array)
    for row, expected in zip(rows, array, strict=True):
        assert isinstance(row, mg.Tensor)
        np.testing.assert_array_equal(row.numpy(), expected)


def test_iteration_is_on_the_tape() -> None:
    x = leaf(1.0, 2.0, 3.0)
    a, b, _ = x
    (a * b).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 1.0, 0.0]


def test_a_single_number_has_no_length() -> None:
    for f in (len, list, iter):
        with pytest.raises(TypeError, match="no length"):
            f(mg.tensor(1.0))


def test_a_loop_over_a_tensor_ends() -> None:
    assert [v.item() for v in mg.arange(3)] == [0, 1, 2]
    assert max(mg.tensor([1.0, 5.0, 2.0])).item() == 5.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_])
def test_one_element_is_a_python_number(dtype: Any) -> None:
    for shape in [(), (1,), (1, 1)]:
        t = mg.ones(shape, dtype=dtype)
        kind = {"f": float, "i": int, "b": bool}[np.dtype(dtype).kind]
        assert type(t.item()) is kind
        assert (t.item(), float(t), int(t), bool(t)) == (1, 1.0, 1, True)


def test_several_elements_are_no_python_number() -> None:
    for t in (mg.ones(2), mg.zeros(0), mg.ones(2, requires_grad=True)):
        for convert in (float, int, bool, lambda t: t.item()):
            with pytest.raises((ValueError, TypeError), match=rf"\[{t.shape[0]}\]"):
                convert(t)


def test_item_and_tolist_need_no_detach() -> None:
    x = leaf(1.5)
    assert x.item() == (x * 1).item() == 1.5
    assert x.tolist() == [1.5]
    assert float(x) == 1.5


def test_an_integer_tensor_is_an_index() -> None:
    assert [10, 20, 30][mg.tensor(1)] == 20
    assert list(range(mg.tensor([2]))) == [0, 1]
    with pytest.raises(TypeError, match="integer"):
        [1, 2][mg.tensor(1.0)]


def test_tensors_are_set_members_by_identity() -> None:
    a, b = mg.ones(2), mg.ones(2)
    table = {a: "a", b: "b"}
    assert (table[a], table[b], len({a, b, a})) == ("a", "b", 2)
    assert hash(a) != hash(b)
    before = hash(a)
    a.add_(1)
    assert hash(a) == before
    assert next(k for k in table if k is a) is a


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((), "tensor(0.)"),
        ((2,), "tensor([0., 0.])"),
        ((1, 2), "tensor([[0., 0.]])"),
        ((0,), "tensor([])"),
    ],
)
def test_printing(shape: Any, text: str) -> None:
    assert repr(mg.zeros(shape)) == str(mg.zeros(shape)) == text


def test_printing_says_what_is_not_usual() -> None:
    assert repr(mg.zeros(1, dtype=np.float64)) == "tensor([0.], dtype=float64)"
    assert repr(mg.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(mg.tensor([True])) == "tensor([ True])"
    assert repr(mg.tensor([1], dtype=np.int32)) == "tensor([1], dtype=int32)"
    x = mg.zeros(1, requires_grad=True)
    assert repr(x) == "tensor([0.], requires_grad=True)"
    assert repr(x.exp()) == "tensor([1.], grad_fn=<exp>)"
    assert "..." in repr(mg.zeros(100, 100))
    assert len(repr(mg.zeros(100, 100))) < 1000


def test_printing_inside_of_an_f_string() -> None:
    t = mg.tensor(3.14159, requires_grad=True)
    assert f"{t:.2f}" == "3.14"
    assert f"{mg.tensor(7):03d}" == "007"
    assert f"{mg.tensor([1.0, 2.0])}" == "tensor([1., 2.])"
    with pytest.raises((TypeError, ValueError)):
        f"{mg.tensor([1.0, 2.0]):.2f}"


# ---- requires_grad -------------------------------------------------------------------------------


def test_requires_grad_is_asked_for_and_passed_on() -> None:
    x, c = mg.zeros(2), mg.ones(2)
    assert not (x + c).requires_grad
    assert x.requires_grad_() is x
    assert x.requires_grad
    assert x.is_leaf
    y = x + c
    assert y.requires_grad
    assert not y.is_leaf
    assert y.grad_fn is not None
    assert not (x > 0).requires_grad
    x.requires_grad = False
    assert not x.requires_grad
    assert y.requires_grad  # made before
    assert not (x + c).requires_grad


def test_requires_grad_twice_keeps_the_place_on_the_tape() -> None:
    x = leaf(2.0)
    y = x * x
    x.requires_grad_(True)
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 4.0


def test_freezing_twice_keeps_the_gradient() -> None:
    x = leaf(2.0)
    (x * x).backward()
    for _ in range(3):
        x.requires_grad_(False)
    x.requires_grad_(True)
    assert x.grad is not None
    assert x.grad.item() == 4.0


def test_a_frozen_leaf_gets_no_gradient_from_new_graphs() -> None:
    x, y = leaf(2.0), leaf(3.0)
    x.requires_grad_(False)
    (x * y).backward()
    assert x.grad is None
    assert y.grad is not None
    assert y.grad.item() == 2.0


def test_a_hook_outlives_freezing() -> None:
    x = leaf(2.0)
    x.register_hook(lambda g: g * 10)
    x.requires_grad_(False)
    x.requires_grad_(True)
    (x * 1).backward()
    assert x.grad is not None
    assert x.grad.item() == 10.0


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.bool_])
def test_only_floating_tensors_have_gradients(dtype: Any) -> None:
    with pytest.raises((TypeError, RuntimeError), match=f"floating.*{np.dtype(dtype)}"):
        mg.zeros(2, dtype=dtype).requires_grad_()
    with pytest.raises((TypeError, RuntimeError), match=f"floating.*{np.dtype(dtype)}"):
        mg.zeros(2, dtype=dtype, requires_grad=True)
    t = mg.zeros(2, dtype=dtype)
    t.requires_grad_(False)  # is what it was


def test_an_interior_tensor_cannot_be_taken_off_the_tape() -> None:
    y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match=r"'multiply' is on the tape; use .detach\(\)"):
        y.requires_grad_(False)
    assert y.requires_grad_(True) is y


# ---- detach, clone, copies -----------------------------------------------------------------------


def test_detach_shares_memory_and_leaves_the_tape() -> None:
    x = leaf(1.0, 2.0)
    d = x.detach()
    assert not d.requires_grad
    assert x.requires_grad
    assert np.shares_memory(d.data, x.data)
    d[0] = 5.0
    assert x.tolist() == [5.0, 2.0]
    (x * x.detach()).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [5.0, 2.0]


def test_clone_has_its_own_memory_and_stays_on_the_tape() -> None:
    x = leaf(1.0, 2.0)
    c = x.clone()
    assert not np.shares_memory(c.data, x.data)
    c.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]


def test_deepcopy_of_a_leaf_is_another_leaf() -> None:
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.is_leaf
    assert y.grad is not None
    assert not np.shares_memory(x.data, y.data)
    assert x.grad is not None
    assert not np.shares_memory(x.grad.data, y.grad.data)
    x.grad = y.grad = None
    (x * 2 + y * 5).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]  # type: ignore[attr-defined]
    assert y.grad.tolist() == [5.0, 5.0]  # type: ignore[attr-defined]


def test_deepcopy_keeps_what_is_shared_shared() -> None:
    x = leaf(1.0)
    a, b, c = copy.deepcopy([x, x, mg.zeros(2)])
    assert a is b
    assert a is not x
    assert not c.requires_grad


def test_deepcopy_of_an_interior_tensor_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"leaf.*detach"):
        copy.deepcopy(leaf(1.0) * 2)


def test_data_is_the_raw_array_whose_changes_nobody_sees() -> None:
    """`.data` is what the tape reads: changing it by hand is not noticed; minigrad's own methods,
    or clock.mutated(), are how a change is made known."""
    c = mg.tensor([1.0, 2.0], dtype=np.float64)
    assert isinstance(c.data, np.ndarray)
    x = leaf(1.0, 1.0)
    y = (x * c).sum()
    c.data[0] = 100.0
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [100.0, 2.0]


# ---- to and from NumPy and DLPack ----------------------------------------------------------------


def test_numpy_shares_memory_both_ways() -> None:
    t = mg.zeros(3)
    t.numpy()[0] = 1.0
    assert t.tolist() == [1.0, 0.0, 0.0]
    array = np.zeros(3)
    shared = mg.from_numpy(array)
    shared.add_(1)
    assert array.tolist() == [1.0, 1.0, 1.0]
    assert shared.dtype == np.float64


def test_what_is_on_the_tape_needs_detach_or_force() -> None:
    x = leaf(1.0)
    for t in (x, x * 2):
        for convert in (lambda t: t.numpy(), np.asarray, np.array, lambda t: t.__array__()):
            with pytest.raises(RuntimeError, match=r"on the tape.*detach\(\)"):
                convert(t)
        with pytest.raises(BufferError, match=r"on the tape.*detach\(\)"):
            np.from_dlpack(t)
        assert t.numpy(force=True).tolist() == t.detach().numpy().tolist()


def test_array_protocol() -> None:
    t = mg.tensor([1.0, 2.0])
    assert np.shares_memory(np.asarray(t), t.data)
    assert not np.shares_memory(np.array(t), t.data)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert np.asarray(t, copy=False) is not None
    with pytest.raises(ValueError, match="copy"):
        np.asarray(t, dtype=np.int64, copy=False)
    assert np.stack([t, t]).shape == (2, 2)
    assert np.allclose(t, [1.0, 2.0])
    np.testing.assert_array_equal(t, [1.0, 2.0])


@given(arrays)
def test_dlpack_shares_memory_both_ways(array: Any) -> None:
    t = mg.tensor(array)
    out = np.from_dlpack(t)
    np.testing.assert_array_equal(out, array)
    assert np.shares_memory(out, t.data) or array.size == 0
    back = mg.from_dlpack(array)
    assert isinstance(back, mg.Tensor)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back.numpy(), array)
    assert np.shares_memory(back.data, array) or array.size == 0


def test_dlpack_of_views() -> None:
    t = mg.arange(12).reshape(3, 4).T[1:, ::2]
    np.testing.assert_array_equal(np.from_dlpack(t), t.numpy())
    t.fill_(7)
    assert (np.from_dlpack(t) == 7).all()


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
    assert t.data.flags.c_contiguous
    assert t.tolist() == x.T.tolist()
    (t * t).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), 2 * np.arange(6.0).reshape(2, 3))


# ---- in place ------------------------------------------------------------------------------------

matrix = hnp.arrays(np.float64, (2, 3), elements=st.floats(-10, 10))


@given(matrix, st.floats(-10, 10))
def test_methods_in_place_agree_with_numpy(array: Any, number: float) -> None:
    other = np.arange(3.0) - 1
    for ours, theirs in [
        (lambda t: t.add_(number), array + number),
        (lambda t: t.add_(other), array + other),
        (lambda t: t.add_(mg.tensor(other), alpha=0.5), array + 0.5 * other),
        (lambda t: t.mul_(number), array * number),
        (lambda t: t.mul_(mg.tensor(other)), array * other),
        (lambda t: t.copy_(other), array * 0 + other),
        (lambda t: t.fill_(number), array * 0 + number),
        (lambda t: t.zero_(), array * 0),
        (lambda t: t.clamp_(-1, 2), np.clip(array, -1, 2)),
        (lambda t: t.clamp_(min=0), np.maximum(array, 0)),
        (lambda t: t.clamp_(max=0), np.minimum(array, 0)),
    ]:
        t = mg.tensor(array)
        data = t.data
        assert ours(t) is t
        assert t.data is data
        np.testing.assert_allclose(t.numpy(), theirs, rtol=1e-12, atol=1e-12)


@given(matrix, st.sampled_from([0, -1, slice(1), (0, slice(None, None, 2)), (..., 1), [1, 0, 1]]))
def test_assignment_agrees_with_numpy(array: Any, key: Any) -> None:
    for value in (5.0, mg.tensor(7.0), np.float32(3)):
        t = mg.tensor(array)
        expected = array.copy()
        expected[key] = value.item() if isinstance(value, mg.Tensor) else value
        t[key] = value
        np.testing.assert_array_equal(t.numpy(), expected)


def test_assignment_by_mask_and_by_index_tensor() -> None:
    t = mg.tensor([1.0, -2.0, 3.0, -4.0])
    t[t < 0] = 0
    assert t.tolist() == [1.0, 0.0, 3.0, 0.0]
    t[mg.tensor([0, 3])] = mg.tensor([8.0, 9.0])
    assert t.tolist() == [8.0, 0.0, 3.0, 9.0]


@pytest.mark.parametrize("f", ["+=", "-=", "*=", "/="])
def test_operators_in_place_change_the_tensor_itself(f: str) -> None:
    def apply(t: Any, other: Any) -> Any:
        if f == "+=":
            t += other
        elif f == "-=":
            t -= other
        elif f == "*=":
            t *= other
        else:
            t /= other
        return t

    expected = {"+=": [3.0, 6.0], "-=": [-1.0, 2.0], "*=": [2.0, 8.0], "/=": [0.5, 2.0]}[f]
    for other in (2, 2.0, mg.tensor(2.0), np.full(2, 2.0, np.float32)):
        t = alias = mg.tensor([1.0, 4.0])
        view = t[:]
        t = apply(t, other)
        assert t is alias
        assert t.dtype == np.float32
        assert t.tolist() == view.tolist() == expected
    p = alias = leaf(1.0, 4.0, dtype=np.float32)
    with mg.no_grad():
        p = apply(p, mg.tensor(2.0))
    assert p is alias
    assert p.is_leaf
    assert p.requires_grad
    assert p.tolist() == expected
    with pytest.raises(RuntimeError, match="in place"):
        apply(p, 2.0)
    assert p.tolist() == expected


def test_the_training_loop_of_every_tutorial_trains() -> None:
    w = leaf(0.0, 0.0)
    for _ in range(100):
        loss = ((w - mg.tensor([1.0, -2.0], dtype=np.float64)) ** 2).sum()
        loss.backward()
        with mg.no_grad():
            w -= 0.1 * w.grad  # type: ignore[operator]
            w.grad.zero_()  # type: ignore[union-attr]
    np.testing.assert_allclose(w.tolist(), [1.0, -2.0], atol=1e-8)


def test_adding_up_losses_with_operators_in_place_stays_on_the_tape() -> None:
    x = leaf(1.0, 2.0)
    total: Any = 0.0
    for _ in range(3):
        total += (x * x).sum()
    total.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 12.0]
    total = mg.zeros((), dtype=np.float64)
    for _ in range(2):
        total += (x * x).sum()
    x.grad = None
    total.backward()
    assert x.grad.tolist() == [4.0, 8.0]  # type: ignore[attr-defined]


IN_PLACE = {
    "__setitem__": lambda t: t.__setitem__(0, 1.0),
    "copy_": lambda t: t.copy_(0.0),
    "fill_": lambda t: t.fill_(0.0),
    "zero_": lambda t: t.zero_(),
    "add_": lambda t: t.add_(1),
    "mul_": lambda t: t.mul_(1),
    "clamp_": lambda t: t.clamp_(0),
    "normal_": lambda t: t.normal_(),
    "uniform_": lambda t: t.uniform_(),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_is_on_the_tape_refuses_changes(name: str) -> None:
    for t in (leaf(1.0, 2.0), leaf(1.0, 2.0) * 3):
        before = t.tolist()
        with pytest.raises(RuntimeError, match=f"{name}.*on the tape.*no_grad"):
            IN_PLACE[name](t)
        assert t.tolist() == before
        with mg.no_grad():
            IN_PLACE[name](t)


def test_a_value_on_the_tape_is_not_assigned() -> None:
    t, x = mg.zeros(2, dtype=np.float64), leaf(1.0)
    with pytest.raises(RuntimeError, match=r"__setitem__.*detach"):
        t[0] = x[0]
    t[0] = x.detach()[0]
    assert t.tolist() == [1.0, 0.0]


def test_changes_show_in_every_view() -> None:
    t = mg.zeros(2, 3)
    views = [t.T, t.reshape(6), t[0], t.detach(), t.unsqueeze(0), t.expand(4, 2, 3)]
    t.fill_(5)
    assert all((v == 5).all() for v in views)
    views[2].zero_()
    assert t.sum().item() == 15


def test_an_expanded_tensor_is_not_written_to() -> None:
    with pytest.raises((ValueError, RuntimeError)):
        mg.zeros(1).expand(3).add_(1)


def test_normal_and_uniform_in_place() -> None:
    t = mg.empty(10_000, dtype=np.float64).normal_(3.0, 0.5)
    assert abs(t.mean().item() - 3.0) < 0.03
    assert abs(t.std().item() - 0.5) < 0.03
    u = mg.empty(10_000).uniform_(-2.0, -1.0)
    assert u.dtype == np.float32
    assert -2 <= u.min().item() < -1.99 < -1.01 < u.max().item() <= -1


# ---- making tensors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.0, np.float32),
        (1, np.int64),
        (True, np.bool_),
        ([1.0, 2], np.float32),
        ([1, 2], np.int64),
        ([True, False], np.bool_),
        ([True, 2], np.int64),
        ([[1.0], [2.0]], np.float32),
        ((1, 2), np.int64),
        (range(3), np.int64),
        ([], np.float32),
        ([[], []], np.float32),
        (math.inf, np.float32),
        (np.float64(1), np.float64),
        (np.float32(1), np.float32),
        (np.ones(2), np.float64),
        (np.ones(2, np.float32), np.float32),
        (np.ones(2, np.int32), np.int32),
        (np.ones(2, np.uint8), np.uint8),
        (np.ones(2, np.bool_), np.bool_),
        ([np.float64(1), 2.0], np.float64),
        ([np.float32(1), 2.0], np.float32),
        ([np.ones(2), np.ones(2)], np.float64),
    ],
)
def test_dtypes_of_new_tensors(data: Any, dtype: Any) -> None:
    t = mg.tensor(data)
    assert t.dtype == dtype
    assert mg.as_tensor(data).dtype == dtype
    assert t.tolist() == np.asarray(data).tolist()
    for wanted in (np.float32, np.float64):
        assert mg.tensor(data, dtype=wanted).dtype == wanted


@given(st.floats(allow_nan=False, width=64), st.sampled_from([mg.tensor, mg.as_tensor]))
def test_python_floats_reach_float64_unrounded(value: float, make: Any) -> None:
    assert make([value], dtype=np.float64).item() == value
    assert make(value, dtype=np.float64).item() == value
    assert mg.full((1,), value, dtype=np.float64).item() == value


@given(st.integers(-(2**63), 2**63 - 1))
def test_python_ints_keep_every_digit(value: int) -> None:
    assert mg.tensor([value]).tolist() == [value]
    assert mg.tensor(value).dtype == np.int64


@given(arrays)
def test_tensor_copies_always(array: Any) -> None:
    t = mg.tensor(array)
    again = mg.tensor(t)
    assert not np.shares_memory(t.data, array)
    assert not np.shares_memory(again.data, t.data)
    np.testing.assert_array_equal(again.numpy(), array)
    assert again.dtype == array.dtype


def test_tensor_of_what_wraps_memory_copies_too(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "m", np.float32, "w+", shape=(3,))
    t = mg.tensor(mapped)
    t.add_(1)
    assert mapped.tolist() == [0.0] * 3
    assert type(t.data) is np.ndarray
    assert type(mg.from_numpy(mapped).data) is np.ndarray
    assert type(mg.as_tensor(mapped).data) is np.ndarray
    assert type(mg.tensor(np.ma.masked_array([1.0, 2.0])).data) is np.ndarray
    mg.from_numpy(mapped).add_(2)
    assert mapped.tolist() == [2.0] * 3


def test_tensor_of_a_tensor_is_off_the_tape() -> None:
    x = leaf(1.0, 2.0)
    t = mg.tensor(x)
    assert not t.requires_grad
    assert t.is_leaf
    assert mg.tensor(x * 2, requires_grad=True).is_leaf
    assert mg.tensor(x, dtype=np.float32).dtype == np.float32


def test_a_list_of_tensors_of_one_number() -> None:
    t = mg.tensor([mg.tensor(1.0), mg.tensor(2.0)])
    assert (t.tolist(), t.dtype) == ([1.0, 2.0], np.float32)


def test_as_tensor_copies_only_where_it_must() -> None:
    t, array = mg.zeros(2), np.zeros(2)
    assert mg.as_tensor(t) is t
    assert np.shares_memory(mg.as_tensor(array).data, array)
    assert not np.shares_memory(mg.as_tensor(array, dtype=np.float32).data, array)


def test_arrays_in_another_byte_order_are_turned() -> None:
    big = np.arange(3.0).astype(">f8")
    t = mg.tensor(big, requires_grad=True)
    assert t.dtype == np.float64
    assert t.dtype.isnative
    (t * t).sum().backward()
    assert t.grad is not None
    assert t.grad.tolist() == [0.0, 2.0, 4.0]


SHAPES = [((), ()), ((3,), (3,)), ((2, 3), (2, 3)), ((0,), (0,)), ((2, 0, 3), (2, 0, 3))]


@pytest.mark.parametrize("make", ["zeros", "ones", "empty", "rand", "randn"])
@pytest.mark.parametrize(("args", "shape"), SHAPES)
def test_shapes_as_ints_a_tuple_or_a_list(make: str, args: Any, shape: Any) -> None:
    f = getattr(mg, make)
    ways = [f(shape), f(list(shape)), f(shape, dtype=np.float64, requires_grad=True)]
    if args:
        ways += [f(*args), f(*[np.int64(n) for n in args]), f(*args, dtype=None)]
    for t in ways:
        assert t.shape == shape
    assert [t.dtype for t in ways if not t.requires_grad] == [np.float32] * (len(ways) - 1)
    assert ways[2].dtype == np.float64
    assert ways[2].is_leaf


def test_values_of_new_tensors() -> None:
    assert mg.zeros(2, 2).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert mg.ones(2).tolist() == [1.0, 1.0]
    assert mg.eye(2, 3).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert mg.full((2,), 7).tolist() == [7, 7]
    assert mg.full((2,), 7).dtype == np.int64
    assert mg.full((2,), 7.0).dtype == np.float32
    assert mg.full((), True).dtype == np.bool_
    assert mg.full((2,), 0.1, dtype=np.float64).tolist() == [0.1, 0.1]
    assert mg.full([2, 1], 1.0, requires_grad=True).requires_grad


@pytest.mark.parametrize("make", ["zeros_like", "ones_like", "rand_like", "randn_like"])
def test_like(make: str) -> None:
    for dtype in FLOATS:
        x = mg.zeros(2, 3, dtype=dtype, requires_grad=True)
        t = getattr(mg, make)(x)
        assert (t.shape, t.dtype, t.requires_grad) == ((2, 3), dtype, False)


def test_like_with_another_dtype() -> None:
    x = mg.zeros(2)
    assert mg.zeros_like(x, dtype=np.int64).dtype == np.int64
    assert mg.ones_like(x, dtype=mg.float64).dtype == np.float64
    assert mg.full_like(x, 3, dtype=np.int64).tolist() == [3, 3]
    assert mg.full_like(x, 3).dtype == np.float32
    assert mg.zeros_like(mg.tensor([1, 2])).dtype == np.int64


@pytest.mark.parametrize(
    ("args", "values", "dtype"),
    [
        ((3,), [0, 1, 2], np.int64),
        ((1, 4), [1, 2, 3], np.int64),
        ((5, 0, -2), [5, 3, 1], np.int64),
        ((3.0,), [0, 1, 2], np.float32),
        ((0, 1, 0.25), [0, 0.25, 0.5, 0.75], np.float32),
        ((0,), [], np.int64),
        ((np.float32(2.5),), [0, 1, 2], np.float32),
    ],
)
def test_arange(args: Any, values: Any, dtype: Any) -> None:
    t = mg.arange(*args)
    assert t.tolist() == values
    assert t.dtype == dtype
    assert mg.arange(*args, dtype=np.float64).dtype == np.float64


def test_linspace_includes_both_ends() -> None:
    t = mg.linspace(-1, 2, 4)
    assert t.tolist() == [-1, 0, 1, 2]
    assert t.dtype == np.float32
    assert mg.linspace(0, 1, 1).tolist() == [0.0]
    assert mg.linspace(0, 1, 0).shape == (0,)
    assert mg.linspace(0, 0.1, 7, dtype=np.float64).tolist()[-1] == 0.1


# ---- methods that are functions too --------------------------------------------------------------


@given(hnp.arrays(np.float64, (2, 3, 2), elements=st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0])))
def test_methods_are_the_functions_of_the_same_name(array: Any) -> None:
    x = mg.tensor(array)
    names = [
        *("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu"),
        *("sign", "isnan", "isfinite", "sum", "mean", "var", "std", "amax", "amin", "max", "min"),
        *("argmax", "argmin", "any", "all", "flatten", "squeeze", "clone"),
    ]
    for name in names:
        ours = getattr(x, name)().numpy()
        np.testing.assert_array_equal(ours, getattr(mg, name)(x).numpy(), err_msg=name)
    for method, function in [
        (x.square(), x * x),
        (x.abs(), abs(x)),
        (x.pow(3), x**3),
        (x.clamp(0.5, 1), mg.clip(x, 0.5, 1)),
        (x.maximum(1.0), mg.maximum(x, 1.0)),
        (x.view(3, 4), mg.reshape(x, (3, 4))),
        (x.T, mg.permute(x, (2, 1, 0))),
        (x.transpose(0, 2), mg.transpose(x, 0, 2)),
        (x.unsqueeze(1), mg.unsqueeze(x, 1)),
        (x.flip(0, 1), mg.flip(x, (0, 1))),
        (x.softmax(1), mg.softmax(x, 1)),
        (x.log_softmax(1), mg.log_softmax(x, 1)),
        (x.logsumexp(1), mg.logsumexp(x, 1)),
        (-x, 0 - x),
    ]:
        np.testing.assert_array_equal(method.numpy(), function.numpy())


@pytest.mark.parametrize(
    ("a", "b"), list(itertools.product([(), (1,), (2, 1), (2, 3)], [(), (3,), (1, 3)]))
)
def test_operators_broadcast(a: Any, b: Any) -> None:
    x, y = mg.ones(a, requires_grad=True), mg.ones(b, requires_grad=True)
    out = x * y + y - x / y
    assert out.shape == np.broadcast_shapes(a, b)
    out.sum().backward()
    for t in (x, y):
        assert t.grad is not None
        assert t.grad.shape == t.shape
