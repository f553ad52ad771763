"""x[key] and gather, as in NumPy: what is named twice gets both gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.ops.indexing import index
from tests.checks import check_op
from tests.strategies import arrays, at_most, shapes

FEW = at_most(40)


def picked(x, key):
    """x[key], by the places that NumPy gives in an array of places."""
    places = np.arange(x.size).reshape(x.shape)[key]
    return np.array([x.flat[i] for i in np.ravel(places)]).reshape(np.shape(places))


def check_index(x, key):
    check_op(lambda x: index(x, key), lambda x: picked(x, key), x)


@given(arrays(shapes(min_dims=1)), st.data())
@FEW
def test_ints_slices_ellipsis_and_none(x, data):
    key = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    check_index(x, key)


@given(arrays(shapes(min_dims=1, min_side=1)), st.data())
@FEW
def test_index_arrays(x, data):
    """Of any number of dimensions, broadcast with each other, with duplicates, from the back."""
    check_index(x, data.draw(hnp.integer_array_indices(x.shape, result_shape=shapes(max_side=3))))


@given(arrays(shapes(min_dims=1)), st.data())
@FEW
def test_masks(x, data):
    covered = data.draw(st.integers(1, x.ndim))
    check_index(x, data.draw(hnp.arrays(bool, x.shape[:covered])))


X = np.arange(24.0).reshape(2, 3, 4) / 8
I = np.array([[0, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    "key",
    [
        ([0, 1, 1],),
        [1, 1],
        ([],),
        np.zeros(0, int),
        (slice(None), [2, 2, 0]),
        (0, [2, 2, 0], slice(None, None, -2)),
        ([1, 1], slice(1, None), [3, 3]),  # index arrays apart: their axis comes first
        ([[0], [1]], [0, 2]),
        (None, [1, 0, 1], None, ..., [0, 0, 1]),
        (I, I),
        (..., I),
        (np.int64(1), np.int8(-1)),
        (True,),
        (False, 0),
        (X > 1),
        (X[:, :, 0] > 1.4, [0, 1, 3]),
        (slice(None), np.array([True, False, True]), 1),
        (slice(None, None, -1), slice(-1, None, -2)),
        (slice(5, 9),),
    ],
    ids=str,
)
def test_keys_of_every_kind(key):
    check_index(X, key)


def test_what_is_named_twice_gets_both():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x[[0, 0, 2, 0]]
    assert y.tolist() == [1, 1, 3, 1]
    (g,) = mg.grad((y**3).sum(), x, create_graph=True)
    assert g.tolist() == [9, 0, 27]
    (h,) = mg.grad(g.sum(), x)
    assert h.tolist() == [18, 0, 18]


def test_tensors_as_index():
    x = mg.tensor(X)
    i = mg.tensor([1, 0, 1])
    np.testing.assert_array_equal(x[i].numpy(), X[[1, 0, 1]])
    np.testing.assert_array_equal(x[:, i, -i].numpy(), X[:, [1, 0, 1], [-1, 0, -1]])
    np.testing.assert_array_equal(x[x > 1].numpy(), X[X > 1])
    np.testing.assert_array_equal(x[mg.tensor(1)].numpy(), X[1])


def test_an_index_changed_after_the_forward_does_not_change_the_gradient():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for i in (mg.tensor([0, 1]), np.array([0, 1]), [0, 1]):
        y = x[i]
        i[0] = 2
        assert mg.grad(y.sum(), x)[0].tolist() == [1, 1, 0]


def test_rows_one_by_one():
    x = mg.tensor(X, requires_grad=True)
    assert len(list(x)) == 2
    (g,) = mg.grad(sum((i + 1) * row.sum() for i, row in enumerate(x)), x)
    np.testing.assert_array_equal(g.numpy(), np.array([1.0, 2.0]).repeat(12).reshape(X.shape))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (2, "out of bounds"),
        (-3, "out of bounds"),
        ((0, 3), "out of bounds"),
        ([0, 2], "out of bounds"),
        ((0, 0, 0, 0), "too many"),
        (0.5, "float"),
        ([0.5], "integer"),
        ("a", "indices"),
        (np.array([True, False, True]), "boolean"),
        (([0, 1], [0, 1, 2]), "broadcast"),
    ],
    ids=str,
)
def test_errors(key, message):
    with pytest.raises(IndexError, match=f"(?i)index.*{message}"):
        mg.tensor(X)[key]


# ---- gather --------------------------------------------------------------------------------------


@given(arrays(shapes(min_dims=1, min_side=1)), st.data())
@FEW
def test_gather(x, data):
    """out[i][j] = x[index[i][j]][j] for dim 0; the index may be smaller than x elsewhere."""
    dim = data.draw(st.integers(0, x.ndim - 1))
    shape = tuple(data.draw(st.integers(0, 3 if i == dim else n)) for i, n in enumerate(x.shape))
    index = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, x.shape[dim] - 1)))

    def gathered(x):
        out = np.empty(shape)
        for at in np.ndindex(*shape):
            out[at] = x[(*at[:dim], index[at], *at[dim + 1 :])]
        return out

    check_op(lambda x: mg.gather(x, dim, index), gathered, x)
    check_op(lambda x: mg.gather(x, dim - x.ndim, mg.tensor(index)), gathered, x)


def test_gather_errors():
    x = mg.tensor(X)
    with pytest.raises(IndexError, match="gather: dim 3"):
        mg.gather(x, 3, mg.tensor([[[0]]]))
    with pytest.raises(ValueError, match="gather: index has 1 dimensions, x has 3"):
        mg.gather(x, 0, mg.tensor([0]))
    for place in (2, -1):
        with pytest.raises(IndexError, match=r"gather: index must be in 0 \.\.\. 1, got"):
            mg.gather(x, 0, mg.tensor([[[place]]]))


def test_a_number_that_is_a_tensor_is_a_number():
    x = mg.arange(6.0).reshape(2, 3)
    for one in (mg.tensor(1), np.array(1), np.int64(1)):
        row = x[one]
        assert row.shape == (3,) and np.shares_memory(row.array, x.array)
    for yes in (mg.tensor(True), np.array(True)):
        assert x[yes].shape == (1, 2, 3)
    assert x[mg.tensor(False)].shape == (0, 2, 3)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_a_part_of_any_axis(dim):
    x = np.arange(24.0).reshape(2, 3, 4)
    found = mg.narrow(mg.tensor(x), dim, 1, 1).numpy()
    np.testing.assert_array_equal(found, np.take(x, [1], dim))


def test_places_that_change_afterwards_do_not_move_a_gradient():
    x, places = mg.ones(2, 2, requires_grad=True), mg.tensor([[0], [1]])
    y = mg.gather(x, 1, places)
    places.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [[1, 0], [0, 1]]


def test_a_number_beside_places_takes_its_axis_away_first():
    """As in PyTorch, and unlike NumPy, where the places' axis comes to the front."""
    x = np.arange(24.0).reshape(2, 3, 4)
    for key in ((1, slice(None), [0, 3]), (slice(None), 2, [0, 3, 1]), ([1, 0], slice(None), 2)):
        places = tuple(mg.tensor(k) if isinstance(k, list) else k for k in key)
        whole = tuple(slice(k, k + 1) if isinstance(k, int) else k for k in key)
        axis = next(i for i, k in enumerate(key) if isinstance(k, int))
        wanted = x[whole].squeeze(axis)
        np.testing.assert_array_equal(mg.tensor(x)[places].numpy(), wanted)
