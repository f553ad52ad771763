"""Convolution and its transpose: one trilinear form, for every way that a kernel can move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backend import Geometry
from minigrad.ops.conv import _conv2d_weight
from tests.checks import check_op
from tests.strategies import Convolution, arrays, at_most, convolutions, normal

SOME = at_most(30)


def taps(c: Convolution):
    """Every meeting of a kernel's cell with a pixel: the output's place, the cell, the pixel."""
    for oy, ox in np.ndindex(*c.y[2:]):
        for ky, kx in np.ndindex(*c.weight[2:]):
            iy = oy * c.stride[0] + ky * c.dilation[0] - c.padding[0]
            ix = ox * c.stride[1] + kx * c.dilation[1] - c.padding[1]
            if 0 <= iy < c.x[2] and 0 <= ix < c.x[3]:
                yield (oy, ox), (ky, kx), (iy, ix)


def by_loops(c: Convolution, x, weight, y):
    """The three sides of the form sum x[n, i, pixel] w[o, i, cell] y[n, o, place]: the sum over all
    that meet of two of them, for the third, given as None."""
    made = np.zeros(c.x if x is None else c.weight if weight is None else c.y)
    each_in, each_out = c.weight[1], c.weight[0] // c.groups
    for place, cell, pixel in taps(c):
        for n, o, i in np.ndindex(c.x[0], c.weight[0], each_in):
            a, b, d = (n, o // each_out * each_in + i, *pixel), (o, i, *cell), (n, o, *place)
            if x is None:
                made[a] += weight[b] * y[d]
            elif weight is None:
                made[b] += x[a] * y[d]
            else:
                made[d] += x[a] * weight[b]
    return made


@given(convolutions(), st.booleans(), st.data())
@SOME
def test_conv2d(c, with_bias, data):
    x, weight = data.draw(arrays(c.x)), data.draw(arrays(c.weight))
    bias = [data.draw(arrays((c.weight[0],)))] * with_bias
    check_op(
        lambda x, w, *b: mg.conv2d(x, w, *b, **c.settings),
        lambda x, w, *b: by_loops(c, x, w, None) + sum(v[:, None, None] for v in b),
        x,
        weight,
        *bias,
        float32_tolerance=1e-4,
    )


@given(convolutions(), st.booleans(), st.data())
@SOME
def test_conv_transpose2d(c, with_bias, data):
    """The weight of a transposed convolution is (in, out / groups, ...): as that of its adjoint."""
    y, weight = data.draw(arrays(c.y)), data.draw(arrays(c.weight))
    bias = [data.draw(arrays((c.x[1],)))] * with_bias
    settings = dict(c.settings, output_padding=c.output_padding)
    check_op(
        lambda y, w, *b: mg.conv_transpose2d(y, w, *b, **settings),
        lambda y, w, *b: by_loops(c, None, w, y) + sum(v[:, None, None] for v in b),
        y,
        weight,
        *bias,
        float32_tolerance=1e-4,
    )


@given(convolutions(), st.data())
@SOME
def test_conv2d_weight(c, data):
    how = Geometry(c.stride, c.padding, c.dilation, c.groups)
    check_op(
        lambda x, y: _conv2d_weight(x, y, how=how, kernel=c.weight[2:]),
        lambda x, y: by_loops(c, x, None, y),
        data.draw(arrays(c.x)),
        data.draw(arrays(c.y)),
        float32_tolerance=1e-4,
    )


@given(convolutions(), st.data())
def test_one_form_seen_from_three_sides(c, data):
    """<conv2d(x, w), y> = <x, conv_transpose2d(y, w)> = <w, conv2d_weight(x, y)>."""
    x, w, y = (data.draw(arrays(shape)) for shape in (c.x, c.weight, c.y))
    how = Geometry(c.stride, c.padding, c.dilation, c.groups)
    forward = mg.conv2d(x, w, **c.settings)
    back = mg.conv_transpose2d(y, w, **c.settings, output_padding=c.output_padding)
    gathered = _conv2d_weight(x, y, how=how, kernel=c.weight[2:])
    assert (forward.shape, back.shape, gathered.shape) == (c.y, c.x, c.weight)
    sides = [(forward * y).sum(), (x * back).sum(), (w * gathered).sum()]
    scale = abs(forward * y).sum() + abs(x * back).sum()
    np.testing.assert_allclose(sides, sides[0], rtol=0, atol=1e-13 * max(scale, 1))


@given(convolutions(), st.data())
def test_every_legal_output_padding_gives_a_size_that_conv2d_takes_back(c, data):
    extra = tuple(
        data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(c.stride, c.dilation, strict=True)
    )
    y, w = data.draw(arrays(c.y)), data.draw(arrays(c.weight))
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + e
        for n, k, s, p, d, e in zip(
            c.y[2:], c.weight[2:], c.stride, c.padding, c.dilation, extra, strict=True
        )
    ]
    if min(size) < 1:
        with pytest.raises(ValueError, match="leaves nothing"):
            mg.conv_transpose2d(y, w, **c.settings, output_padding=extra)
        return
    x = mg.conv_transpose2d(y, w, **c.settings, output_padding=extra)
    assert x.shape == (*c.x[:2], *size)
    if all(e < s for e, s in zip(extra, c.stride, strict=True)):
        assert mg.conv2d(x, w, **c.settings).shape == c.y
    longer = c._replace(x=x.shape)
    np.testing.assert_allclose(x, by_loops(longer, None, w, y), rtol=1e-12, atol=1e-12)


# ---- single facts --------------------------------------------------------------------------------

KERNEL = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])


def test_a_single_pixel_shows_the_kernel():
    """conv2d is a correlation, so the kernel shows turned; its adjoint shows it as it is."""
    delta = np.zeros((1, 1, 3, 3))
    delta[0, 0, 1, 1] = 1
    assert mg.conv2d(delta, KERNEL)[0, 0].tolist() == [[4, 3], [2, 1]]
    assert mg.conv_transpose2d(np.ones((1, 1, 1, 1)), KERNEL)[0, 0].tolist() == [[1, 2], [3, 4]]


def test_the_rows_of_output_padding_get_what_kernels_reach_and_the_bias_alone_else():
    bias = np.array([0.5])
    out = mg.conv_transpose2d(
        np.ones((1, 1, 1, 1)), KERNEL, bias, stride=3, padding=1, output_padding=2
    )
    assert out[0, 0].tolist() == [[4.5, 0.5], [0.5, 0.5]]


def test_the_unread_tail_of_an_image_has_gradient_zero():
    """A stride beyond the kernel leaves gaps, and pixels at the end that nothing reads."""
    x = mg.tensor(np.ones((1, 1, 9, 8)), requires_grad=True)
    (g,) = mg.grad(mg.conv2d(x, mg.tensor(KERNEL), stride=4).sum(), x)
    expected = np.zeros((9, 8))
    for top in (0, 4):
        for left in (0, 4):
            expected[top : top + 2, left : left + 2] = KERNEL[0, 0]
    np.testing.assert_array_equal(g.numpy()[0, 0], expected)


@given(convolutions(min_batch=1), st.data())
@SOME
def test_the_forward_run_twice_gives_the_same_and_leaves_the_weight_alone(c, data):
    for f, shape in ((mg.conv2d, c.x), (mg.conv_transpose2d, c.y)):
        x, w = data.draw(arrays(shape)), mg.tensor(data.draw(arrays(c.weight)))
        before = w.array.tobytes()
        try:
            first = f(mg.tensor(x), w, **c.settings)
        except ValueError:
            continue  # without output_padding nothing may be left of a transposed convolution
        np.testing.assert_array_equal(first.array, f(mg.tensor(x), w, **c.settings).array)
        assert w.array.tobytes() == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("channels", [2, 4])
def test_images_are_channels_last_in_memory(channels, groups, dtype):
    rng = np.random.default_rng(0)
    shapes = (2, channels, 5, 6), (4, channels // groups, 3, 3), (channels, 4 // groups, 3, 3)
    x, down, up = (mg.tensor(normal(rng, shape).astype(dtype)) for shape in shapes)
    for f, weight in ((mg.conv2d, down), (mg.conv_transpose2d, up)):
        for bias in (None, mg.zeros(4, dtype=dtype)):
            y = f(x, weight, bias, stride=2, groups=groups)
            assert y.permute(0, 2, 3, 1).array.flags.c_contiguous
            y = mg.relu(y * 2 + 1)
            assert y.permute(0, 2, 3, 1).array.flags.c_contiguous
            assert f(y, mg.ones(4, 1, 1, 1, dtype=dtype), groups=4).array.shape == y.shape


def test_ints_and_pairs_mean_the_same():
    rng = np.random.default_rng(0)
    x, w = normal(rng, (1, 2, 7, 7)), normal(rng, (2, 2, 2, 2))
    for f, more in ((mg.conv2d, {}), (mg.conv_transpose2d, {"output_padding": 1})):
        pairs = {name: (v, v) for name, v in more.items()}
        np.testing.assert_array_equal(
            f(x, w, stride=2, padding=1, dilation=3, **more),
            f(x, w, stride=(2, 2), padding=[1, 1], dilation=(3, 3), **pairs),
        )


# ---- errors --------------------------------------------------------------------------------------

IMAGE, WEIGHT = (2, 4, 5, 5), (6, 4, 3, 3)


@pytest.mark.parametrize(
    ("x", "weight", "settings", "message"),
    [
        (IMAGE[1:], WEIGHT, {}, r"\(N, C, H, W\).*\[4, 5, 5\]"),
        (IMAGE, WEIGHT[1:], {}, r"4 dimensions.*\[4, 3, 3\]"),
        ((2, 3, 5, 5), WEIGHT, {}, r"\[6, 4, 3, 3\] needs x with 4 channels.*\[2, 3, 5, 5\]"),
        (IMAGE, WEIGHT, {"groups": 2}, "needs x with 8 channels"),
        (IMAGE, (3, 2, 3, 3), {"groups": 2}, "3 output channels.*2 groups"),
        (IMAGE, (6, 4, 6, 6), {}, r"kernel of \[6, 6\].*larger.*\[5, 5\]"),
        (IMAGE, WEIGHT, {"dilation": 3}, "larger than"),
        (IMAGE, WEIGHT, {"bias": (4,)}, r"bias has shape \[4\], expected \[6\]"),
        (IMAGE, WEIGHT, {"stride": 0}, "stride"),
        (IMAGE, WEIGHT, {"stride": (1, 2, 3)}, "stride"),
        (IMAGE, WEIGHT, {"padding": -1}, "padding"),
        (IMAGE, WEIGHT, {"dilation": 0}, "dilation"),
        (IMAGE, WEIGHT, {"groups": 0}, "groups"),
    ],
)
def test_conv2d_errors(x, weight, settings, message):
    settings = dict(settings)
    bias = mg.ones(*settings.pop("bias")) if "bias" in settings else None
    with pytest.raises(ValueError, match=f"^conv2d: .*{message}"):
        mg.conv2d(mg.ones(*x), mg.ones(*weight), bias, **settings)


@pytest.mark.parametrize(
    ("weight", "settings", "message"),
    [
        ((6, 4, 3, 3), {}, r"\[6, 4, 3, 3\] needs x with 6 channels.*\[2, 4, 5, 5\]"),
        ((4, 6, 3, 3), {"bias": (4,)}, r"bias has shape \[4\], expected \[6\]"),
        ((4, 6, 3, 3), {"groups": 3}, "4 input channels.*3 groups"),
        ((4, 6, 3, 3), {"output_padding": 1}, "output_padding"),
        ((4, 6, 3, 3), {"stride": 2, "output_padding": 2}, "output_padding"),
        ((4, 6, 3, 3), {"stride": (1, 2), "output_padding": 1}, "output_padding"),
        ((4, 6, 3, 3), {"padding": 5}, "leaves nothing"),
    ],
)
def test_conv_transpose2d_errors(weight, settings, message):
    settings = dict(settings)
    bias = mg.ones(*settings.pop("bias")) if "bias" in settings else None
    with pytest.raises(ValueError, match=f"^conv_transpose2d: .*{message}"):
        mg.conv_transpose2d(mg.ones(*IMAGE), mg.ones(*weight), bias, **settings)


@pytest.mark.parametrize("f", [mg.conv2d, mg.conv_transpose2d])
def test_two_dtypes_are_an_error(f):
    x, w, b = mg.ones(1, 2, 3, 3), mg.ones(2, 2, 2, 2), mg.ones(2)
    for args in ((x.double(), w), (x, w.double()), (x, w, b.double()), (x.double(), w.double(), b)):
        with pytest.raises(TypeError, match=rf"{f.__name__}.*float(32|64).*float(32|64)"):
            f(*args)
