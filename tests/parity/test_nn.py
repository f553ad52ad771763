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


# ---- functions -----------------------------------------------------------------------------------


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


def test_lengths_and_angles():
    x, y = double(3, 4, 2), double(3, 4, 2)
    theirs = torch.nn.functional
    for options in ({}, {"p": 1.0, "dim": 0}, {"dim": -1, "eps": 2.0}):
        close(F.normalize(x, **options), theirs.normalize(to_torch(x), **options))
    for options in ({}, {"dim": 0}, {"dim": -1, "eps": 2.0}):
        expected = theirs.cosine_similarity(to_torch(x), to_torch(y), **options)
        close(F.cosine_similarity(x, y, **options), expected)
    zero = mg.zeros(2, 3, requires_grad=True)
    F.normalize(zero).sum().backward()
    assert zero.grad.isfinite().all()
