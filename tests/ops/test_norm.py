"""Batch normalization, while training and afterwards, for rows and for images."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from tests.checks import beside, check_op
from tests.strategies import arrays, at_most, distinct, normal, positive

EPS = 1e-5


def channel_by_channel(x, weight, bias, mean, var):
    """Each channel's values in turn, with statistics given or, as None, the channel's own."""
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        values = x[:, c].ravel()
        m = math.fsum(values) / len(values) if mean is None else mean[c]
        v = math.fsum((values - m) ** 2) / len(values) if var is None else var[c]
        scale = 1 if weight is None else weight[c]
        out[:, c] = (x[:, c] - m) / math.sqrt(v + EPS) * scale + (0 if bias is None else bias[c])
    return out


@st.composite
def batches(draw, min_values=2, min_batch=1, filling=distinct):
    """(N, C) or (N, C, H, W), with enough values for each channel."""
    image = draw(st.booleans())
    sides = tuple(draw(st.integers(1, 3)) for _ in range(2)) if image else ()
    least = max(min_batch, -(-min_values // math.prod(sides)))
    return draw(arrays((draw(st.integers(least, 4)), draw(st.integers(1, 3)), *sides), filling))


@given(batches(), st.booleans(), st.booleans(), st.data())
@at_most(40)
def test_training(x, with_weight, with_bias, data):
    channels = (x.shape[1],)
    parameters = [data.draw(arrays(channels)) for _ in range(with_weight + with_bias)]

    def split(parameters):
        parameters = list(parameters)
        weight = parameters.pop(0) if with_weight else None
        return weight, parameters[0] if with_bias else None

    check_op(
        lambda x, *p: mg.batch_norm(x, None, None, *split(p), training=True),
        lambda x, *p: channel_by_channel(x, *split(p), None, None),
        x,
        *parameters,
        rtol=1e-9,  # the reference's sums are exact
        float32_tolerance=1e-3,  # values .1 apart around 1 or so: variances of few have few digits
    )


@given(batches(min_values=1, min_batch=0, filling=normal), st.data())
@at_most(40)
def test_evaluation(x, data):
    """Also of a single value per channel, and of none at all. The statistics are constants."""
    weight, bias, mean, var = (
        data.draw(arrays((x.shape[1],), f)) for f in (normal, normal, normal, positive)
    )

    def f(x, *parameters):
        return mg.batch_norm(x, beside(mean, x), beside(var, x), *parameters)

    check_op(lambda x: f(x), lambda x: channel_by_channel(x, None, None, mean, var), x)
    check_op(f, lambda x, w, b: channel_by_channel(x, w, b, mean, var), x, weight, bias)


def running(channels=1, dtype=mg.float32):
    return mg.zeros(channels, dtype=dtype), mg.ones(channels, dtype=dtype)


def test_running_statistics_move_by_a_tenth_and_the_variance_is_unbiased():
    mean, var = running()
    mg.batch_norm(mg.tensor([[0.0], [2.0], [4.0]]), mean, var, training=True)
    assert mean.item() == pytest.approx(0.1 * 2)
    assert var.item() == pytest.approx(0.9 + 0.1 * 4)


@given(batches(), st.floats(0, 1), st.sampled_from([np.float32, np.float64]))
@at_most(30)
def test_running_statistics(x, momentum, dtype):
    mean, var = running(x.shape[1], dtype)
    x = x.astype(dtype)
    mg.batch_norm(mg.tensor(x), mean, var, training=True, momentum=momentum)
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]).astype(float)
    tolerance = 20 * np.finfo(dtype).eps * max(1, abs(rows).max() ** 2)
    np.testing.assert_allclose(mean.array, momentum * rows.mean(0), 0, tolerance)
    expected = 1 - momentum + momentum * rows.var(0, ddof=1)
    np.testing.assert_allclose(var.array, expected, 0, tolerance)
    assert mean.dtype == var.dtype == dtype


@given(batches(filling=normal))
@at_most(20)
def test_evaluation_moves_nothing(x):
    mean, var = running(x.shape[1], mg.float64)
    mg.batch_norm(mg.tensor(x), mean, var)
    assert mean.tolist() == [0] * x.shape[1] and var.tolist() == [1] * x.shape[1]


def test_training_with_running_statistics_has_the_gradient_of_training():
    """The running ones are moved, and take no part in the gradient."""
    x = mg.tensor([[0.0, 1.0], [2.0, 5.0], [4.0, 2.0]], requires_grad=True)
    u = mg.tensor([[1.0, -2.0], [0.5, 1.0], [3.0, 0.0]])
    with_them = mg.grad(mg.batch_norm(x, *running(2), training=True), x, u)[0]
    without = mg.grad(mg.batch_norm(x, None, None, training=True), x, u)[0]
    np.testing.assert_array_equal(with_them.numpy(), without.numpy())


def test_without_running_statistics_evaluation_uses_the_batch():
    x = np.array([[0.0], [2.0], [4.0]])
    np.testing.assert_array_equal(
        mg.batch_norm(x, None, None), mg.batch_norm(x, None, None, training=True)
    )


def test_equal_values_give_the_bias_and_no_gradient():
    x = mg.tensor(np.full((4, 2), 3.0), requires_grad=True)
    bias = mg.tensor(np.array([0.5, -1.0]))
    y = mg.batch_norm(x, None, None, None, bias, training=True)
    np.testing.assert_array_equal(y.detach().numpy(), np.tile(bias.array, (4, 1)))
    (g,) = mg.grad(y, x, mg.tensor(np.ones((4, 2))))
    np.testing.assert_array_equal(g.numpy(), 0)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1), (0, 3)])
def test_one_value_per_channel_is_an_error_in_training(shape):
    with pytest.raises(ValueError, match=r"batch_norm: more than one value per channel"):
        mg.batch_norm(mg.ones(*shape), *running(3), training=True)


def test_images_stay_channels_last():
    x = mg.tensor(np.random.default_rng(0).standard_normal((2, 5, 6, 3)))
    x = x.permute(0, 3, 1, 2).requires_grad_()
    for training in (True, False):
        y = mg.batch_norm(x, *running(3, mg.float64), training=training)
        assert y.permute(0, 2, 3, 1).array.flags.c_contiguous
        (g,) = mg.grad(y, x, mg.ones_like(y))
        assert g.shape == x.shape


@pytest.mark.parametrize(
    ("x", "sizes", "message"),
    [
        ((3,), (3, 3, 3, 3), r"expected x \(N, C\)"),
        ((4, 2), (2, 2, 3, 2), r"weight has shape \[3\], expected \[2\]"),
        ((4, 2), (2, 2, 2, 3), r"bias has shape \[3\]"),
        ((4, 2, 3, 3), (3, 2, 2, 2), r"running_mean has shape \[3\]"),
        ((4, 2), (2, 3, 2, 2), r"running_var has shape \[3\]"),
    ],
)
def test_shapes_that_do_not_fit(x, sizes, message):
    with pytest.raises(ValueError, match=f"batch_norm: .*{message}"):
        mg.batch_norm(mg.ones(*x), *(mg.ones(n) for n in sizes), training=True)
