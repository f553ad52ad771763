"""What the comparisons share: tensors and networks in either library."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from models.model import Learner

STEPS = 3


def to_torch(x):
    """A tensor of PyTorch with the same elements; a leaf that requires a gradient if x does."""
    import torch

    return torch.tensor(x.numpy(force=True)).requires_grad_(x.requires_grad)


def close(mine, theirs, tolerance=1e-10):
    theirs = theirs.detach().numpy()
    assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_allclose(mine.numpy(force=True), theirs, tolerance, tolerance)


def double(*shape):
    return mg.randn(*shape, dtype=mg.float64, requires_grad=True)


def generator(n):
    """Like DCGAN's."""
    return n.Sequential(
        n.ConvTranspose2d(5, 6, 3, bias=False), n.BatchNorm2d(6), n.ReLU(True),
        n.ConvTranspose2d(6, 4, 4, 2, 1, bias=False), n.BatchNorm2d(4), n.ReLU(True),
        n.ConvTranspose2d(4, 1, 4, 2, 1), n.Tanh(),
    )  # fmt: skip


def give_noise(monkeypatch: pytest.MonkeyPatch, eps: np.ndarray) -> None:
    """Have minigrad's next Gaussian draws be this one."""
    monkeypatch.setattr(mg, "randn_like", lambda _: mg.tensor(eps))
    monkeypatch.setattr(mg, "randn", lambda *_, **__: mg.tensor(eps))


def assert_same_training(model: Any, other: Any, draw: Callable[..., Any]) -> None:
    """Loss and every gradient of the first step of Adam; parameters after it and after two more.

    `draw(rng)` gives the arrays of a batch, and a function that gives PyTorch's loss of it.
    """
    import torch

    model, other = model.double(), other.double()
    weights = {name: torch.tensor(t.numpy()) for name, t in model.state_dict().items()}
    other.load_state_dict(weights)  # strict: the same names
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-3))
    other_optimizer = torch.optim.Adam(other.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    for step in range(STEPS):
        batch, theirs = draw(rng)
        loss = learner.train_step(*map(mg.tensor, batch))["loss"]

        expected = theirs()
        other_optimizer.zero_grad()
        expected.backward()
        other_optimizer.step()

        assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
        assert_same_parameters(model, other, gradients=step == 0)


def assert_same_parameters(mine: nn.Module, theirs: Any, *, gradients: bool) -> None:
    """All parameters are those of PyTorch's module, in float64; and all gradients if asked for."""
    named = dict(theirs.named_parameters())
    for name, parameter in mine.named_parameters():
        if gradients:
            grad = named[name].grad.numpy()
            scale = np.abs(grad).max()
            assert np.allclose(parameter.grad.numpy(), grad, rtol=1e-9, atol=1e-12 * scale)
        # Where a gradient is 0 but for rounding, Adam's step is its sign: hence atol.
        got, expected = parameter.numpy(force=True), named[name].detach().numpy()
        assert np.allclose(got, expected, rtol=1e-7, atol=1e-8), name


def twins(ours: Sequence[nn.Module], theirs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Gives PyTorch's modules the weights of ours, all in float64; Adam for each, in either library
    and at another rate for each."""
    import torch

    for mine, other in zip(ours, theirs, strict=True):
        mine.double()
        weights = {name: torch.tensor(t.numpy()) for name, t in mine.state_dict().items()}
        other.double().load_state_dict(weights)  # strict: the same names
    adams, torch_adams = (
        [
            Adam(part.parameters(), 1e-3 * (i + 1), betas=(0.5, 0.999))
            for i, part in enumerate(parts)
        ]
        for Adam, parts in ((optim.Adam, ours), (torch.optim.Adam, theirs))
    )
    return adams, torch_adams
