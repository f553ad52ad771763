"""Sums, means, extremes and softmaxes over any axes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.ops.reduce import root
from tests.checks import check_op
from tests.strategies import arrays, at_most, axes, axis, distinct, normal, shapes


def over_lines(f):
    """A reduction by f, which takes a list of numbers: line by line, with Python's arithmetic."""

    def reduce(x, dim, keepdim):
        dims = range(x.ndim) if dim is None else np.atleast_1d(np.array(dim, int)) % max(x.ndim, 1)
        dims = tuple(int(d) for d in dims if d < x.ndim)
        kept = [i for i in range(x.ndim) if i not in dims]
        shape = [x.shape[i] for i in kept]
        lines = x.transpose(*kept, *dims).reshape(*shape, -1) if x.size else None
        count = math.prod(x.shape[i] for i in dims)
        out = np.empty(shape)
        for at in np.ndindex(*shape):
            out[at] = f(list(lines[at]) if count else [])
        return (
            out.reshape([1 if i in dims else n for i, n in enumerate(x.shape)]) if keepdim else out
        )

    return reduce


def variance(correction):
    def f(line):
        mean = math.fsum(line) / len(line)
        return math.fsum((v - mean) ** 2 for v in line) / (len(line) - correction)

    return f


def log_of_sum_of_exps(line):
    return math.log(math.fsum(math.exp(v) for v in line))


