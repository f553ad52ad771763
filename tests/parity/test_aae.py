"""Training steps of the adversarial autoencoder against PyTorch, from equal weights and draws."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from models.aae import AAE
from models.autoencoder import deep_autoencoder
from models.gan import MLPDiscriminator
from tests.parity.beside import assert_same_parameters

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn = torch.nn
SHAPE, N, CODE, STEPS = (1, 4, 4), 5, 3, 3


class TorchAutoencoder(tnn.Module):
    """The same networks under the same names, so that state dicts fit both."""

    def __init__(self):
        super().__init__()
        self.encoder = tnn.Module()
        self.encoder.body = tnn.Sequential(tnn.Flatten(), tnn.Linear(16, 8), tnn.ReLU())
        self.encoder.code = tnn.Linear(8, CODE)
        self.decoder = tnn.Sequential(
            tnn.Linear(CODE, 8), tnn.ReLU(), tnn.Linear(8, 16), tnn.Unflatten(1, SHAPE)
        )

    def encode(self, x):
        return self.encoder.code(self.encoder.body(x))


class TorchDiscriminator(tnn.Module):
    def __init__(self):
        super().__init__()
        leaky = lambda: tnn.LeakyReLU(0.2)
        self.layers = tnn.Sequential(
            tnn.Linear(CODE, 8), leaky(), tnn.Linear(8, 8), leaky(), tnn.Linear(8, 1)
        )

    def forward(self, z):
        return self.layers(z)


def torch_step(model, discriminator, optimizers, x, prior):
    """The three steps as they are written in PyTorch, with D's labels 1 for draws of the prior."""
    bce = tnn.functional.binary_cross_entropy_with_logits
    ones, zeros = torch.ones(N, 1, dtype=x.dtype), torch.zeros(N, 1, dtype=x.dtype)
    codes = lambda: model.encode(x)
    losses = (
        lambda: (model.decoder(codes()) - x).square().sum() / N,
        lambda: bce(discriminator(prior), ones) + bce(discriminator(codes().detach()), zeros),
        lambda: bce(discriminator(codes()), ones),
    )
    values = []
    for optimizer, loss in zip(optimizers, losses, strict=True):
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    return values


def test_training_steps_are_pytorchs(monkeypatch):
    model = deep_autoencoder(SHAPE, CODE, (8,)).double()
    discriminator = MLPDiscriminator((CODE,), (8, 8)).double()
    ours, theirs = (model, discriminator), (TorchAutoencoder(), TorchDiscriminator())
    for mine, other in zip(ours, theirs, strict=True):
        weights = {name: torch.tensor(t.numpy()) for name, t in mine.state_dict().items()}
        other.double().load_state_dict(weights)  # strict: the same names
    rates = {"lr": 1e-3}, {"lr": 2e-3, "betas": (0.5, 0.999)}, {"lr": 3e-3, "betas": (0.5, 0.999)}
    adams, torch_adams = (
        [
            Adam(part.parameters(), **how)
            for part, how in zip((*networks, networks[0].encoder), rates, strict=True)
        ]
        for Adam, networks in ((optim.Adam, ours), (torch.optim.Adam, theirs))
    )
    aae = AAE(*ours, *adams)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x, prior = rng.random((N, *SHAPE)), rng.standard_normal((N, CODE))
        monkeypatch.setattr(aae, "draw_prior", lambda n, prior=prior: mg.tensor(prior))
        losses = aae.train_step(mg.tensor(x))
        expected = torch_step(*theirs, torch_adams, torch.tensor(x), torch.tensor(prior))
        got = [losses[name].item() for name in ("loss", "d", "e")]
        assert got == pytest.approx(expected, rel=1e-9)
        for mine, other in zip(ours, theirs, strict=True):
            assert_same_parameters(mine, other, gradients=False)
