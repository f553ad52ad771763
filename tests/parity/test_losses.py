"""Losses beside PyTorch: values, gradients, weights, reductions."""

import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from tests.parity.beside import close, double, to_torch

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")


def unit(*shape):
    return double(*shape).detach().sigmoid().requires_grad_()


def probabilities(*shape):
    return mg.softmax(double(*shape).detach(), 1)


LOSSES = [
    ("mse_loss", lambda: (double(3, 4), double(3, 4)), {}),
    ("l1_loss", lambda: (double(3, 4), double(3, 4)), {}),
    ("binary_cross_entropy", lambda: (unit(3, 4), unit(3, 4)), {}),
    ("binary_cross_entropy", lambda: (unit(3, 4), unit(3, 4)), {"weight": (3, 1)}),
    ("binary_cross_entropy_with_logits", lambda: (double(3, 4), unit(3, 4)), {}),
    (
        "binary_cross_entropy_with_logits",
        lambda: (double(3, 4), unit(3, 4)),
        {"weight": (3, 1), "pos_weight": (4,)},
    ),
    ("nll_loss", lambda: (double(6, 3), mg.randint(0, 3, (6,))), {}),
    ("nll_loss", lambda: (double(6, 3, 2, 2), mg.randint(0, 3, (6, 2, 2))), {}),
    ("cross_entropy", lambda: (double(6, 3), mg.randint(0, 3, (6,))), {}),
    (
        "cross_entropy",
        lambda: (double(6, 3, 2), mg.randint(0, 3, (6, 2))),
        {"label_smoothing": 0.2},
    ),
    ("cross_entropy", lambda: (double(6, 3), probabilities(6, 3)), {"label_smoothing": 0.1}),
    ("cross_entropy", lambda: (double(6, 3, 2), probabilities(6, 3, 2)), {}),
    ("mse_loss", lambda: (double(3, 4), double(3, 4)), {"weight": (3, 4)}),
    ("l1_loss", lambda: (double(3, 4), double(3, 4)), {"weight": (3, 4)}),
    ("smooth_l1_loss", lambda: (double(3, 4), double(3, 4)), {}),
    ("smooth_l1_loss", lambda: (double(3, 4), double(3, 4)), {"beta": 0.4}),
    ("smooth_l1_loss", lambda: (double(3, 4), double(3, 4)), {"beta": 0.0}),
    ("huber_loss", lambda: (double(3, 4), double(3, 4)), {"delta": 0.4}),
    ("huber_loss", lambda: (double(3, 4), double(3, 4)), {"weight": (3, 4)}),
    ("kl_div", lambda: (double(3, 4), probabilities(3, 4)), {}),
    ("kl_div", lambda: (double(3, 4), double(3, 4)), {"log_target": True}),
    ("nll_loss", lambda: (double(6, 3), mg.randint(0, 3, (6,))), {"weight": (3,)}),
    ("nll_loss", lambda: (double(3), mg.tensor(1)), {}),
    (
        "nll_loss",
        lambda: (double(6, 3, 2), mg.randint(0, 3, (6, 2))),
        {"weight": (3,), "ignore_index": 1},
    ),
    ("nll_loss", lambda: (double(4, 3), mg.tensor([0, -100, 2, 1])), {}),
    ("cross_entropy", lambda: (double(6, 3), mg.randint(0, 3, (6,))), {"weight": (3,)}),
    ("cross_entropy", lambda: (double(3), mg.tensor(2)), {"label_smoothing": 0.3}),
    ("cross_entropy", lambda: (double(3), mg.softmax(double(3).detach(), 0)), {}),
    (
        "cross_entropy",
        lambda: (double(4, 3), mg.tensor([0, -100, 2, 1])),
        {"label_smoothing": 0.3},
    ),
    (
        "cross_entropy",
        lambda: (double(6, 3, 2), mg.randint(0, 3, (6, 2))),
        {"weight": (3,), "ignore_index": 1, "label_smoothing": 0.3},
    ),
    (
        "cross_entropy",
        lambda: (double(6, 3), probabilities(6, 3)),
        {"weight": (3,), "label_smoothing": 0.3},
    ),
    ("gaussian_nll_loss", lambda: (double(3, 4), double(3, 4), unit(3, 4)), {}),
    ("gaussian_nll_loss", lambda: (double(3, 4), double(3, 4), unit(3, 1)), {"full": True}),
    ("gaussian_nll_loss", lambda: (double(3, 4), double(3, 4), unit(3)), {"eps": 0.6}),
]


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "draw", "options"), LOSSES)
def test_losses(name, draw, options, reduction):
    args = draw()
    weights = {k: unit(*v).detach() if isinstance(v, tuple) else v for k, v in options.items()}
    theirs = [to_torch(x) for x in args]
    out = getattr(F, name)(*args, **weights, reduction=reduction)
    expected = getattr(torch.nn.functional, name)(
        *theirs,
        **{k: to_torch(v) if isinstance(v, mg.Tensor) else v for k, v in weights.items()},
        reduction=reduction,
    )
    close(out, expected)
    g = double(*out.shape).detach()
    out.backward(g)
    expected.backward(to_torch(g))
    for a, b in zip(args, theirs, strict=True):
        if a.requires_grad:
            close(a.grad, b.grad)


@pytest.mark.parametrize("log_target", [True, False])
def test_the_divergence_of_a_batch(log_target):
    target = probabilities(3, 4)
    given = target.log() if log_target else target
    x = double(3, 4)
    out = F.kl_div(x, given, reduction="batchmean", log_target=log_target)
    kl_div = torch.nn.functional.kl_div
    close(out, kl_div(to_torch(x), to_torch(given), reduction="batchmean", log_target=log_target))


def test_targets_of_probability_zero():
    x, target = double(2, 2), mg.tensor([[0.0, 1.0], [0.5, 0.5]], dtype=mg.float64)
    y = to_torch(x)
    out = F.kl_div(x, target, reduction="sum")
    expected = torch.nn.functional.kl_div(y, to_torch(target), reduction="sum")
    close(out, expected)
    out.backward()
    expected.backward()
    close(x.grad, y.grad)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"size_average": False}, "sum"),
        ({"reduce": False}, "none"),
        ({"size_average": True}, "mean"),
    ],
)
def test_the_older_words_for_reductions(old, new):
    a, b, t = double(3, 4), unit(3, 4), unit(3, 4).detach()
    classes = mg.tensor([0, 1, 3])
    for f, args in (
        (F.mse_loss, (a, t)), (F.l1_loss, (a, t)), (F.smooth_l1_loss, (a, t)),
        (F.binary_cross_entropy, (b, t)), (F.binary_cross_entropy_with_logits, (a, t)),
        (F.kl_div, (a, t)), (F.nll_loss, (a, classes)), (F.cross_entropy, (a, classes)),
    ):  # fmt: skip
        close(f(*args, **old), to_torch(f(*args, reduction=new)))
    assert nn.BCELoss(None, False).reduction == "sum"
    assert nn.MSELoss(True, False).reduction == "none"
