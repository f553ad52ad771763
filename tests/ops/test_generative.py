"""The ops that public code of generative models uses besides: values and gradients of each."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from tests.checks import beside, check_op
from tests.strategies import arrays, at_most, between, distinct, nonzero, normal, operands, positive

PLACES = np.array([[2, 0], [1, 1]])
MASK = np.array([[True, False, True], [False, False, True]])
SHAPE = (2, 3)


def each(f):
    return np.vectorize(f, otypes=[float])


def halves(rng, shape):
    """Never near a whole number, nor near a half."""
    return rng.integers(-4, 4, shape) + rng.choice([0.2, 0.3, 0.7, 0.8], shape)


# name: the op, what it is in NumPy or Python's math, the filling
UNARY = {
    "floor": (mg.floor, each(math.floor), halves),
    "ceil": (mg.ceil, each(math.ceil), halves),
    "trunc": (mg.trunc, each(math.trunc), halves),
    "round": (mg.round, each(lambda x: round(x)), halves),
    "round to .1": (lambda x: mg.round(x, decimals=1), each(lambda x: round(x, 1)), normal),
    "frac": (mg.frac, each(lambda x: x - math.trunc(x)), halves),
    "reciprocal": (mg.reciprocal, each(lambda x: 1 / x), nonzero),
    "rsqrt": (mg.rsqrt, each(lambda x: 1 / math.sqrt(x)), positive),
    "tan": (mg.tan, each(math.tan), between(-1, 1)),
    "exp2": (mg.exp2, each(lambda x: 2**x), normal),
    "log2": (mg.log2, each(math.log2), positive),
    "log10": (mg.log10, each(math.log10), positive),
    "erf": (mg.erf, each(math.erf), normal),
    "remainder 3": (lambda x: mg.remainder(x, 3.0), each(lambda x: x % 3), halves),
}
BINARY = {
    "floor_divide": (mg.floor_divide, each(lambda x, y: x // y), (halves, positive)),
    "remainder": (mg.remainder, each(lambda x, y: x % y), (halves, between(10, 11))),
    "fmod": (mg.fmod, each(math.fmod), (halves, between(10, 11))),
    "div": (mg.div, each(lambda x, y: x / y), (normal, nonzero)),
    "div floor": (
        lambda x, y: mg.div(x, y, rounding_mode="floor"),
        each(lambda x, y: x // y),
        (halves, between(10, 11)),
    ),
    "add alpha": (
        lambda x, y: mg.add(x, y, alpha=2),
        each(lambda x, y: x + 2 * y),
        (normal, normal),
    ),
    "sub alpha": (
        lambda x, y: mg.sub(x, y, alpha=0.5),
        each(lambda x, y: x - y / 2),
        (normal, normal),
    ),
    "lerp": (
        lambda x, y: mg.lerp(x, y, 0.25),
        each(lambda x, y: 0.75 * x + 0.25 * y),
        2 * (normal,),
    ),
}


@pytest.mark.parametrize("name", UNARY)
@given(data=st.data())
@at_most(4)
def test_of_one(name, data):
    f, reference, filling = UNARY[name]
    check_op(f, reference, data.draw(arrays(SHAPE, filling)))


@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
@at_most(4)
def test_of_two(name, data):
    f, reference, fillings = BINARY[name]
    check_op(f, reference, *data.draw(operands(*fillings)))


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
@given(xyz=operands(normal, normal, nonzero))
@at_most(4)
def test_combinations_of_three(name, xyz):
    f = {"addcmul": mg.addcmul, "addcdiv": mg.addcdiv}[name]
    other = np.multiply if name == "addcmul" else np.divide
    check_op(lambda *a: f(*a, value=0.5), lambda x, y, z: x + 0.5 * other(y, z), *xyz)


def test_erf_to_the_last_digit():
    for dtype in (np.float32, np.float64):
        x = np.concatenate([np.linspace(-7, 7, 2001), np.logspace(-30, 0, 50)]).astype(dtype)
        exact = each(math.erf)(x.astype(float))
        got = mg.erf(mg.tensor(x)).numpy()
        assert got.dtype == dtype
        np.testing.assert_allclose(got, exact, 4 * np.finfo(dtype).eps)


# ---- over an axis --------------------------------------------------------------------------------


def powers(p, dim):
    return lambda x: (np.abs(x) ** p).sum(dim) ** (1 / p)


ALONG = {
    "cumsum": (lambda x: mg.cumsum(x, 1), lambda x: x.cumsum(1), normal),
    "cumsum 0": (lambda x: x.cumsum(-2), lambda x: x.cumsum(-2), normal),
    "cumprod": (lambda x: mg.cumprod(x, 1), lambda x: x.cumprod(1), normal),
    "prod": (mg.prod, np.prod, normal),
    "prod 1": (lambda x: mg.prod(x, 1), lambda x: x.prod(1), normal),
    "prod 0 kept": (lambda x: mg.prod(x, 0, True), lambda x: x.prod(0, keepdims=True), normal),
    "norm": (mg.norm, lambda x: np.sqrt((x * x).sum()), normal),
    "norm 1": (lambda x: mg.norm(x, 1, 0), powers(1, 0), nonzero),
    "norm 2": (lambda x: mg.norm(x, 2, dim=1), powers(2, 1), normal),
    "norm 3": (lambda x: mg.norm(x, 3, dim=1), powers(3, 1), nonzero),
    "norm .5": (lambda x: mg.norm(x, 0.5, dim=1), powers(0.5, 1), nonzero),
    "norm inf": (lambda x: mg.norm(x, math.inf, 1), lambda x: abs(x).max(1), distinct),
    "norm -inf": (lambda x: mg.norm(x, -math.inf, 1), lambda x: abs(x).min(1), distinct),
    "norm 0": (lambda x: mg.norm(x, 0, 1), lambda x: (x != 0).sum(1).astype(float), nonzero),
    "sort": (lambda x: mg.sort(x).values, lambda x: np.sort(x), distinct),
    "sort down": (
        lambda x: mg.sort(x, 0, descending=True).values,
        lambda x: -np.sort(-x, 0),
        distinct,
    ),
    "topk": (lambda x: mg.topk(x, 2).values, lambda x: -np.sort(-x)[:, :2], distinct),
    "bottom k": (
        lambda x: mg.topk(x, 1, 0, largest=False)[0],
        lambda x: x.min(0, keepdims=True),
        distinct,
    ),
    "tril": (lambda x: mg.tril(x, -1), lambda x: np.tril(x, -1), normal),
    "triu": (mg.triu, np.triu, normal),
    "roll": (lambda x: mg.roll(x, 2), lambda x: np.roll(x, 2), normal),
    "roll dims": (
        lambda x: mg.roll(x, (1, -1), (0, 1)),
        lambda x: np.roll(x, (1, -1), (0, 1)),
        normal,
    ),
    "repeat": (lambda x: mg.repeat(x, 2, 1, 3), lambda x: np.tile(x, (2, 1, 3)), normal),
    "tile": (lambda x: mg.tile(x, 2), lambda x: np.tile(x, 2), normal),
    "repeat_interleave": (
        lambda x: mg.repeat_interleave(x, 2, 1),
        lambda x: np.repeat(x, 2, 1),
        normal,
    ),
    "t": (mg.t, np.transpose, normal),
    "swapaxes": (lambda x: mg.swapaxes(x, 0, 1), np.transpose, normal),
    "movedim": (lambda x: mg.movedim(x, 0, -1), np.transpose, normal),
    "broadcast_to": (
        lambda x: mg.broadcast_to(x, (2, 2, 3)),
        lambda x: np.broadcast_to(x, (2, 2, 3)),
        normal,
    ),
    "view_as": (
        lambda x: mg.view_as(x, np.zeros((3, 2))),
        lambda x: x.reshape(3, 2),
        normal,
    ),
    "expand_as": (
        lambda x: mg.expand_as(x, np.zeros((2, 2, 3))),
        lambda x: np.broadcast_to(x, (2, 2, 3)),
        normal,
    ),
    "unbind": (lambda x: mg.unbind(x, 1), lambda x: list(x.T), normal),
    "select": (lambda x: mg.select(x, 1, -1), lambda x: x[:, -1], normal),
    "narrow": (lambda x: mg.narrow(x, 1, -2, 2), lambda x: x[:, 1:], normal),
    "index_select": (
        lambda x: mg.index_select(x, 1, beside(PLACES[0], x)),
        lambda x: x[:, PLACES[0]],
        normal,
    ),
    "masked_fill": (
        lambda x: mg.masked_fill(x, beside(MASK, x), -1.5),
        lambda x: np.where(MASK, -1.5, x),
        normal,
    ),
    "masked_select": (
        lambda x: mg.masked_select(x, beside(MASK, x)),
        lambda x: x[MASK],
        normal,
    ),
    "scatter a number": (
        lambda x: mg.scatter(x, 1, beside(PLACES[:, :1], x), 0.5),
        lambda x: np.array([[x[0, 0], x[0, 1], 0.5], [x[1, 0], 0.5, x[1, 2]]]),
        normal,
    ),
}


@pytest.mark.parametrize("name", ALONG)
@given(data=st.data())
@at_most(3)
def test_along_an_axis(name, data):
    f, reference, filling = ALONG[name]
    check_op(f, reference, data.draw(arrays(SHAPE, filling)))


def test_products_of_zeros_have_gradients():
    for zeros in range(3):
        x = np.array([2.0, 3.0, 5.0, 7.0])
        x[:zeros] = 0
        others = [math.prod(np.delete(x, i)) for i in range(4)]
        leaf = mg.tensor(x, requires_grad=True)
        assert mg.grad(mg.prod(leaf), leaf)[0].tolist() == others
        check_op(lambda x: mg.cumprod(x, 0), np.cumprod, x)
    assert mg.prod(mg.ones(0, 2), 0).tolist() == [1, 1]


def test_a_norm_of_0_has_slope_0():
    for p in ("fro", 2, 1, 0.5, 3, math.inf, -math.inf):
        x = mg.zeros(3, requires_grad=True)
        assert mg.grad(mg.norm(x, p), x)[0].tolist() == [0, 0, 0]


# ---- of several tensors --------------------------------------------------------------------------


def put(x, src, add):
    out = x.copy()
    for i, j in itertools.product(range(2), range(2)):
        at = PLACES[i, j] if add else [2, 0, 1, 0][2 * i + j]
        out[i, at] = src[i, j] + (out[i, at] if add else 0)
    return out


@given(arrays(SHAPE), arrays((2, 3)))
@at_most(4)
def test_scatter(x, src):
    distinct_places = np.array([[2, 0], [1, 0]])
    check_op(
        lambda x, src: mg.scatter(x, 1, beside(distinct_places, x), src),
        lambda x, src: put(x, src, False),
        x,
        src,
    )
    check_op(
        lambda x, src: mg.scatter_add(x, 1, beside(PLACES, x), src),
        lambda x, src: put(x, src, True),
        x,
        src,
    )


def sum_of_both(grids):
    return grids[0] + 2 * grids[1]


PRODUCTS = {
    "mm": (mg.mm, np.matmul, (2, 3), (3, 4)),
    "bmm": (mg.bmm, np.matmul, (2, 2, 3), (2, 3, 2)),
    "mv": (mg.mv, np.matmul, (2, 3), (3,)),
    "dot": (mg.dot, np.matmul, (3,), (3,)),
    "outer": (mg.outer, np.outer, (3,), (2,)),
    "meshgrid": (
        lambda x, y: sum_of_both(mg.meshgrid(x, y, indexing="xy")),
        lambda x, y: sum_of_both(np.meshgrid(x, y)),
        (3,),
        (2,),
    ),
    "vstack": (lambda x, y: mg.vstack([x, y]), lambda x, y: np.vstack([x, y]), (3,), (2, 3)),
    "hstack": (lambda x, y: mg.hstack([x, y]), lambda x, y: np.hstack([x, y]), (2, 1), (2, 3)),
    **{
        f"einsum {equation}": (
            lambda x, y, equation=equation: mg.einsum(equation, x, y),
            lambda x, y, equation=equation: np.einsum(equation, x, y),
            a,
            b,
        )
        for equation, a, b in [
            ("ij,jk->ik", (2, 3), (3, 2)),
            ("ij,jk", (2, 3), (3, 2)),
            ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
            ("bij,bkj->bk", (2, 2, 3), (2, 3, 3)),
            ("i,j->ji", (2,), (3,)),
            ("ij,ij->", (2, 3), (2, 3)),
            ("ij,kj->ki", (2, 3), (4, 3)),
            ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
            ("...i,i", (2, 3), (3,)),
            ("ii,ij->j", (2, 2), (2, 3)),
            ("ij,ij->ij", (1, 3), (2, 3)),
        ]
    },
}


@pytest.mark.parametrize("name", PRODUCTS)
@given(data=st.data())
@at_most(3)
def test_products(name, data):
    f, reference, a, b = PRODUCTS[name]
    check_op(f, reference, data.draw(arrays(a)), data.draw(arrays(b)))


@pytest.mark.parametrize("equation", ["ij->ji", "ij->", "ij->j", "ii->i", "ii", "...->..."])
def test_einsum_of_one(equation):
    x = normal(np.random.default_rng(0), (3, 3))
    check_op(lambda x: mg.einsum(equation, x), lambda x: np.einsum(equation, x), x)


def test_einsum_of_three():
    rng = np.random.default_rng(0)
    xs = [normal(rng, shape) for shape in ((2, 3), (3, 4), (4, 2))]
    for equation in ("ij,jk,kl->il", "ij,jk,kl->", "ij,jk,ki->jk"):
        check_op(
            lambda *xs, e=equation: mg.einsum(e, *xs),
            lambda *xs, e=equation: np.einsum(e, *xs),
            *xs,
        )


# ---- what is not on the tape ---------------------------------------------------------------------


def test_places_and_truths():
    x = mg.tensor([[3.0, 1.0, 2.0], [1.0, math.inf, 1.0]])
    assert mg.argsort(x).tolist() == [[1, 2, 0], [0, 2, 1]]
    assert mg.argsort(x, descending=True).tolist() == [[0, 2, 1], [1, 0, 2]]
    assert mg.sort(x, 1).indices.tolist() == [[1, 2, 0], [0, 2, 1]]
    assert mg.topk(x, 1).indices.tolist() == [[0], [1]]
    assert mg.nonzero(x == 1).tolist() == [[0, 1], [1, 0], [1, 2]]
    assert [p.tolist() for p in mg.where(x == 1)] == [[0, 1, 1], [1, 0, 2]]
    # Of a number, which has no axes: one place without coordinates, or none.
    assert [mg.nonzero(mg.tensor(n)).shape for n in (3.0, 0.0)] == [(1, 0), (0, 0)]
    assert x.isinf().tolist() == [[False] * 3, [False, True, False]]
    assert mg.allclose(x, x + 1e-7) is True
    assert mg.allclose(x, x + 1e-3) is False
    assert mg.equal(x, x.clone()) is True
    assert mg.equal(x, x[:1]) is False
    assert (x.eq(1).logical_or(x.gt(2))).tolist() == [[True, True, False], [True, True, True]]
    assert (mg.tensor([7, -7]) // 2).tolist() == [3, -4]
    assert (mg.tensor([7, -7]) % mg.tensor([-2, 2])).tolist() == [-1, 1]
    assert (7 % mg.tensor([2, 4])).tolist() == [1, 3]
    assert mg.div(mg.tensor([7, -7]), 2, rounding_mode="trunc").tolist() == [3, -3]
    assert mg.cumsum(mg.tensor([True, True]), 0).dtype == mg.int64
    assert mg.cumsum(mg.tensor([1, 2]), 0, dtype=mg.int32).dtype == mg.int32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_quotient_that_is_rounded_is_a_whole_number(dtype):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 1000)).astype(dtype)
    np.testing.assert_array_equal(mg.div(x, y, rounding_mode="trunc"), np.trunc(x / y))
    np.testing.assert_array_equal(mg.div(x, y, rounding_mode="floor"), np.floor_divide(x, y))
    assert mg.div(7.0, mg.tensor([2, -2]), rounding_mode="trunc").tolist() == [3, -3]
    a, b = (mg.tensor(v, requires_grad=True) for v in (x, y))
    for slope in mg.grad(mg.div(a, b, rounding_mode="trunc").sum(), [a, b]):
        assert not slope.numpy().any()


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda x: mg.einsum("ij,jk", x), ValueError, "2 operands, got 1"),
        (lambda x: mg.einsum("ijk->i", x), ValueError, "does not fit"),
        (lambda x: mg.einsum("ij->k", x), ValueError, "of its own|alone|its own"),
        (lambda x: mg.einsum("ii", x), ValueError, "'i' is both 2 and 3"),
        (lambda x: mg.bmm(x, x), ValueError, "bmm: needs 3 and 3 axes"),
        (lambda x: mg.topk(x, 4), ValueError, "no 4 elements"),
        (lambda x: mg.repeat(x, 2), ValueError, "repeat: "),
        (lambda x: mg.tril(x[0]), ValueError, "needs matrices"),
        (lambda x: mg.masked_fill(x, x, 0), TypeError, "bools"),
        (lambda x: mg.masked_fill(x.long(), x > 0, 0.5), TypeError, "int64"),
        (lambda x: mg.index_select(x, 1, mg.tensor([3])), IndexError, "0 ... 2"),
        (lambda x: mg.scatter(x, 1, mg.tensor([[-1]]), 1.0), IndexError, "0 ... 2"),
        (lambda x: mg.norm(x.long()), TypeError, "floating"),
        (lambda x: mg.norm(x, "nuc"), ValueError, "fro"),
        (lambda x: mg.narrow(x, 1, 2, 2), IndexError, "narrow"),
        (lambda x: mg.div(x, 2, rounding_mode="up"), ValueError, "rounding_mode"),
        (lambda x: mg.t(x[None]), ValueError, "at most 2"),
    ],
)
def test_errors(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong(mg.ones(2, 3))
