"""What pooling, resizing and the norms of single examples are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.nn.functional as F
from minigrad.ops.activation import elu, hardtanh
from minigrad.ops.normalize import normalize
from minigrad.ops.resize import blend, take
from minigrad.ops.windows import Windows, largest, window_max, window_sum
from tests.checks import check_op
from tests.strategies import arrays, at_most, distinct, normal, shapes

sides = st.integers(1, 3)


@st.composite
def images(draw, filling=distinct):
    """An image, and windows that fit into it; some pixels may be in none."""
    kernel, stride, dilation = (draw(st.tuples(sides, sides)) for _ in range(3))
    size = draw(st.tuples(sides, sides))
    spare = draw(st.tuples(*[st.integers(0, 2)] * 2))
    area = [
        (n - 1) * s + d * (k - 1) + 1 + extra
        for n, s, d, k, extra in zip(size, stride, dilation, kernel, spare, strict=True)
    ]
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *area)
    return draw(arrays(shape, filling)), Windows(kernel, stride, dilation, size)


def by_loops(x, how, reduce):
    out = np.empty((*x.shape[:2], *how.size))
    for i in range(how.size[0]):
        for j in range(how.size[1]):
            (kh, kw), (sh, sw), (dh, dw) = how.kernel, how.stride, how.dilation
            rows = slice(i * sh, i * sh + dh * (kh - 1) + 1, dh)
            window = x[:, :, rows, j * sw : j * sw + dw * (kw - 1) + 1 : dw]
            out[:, :, i, j] = reduce(window, axis=(2, 3))
    return out


@given(images())
@at_most(30)
def test_sums_of_windows(case):
    x, how = case
    check_op(lambda x: window_sum(x, how), lambda x: by_loops(x, how, np.sum), x)


@given(images())
@at_most(30)
def test_the_largest_of_windows(case):
    x, how = case
    check_op(lambda x: window_max(x, how), lambda x: by_loops(x, how, np.max), x)


def test_of_equals_the_first_is_chosen_and_a_nan_before_all():
    how = Windows((1, 3), (1, 1), (1, 1), (1, 1))
    x = mg.tensor([[[[1.0, 2.0, 2.0]]]], requires_grad=True)
    out = window_max(x, how)
    out.backward(mg.ones_like(out))
    assert largest(x, out, how).tolist() == [[[[1]]]]
    assert x.grad.tolist() == [[[[0, 1, 0]]]]
    for at, values in enumerate(([np.nan, 2.0, np.nan], [1.0, np.nan, 3.0], [3.0, 1.0, np.nan])):
        x = mg.tensor([[[values]]])
        out = window_max(x, how)
        assert np.isnan(out.item())
        assert largest(x, out, how).item() == at


@given(st.data())
@at_most(30)
def test_rows_taken_again(data):
    x = data.draw(arrays(data.draw(shapes(3, 4, 1, 3)), normal))
    dim = data.draw(st.integers(2, x.ndim - 1))
    places = data.draw(st.lists(st.integers(0, x.shape[dim] - 1), min_size=1, max_size=6))
    check_op(lambda x: take(x, dim, places), lambda x: np.take(x, places, dim), x)


@given(st.data())
@at_most(30)
def test_rows_blended(data):
    x = data.draw(arrays(data.draw(shapes(3, 4, 1, 3)), normal))
    dim = data.draw(st.integers(2, x.ndim - 1))
    m = data.draw(st.integers(1, 4))
    places = st.lists(st.integers(0, x.shape[dim] - 1), min_size=m, max_size=m)
    weights = st.lists(st.sampled_from([0.0, 0.25, -0.9, 1.0]), min_size=m, max_size=m)
    taps = data.draw(st.lists(st.tuples(places, weights), min_size=1, max_size=3))

    def reference(x):
        shape = (-1, *[1] * (x.ndim - 1 - dim))
        return sum(np.take(x, at, dim) * np.reshape(how, shape) for at, how in taps)

    check_op(lambda x: blend(x, dim, taps), reference, x)


@given(st.data())
@at_most(30)
def test_mean_0_and_variance_1(data):
    x = data.draw(arrays(data.draw(shapes(2, 4, 2, 3)), distinct))
    dim = tuple(sorted(data.draw(st.sets(st.integers(0, x.ndim - 1), min_size=1))))

    def reference(x):
        centre = x - x.mean(dim, keepdims=True)
        return centre / np.sqrt((centre**2).mean(dim, keepdims=True) + 0.1)

    check_op(lambda x: normalize(x, dim, 0.1), reference, x, rtol=1e-10)


@given(st.data())
def test_activations_of_layers(data):
    x = data.draw(arrays(data.draw(shapes()), normal))
    x = np.where(abs(x) < 1e-3, 1e-3, x)
    check_op(lambda x: elu(x, alpha=0.7), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x)), x)
    x = np.where(abs(abs(x) - 0.5) < 1e-3, 1, x)
    check_op(lambda x: hardtanh(x, min_val=-0.5, max_val=0.5), lambda x: np.clip(x, -0.5, 0.5), x)


def test_images_stay_channels_last():
    image = mg.randn(2, 5, 6, 3).permute(0, 3, 1, 2).requires_grad_()
    how = Windows((2, 2), (2, 2), (1, 1), (2, 3))
    for f in (
        lambda x: window_sum(x, how),
        lambda x: window_max(x, how),
        lambda x: take(x, 2, [0, 0, 1]),
        lambda x: take(x, 3, [0, 0, 1]),
        lambda x: blend(x, 2, [([0, 0, 1], [0.1, 0.6, 0.2])]),
        lambda x: blend(x, 3, [([0, 0, 1], [0.1, 0.6, 0.2])]),
        lambda x: normalize(x, (2, 3), 1e-5),
    ):
        image.grad = None
        out = f(image)
        out.backward(out.detach() * 0 + 1)
        for array in (out.array, image.grad.array):
            assert array.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("value", [-1e4, -90.0, 0.0, 90.0])
def test_elu_at_its_ends_with_numpys_errors_raising(value):
    with np.errstate(all="raise"):
        x = mg.tensor([value], requires_grad=True)
        out = elu(x, alpha=1.0)
        out.sum().backward()
    assert out.item() == (value if value > 0 else -1 if value else 0)
    assert np.isfinite(x.grad.item())


def test_a_window_of_more_than_256_pixels():
    """Places of taps are bytes only where there are no more."""
    x = mg.zeros(1, 1, 20, 19)
    x[0, 0, 16, 17] = 1.0  # of the first window tap 16 * 18 + 17
    x.requires_grad = True
    F.max_pool2d(x, 18, 1).sum().backward()
    wanted = np.zeros((20, 19))
    wanted[16, 17] = 6  # it is in all windows
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], wanted)
