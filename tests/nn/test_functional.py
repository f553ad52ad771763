"""The losses and the other functions: values by hand, gradients, reductions, wrong arguments."""

import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.tools.gradcheck import gradcheck, gradgradcheck

HOW = {"atol": 1e-6, "rtol": 1e-5, "fast_mode": True}


def double(*shape):
    return mg.randn(*shape, dtype=mg.float64)


def probabilities(*shape):
    return double(*shape).sigmoid()


def classes(*shape):
    return mg.randint(0, 3, shape)


def over_classes(*shape):
    return double(*shape).softmax(1)


# Each loss: the function of all its floating arguments, how to draw these, and a reference.
LOSSES = {
    "mse_loss": (F.mse_loss, lambda: (double(3, 4), double(3, 4)), lambda x, t: (x - t) ** 2),
    "l1_loss": (F.l1_loss, lambda: (double(3, 4), double(3, 4) + 9), lambda x, t: abs(x - t)),
    "binary_cross_entropy": (
        F.binary_cross_entropy,
        lambda: (probabilities(3, 4), probabilities(3, 4)),
        lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p)),
    ),
    "binary_cross_entropy, weighted": (
        lambda p, t, w, **k: F.binary_cross_entropy(p, t, w, **k),
        lambda: (probabilities(3, 4), probabilities(3, 4), probabilities(3, 1)),
        lambda p, t, w: -w * (t * np.log(p) + (1 - t) * np.log(1 - p)),
    ),
    "binary_cross_entropy_with_logits, weighted": (
        lambda x, t, w, **k: F.binary_cross_entropy_with_logits(x, t, w, **k),
        lambda: (double(3, 4), probabilities(3, 4), probabilities(3, 1)),
        lambda x, t, w: w * (np.logaddexp(0, x) - x * t),
    ),
    "binary_cross_entropy_with_logits": (
        F.binary_cross_entropy_with_logits,
        lambda: (double(3, 4), probabilities(3, 4)),
        lambda x, t: np.logaddexp(0, x) - x * t,
    ),
    "binary_cross_entropy_with_logits, pos_weight": (
        lambda x, t, w, **k: F.binary_cross_entropy_with_logits(x, t, pos_weight=w, **k),
        lambda: (double(3, 4), probabilities(3, 4), probabilities(4) + 1),
        lambda x, t, w: w * t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x),
    ),
    "gaussian_nll_loss": (
        lambda x, t, v, **k: F.gaussian_nll_loss(x, t, v, full=True, **k),
        lambda: (double(3, 4), double(3, 4), probabilities(3, 1) + 0.1),
        lambda x, t, v: 0.5 * np.log(2 * np.pi * v) + (x - t) ** 2 / (2 * v),
    ),
    "smooth_l1_loss": (
        lambda x, t, **k: F.smooth_l1_loss(x, t, beta=0.5, **k),
        lambda: (double(3, 4), double(3, 4) + 0.01),
        lambda x, t: np.where(abs(x - t) < 0.5, (x - t) ** 2, abs(x - t) - 0.25),
    ),
    "huber_loss": (
        lambda x, t, **k: F.huber_loss(x, t, delta=0.5, **k),
        lambda: (double(3, 4), double(3, 4) + 0.01),
        lambda x, t: np.where(abs(x - t) < 0.5, (x - t) ** 2 / 2, 0.5 * (abs(x - t) - 0.25)),
    ),
    "kl_div": (
        F.kl_div,
        lambda: (double(3, 4), probabilities(3, 4)),
        lambda x, t: t * (np.log(t) - x),
    ),
    "kl_div of logarithms": (
        lambda x, t, **k: F.kl_div(x, t, log_target=True, **k),
        lambda: (double(3, 4), double(3, 4)),
        lambda x, t: np.exp(t) * (t - x),
    ),
    "cross_entropy, probabilities": (
        lambda x, t, **k: F.cross_entropy(x, t, label_smoothing=0.1, **k),
        lambda: (double(5, 3, 2), over_classes(5, 3, 2)),
        lambda x, t: -((0.9 * t + 0.1 / 3) * log_softmax(x)).sum(1),
    ),
}
losses = pytest.mark.parametrize(("f", "draw", "reference"), LOSSES.values(), ids=LOSSES)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(1, keepdims=True))


