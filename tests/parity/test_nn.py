"""nn beside PyTorch: text, values, gradients, first values, state dicts."""

import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.nn import init
from minigrad.serialization import load, save
from tests.parity.beside import close, double, generator, to_torch

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")


# ---- layers --------------------------------------------------------------------------------------

# How to make a layer in either library, and the shape of an input.
LAYERS = [
    (lambda n: n.Linear(3, 4), (5, 3)),
    (lambda n: n.Linear(3, 4, bias=False), (2, 5, 3)),
    (lambda n: n.Conv2d(4, 6, 3), (2, 4, 7, 6)),
    (lambda n: n.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, False), (2, 4, 7, 6)),
    (lambda n: n.Conv2d(4, 6, 1, stride=2, padding=1, groups=2), (1, 4, 5, 5)),
    (lambda n: n.ConvTranspose2d(4, 6, 3), (2, 4, 3, 5)),
    (
        lambda n: n.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, False, (1, 2)),
        (2, 4, 3, 2),
    ),
    (lambda n: n.BatchNorm1d(3), (6, 3)),
    (lambda n: n.BatchNorm1d(3, 1e-3, None, False), (6, 3, 2)),
    (lambda n: n.BatchNorm2d(3, momentum=0.3), (4, 3, 2, 2)),
    (lambda n: n.BatchNorm2d(3, track_running_stats=False), (4, 3, 2, 2)),
    (lambda n: n.ReLU(), (3, 4)),
    (lambda n: n.ReLU(inplace=True), (3, 4)),
    (lambda n: n.LeakyReLU(0.2), (3, 4)),
    (lambda n: n.LeakyReLU(0.1, True), (3, 4)),
    (lambda n: n.Tanh(), (3, 4)),
    (lambda n: n.Sigmoid(), (3, 4)),
    (lambda n: n.Softplus(), (3, 4)),
    (lambda n: n.Softplus(0.5, 30.0), (3, 4)),
    (lambda n: n.Softmax(dim=1), (3, 4)),
    (lambda n: n.LogSoftmax(dim=1), (3, 4)),
    (lambda n: n.Identity(3), (3, 4)),
    (lambda n: n.Flatten(), (3, 2, 2)),
    (lambda n: n.Flatten(0, 1), (3, 2, 2)),
    (lambda n: n.Unflatten(1, (2, -1)), (3, 4)),
    (lambda n: n.Dropout(0.0), (3, 4)),
    (lambda n: n.Sequential(), (3, 4)),
    (lambda n: n.Sequential(n.Linear(4, 3), n.Sequential(n.ReLU(), n.Linear(3, 2))), (3, 4)),
]


def text(module):
    """repr(), as it was before PyTorch gave batch norm a `bias` (in 2.12)."""
    return (
        repr(module)
        .replace(", bias=True, track", ", track")
        .replace(", bias=False, track", ", track")
    )


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers(make, shape):
    mine, theirs = make(nn).double(), make(torch.nn).double()
    for p in mine.parameters():
        init.normal_(p)
    theirs.load_state_dict({name: to_torch(x) for name, x in mine.state_dict().items()})
    assert text(mine) == text(theirs)
    for mode in (True, True, False):
        mine.train(mode)
        theirs.train(mode)
        x = double(*shape)
        y = to_torch(x)
        out, expected = mine(x), theirs(y * 1)
        close(out, expected)
        g = double(*out.shape).detach()
        out.backward(g)
        expected.backward(to_torch(g))
        close(x.grad, y.grad)
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            close(p.grad, q.grad)
        for (name, a), (name_too, b) in zip(
            mine.state_dict().items(), theirs.state_dict().items(), strict=True
        ):
            assert name == name_too
            close(a, b)


@pytest.mark.parametrize("padding_idx", [None, 0, -2])
def test_embedding(padding_idx):
    mine, theirs = (n.Embedding(5, 3, padding_idx) for n in (nn, torch.nn))
    assert repr(mine) == repr(theirs)
    theirs.load_state_dict({"weight": to_torch(mine.weight)})
    index = mg.tensor([[0, 3, 3], [4, 3, 0]])
    out, expected = mine(index), theirs(to_torch(index))
    close(out, expected)
    (out * out).sum().backward()
    (expected * expected).sum().backward()
    close(mine.weight.grad, theirs.weight.grad, 1e-6)


def test_conv_transpose_output_size():
    mine = nn.ConvTranspose2d(2, 3, 3, (2, 3), 1)
    theirs = torch.nn.ConvTranspose2d(2, 3, 3, (2, 3), 1)
    theirs.load_state_dict({name: to_torch(x) for name, x in mine.state_dict().items()})
    x = mg.randn(2, 2, 4, 4)
    for size in ((7, 10), (8, 12)):
        close(mine(x, output_size=size), theirs(to_torch(x), output_size=size), 1e-5)


def test_repr_of_a_tree():
    def make(n):
        class Net(n.Module):
            def __init__(self):
                super().__init__()
                self.layers = n.ModuleList(
                    [n.Linear(2, 2), n.Linear(2, 2), n.ReLU(), n.Sequential(n.Tanh(), n.Tanh())]
                )
                self.empty = n.ModuleList([])
                self.loss = n.MSELoss()

        return Net()

    assert repr(make(nn)) == repr(make(torch.nn))