# name: f(x, dim, keepdim), what it does to a line of numbers, filling, length of the shortest line
REDUCTIONS = {
    "sum": (mg.sum, math.fsum, normal, 0),
    "mean": (mg.mean, lambda line: math.fsum(line) / len(line), normal, 1),
    "var": (lambda x, dim, keepdim: mg.var(x, dim, keepdim=keepdim), variance(1), normal, 2),
    "var of a population": (
        lambda x, dim, keepdim: mg.var(x, dim, keepdim=keepdim, correction=0),
        variance(0),
        normal,
        1,
    ),
    "std": (
        lambda x, dim, keepdim: mg.std(x, dim, keepdim=keepdim),
        lambda line: math.sqrt(variance(1)(line)),
        distinct,
        2,
    ),
    "amax": (mg.amax, lambda line: sorted(line)[-1], distinct, 1),
    "amin": (mg.amin, lambda line: sorted(line)[0], distinct, 1),
    "logsumexp": (mg.logsumexp, log_of_sum_of_exps, normal, 1),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@given(data=st.data())
@at_most(30)
def test_reductions(name, data):
    f, of_line, filling, shortest = REDUCTIONS[name]
    x = data.draw(arrays(shapes(min_side=shortest, min_dims=1 if shortest > 1 else 0), filling))
    dim, keepdim = data.draw(axes(x.ndim)), data.draw(st.booleans())
    if dim == () and shortest > 1:
        dim = 0
    check_op(lambda x: f(x, dim, keepdim), lambda x: over_lines(of_line)(x, dim, keepdim), x)


@pytest.mark.parametrize("f", [mg.max, mg.min])
@given(data=st.data())
@at_most(30)
def test_extremes_of_all_and_along_an_axis(f, data):
    x = data.draw(arrays(shapes(min_dims=1, min_side=1), distinct))
    extreme = max if f is mg.max else min
    check_op(f, lambda x: extreme(x.ravel().tolist()), x)
    dim, keepdim = data.draw(axis(x.ndim)), data.draw(st.booleans())
    check_op(lambda x: f(x, dim, keepdim).values, lambda x: over_lines(extreme)(x, dim, keepdim), x)
    values, indices = f(mg.tensor(x), dim, True)
    np.testing.assert_array_equal(np.take_along_axis(x, indices.numpy(), dim), values.numpy())
    assert indices.dtype == np.int64


@pytest.mark.parametrize(("f", "numpy"), [(mg.argmax, np.argmax), (mg.argmin, np.argmin)])
@given(data=st.data())
def test_places_of_extremes(f, numpy, data):
    x = data.draw(arrays(shapes(min_dims=1, min_side=1)).map(np.round))  # with ties
    dim, keepdim = data.draw(st.none() | axis(x.ndim)), data.draw(st.booleans())
    for out in (f(x, dim, keepdim), f(mg.tensor(x, requires_grad=True), dim, keepdim).array):
        assert out.dtype == np.int64
        np.testing.assert_array_equal(out, numpy(x, dim, keepdims=keepdim))


@pytest.mark.parametrize(("f", "numpy"), [(mg.any, np.any), (mg.all, np.all)])
@given(data=st.data())
def test_whether_any_or_all_are_not_zero(f, numpy, data):
    x = data.draw(arrays(shapes())) > 0
    dim, keepdim = data.draw(axes(x.ndim)), data.draw(st.booleans())
    np.testing.assert_array_equal(f(x, dim, keepdim), numpy(x, dim, keepdims=keepdim))
    np.testing.assert_array_equal(f(x, dim), numpy(x, dim))


def softmax(x, dim):
    """Line by line, in extended precision."""
    dims = tuple(range(x.ndim)) if dim is None else dim
    e = np.exp(x.astype(np.longdouble))
    return e / e.sum(dims, keepdims=True)


@given(data=st.data())
@at_most(30)
def test_softmax_and_log_softmax(data):
    x = data.draw(arrays(shapes(min_side=1)))
    dim = data.draw(axes(x.ndim).filter(lambda dim: dim is not None))
    check_op(lambda x: mg.softmax(x, dim), lambda x: softmax(x, dim).astype(float), x)
    check_op(lambda x: mg.log_softmax(x, dim), lambda x: np.log(softmax(x, dim)).astype(float), x)


# ---- arguments -----------------------------------------------------------------------------------

X = np.arange(24.0).reshape(2, 3, 4) % 7
EVERY = [mg.sum, mg.mean, mg.var, mg.std, mg.amax, mg.amin, mg.logsumexp]


@pytest.mark.parametrize("f", [*EVERY, mg.prod, mg.any, mg.all, mg.argmax, mg.argmin])
def test_an_axis_is_not_kept_unless_asked_for(f):
    assert f(X).shape == ()
    assert f(X, 1).shape == (2, 4)
    assert f(X, 1, keepdim=True).shape == (2, 1, 4)
    np.testing.assert_array_equal(f(X, keepdim=True), np.reshape(f(X), (1, 1, 1)))
    np.testing.assert_array_equal(f(X, -1, keepdim=True), f(X, 2)[..., None])


@pytest.mark.parametrize("f", EVERY)
def test_numpys_spelling(f):
    np.testing.assert_array_equal(f(X, axis=1, keepdims=True), f(X, 1, keepdim=True))
    np.testing.assert_array_equal(f(X, axis=(0, -1)), f(X, dim=(0, 2)))
    method = getattr(mg.tensor(X), f.__name__)
    np.testing.assert_array_equal(method(axis=-1, keepdims=True).numpy(), f(X, 2, keepdim=True))
    kept = method(dim=[0, 2], keepdim=True).numpy()
    np.testing.assert_array_equal(kept, f(X, (0, 2), keepdim=True))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("f", [*EVERY, mg.prod, mg.any, mg.all, mg.softmax, mg.log_softmax])
def test_numpys_axis_is_dim(f, axis):
    np.testing.assert_array_equal(f(X, axis=axis), f(X, axis))


@pytest.mark.parametrize("f", [mg.max, mg.min])
@pytest.mark.parametrize("x", [X, X[0], X[0, 0]])
def test_an_extreme_along_numpys_axis_has_its_place_beside_it(f, x):
    values, places = f(mg.tensor(x), axis=0)
    for found, wanted in zip((values, places), f(mg.tensor(x), 0), strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    assert f(mg.tensor(x)).shape == ()
    assert f(mg.tensor(x), axis=None).shape == ()


@pytest.mark.parametrize("f", [*EVERY, mg.softmax, mg.log_softmax, mg.max, mg.argmax])
def test_a_dim_that_is_not_there(f):
    for dim in (3, -4):
        with pytest.raises(IndexError, match=rf"{f.__name__}: dim {dim} .* 3 dimensions"):
            f(mg.tensor(X), dim)
    with pytest.raises(TypeError, match="dims"):
        f(mg.tensor(X), 1, dims=1)


@pytest.mark.parametrize("f", [*EVERY, mg.softmax, mg.log_softmax])
@pytest.mark.parametrize("dim", [(1, 1), (0, -3), [2, -1]])
def test_an_axis_named_twice(f, dim):
    with pytest.raises(ValueError, match=f"{f.__name__}: .* twice"):
        f(mg.tensor(X), dim)


def test_max_takes_one_dim_and_amax_several():
    with pytest.raises(ValueError, match=r"max: takes one dim.*amax"):
        mg.max(mg.tensor(X), (0, 1))
    assert mg.amax(mg.tensor(X), (0, 1)).shape == (4,)
    x, y = mg.tensor([1.0, 2.0]), mg.tensor([2.0, 1.0])
    assert (mg.max(x, y).tolist(), mg.min(x, y).tolist()) == ([2, 2], [1, 1])


@pytest.mark.parametrize("f", [mg.mean, mg.var, mg.std])
def test_means_of_integers_are_an_error(f):
    with pytest.raises(TypeError, match=f"{f.__name__}.*int64"):
        f(mg.arange(3))


def test_sums_of_integers_and_booleans_count():
    assert mg.sum(mg.tensor([True, True, False])).item() == 2
    assert mg.sum(mg.arange(4)).item() == 6 and mg.sum(mg.arange(4)).dtype == np.int64


@pytest.mark.parametrize("correction", [0, 1, 2, 0.5])
def test_correction(correction):
    x = np.array([1.0, 2.0, 4.0, 9.0])  # mean 4; squared deviations add up to 38
    assert mg.var(x, correction=correction) == pytest.approx(38 / (4 - correction))
    assert mg.std(x, correction=correction) == pytest.approx(math.sqrt(38 / (4 - correction)))


# ---- empty, tied and infinite --------------------------------------------------------------------


def test_empty_reductions():
    empty = mg.zeros(2, 0, requires_grad=True)
    assert mg.sum(empty, 1).tolist() == [0, 0]
    assert mg.sum(empty, 0).shape == (0,)
    assert np.isnan(mg.mean(empty, 1).detach().numpy()).all()
    assert mg.mean(empty, 0).shape == (0,)
    assert mg.amax(empty, 0).shape == mg.max(empty, 0).values.shape == (0,)
    for f in (mg.amax, mg.max, mg.amin, mg.argmax):
        with pytest.raises(ValueError, match=rf"{f.__name__}.*(empty|zero-size)"):
            f(empty, 1)
    mg.sum(empty).backward()
    assert empty.grad.shape == (2, 0)
    assert mg.logsumexp(empty, 1).tolist() == [-math.inf, -math.inf]
    assert mg.logsumexp(empty, 1, keepdim=True).tolist() == [[-math.inf], [-math.inf]]
    assert mg.softmax(empty, 1).shape == mg.log_softmax(empty, 1).shape == (2, 0)


def test_logsumexp_of_a_row_that_is_masked_has_no_gradient():
    x = mg.tensor([[-math.inf, -math.inf], [0.0, 0.0]], requires_grad=True)
    assert mg.grad(mg.logsumexp(x, 1).sum(), x)[0].tolist() == [[0, 0], [0.5, 0.5]]


def test_variance_of_too_few_is_nan():
    assert math.isnan(mg.var(mg.tensor([3.0])).item())
    assert math.isnan(mg.std(mg.tensor([3.0])).item())


def test_the_standard_deviation_of_equal_numbers_has_slope_0():
    x = mg.tensor([3.0, 3.0], requires_grad=True)
    assert mg.grad(mg.std(x), x)[0].tolist() == [0, 0]
    x = mg.tensor([0.0, 4.0], requires_grad=True)
    assert mg.grad(root(x).sum(), x)[0].tolist() == [0, 0.25]


@pytest.mark.parametrize("f", [mg.amax, mg.amin, lambda x: mg.max(x), lambda x: mg.min(x)])
def test_ties_share_the_gradient_equally(f):
    x = mg.tensor([[2.0, 2.0], [2.0, 2.0]], requires_grad=True)
    (g,) = mg.grad(f(x), x)
    assert g.tolist() == [[0.25, 0.25], [0.25, 0.25]]


@pytest.mark.parametrize(("f", "sign"), [(mg.max, 1), (mg.min, -1)])
def test_along_an_axis_the_first_of_equal_ones_takes_it_all(f, sign):
    x = mg.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]]) * sign
    x.requires_grad_()
    values, indices = f(x, 1)
    assert indices.tolist() == [1, 0]
    (g,) = mg.grad(values, x, mg.tensor([5.0, 7.0]))
    assert g.tolist() == [[0, 5, 0], [7, 0, 0]]