@losses
def test_losses_and_their_reductions(f, draw, reference):
    args = draw()
    each = f(*args, reduction="none")
    expected = reference(*[x.numpy() for x in args])
    np.testing.assert_allclose(each.array, expected, rtol=1e-12)
    assert f(*args, reduction="sum").item() == pytest.approx(expected.sum(), rel=1e-12)
    assert f(*args).item() == pytest.approx(expected.mean(), rel=1e-12)
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'all'"):
        f(*args, reduction="all")


@losses
def test_gradients_of_losses(f, draw, reference):
    args = [x.requires_grad_() for x in draw()]
    assert gradcheck(lambda *xs: f(*xs, reduction="none"), args, **HOW)
    assert gradgradcheck(lambda *xs: f(*xs, reduction="none"), args, **HOW)


@losses
def test_losses_keep_the_dtype(f, draw, reference):
    args = [x.detach().float().requires_grad_() for x in draw()]
    out = f(*args)
    out.backward()
    assert {out.dtype} | {x.grad.dtype for x in args} == {np.dtype(np.float32)}


@losses
def test_a_target_of_another_shape_or_dtype_is_an_error(f, draw, reference):
    x, t, *rest = draw()
    with pytest.raises(ValueError, match=r"target of shape \[1, .*does not fit input of shape"):
        f(x, t[:1], *rest)
    with pytest.raises(TypeError, match="input is float64 and target float32"):
        f(x, t.float(), *rest)
    with pytest.raises(TypeError, match="target must be a tensor, got ndarray"):
        f(x, t.numpy(), *rest)


@pytest.mark.parametrize("shape", [(5,), (5, 2), (5, 2, 4)])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_of_classes(shape, smoothing):
    x, t = double(shape[0], 3, *shape[1:]), classes(*shape)
    hot = np.moveaxis(np.eye(3)[t.numpy()], -1, 1)
    expected = -(((1 - smoothing) * hot + smoothing / 3) * log_softmax(x.numpy())).sum(1)
    each = F.cross_entropy(x, t, reduction="none", label_smoothing=smoothing)
    np.testing.assert_allclose(each.array, expected, rtol=1e-12)
    assert F.cross_entropy(x, t, label_smoothing=smoothing).item() == pytest.approx(expected.mean())
    x.requires_grad_()
    assert gradcheck(lambda x: F.cross_entropy(x, t, label_smoothing=smoothing), (x,), **HOW)
    assert gradgradcheck(lambda x: F.cross_entropy(x, t, label_smoothing=smoothing), (x,), **HOW)


def test_nll_loss_picks():
    x = mg.log_softmax(double(4, 3), 1)
    t = mg.tensor([0, 2, 1, 2])
    picked = -x.numpy()[range(4), t.numpy()]
    np.testing.assert_array_equal(F.nll_loss(x, t, reduction="none").array, picked)
    assert F.nll_loss(x, t).item() == pytest.approx(picked.mean())


