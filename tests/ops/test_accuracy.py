"""float32 beside float64 where long axes are summed: a million rows of numbers that are 0 or more.

Added one by one, they are wrong by 1e-5 to 1e-3 of their sum.
"""

import itertools
import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.backend import cpu

ROWS = 1_000_000


def after_a_relu(*shape, seed=0):
    return np.maximum(np.random.default_rng(seed).standard_normal(shape), 0).astype(np.float32)


def images(t, x):
    """(N, C, H, W) of the rows, as they are after a ReLU: 10 of 3 channels and 100,000 pixels."""
    return x.reshape(10, 250, 400, x.shape[1]).permute(0, 3, 1, 2)


def gradient_of(f):
    """The gradient for a row that f broadcasts, from gradients that are 0 or more, as x is."""

    def run(t, x):
        row = (x[:1] * 0 + 0.5).detach().requires_grad_()
        out = f(t, x, row)
        (out * out.detach()).sum().backward()
        return row.grad

    return run


def batch_norm(t, x):
    """The output, the running statistics, and the gradients of all three operands."""
    slopes = images(t, t.relu(x - 0.5))
    x = images(t, x).detach().requires_grad_()
    zeros = x.detach()[0, :, 0, 0] * 0
    mean, var = zeros + 0, zeros + 1
    weight, bias = (zeros + 2).requires_grad_(), (zeros + 0.5).requires_grad_()
    out = t.nn.functional.batch_norm(x, mean, var, weight, bias, training=True)
    (out * slopes).sum().backward()
    return [out, mean, var, x.grad, weight.grad, bias.grad]


def loss(name, reduction, prepare):
    return lambda t, x: getattr(t.nn.functional, name)(*prepare(t, x), reduction=reduction)


