"""What losses are made of: binary cross-entropy of logits, and of labels by log_softmax."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.ops.losses import bce_with_logits, bce_with_logits_sum
from tests.checks import check_op
from tests.strategies import arrays, between, normal, operands, shapes

cross_entropy = np.vectorize(
    lambda x, t: -t * math.log(1 / (1 + math.exp(-x))) - (1 - t) * math.log(1 / (1 + math.exp(x))),
    otypes=[float],
)


@given(operands(normal, between(0, 1)))
def test_bce_with_logits(xt):
    check_op(bce_with_logits, cross_entropy, *xt)


@given(shapes(), st.data())
def test_bce_with_logits_sum(shape, data):
    x, target = (data.draw(arrays(shape, f)) for f in (normal, between(0, 1)))
    check_op(bce_with_logits_sum, lambda x, t: cross_entropy(x, t).sum(), x, target)


@given(shapes(2, 4), st.data())
def test_bce_with_logits_sum_of_each_row(shape, data):
    x, target = (data.draw(arrays(shape, f)) for f in (normal, between(0, 1)))
    dim = tuple(range(1, len(shape)))
    check_op(
        lambda x, t: bce_with_logits_sum(x, t, dim),
        lambda x, t: cross_entropy(x, t).sum(dim),
        x,
        target,
    )


def test_bce_with_logits_sum_takes_no_other_target():
    x = mg.zeros(3, 2)
    with pytest.raises(
        ValueError, match=r"one shape and dtype, got float32\[3, 2\] and float32\[3\]"
    ):
        bce_with_logits_sum(x, mg.zeros(3))
    with pytest.raises(ValueError, match=r"got float32\[3, 2\] and float64\[3, 2\]"):
        bce_with_logits_sum(x, x.double())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sums_slope_is_that_of_the_elements(dtype):
    """Also at logits where one of them would overflow."""
    x = mg.tensor(np.array(POINTS, dtype), requires_grad=True)
    target = mg.tensor(np.linspace(0, 1, len(POINTS), dtype=dtype))
    with np.errstate(all="raise"):
        (one,) = mg.grad(bce_with_logits_sum(x, target), x)
        (other,) = mg.grad(bce_with_logits(x, target).sum(), x)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(one.numpy(), other.numpy(), 4 * eps, atol=eps)


POINTS = [-1000, -100, -10, -1, -1e-6, 0, 1e-6, 1, 10, 100, 1000]


@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bce_with_logits_is_accurate_everywhere(dtype, target):
    """Its slope is sigmoid - target. Of a logit of 1000 and target 0 the loss is 1000, the slope 1:
    nothing is clipped."""
    eps, tiny = np.finfo(dtype).eps, np.finfo(dtype).tiny
    points = np.array(POINTS, dtype)
    with np.errstate(all="raise"):
        x = mg.tensor(points, requires_grad=True)
        loss = bce_with_logits(x, mg.full_like(x, target))
        (g,) = mg.grad(loss, x, mg.ones_like(x))
    numbers = [float(p) for p in points]
    exact = [max(p, 0) - p * target + math.log1p(math.exp(-abs(p))) for p in numbers]
    np.testing.assert_allclose(loss.detach().numpy(), exact, 4 * eps, atol=tiny)
    slope = [(1 / (1 + math.exp(-p)) if p > -700 else 0) - target for p in numbers]
    np.testing.assert_allclose(g.numpy(), slope, 4 * eps, atol=eps)
