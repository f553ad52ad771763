"""Nine products instead of sixteen give what gathering and multiplying gives."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backend import Geometry, cpu, nine
from minigrad.backend.base import Device
from tests.checks import check_op
from tests.strategies import at_most

SOME = at_most(40)


@st.composite
def cases(draw):
    """Images, a kernel and outputs that fit: (image, weight, y, how), channels last, float64."""
    stride = draw(st.tuples(*[st.integers(1, 3)] * 2))
    padding = draw(st.tuples(*[st.integers(0, 3)] * 2))
    size = draw(st.tuples(*[st.integers(1, 6)] * 2))  # odd: the last output of a pair is not there
    over = draw(st.tuples(*[st.integers(0, 2)] * 2))  # pixels that no patch reaches
    n, c, o = draw(st.integers(0, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return case(stride, padding, size, over, (n, c, o), draw(st.integers(0, 99)))


def case(stride, padding, size, over, channels, seed):
    n, c, o = channels
    shape = [
        (m + 1) * s + min(extra, s - 1) - 2 * p
        for m, s, p, extra in zip(size, stride, padding, over, strict=True)
    ]
    shape = [max(length, 1) for length in shape]
    size = tuple(
        (length + 2 * p - 2 * s) // s + 1
        for length, p, s in zip(shape, padding, stride, strict=True)
    )
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((n, *shape, c))
    weight = rng.standard_normal((o, 2 * stride[0], 2 * stride[1], c))
    return image, weight, rng.standard_normal((n, *size, o)), Geometry(stride, padding, (1, 1), 1)


# Odd sizes, rows and columns that no patch reaches, with padding and without: whatever is drawn.
SURE = [
    example(case((3, 2), (0, 0), (3, 5), (2, 1), (2, 2, 3), 0)),
    example(case((2, 3), (1, 2), (5, 4), (1, 2), (1, 3, 2), 1)),
    example(case((3, 2), (1, 0), (4, 5), (2, 1), (2, 1, 2), 2)),
    example(case((2, 3), (0, 1), (5, 4), (1, 2), (2, 1, 2), 3)),
]


def surely(test):
    for each in SURE:
        test = each(test)
    return test


def by_patches(image, weight, how, size):
    patches = Device.gather_patches(cpu, image, weight.shape[1:3], how, size)
    return patches.reshape(-1, weight[0].size) @ weight.reshape(len(weight), -1).T


@surely
@given(cases())
@SOME
def test_its_three_sides_are_those_of_the_convolution(some):
    image, weight, y, how = some
    size = y.shape[1:3]
    out, cells, kernel = nine.conv2d(image, weight, None, how, size)
    wanted = by_patches(image, weight, how, size).reshape(y.shape)
    np.testing.assert_allclose(out, wanted, atol=1e-12)
    np.testing.assert_array_equal(cells, nine.of_image(image, how, size))

    g_image = nine.conv_transpose2d(y, weight, None, how, image.shape[1:3])
    g_weight = nine.weight_gradient(cells, y, how)
    for a, b in [(image, g_image), (weight, g_weight)]:  # each is the others' adjoint
        assert a.shape == b.shape
        np.testing.assert_allclose(np.sum(a * b), np.sum(wanted * y), atol=1e-9)
    both = nine.gradients(cells, kernel, y, how, image.shape[1:3])
    for a, b in zip(both, (g_image, g_weight), strict=True):
        np.testing.assert_array_equal(a, b)


def test_pixels_that_no_patch_reaches_get_nothing():
    how = Geometry((2, 2), (0, 0), (1, 1), 1)
    y, weight = np.ones((2, 2, 4, 3)), np.ones((3, 4, 4, 5))
    image = nine.conv_transpose2d(y, weight, None, how, (7, 11))
    assert image[:, :6, :10].all()
    assert not image[:, 6].any()
    assert not image[:, :, 10].any()


@surely
@given(cases())
@SOME
def test_each_pixel_and_each_tap_gets_what_is_its_own(some):
    """The adjoints against the product of patches: of single pixels and taps, drawn."""
    image, weight, y, how = some
    if not len(image):
        return
    size, rng = y.shape[1:3], np.random.default_rng(0)
    g_image = nine.conv_transpose2d(y, weight, None, how, image.shape[1:3])
    g_weight = nine.weight_gradient(nine.of_image(image, how, size), y, how)
    for _ in range(3):
        at = tuple(rng.integers(0, n) for n in image.shape)
        pixel = np.zeros_like(image)
        pixel[at] = 1
        wanted = np.sum(by_patches(pixel, weight, how, size).reshape(y.shape) * y)
        np.testing.assert_allclose(g_image[at], wanted, atol=1e-12)
        at = tuple(rng.integers(0, n) for n in weight.shape)
        tap = np.zeros_like(weight)
        tap[at] = 1
        wanted = np.sum(by_patches(image, tap, how, size).reshape(y.shape) * y)
        np.testing.assert_allclose(g_weight[at], wanted, atol=1e-12)


@pytest.mark.parametrize("size", [5, 6])
def test_the_ops_use_it_and_are_right(size):
    """Through conv2d and conv_transpose2d, with bias, in both dtypes, with second derivatives."""
    c, how, rng = nine._CHANNELS, Geometry((2, 2), (1, 1), (1, 1), 1), np.random.default_rng(0)
    assert cpu.fewer_products((c, c, 4, 4), np.dtype(np.float32), how)
    x = rng.standard_normal((2, c, 2 * size, 8))
    y = rng.standard_normal((2, c, size, 4))
    w, b = 0.1 * rng.standard_normal((c, c, 4, 4)), rng.standard_normal(c)
    last = (0, 2, 3, 1)

    def conv(x, w, b):
        flat = by_patches(x.transpose(last), w.transpose(last), how, (size, 4))
        return flat.reshape(2, size, 4, c).transpose(0, 3, 1, 2) + b[:, None, None]

    def transposed(y, w, b):
        image = Device.scatter_product(
            cpu, y.transpose(last), w.transpose(last), how, (2 * size, 8)
        )
        return image.transpose(0, 3, 1, 2) + b[:, None, None]

    check_op(lambda *a: mg.conv2d(*a, 2, 1), conv, x, w, b, float32_tolerance=1e-4)
    check_op(lambda *a: mg.conv_transpose2d(*a, 2, 1), transposed, y, w, b, float32_tolerance=1e-4)


@pytest.mark.parametrize(
    ("weight", "dtype", "how"),
    [
        ((64, 64, 3, 3), np.float32, Geometry((1, 1), (1, 1), (1, 1), 1)),
        ((64, 64, 4, 4), np.float32, Geometry((1, 1), (0, 0), (1, 1), 1)),
        ((64, 64, 4, 4), np.float32, Geometry((2, 2), (1, 1), (2, 2), 1)),
        ((64, 32, 4, 4), np.float32, Geometry((2, 2), (1, 1), (1, 1), 2)),
        ((64, 1, 4, 4), np.float32, Geometry((2, 2), (1, 1), (1, 1), 1)),
        ((64, 64, 4, 4), np.float16, Geometry((2, 2), (1, 1), (1, 1), 1)),
    ],
)
def test_it_leaves_alone_what_does_not_fit_or_does_not_pay(weight, dtype, how):
    assert cpu.fewer_products(weight, np.dtype(dtype), how) is None
