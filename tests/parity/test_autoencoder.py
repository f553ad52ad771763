"""Training steps of the autoencoders against PyTorch, from equal weights and equal noise."""

import pytest

from models.autoencoder import ARCHITECTURES
from tests.parity.beside import assert_same_training, give_noise

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn = torch.nn


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
    other = THEIRS[kind]()

    def draw(rng):
        x, eps = rng.random((3, 1, 28, 28)), rng.standard_normal((3, 1, 28, 28))
        give_noise(monkeypatch, eps)

        def loss():
            recon = other(torch.tensor(x + 0.2 * eps))
            return tnn.functional.mse_loss(recon, torch.tensor(x), reduction="sum") / 3

        return [x], loss

    assert_same_training(ARCHITECTURES[kind](noise=0.2), other, draw)
