"""Training steps of the autoencoders against PyTorch, from equal weights and equal noise."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from models.autoencoder import ARCHITECTURES
from models.model import Learner
from tests.parity.beside import assert_same_parameters

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn = torch.nn
STEPS = 3


class TorchAutoencoder(tnn.Module):
    """The same networks under the same names, so that state dicts fit both."""

    def __init__(self, body, features, decoder, activation=None):
        super().__init__()
        self.encoder = tnn.Module()
        self.encoder.body = body
        self.encoder.code = tnn.Linear(features, 32)
        self.activation = activation or tnn.Identity()
        self.decoder = decoder

    def forward(self, x):
        return self.decoder(self.activation(self.encoder.code(self.encoder.body(x))))


def torch_linear(activation=None):
    decoder = tnn.Sequential(tnn.Linear(32, 784), tnn.Unflatten(1, (1, 28, 28)))
    return TorchAutoencoder(tnn.Flatten(), 784, decoder, activation)


def torch_deep():
    body = tnn.Sequential(
        tnn.Flatten(), tnn.Linear(784, 512), tnn.ReLU(), tnn.Linear(512, 256), tnn.ReLU()
    )
    decoder = tnn.Sequential(
        tnn.Linear(32, 256), tnn.ReLU(), tnn.Linear(256, 512), tnn.ReLU(),
        tnn.Linear(512, 784), tnn.Unflatten(1, (1, 28, 28)),
    )  # fmt: skip
    return TorchAutoencoder(body, 256, decoder)


def torch_conv():
    body = tnn.Sequential(
        tnn.Conv2d(1, 32, 4, 2, 1), tnn.ReLU(),
        tnn.Conv2d(32, 64, 4, 2, 1), tnn.ReLU(),
        tnn.Flatten(),
    )  # fmt: skip
    decoder = tnn.Sequential(
        tnn.Linear(32, 3136), tnn.ReLU(), tnn.Unflatten(1, (64, 7, 7)),
        tnn.ConvTranspose2d(64, 32, 4, 2, 1), tnn.ReLU(),
        tnn.ConvTranspose2d(32, 1, 4, 2, 1),
    )  # fmt: skip
    return TorchAutoencoder(body, 3136, decoder)


THEIRS = {
    "linear": torch_linear,
    "sigmoid": lambda: torch_linear(tnn.Sigmoid()),
    "deep": torch_deep,
    "conv": torch_conv,
}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_training_steps_are_pytorchs(kind, monkeypatch):
    """Loss and every gradient of the first step; parameters after it and after two more."""
    model, other = ARCHITECTURES[kind](noise=0.2).double(), THEIRS[kind]().double()
    weights = {name: torch.tensor(t.numpy()) for name, t in model.state_dict().items()}
    other.load_state_dict(weights)  # strict: the same names
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-3))
    other_optimizer = torch.optim.Adam(other.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    for step in range(STEPS):
        x, eps = rng.random((3, 1, 28, 28)), rng.standard_normal((3, 1, 28, 28))
        monkeypatch.setattr(mg, "randn_like", lambda _, eps=eps: mg.tensor(eps))
        loss = learner.train_step(mg.tensor(x))["loss"]

        recon = other(torch.tensor(x + 0.2 * eps))
        expected = tnn.functional.mse_loss(recon, torch.tensor(x), reduction="sum") / 3
        other_optimizer.zero_grad()
        expected.backward()
        other_optimizer.step()

        assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
        assert_same_parameters(model, other, gradients=step == 0)