@pytest.mark.parametrize("name", [n for n in nn.__all__ if n.endswith("Loss")])
def test_repr_of_losses(name):
    assert repr(getattr(nn, name)()) == repr(getattr(torch.nn, name)())


# ---- losses --------------------------------------------------------------------------------------


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
    ("gaussian_nll_loss", lambda: (double(3, 4), double(3, 4), unit(3, 4)), {}),
    ("gaussian_nll_loss", lambda: (double(3, 4), double(3, 4), unit(3, 1)), {"full": True}),
    ("gaussian_nll_loss", lambda: (double(3, 4), double(3, 4), unit(3)), {"eps": 0.6}),
]


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


def test_bce_at_the_ends():
    p = mg.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    t = mg.tensor([0.0, 0.0, 1.0, 1.0])
    q = to_torch(p)
    out = F.binary_cross_entropy(p, t, reduction="none")
    expected = torch.nn.functional.binary_cross_entropy(q, to_torch(t), reduction="none")
    close(out, expected)
    out.sum().backward()
    expected.sum().backward()
    close(p.grad, q.grad, 1e-6)


def test_one_hot_and_pad():
    t = mg.tensor([[0, 2], [1, 1]])
    for n in (-1, 5):
        close(F.one_hot(t, n), torch.nn.functional.one_hot(to_torch(t), n))
    x = double(2, 3, 4)
    for pads in ((1, 2), (1, 0, 0, 2), (-1, 1, 2, 2, 0, 1)):
        close(F.pad(x, pads, value=0.5), torch.nn.functional.pad(to_torch(x), pads, value=0.5))


# ---- first values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda n: n.Linear(300, 200),
        lambda n: n.Conv2d(32, 64, 4, groups=2),
        lambda n: n.ConvTranspose2d(64, 32, 4),
        lambda n: n.ConvTranspose2d(32, 64, 4, groups=2),
        lambda n: n.ConvTranspose2d(64, 1, 4),
        lambda n: n.Embedding(300, 100),
    ],
)
def test_default_weights_have_pytorchs_distribution(make):
    """Two samples of one distribution: moments and quantiles agree within what chance allows."""
    torch.manual_seed(0)
    mine = make(nn).weight.numpy(force=True).ravel()
    theirs = make(torch.nn).weight.detach().numpy().ravel()
    n, sd = mine.size, theirs.std()
    assert abs(mine.mean() - theirs.mean()) < 5 * sd * math.sqrt(2 / n)
    assert abs(mine.var() / theirs.var() - 1) < 5 * math.sqrt(4 / n)
    grid = np.quantile(theirs, np.linspace(0.05, 0.95, 19))
    share = np.searchsorted(np.sort(mine), grid) / n
    assert abs(share - np.linspace(0.05, 0.95, 19)).max() < 3 / math.sqrt(n)


@pytest.mark.parametrize("shape", [(30, 40), (8, 6, 3, 2)])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("kaiming_uniform_", {"a": 0.2}),
        ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("kaiming_normal_", {"nonlinearity": "tanh"}),
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
    ],
)
def test_init_asks_for_pytorchs_scale(name, options, shape, monkeypatch):
    """What is asked of the generator: bounds, or mean and deviation; PyTorch's by its own code."""
    asked = []
    drawn = "normal_" if "normal" in name else "uniform_"
    monkeypatch.setattr(init, drawn, lambda w, *args: asked.append(args))
    monkeypatch.setattr(torch.Tensor, drawn, lambda w, *args, **_: asked.append(args))
    getattr(init, name)(mg.empty(*shape), **options)
    getattr(torch.nn.init, name)(torch.empty(*shape), **options)
    assert asked[0] == pytest.approx(asked[1], rel=1e-12)


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu"])
def test_gains(name):
    assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (None, 0.2):
        theirs = torch.nn.init.calculate_gain("leaky_relu", slope)
        assert init.calculate_gain("leaky_relu", slope) == theirs


# ---- state dicts ---------------------------------------------------------------------------------


def test_a_state_dict_goes_both_ways_through_safetensors(tmp_path):
    from safetensors.torch import load_file, save_file

    mine, theirs = generator(nn), generator(torch.nn)
    mine(mg.randn(4, 5, 1, 1))
    save(mine.state_dict(), tmp_path / "mine.safetensors")
    theirs.load_state_dict(load_file(tmp_path / "mine.safetensors"))
    x = mg.randn(2, 5, 1, 1)
    for mode in (False, True):
        mine.train(mode)
        theirs.train(mode)
        close(mine(x), theirs(to_torch(x)), 1e-5)
    assert mine[1].num_batches_tracked.item() == theirs[1].num_batches_tracked.item() == 2

    save_file(generator(torch.nn).state_dict(), tmp_path / "theirs.safetensors")
    mine.load_state_dict(load(tmp_path / "theirs.safetensors"))
    theirs.load_state_dict(load_file(tmp_path / "theirs.safetensors"))
    close(mine(x), theirs(to_torch(x)), 1e-5)