def test_wrong_classes_are_named():
    x = mg.randn(4, 3)
    for f in (F.nll_loss, F.cross_entropy):
        name = f.__name__
        with pytest.raises(
            IndexError, match=rf"{name}: indices must be in 0 \.\.\. 2, got 0 \.\.\. 3"
        ):
            f(x, mg.tensor([0, 1, 2, 3]))
        with pytest.raises(IndexError, match=f"{name}: indices"):
            f(x, mg.tensor([0, 1, 2, -1]))
        with pytest.raises(ValueError, match=rf"{name}: input \(N, C, ...\) of shape \[4, 3\]"):
            f(x, mg.tensor([0, 1, 2]))
    with pytest.raises(TypeError, match="nll_loss: needs integers as indices, got float32"):
        F.nll_loss(x, mg.ones(4))
    with pytest.raises(ValueError, match="label_smoothing must be between 0 and 1, got 2"):
        F.cross_entropy(x, mg.tensor([0, 1, 2, 0]), label_smoothing=2)
    with pytest.raises(ValueError, match="cross_entropy: ignore_index is for classes"):
        F.cross_entropy(x, x.softmax(1), ignore_index=1)
    with pytest.raises(ValueError, match=r"nll_loss: weight of shape \[4\] does not fit 3 classes"):
        F.nll_loss(x, mg.tensor([0, 1, 2, 0]), mg.ones(4))
    with pytest.raises(TypeError, match="cross_entropy: input is float32 and weight float64"):
        F.cross_entropy(x, mg.tensor([0, 1, 2, 0]), mg.ones(3, dtype=mg.float64))
    with pytest.raises(ValueError, match="cross_entropy: expected input"):
        F.cross_entropy(mg.ones(()), mg.tensor(1))


# ---- at the ends of the scale --------------------------------------------------------------------


