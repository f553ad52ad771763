"""Reshaping, joining, cutting and padding: values, gradients, and what stays a view."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from tests.checks import check_op
from tests.strategies import arrays, at_most, axis, shapes

FEW = at_most(25)


@st.composite
def reshapings(draw):
    """An array and another shape with as many elements, in which one length may be -1."""
    x = draw(arrays(shapes()))
    factors = [p for n in x.shape for p in {4: (2, 2)}.get(n, (n,))]
    wanted = []
    for n in draw(st.permutations(factors)):
        if wanted and draw(st.booleans()):
            wanted[-1] *= n
        else:
            wanted.append(n)
    if draw(st.booleans()):
        wanted.insert(draw(st.integers(0, len(wanted))), 1)
    unknown = draw(st.none() | st.integers(0, len(wanted) - 1)) if wanted and x.size else None
    return x, tuple(wanted), tuple(-1 if i == unknown else n for i, n in enumerate(wanted))


@given(reshapings())
@FEW
def test_reshape(drawn):
    x, shape, given_shape = drawn
    check_op(
        lambda x: mg.reshape(x, given_shape),
        lambda x: np.fromiter(x.flat, float).reshape(shape),
        x,
    )
    assert mg.tensor(x).reshape(*given_shape).shape == shape
    assert mg.tensor(x).view(given_shape).shape == shape


@given(arrays(shapes()), st.data())
@FEW
def test_permute_and_transpose(x, data):
    order = tuple(data.draw(st.permutations(range(x.ndim))))
    signed = tuple(d - x.ndim if data.draw(st.booleans()) else d for d in order)

    def moved(x):
        out = np.empty([x.shape[d] for d in order])
        for at in np.ndindex(*out.shape):
            out[at] = x[tuple(at[order.index(i)] for i in range(x.ndim))]
        return out

    check_op(lambda x: mg.permute(x, signed), moved, x)
    if x.ndim:
        a, b = data.draw(axis(x.ndim)), data.draw(axis(x.ndim))
        check_op(lambda x: mg.transpose(x, a, b), lambda x: np.swapaxes(x, a, b), x)


def test_T_turns_all_axes_round():
    x = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(mg.tensor(x).T.numpy(), x.T)


@given(arrays(shapes(max_dims=2)), st.data())
@FEW
def test_expand(x, data):
    lead = data.draw(shapes(max_dims=2, max_side=3))
    shape = lead + tuple(data.draw(st.integers(0, 3)) if n == 1 else n for n in x.shape)
    kept = lead + tuple(-1 if n == m else m for n, m in zip(x.shape, shape[len(lead) :]))
    for wanted in (shape, kept):
        check_op(lambda x: mg.expand(x, wanted), lambda x: x + np.zeros(shape), x)  # noqa: B023


@given(arrays(shapes(max_side=2)), st.data())
@FEW
def test_squeeze_unsqueeze_and_flatten(x, data):
    check_op(mg.squeeze, np.squeeze, x)
    at = data.draw(axis(x.ndim + 1))
    check_op(lambda x: mg.unsqueeze(x, at), lambda x: np.expand_dims(x, at), x)
    check_op(mg.flatten, np.ravel, x)
    if x.ndim:
        dim = data.draw(axis(x.ndim))
        drop = (dim,) if x.shape[dim] == 1 else ()
        check_op(lambda x: mg.squeeze(x, dim), lambda x: np.squeeze(x, drop), x)
        first, last = sorted(data.draw(axis(x.ndim)) % x.ndim for _ in range(2))
        joined = (*x.shape[:first], int(np.prod(x.shape[first : last + 1])), *x.shape[last + 1 :])
        check_op(lambda x: mg.flatten(x, first, last - x.ndim), lambda x: np.reshape(x, joined), x)


@given(arrays(shapes()), st.data())
@FEW
def test_flip(x, data):
    dims = data.draw(st.permutations(range(x.ndim)))[: data.draw(st.integers(0, x.ndim))]
    signed = [d - x.ndim if data.draw(st.booleans()) else d for d in dims]
    key = tuple(slice(None, None, -1 if i in dims else 1) for i in range(x.ndim))
    check_op(lambda x: mg.flip(x, *signed), lambda x: x[(..., *key)], x)
    check_op(lambda x: mg.flip(x, tuple(signed)), lambda x: x[(..., *key)], x)


@given(arrays(shapes()))
@FEW
def test_clone(x):
    check_op(mg.clone, np.copy, x)
    twin = mg.clone(x)
    assert not np.shares_memory(twin, x) and twin.flags.writeable


# ---- joining and cutting -------------------------------------------------------------------------


@st.composite
def joinable(draw, one_shape=False):
    """One to three arrays that differ along one axis at most, and that axis."""
    shape = draw(shapes(min_dims=1))
    dim = draw(axis(len(shape)))
    xs = []
    for _ in range(draw(st.integers(1, 3))):
        if not one_shape:
            shape = list(shape)
            shape[dim] = draw(st.integers(0, 3))
        xs.append(draw(arrays(tuple(shape))))
    return xs, dim


@given(joinable())
@FEW
def test_concat(drawn):
    xs, dim = drawn

    def joined(*xs):
        lines = [np.moveaxis(x, dim, 0) for x in xs]
        return np.moveaxis(np.array([row for x in lines for row in x]), 0, dim)

    if sum(x.shape[dim] for x in xs):
        check_op(lambda *xs: mg.concat(xs, dim), joined, *xs)
    else:
        assert mg.concat(xs, dim).shape == xs[0].shape


@given(joinable(one_shape=True), st.data())
@FEW
def test_stack(drawn, data):
    xs, _ = drawn
    dim = data.draw(axis(xs[0].ndim + 1))
    check_op(lambda *xs: mg.stack(xs, dim), lambda *xs: np.moveaxis(np.array(xs), 0, dim), *xs)


def test_one_tensor_joined_with_itself_gets_both_gradients():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (g,) = mg.grad(mg.concat([x, x, x]), x, mg.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert g.tolist() == [9.0, 12.0]


@given(arrays(shapes(min_dims=1)), st.data())
@FEW
def test_split_and_chunk(x, data):
    dim = data.draw(axis(x.ndim))
    n, step = x.shape[dim], data.draw(st.integers(1, 5))
    ends = list(range(step, n, step))
    check_op(lambda x: mg.split(x, step, dim), lambda x: np.split(x, ends, dim), x)
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=3)))
    sizes = np.diff([0, *cuts, n]).tolist()
    check_op(lambda x: mg.split(x, sizes, dim), lambda x: np.split(x, cuts, dim), x)
    pieces = mg.chunk(x, step, dim)
    assert len(pieces) <= step and len({p.shape[dim] for p in pieces[:-1]}) <= 1
    check_op(lambda x: mg.chunk(x, step, dim)[-1], lambda x: np.array(pieces[-1]), x)
    np.testing.assert_array_equal(np.concatenate(pieces, dim), x)


def test_the_part_that_was_not_used_has_gradient_zero():
    x = mg.tensor(np.arange(6.0), requires_grad=True)
    a, _, c = mg.split(x, [2, 3, 1])
    (g,) = mg.grad(mg.concat([a * 2, c * 3]), x, mg.tensor(np.ones(3)))
    assert g.tolist() == [2, 2, 0, 0, 0, 3]


@given(arrays(shapes(min_dims=1)), st.data())
@FEW
def test_pad(x, data):
    """Of the last axis first, positive or negative."""
    pairs = []
    for n in x.shape[::-1][: data.draw(st.integers(0, x.ndim))]:
        left = data.draw(st.integers(-n, 2))
        right = data.draw(st.integers(max(-n, -n - left), 2))
        pairs.append((left, right))
    widths = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    flat = [w for pair in pairs for w in pair]

    def padded(x):
        out = np.full([a + n + b for (a, b), n in zip(widths, x.shape)], 0.5)
        for at in np.ndindex(*out.shape):
            source = tuple(i - a for i, (a, _) in zip(at, widths))
            if all(0 <= i < n for i, n in zip(source, x.shape)):
                out[at] = x[source]
        return out

    check_op(lambda x: mg.pad(x, flat, value=0.5), padded, x)


# ---- views ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.reshape(3, 8),
        lambda x: x.reshape(-1),
        lambda x: x.permute(2, 0, 1),
        lambda x: x.transpose(0, 1),
        lambda x: x.T,
        lambda x: x.expand(5, 2, 3, 4),
        lambda x: x.unsqueeze(1),
        lambda x: x.flatten(1),
        lambda x: x.flip(0, 2),
        lambda x: x.split(2, -1)[1],
        lambda x: x.chunk(2, 1)[0],
        lambda x: x[1, ..., ::-1],
        lambda x: x.detach(),
        lambda x: mg.from_numpy(x.numpy()),
    ],
)
def test_views_share_memory(view):
    x = mg.tensor(np.arange(24.0).reshape(2, 3, 4))
    assert np.shares_memory(view(x).array, x.array)


def test_copies_do_not():
    x = mg.tensor(np.arange(24.0).reshape(2, 3, 4))
    turned = x.permute(2, 1, 0)
    for copy in (x.clone(), mg.concat([x]), mg.stack([x]), x[[0, 1]], turned.reshape(-1)):
        assert not np.shares_memory(copy.array, x.array)


def test_an_expanded_tensor_cannot_be_written_to():
    x = mg.ones(1, 3).expand(4, 3)
    with pytest.raises(ValueError, match="read-only"):
        x[0, 0] = 5


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.reshape(5), ValueError, r"reshape: \[2, 3\] \(6 elements\).*\[5\]"),
        (lambda x: x.reshape(4, -1), ValueError, "reshape"),
        (lambda x: x.reshape(-1, -1), ValueError, "reshape"),
        (lambda x: x.reshape(-2, -3), ValueError, "reshape"),
        (lambda x: mg.zeros(0, 3).reshape(0, -1), ValueError, "reshape"),
        (lambda x: x.permute(0, 0), ValueError, "permute"),
        (lambda x: x.permute(0), ValueError, "permute"),
        (lambda x: x.permute(0, 2), IndexError, "permute: dim 2"),
        (lambda x: x.transpose(0, 2), IndexError, "transpose: dim 2"),
        (lambda x: x.expand(3), ValueError, "expand"),
        (lambda x: x.expand(-1, 2, 3), ValueError, "expand"),
        (lambda x: x.expand(4, 3), ValueError, r"expand.*4, ?3"),
        (lambda x: x.squeeze(2), IndexError, "squeeze: dim 2"),
        (lambda x: x.unsqueeze(3), IndexError, "unsqueeze: dim 3"),
        (lambda x: x.flatten(1, 0), ValueError, "flatten"),
        (lambda x: x.flip(2), IndexError, "flip: dim 2"),
        (lambda x: x.flip(0, -2), ValueError, "flip"),
        (lambda x: x.split(0), ValueError, "split"),
        (lambda x: x.split([1, 2]), ValueError, r"split: sections \[1, 2\].*2"),
        (lambda x: x.split([3, -1]), ValueError, "split"),
        (lambda x: x.chunk(0), ValueError, "chunk"),
        (lambda x: mg.concat([]), TypeError, "concat"),
        (lambda x: mg.concat([x, mg.ones(2, 4)]), ValueError, r"concat.*\[2, 3\], \[2, 4\]"),
        (lambda x: mg.concat([x, mg.ones(2)]), ValueError, "concat"),
        (lambda x: mg.concat([x], 2), IndexError, "concat: dim 2"),
        (lambda x: mg.stack([]), TypeError, "stack"),
        (lambda x: mg.stack([x, mg.ones(3, 2)]), ValueError, r"stack.*\[2, 3\], \[3, 2\]"),
        (lambda x: mg.stack([x], 3), IndexError, "stack: dim 3"),
        (lambda x: mg.pad(x, [1]), ValueError, "pad"),
        (lambda x: mg.pad(x, [0] * 6), ValueError, "pad"),
        (lambda x: mg.pad(x, [-2, -2]), ValueError, "pad"),
    ],
)
def test_errors_name_the_op_and_the_shapes(call, error, message):
    with pytest.raises(error, match=message):
        call(mg.ones(2, 3))


def test_what_is_repeated_or_stacked_any_number_of_times():
    x = mg.tensor([[1, 2], [3, 4]])
    for repeats in (0, 1, 3, [0, 2], [2, 0], [3]):
        given = repeats if isinstance(repeats, int) else mg.tensor(repeats)
        for dim in (None, 0, 1, -1):
            if dim is not None or len(np.atleast_1d(repeats)) == 1:
                found = mg.repeat_interleave(x, given, dim)
                np.testing.assert_array_equal(found, np.repeat(x.numpy(), repeats, dim))
    for many in (1, 2, 3):
        for stack, numpy in ((mg.vstack, np.vstack), (mg.hstack, np.hstack)):
            for part in (x, x[0], x[0, 0]):
                np.testing.assert_array_equal(stack([part] * many), numpy([part.numpy()] * many))


def test_a_grid_of_any_number_of_vectors():
    given = [mg.arange(n) for n in (2, 3, 4)]
    for many in range(1, 4):
        for how in ("ij", "xy"):
            expected = np.meshgrid(*[np.arange(n) for n in (2, 3, 4)[:many]], indexing=how)
            for found in (
                mg.meshgrid(*given[:many], indexing=how), mg.meshgrid(given[:many], indexing=how)
            ):  # fmt: skip
                np.testing.assert_equal([x.numpy() for x in found], [*expected])
