"""Layers that others are made of: their formulas, written out in NumPy."""

import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn


def double(*shape):
    return mg.randn(*shape, dtype=mg.float64)


# ---- activations ---------------------------------------------------------------------------------

X = np.array([[-30.0, -3, -1, -0.2], [0.0, 0.5, 2, 30]])


def normal_cdf(x):
    return np.vectorize(lambda t: 0.5 * math.erfc(-t / math.sqrt(2)))(x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# name: the function, the layer, the formula
ACTIVATIONS = {
    "relu": (F.relu, nn.ReLU(), np.maximum(X, 0)),
    "relu6": (F.relu6, nn.ReLU6(), np.clip(X, 0, 6)),
    "leaky_relu": (F.leaky_relu, nn.LeakyReLU(), np.where(X > 0, X, 0.01 * X)),
    "hardtanh": (F.hardtanh, nn.Hardtanh(), np.clip(X, -1, 1)),
    "elu": (F.elu, nn.ELU(), np.where(X > 0, X, np.expm1(X))),
    "elu(2)": (lambda x: F.elu(x, 2.0), nn.ELU(2.0), np.where(X > 0, X, 2 * np.expm1(X))),
    "silu": (F.silu, nn.SiLU(), X * sigmoid(X)),
    "gelu": (F.gelu, nn.GELU(), X * normal_cdf(X)),
    "gelu(tanh)": (
        lambda x: F.gelu(x, "tanh"),
        nn.GELU("tanh"),
        0.5 * X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))),
    ),
    "logsigmoid": (F.logsigmoid, nn.LogSigmoid(), -np.logaddexp(0, -X)),
    "softplus": (F.softplus, nn.Softplus(), np.logaddexp(0, X)),
    "softplus(2, 1)": (
        lambda x: F.softplus(x, 2.0, 1.0),
        nn.Softplus(2.0, 1.0),
        np.where(2 * X > 1, X, np.logaddexp(0, 2 * X) / 2),
    ),
    "sigmoid": (F.sigmoid, nn.Sigmoid(), sigmoid(X)),
    "tanh": (F.tanh, nn.Tanh(), np.tanh(X)),
    "softmax": (lambda x: F.softmax(x, 1), nn.Softmax(1),
                np.exp(X) / np.exp(X).sum(1, keepdims=True)),
    "log_softmax": (lambda x: F.log_softmax(x, 0), nn.LogSoftmax(0), X - np.logaddexp(*X)),
}  # fmt: skip


