"""Tensors made of numbers, arrays and shapes."""

import math
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
    assert not np.shares_memory(t.array, array)
    assert not np.shares_memory(again.array, t.array)
    np.testing.assert_array_equal(again.numpy(), array)
    assert again.dtype == array.dtype


def test_tensor_of_what_wraps_memory_copies_too(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "m", np.float32, "w+", shape=(3,))
    t = mg.tensor(mapped)
    t.add_(1)
    assert mapped.tolist() == [0.0] * 3
    assert type(t.array) is np.ndarray
    assert type(mg.from_numpy(mapped).array) is np.ndarray
    assert type(mg.as_tensor(mapped).array) is np.ndarray
    assert type(mg.tensor(np.ma.masked_array([1.0, 2.0])).array) is np.ndarray
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
    assert np.shares_memory(mg.as_tensor(array).array, array)
    assert not np.shares_memory(mg.as_tensor(array, dtype=np.float32).array, array)


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
    ends = mg.tensor(-2.0), mg.tensor([[1.0]])
    assert mg.linspace(*ends, 7, dtype=np.float64).tolist() == np.linspace(-2, 1, 7).tolist()
    with pytest.raises(ValueError, match="has 2 elements"):
        mg.linspace(mg.zeros(2), 1, 3)
    assert mg.linspace(0, 0.1, 7, dtype=np.float64).tolist()[-1] == 0.1