def test_logsumexp_at_infinity():
    inf = math.inf
    x = mg.tensor([[-inf, -inf], [-inf, 1.0], [inf, 1.0], [inf, -inf]])
    with np.errstate(all="raise"):
        out = mg.logsumexp(x, 1)
    assert out.tolist() == [-inf, 1.0, inf, inf]
    x = mg.tensor([-inf, 1.0], requires_grad=True)
    assert mg.grad(mg.logsumexp(x, 0), x)[0].tolist() == [0, 1]


# ---- large and tiny numbers ----------------------------------------------------------------------

LINES = [
    [1000.0, 1000.0, 999.0],
    [-1000.0, -1000.0, -1001.0],
    [100.0, -100.0, 0.0],
    [1000.0, -1000.0, 0.0],
    [1e-6, -1e-6, 0.0],
    [80.0, 81.0, -2.0],
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("line", LINES, ids=str)
def test_softmaxes_are_accurate_without_a_floating_point_error(line, dtype):
    line = np.array(line, dtype)
    exact = line.astype(np.longdouble)
    top = exact.max()
    share = np.exp(exact - top) / np.exp(exact - top).sum()
    total = top + np.log(np.exp(exact - top).sum())
    eps, tiny = np.finfo(dtype).eps, np.finfo(dtype).tiny
    u = np.array([0.5, -2.0, 1.0], dtype)
    for f, value, slopes in [
        (lambda x: mg.softmax(x, 0), share, share * (u - (u * share).sum())),
        (lambda x: mg.log_softmax(x, 0), exact - total, u - share * u.sum()),
        (lambda x: mg.logsumexp(x, 0) * 0.5, total / 2, share / 2),
    ]:
        with np.errstate(all="raise"):
            x = mg.tensor(line, requires_grad=True)
            y = f(x)
            (g,) = mg.grad(y, x, mg.tensor(u) if y.ndim else None)
        scale = abs(line).max()
        np.testing.assert_allclose(y.detach().numpy(), value.astype(float), 4 * eps, atol=tiny)
        np.testing.assert_allclose(g.numpy(), slopes.astype(float), 0, atol=8 * eps * max(scale, 1))


def test_of_integers_a_logarithm_is_float32():
    found = mg.logsumexp(mg.tensor([1, 2, 3]))
    assert found.dtype == mg.float32
    assert found.item() == pytest.approx(math.log(sum(map(math.exp, (1, 2, 3)))), rel=1e-6)
