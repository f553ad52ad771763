"""Matrix products of matrices, vectors and batches; linear."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from tests.checks import check_op
from tests.strategies import arrays, at_most, broadcastable, shapes

sizes = st.integers(0, 3)


def product(x, y):
    """One scalar product for each row of x and column of y, in Python's arithmetic."""
    rows = x if x.ndim > 1 else x[None]
    columns = np.swapaxes(y if y.ndim > 1 else y[:, None], -1, -2)
    batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    out = np.empty((*batch, rows.shape[-2], columns.shape[-2]))
    rows = np.broadcast_to(rows, (*batch, *rows.shape[-2:]))
    columns = np.broadcast_to(columns, (*batch, *columns.shape[-2:]))
    for *b, i, j in np.ndindex(*out.shape):
        out[(*b, i, j)] = sum(u * v for u, v in zip(rows[(*b, i)], columns[(*b, j)], strict=True))
    out = out if x.ndim > 1 else out[..., 0, :]
    return out if y.ndim > 1 else out[..., 0]


@given(sizes, sizes, sizes, broadcastable(2), st.data())
@at_most(40)
def test_matmul_of_batches_of_matrices(n, k, m, batches, data):
    x = data.draw(arrays((*batches[0][-2:], n, k)))
    y = data.draw(arrays((*batches[1][-2:], k, m)))
    check_op(mg.matmul, product, x, y)


@given(st.integers(1, 3), shapes(max_dims=3, max_side=3), st.booleans(), st.data())
@at_most(40)
def test_matmul_with_a_vector_on_either_side(k, others, first, data):
    vector = data.draw(arrays((k,)))
    if first:
        x, y = vector, data.draw(arrays((*others[:-1], k, *others[-1:])))
    else:
        x, y = data.draw(arrays((*others, k))), vector
    check_op(mg.matmul, product, x, y)


def test_a_matrix_times_itself():
    check_op(lambda x: x @ x, lambda x: product(x, x), np.array([[0.5, 2.0], [-1.0, 3.0]]))


@given(sizes, sizes, shapes(max_side=3), st.booleans(), st.data())
@at_most(40)
def test_linear(n_in, n_out, lead, with_bias, data):
    x, weight = data.draw(arrays((*lead, n_in))), data.draw(arrays((n_out, n_in)))
    bias = [data.draw(arrays((n_out,)))] * with_bias

    def affine(x, weight, *bias):
        out = np.zeros((*x.shape[:-1], len(weight)))
        for at in np.ndindex(*out.shape):
            out[at] = (x[at[:-1]] * weight[at[-1]]).sum() + sum(b[at[-1]] for b in bias)
        return out

    check_op(mg.linear, affine, x, weight, *bias)


@pytest.mark.parametrize("f", [mg.matmul, mg.linear])
def test_operands_of_two_dtypes_are_an_error(f):
    with pytest.raises(TypeError, match=rf"{f.__name__}.*float32.*float64"):
        f(mg.ones(2, 2), mg.ones(2, 2, dtype=mg.float64))


@pytest.mark.parametrize(
    ("x", "y"), [((2, 3), (2, 3)), ((3,), (2,)), ((2, 3), (2,)), ((), (3,)), ((3,), ())]
)
def test_matmul_of_shapes_that_do_not_fit(x, y):
    with pytest.raises(ValueError, match=rf"matmul.*\[{', '.join(map(str, x))}\]"):
        mg.matmul(mg.ones(*x), mg.ones(*y))


def test_matmul_of_batches_that_do_not_broadcast():
    with pytest.raises(ValueError, match=r"matmul.*\[2, 3, 3\].*\[4, 3, 3\]"):
        mg.matmul(mg.ones(2, 3, 3), mg.ones(4, 3, 3))


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        ((4, 2), None, r"x of shape \[5, 3\] does not fit weight of shape \[4, 2\]"),
        ((3,), None, r"weight"),
        ((4, 3), (3,), r"bias has shape \[3\], expected \[4\]"),
        ((4, 3), (1, 4), r"bias has shape \[1, 4\], expected \[4\]"),
    ],
)
def test_linear_of_shapes_that_do_not_fit(weight, bias, message):
    with pytest.raises(ValueError, match=f"linear.*{message}"):
        mg.linear(mg.ones(5, 3), mg.ones(*weight), None if bias is None else mg.ones(*bias))


@pytest.mark.parametrize(("left", "right"), [((2, 1), (3, 4)), ((2, 3), (1, 4)), ((1, 1), (3, 4))])
def test_einsum_repeats_an_axis_of_one(left, right):
    x, y = np.random.default_rng(0).random(left), np.random.default_rng(1).random(right)
    for equation in ("ij,jk->ik", "ij,jk->ijk", "ij,jk->", "ij,jk->kj", "ba,ac->cb", "cb,ba->ca"):
        found = mg.einsum(equation, mg.tensor(x), mg.tensor(y)).numpy()
        np.testing.assert_allclose(found, np.einsum(equation, x, y))


@pytest.mark.parametrize("equation", ["ij,kj->ik", "ij,kj->kij", "ij,kj->"])
def test_einsum_repeats_an_axis_of_one_that_lies_otherwise(equation):
    x, y = np.random.default_rng(0).random((2, 1)), np.random.default_rng(1).random((3, 4))
    found = mg.einsum(equation, mg.tensor(x), mg.tensor(y)).numpy()
    np.testing.assert_allclose(found, np.einsum(equation, x, y))
