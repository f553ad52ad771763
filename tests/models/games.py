"""Small networks of either kind, and games between them with every objective."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.objectives import named

# Every objective as it is used, with its penalty.
RULES = {
    "minimax": {"objective": "minimax"},
    "non-saturating": {"objective": "non-saturating"},
    "smoothed": {"objective": "non-saturating", "label_smoothing": 0.1},
    "lsgan": {"objective": "lsgan"},
    "wgan": {"objective": "wgan", "clip": 0.05},
    "wgan-gp": {"objective": "wgan", "gp": 10.0},
    "r1": {"objective": "non-saturating", "r1": 1.0},
    "hinge": {"objective": "hinge"},
}
NOISE = 3


class ConvGenerator(nn.Sequential):
    """Noise (N, 3) to images (N, 1, 4, 4), with batch normalization."""

    def __init__(self):
        super().__init__(
            nn.Linear(NOISE, 16), nn.Unflatten(1, (4, 2, 2)),
            nn.BatchNorm2d(4), nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip


class ConvDiscriminator(nn.Sequential):
    """Images (N, 1, 4, 4) to scores (N, 1), with batch normalization."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 4, 3, 1, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(4, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(16, 1),
        )  # fmt: skip


def mlps(hidden=(8, 8), classes=0):
    return MLPGenerator(NOISE, hidden, (2,), classes), MLPDiscriminator((2,), hidden, classes)


def game(networks=None, lr=1e-2, k=1, ema=0.0, **rules) -> GAN:
    generator, discriminator = networks or mlps()
    return GAN(
        generator,
        discriminator,
        optim.Adam(generator.parameters(), lr, betas=(0.5, 0.999)),
        optim.Adam(discriminator.parameters(), lr, betas=(0.5, 0.999)),
        named(**rules),
        noise=NOISE,
        k=k,
        ema=ema,
    )


def points(n=6) -> mg.Tensor:
    return mg.randn(n, 2)


def images(n=6) -> mg.Tensor:
    return mg.rand(n, 1, 4, 4) * 2 - 1


BOTH = pytest.mark.parametrize(
    ("networks", "data"),
    [(mlps, points), (lambda: (ConvGenerator(), ConvDiscriminator()), images)],
    ids=["mlp", "conv"],
)


def trace(module: nn.Module) -> dict[str, bytes | None]:
    """Every bit of a module's parameters, their gradients, and its buffers."""
    bits = {name: p.numpy(force=True).tobytes() for name, p in module.named_parameters()}
    bits |= {name: b.numpy().tobytes() for name, b in module.named_buffers()}
    for name, p in module.named_parameters():
        bits[f"{name}.grad"] = None if p.grad is None else p.grad.numpy().tobytes()
    return bits


def steps_of(optimizer: optim.Adam) -> int:
    return optimizer.state_dict()["state"][0]["step"]


def numeric_gradient(f, parameter, eps=1e-6) -> np.ndarray:
    """Central differences of f() in a parameter's elements."""
    array = parameter.array.reshape(-1)
    slopes = np.empty_like(array)
    for i, value in enumerate(array.copy()):
        array[i] = value + eps
        above = f()
        array[i] = value - eps
        slopes[i] = (above - f()) / (2 * eps)
        array[i] = value
    return slopes.reshape(parameter.shape)