LOSSES = {
    "mse_loss": lambda t, x: (x, x * 0 + 1),
    "l1_loss": lambda t, x: (x, x * 0),
    "binary_cross_entropy": lambda t, x: (t.sigmoid(x), x * 0 + 0.5),
    "binary_cross_entropy_with_logits": lambda t, x: (x, x * 0 + 0.5),
    "cross_entropy": lambda t, x: (x, t.argmax(x.detach(), 1)),
    "nll_loss": lambda t, x: (-x, t.argmax(x.detach(), 1)),
    "gaussian_nll_loss": lambda t, x: (x, x * 0, x * 0 + 2),
}
# name: f(t, x), for t either framework, of x (ROWS, 3); a tensor or several
CASES = {
    "sum": lambda t, x: x.sum(),
    "sum of columns": lambda t, x: x.sum(0),
    "sum of columns of a slice": lambda t, x: x[:, 1:].sum(0),
    "sum of lines": lambda t, x: x.T.sum(1),
    "sum over the middle": lambda t, x: x.reshape(10, ROWS // 10, x.shape[1]).sum(1),
    "sum over images": lambda t, x: images(t, x).sum((0, 2, 3)),
    "mean": lambda t, x: x.mean(),
    "mean of columns": lambda t, x: x.mean(0),
    "mean over images": lambda t, x: images(t, x).mean((0, 2, 3)),
    "var": lambda t, x: x.var(),
    "var of columns": lambda t, x: x.var(0),
    "var far from 0": lambda t, x: (x + 1000).var(0),
    "std of columns": lambda t, x: x.std(0),
    "std over images": lambda t, x: images(t, x).std((0, 2, 3)),
    "logsumexp": lambda t, x: t.logsumexp(x, 0),
    "softmax": lambda t, x: t.softmax(x, 0),
    "log_softmax": lambda t, x: t.log_softmax(x, 0),
    "gradient of a broadcast term": gradient_of(lambda t, x, row: x + row),
    "gradient of a broadcast factor": gradient_of(lambda t, x, row: x * row),
    "gradient of a linear bias": gradient_of(
        lambda t, x, row: t.nn.functional.linear(x, t.eye(3, dtype=x.dtype), row[0])
    ),
    "gradient of a convolution's bias": gradient_of(
        lambda t, x, row: t.nn.functional.conv2d(
            images(t, x), t.eye(3, dtype=x.dtype).reshape(3, 3, 1, 1), row[0]
        )
    ),
    "gradient of softmax": gradient_of(lambda t, x, row: t.softmax(x * row, 0)),
    "batch_norm": batch_norm,
} | {
    f"{name}, {reduction}": loss(name, reduction, prepare)
    for name, prepare in LOSSES.items()
    for reduction in ("sum", "mean")
}  # fmt: skip


def errors(t, case, x):
    """How far each result for float32 is from that for float64, compared with its largest."""
    narrow, wide = (CASES[case](t, v) for v in (x, x.double()))
    pairs = zip(narrow, wide, strict=True) if isinstance(narrow, list) else [(narrow, wide)]
    found = []
    for a, b in pairs:
        a, b = (np.asarray(v.detach().numpy(), np.float64) for v in (a, b))
        found.append(float(np.abs(a - b).max() / np.abs(b).max()))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_errors_do_not_grow_with_the_number_of_terms(case):
    bound = np.finfo(np.float32).eps / 2 * math.log2(ROWS)
    assert max(errors(mg, case, mg.tensor(after_a_relu(ROWS, 3)))) < bound


@pytest.mark.parametrize(
    "shape", [(7, 3), (300, 1), (128, 3), (1000, 5), (4001, 2), (300, 700), (9, 129, 4)]
)
@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_sums_over_every_choice_of_axes_in_every_order_of_memory(shape, dtype):
    """NumPy's sum in float64, of arrays, of arrays with gaps and turned ones, and of repeated
    ones."""
    x = after_a_relu(*shape).astype(dtype)
    turned = x.T[..., ::-1]
    gaps = np.repeat(x, 2, axis=-1)[..., ::2]
    repeated = np.broadcast_to(x[:1], x.shape)
    inner = np.broadcast_to(x[..., :1], x.shape)
    for array in (x, turned, gaps, repeated, inner, x[1:], x[:, 1:]):
        for n in range(array.ndim + 1):
            for axes in itertools.combinations(range(array.ndim), n):
                for keepdims in (False, True):
                    got = cpu.sum(array, axes, keepdims)
                    wanted = array.sum(axis=axes, keepdims=keepdims, dtype=np.float64)
                    assert got.dtype == dtype and got.shape == wanted.shape
                    assert not np.shares_memory(got, array)
                    np.testing.assert_allclose(got, wanted, 8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("value", [0, 0.1, -3.3, 1e4 + 0.1, 1e-4])
@pytest.mark.parametrize("shape", [(8, 3, 5, 7), (64, 2, 28, 28), (1000, 3)])
def test_equal_numbers_normalise_to_zero(value, shape):
    x = after_a_relu(*shape)
    x[:, 1] = value
    bias, zeros = mg.tensor([0.0, 0.25, 0.0][: shape[1]]), mg.zeros(shape[1])
    out = mg.nn.functional.batch_norm(mg.tensor(x), zeros, zeros + 1, None, bias, training=True)
    assert (out.numpy()[:, 1] == 0.25).all()
    assert abs(out.numpy()[:, 0].mean()) < 1e-6


def test_batch_norm_far_from_zero():
    """Its mean and variance are those of the numbers, though float32 cannot hold the mean."""
    x = (np.random.default_rng(0).standard_normal((5000, 3)) + 10_000).astype(np.float32)
    mean, variance, _ = cpu.batch_norm_statistics(x, 0.0)
    np.testing.assert_allclose(mean, x.mean(0, np.float64), 1e-9)
    np.testing.assert_allclose(variance, x.var(0, np.float64), 1e-6)


HALF = {
    "mean": lambda x: x.mean(),
    "mean of columns": lambda x: x.mean(0),
    "var of columns": lambda x: x.var(0),
    "std": lambda x: x.std(),
    "softmax": lambda x: mg.softmax(x, 0),
    "logsumexp": lambda x: mg.logsumexp(x, 0),
    "batch_norm": lambda x: mg.nn.functional.batch_norm(x, None, None, training=True),
}


@pytest.mark.parametrize("name", HALF)
def test_float16_does_not_overflow_on_the_way(name):
    """Sums of 100,000 numbers of up to 1,000, and of their squares, lie far above 65,504."""
    x = mg.tensor((after_a_relu(50_000, 2) * 100 + 300).astype(np.float16))
    got, wanted = HALF[name](x), HALF[name](x.double())
    assert got.dtype == np.float16
    largest = float(np.abs(wanted.numpy()).max())
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), 2e-3, 2e-3 * largest)