@pytest.mark.parametrize("x", [-1000.0, -100.0, -1e-6, 0.0, 1e-6, 100.0, 1000.0])
@pytest.mark.parametrize("t", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bce_with_logits_is_finite_and_right_everywhere(x, t, dtype):
    with np.errstate(all="raise"):
        logits = mg.tensor([x], dtype=dtype, requires_grad=True)
        loss = F.binary_cross_entropy_with_logits(logits, mg.tensor([t], dtype=dtype))
        loss.backward()
    eps = float(np.finfo(dtype).eps)
    assert loss.item() == pytest.approx(np.logaddexp(0, x) - x * t, rel=4 * eps, abs=1e-40)
    sigmoid = 1 / (1 + math.exp(-x)) if x > -700 else 0.0
    assert logits.grad.item() == pytest.approx(sigmoid - t, rel=8 * eps, abs=4 * eps)


def test_bce_of_probabilities_ends_at_100_and_a_sure_discriminator_still_learns():
    with np.errstate(all="raise"):
        p = mg.tensor([0.0, 1.0, 0.9999, 0.0, 1.0], requires_grad=True)
        t = mg.tensor([1.0, 0.0, 0.0, 0.0, 1.0])
        loss = F.binary_cross_entropy(p, t, reduction="none")
        loss.sum().backward()
    np.testing.assert_allclose(loss.array, [100, 100, -math.log(1e-4), 0, 0], rtol=1e-3)
    np.testing.assert_allclose(p.grad.array, [-1e12, 1e12, 1e4, 0, 0], rtol=1e-3)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_bce_of_probabilities_refuses_what_is_none(wrong):
    with pytest.raises(ValueError, match=r"binary_cross_entropy: input must be in \[0, 1\]"):
        F.binary_cross_entropy(mg.tensor([0.5, wrong]), mg.tensor([0.0, 1.0]))


def test_gaussian_nll_variances():
    x, t = double(3, 4), double(3, 4)
    expected = F.gaussian_nll_loss(x, t, mg.full((3, 4), 2.0, dtype=mg.float64)).item()
    for var in (2.0, mg.full((3,), 2.0, dtype=mg.float64), mg.full((3, 1), 2.0, dtype=mg.float64)):
        assert F.gaussian_nll_loss(x, t, var).item() == pytest.approx(expected, rel=1e-14)
    small = mg.tensor([0.0], dtype=mg.float64, requires_grad=True)
    loss = F.gaussian_nll_loss(x[0, :1], x[0, :1] + 2e-3, small, eps=1e-6)
    assert loss.item() == pytest.approx(0.5 * (math.log(1e-6) + 4))
    loss.backward()  # the gradient at eps, so that a variance that is too small can grow again
    assert small.grad.item() == pytest.approx(0.5 * (1e6 - 4e6))
    with pytest.raises(ValueError, match="var must not be negative, got -1"):
        F.gaussian_nll_loss(x, t, -1.0)
    with pytest.raises(ValueError, match=r"var of shape \[4\] does not fit \[3, 4\]"):
        F.gaussian_nll_loss(x, t, mg.ones(4))


# ---- modules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_loss_modules_are_the_functions(reduction):
    x, t, y = double(4, 3), probabilities(4, 3), classes(4)
    p, w = probabilities(4, 3), probabilities(3)
    pairs = [
        (nn.MSELoss, {}, F.mse_loss, (x, t)),
        (nn.L1Loss, {}, F.l1_loss, (x, t)),
        (nn.BCELoss, {"weight": w}, F.binary_cross_entropy, (p, t)),
        (nn.BCEWithLogitsLoss, {"pos_weight": w}, F.binary_cross_entropy_with_logits, (x, t)),
        (nn.CrossEntropyLoss, {"label_smoothing": 0.2}, F.cross_entropy, (x, y)),
        (nn.NLLLoss, {"weight": w}, F.nll_loss, (x, y)),
        (nn.SmoothL1Loss, {"beta": 0.3}, F.smooth_l1_loss, (x, t)),
        (nn.HuberLoss, {"delta": 0.3}, F.huber_loss, (x, t)),
        (nn.KLDivLoss, {"log_target": True}, F.kl_div, (x, t)),
        (nn.CrossEntropyLoss, {"weight": w, "ignore_index": 1}, F.cross_entropy, (x, y)),
        (nn.GaussianNLLLoss, {"full": True, "eps": 0.6}, F.gaussian_nll_loss, (x, t, p)),
    ]
    assert {cls.__name__ for cls, *_ in pairs} == {n for n in nn.__all__ if n.endswith("Loss")}
    for cls, options, f, args in pairs:
        loss = cls(reduction=reduction, **options)
        np.testing.assert_array_equal(
            loss(*args).array, f(*args, reduction=reduction, **options).array
        )
        assert list(loss.parameters()) == []
    assert list(nn.BCEWithLogitsLoss(pos_weight=w).state_dict()) == ["pos_weight"]


# ---- other functions -----------------------------------------------------------------------------


def test_one_hot():
    t = mg.tensor([[0, 2], [1, 1]])
    out = F.one_hot(t)
    assert out.dtype == np.int64
    np.testing.assert_array_equal(out.array, np.eye(3)[t.numpy()])
    assert F.one_hot(t, 5).shape == (2, 2, 5)
    with pytest.raises(IndexError, match=r"one_hot: indices must be in 0 \.\.\. 1, got 0 \.\.\. 2"):
        F.one_hot(t, 2)


def test_pad_and_leaky_relu_take_pytorchs_arguments():
    x = mg.tensor([[1.0, -2.0]])
    assert F.pad(x, (1, 0, 0, 1), value=9).tolist() == [[9, 1, -2], [9, 9, 9]]
    assert F.pad(x, (0, 1)).tolist() == [[1, -2, 0]]
    assert F.leaky_relu(x, 0.5).tolist() == [[1, -1]]
    assert F.leaky_relu(x).array[0, 1] == np.float32(-0.02)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_softplus_beta(beta):
    x = double(3, 4)
    out = F.softplus(x, beta)
    np.testing.assert_allclose(out.array, np.logaddexp(0, beta * x.numpy()) / beta, rtol=1e-12)
    assert gradcheck(lambda x: F.softplus(x, beta), (x.requires_grad_(),), **HOW)


def test_cosine_similarity_broadcasts_before_it_adds() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1, 2, 3)), rng.standard_normal((2, 1, 3))
    a, b = np.broadcast_arrays(x, y)
    cosine = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    found = F.cosine_similarity(mg.tensor(x), mg.tensor(y), dim=-2)
    np.testing.assert_allclose(found.numpy(), cosine, rtol=1e-12)