@pytest.mark.parametrize(("function", "layer", "expected"), ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activations(function, layer, expected):
    for of in (function, layer):
        found = of(mg.tensor(X)).numpy(force=True)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_prelu_has_a_weight_for_each_channel():
    x = double(2, 3, 4)
    weight = mg.tensor([0.5, -1.0, 2.0], dtype=mg.float64)
    many = np.where(x.numpy() > 0, x.numpy(), x.numpy() * weight.numpy()[:, None])
    np.testing.assert_allclose(F.prelu(x, weight).numpy(), many)
    one = np.where(x.numpy() > 0, x.numpy(), x.numpy() * 0.5)
    np.testing.assert_allclose(F.prelu(x, weight[:1]).numpy(), one)
    np.testing.assert_allclose(F.prelu(x[0, 0], weight[:1]).numpy(), one[0, 0])
    np.testing.assert_allclose(F.prelu(x[0, 0, 0], weight[:1]).numpy(), one[0, 0, 0])
    assert F.prelu(x, weight[0]).numpy() == pytest.approx(one)
    layer = nn.PReLU(3, dtype=mg.float64)
    assert layer.weight.tolist() == [0.25] * 3
    np.testing.assert_allclose(
        layer(x).numpy(force=True), np.where(x.numpy() > 0, x.numpy(), x.numpy() / 4)
    )


# ---- normalization -------------------------------------------------------------------------------


def normal(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def filled(layer):
    """Its weight and bias, drawn, as arrays."""
    with mg.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(double(*parameter.shape))
    return [parameter.numpy(force=True) for parameter in layer.parameters()]


@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_norms_of_each_example(eps):
    x = 3 + 2 * double(2, 6, 4, 5)
    layers = {
        nn.LayerNorm((4, 5), eps, dtype=mg.float64): ((2, 3), (4, 5)),
        nn.InstanceNorm2d(6, eps, affine=True, dtype=mg.float64): ((2, 3), (6, 1, 1)),
    }
    for layer, (axes, shape) in layers.items():
        weight, bias = (part.reshape(shape) for part in filled(layer))
        expected = normal(x.numpy(), axes, eps) * weight + bias
        np.testing.assert_allclose(layer(x).numpy(force=True), expected, rtol=1e-9, atol=1e-12)
    layer = nn.GroupNorm(3, 6, eps, dtype=mg.float64)
    weight, bias = (part.reshape(6, 1, 1) for part in filled(layer))
    groups = normal(x.numpy().reshape(2, 3, 2, 4, 5), (2, 3, 4), eps).reshape(x.shape)
    np.testing.assert_allclose(layer(x).numpy(force=True), groups * weight + bias, rtol=1e-9)


@pytest.mark.parametrize("momentum", [0.1, 0.5])
def test_what_instances_leave_behind(momentum):
    x = 3 + 2 * double(4, 2, 5)
    layer = nn.InstanceNorm1d(
        2, momentum=momentum, affine=True, track_running_stats=True, dtype=mg.float64
    )
    weight, bias = (part.reshape(2, 1) for part in filled(layer))
    layer(x)
    mean = momentum * x.numpy().mean(2).mean(0)
    var = 1 - momentum + momentum * x.numpy().var(2, ddof=1).mean(0)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean)
    np.testing.assert_allclose(layer.running_var.numpy(), var)
    found = layer.eval()(x).numpy(force=True)
    parts = (part.reshape(2, 1) for part in (mean, np.sqrt(var + 1e-5)))
    centre, scale = parts
    np.testing.assert_allclose(found, (x.numpy() - centre) / scale * weight + bias)


# ---- convolutions along one axis, and of one image -----------------------------------------------


def test_sequences_are_images_of_one_row():
    x, w, b = double(2, 4, 9), double(6, 2, 3), double(6)
    found = F.conv1d(x, w, b, 2, 1, 2, 2)
    image = F.conv2d(x.unsqueeze(2), w.unsqueeze(2), b, (1, 2), (0, 1), (1, 2), 2)
    np.testing.assert_array_equal(found.numpy(), image.squeeze(2).numpy())
    np.testing.assert_allclose(F.conv1d(x[0], w, b, 2, 1, 2, 2).numpy(), found[0].numpy())
    w, b = double(4, 3, 3), double(6)
    found = F.conv_transpose1d(x, w, b, 3, 1, 2, 2, 2)
    rows = x.unsqueeze(2), w.unsqueeze(2), b
    image = F.conv_transpose2d(*rows, (1, 3), (0, 1), (0, 2), 2, (1, 2))
    np.testing.assert_array_equal(found.numpy(), image.squeeze(2).numpy())
    alone = F.conv_transpose1d(x[0], w, b, 3, 1, 2, 2, 2)
    np.testing.assert_allclose(alone.numpy(), found[0].numpy())


@pytest.mark.parametrize("kernel", [3, 4])
def test_same_puts_what_is_odd_at_the_end(kernel):
    x, w = double(1, 1, 8), double(1, 1, kernel)
    low = (kernel - 1) // 2
    around = np.pad(x.numpy()[0, 0], (low, kernel - 1 - low))
    expected = np.correlate(around, w.numpy()[0, 0], "valid")
    for found in (F.conv1d(x, w, padding="same"), F.conv1d(x[0], w, padding="same")):
        np.testing.assert_allclose(found.numpy().ravel(), expected)
    valid = F.conv1d(x, w, padding="valid").numpy()
    np.testing.assert_array_equal(valid, F.conv1d(x, w).numpy())


@pytest.mark.parametrize("kernel", [(2, 5), (4, 3), (3, 2), (2, 4)])
@pytest.mark.parametrize("dilation", [(1, 1), (3, 1), (1, 2)])
def test_same_of_images_is_so_on_each_axis(kernel, dilation):
    x, w = double(1, 1, 7, 8), double(1, 1, *kernel)
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    (top, bottom), (left, right) = ((n // 2, n - n // 2) for n in total)
    around = F.pad(x, (left, right, top, bottom))
    np.testing.assert_array_equal(
        F.conv2d(x, w, padding="same", dilation=dilation).numpy(),
        F.conv2d(around, w, dilation=dilation).numpy(),
    )


# ---- lengths and angles --------------------------------------------------------------------------


def test_normalized_rows_and_cosines():
    x, y = double(3, 4), double(3, 4)
    lengths = [np.linalg.norm(v.numpy(), axis=1) for v in (x, y)]
    np.testing.assert_allclose(F.normalize(x).numpy(), x.numpy() / lengths[0][:, None])
    np.testing.assert_allclose(F.normalize(x, 1, 0).numpy(), x.numpy() / np.abs(x.numpy()).sum(0))
    np.testing.assert_allclose(F.normalize(x, eps=100.0).numpy(), x.numpy() / 100)
    cosines = (x.numpy() * y.numpy()).sum(1) / (lengths[0] * lengths[1])
    np.testing.assert_allclose(F.cosine_similarity(x, y).numpy(), cosines)
    np.testing.assert_allclose(F.cosine_similarity(x.t(), y.t(), 0).numpy(), cosines)
    small = F.cosine_similarity(x, y, eps=100.0).numpy()
    np.testing.assert_allclose(small, (x.numpy() * y.numpy()).sum(1) / 1e4)


# ---- nothing to lose -----------------------------------------------------------------------------

NO_ROWS, NO_CLASSES = mg.zeros(0, 3), mg.zeros(0, dtype=mg.int64)
LOSSES = {
    "mse_loss": (NO_ROWS, NO_ROWS),
    "l1_loss": (NO_ROWS, NO_ROWS),
    "smooth_l1_loss": (NO_ROWS, NO_ROWS),
    "huber_loss": (NO_ROWS, NO_ROWS),
    "binary_cross_entropy": (NO_ROWS, NO_ROWS),
    "binary_cross_entropy_with_logits": (NO_ROWS, NO_ROWS),
    "kl_div": (NO_ROWS, NO_ROWS),
    "gaussian_nll_loss": (NO_ROWS, NO_ROWS, NO_ROWS),
    "cross_entropy": (NO_ROWS, NO_CLASSES),
    "nll_loss": (NO_ROWS, NO_CLASSES),
}


@pytest.mark.parametrize("name", LOSSES)
def test_of_no_rows_the_sum_is_0_and_there_is_no_mean(name):
    loss, operands = getattr(F, name), LOSSES[name]
    assert loss(*operands, reduction="none").shape == operands[1].shape
    assert loss(*operands, reduction="sum").item() == 0
    assert math.isnan(loss(*operands, reduction="mean").item())


def test_running_statistics_count_if_there_are_both():
    x, one = double(4, 3), mg.ones(3, dtype=mg.float64)
    wanted = F.batch_norm(x, None, None, training=True).numpy()
    for training in (True, False):
        for statistics in ((one, None), (None, one)):
            found = F.batch_norm(x, *statistics, training=training).numpy()
            np.testing.assert_array_equal(found, wanted)
    assert one.tolist() == [1, 1, 1]


def test_a_divergence_is_over_the_batchs_size():
    log_p, q = F.log_softmax(double(2, 5), 1), F.softmax(double(2, 5), 1)
    wanted = (q.numpy() * (np.log(q.numpy()) - log_p.numpy())).sum() / 2
    assert F.kl_div(log_p, q, reduction="batchmean").item() == pytest.approx(wanted)
    one = F.kl_div(log_p[0, 0], q[0, 0], reduction="batchmean").item()
    assert one == pytest.approx(F.kl_div(log_p[0, 0], q[0, 0], reduction="sum").item())


def test_one_tap_with_a_margin_cut_off():
    x, w = double(2, 3, 5, 4), double(3, 2, 1, 1)
    wanted = np.einsum("nchw,cd->ndhw", x.numpy()[:, :, 1:-1], w.numpy()[:, :, 0, 0])
    np.testing.assert_allclose(F.conv_transpose2d(x, w, padding=(1, 0)).numpy(), wanted)
