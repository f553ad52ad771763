"""Tensor: what it says of itself, requires_grad, methods that are functions too."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from tests.leaves import leaf

FLOATS = (np.float32, np.float64)
arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


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
