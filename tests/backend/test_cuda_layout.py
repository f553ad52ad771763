"""Between two convolutions images stay channels-last, on the CPU, on CUDA and on its stand-in."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.backend import Device

pytestmark = pytest.mark.slow


def is_channels_last(array: Any) -> bool:
    return bool(array.transpose(0, 2, 3, 1).flags.c_contiguous)


NET = {
    "Conv2d": lambda: nn.Conv2d(3, 4, 3, 1, 1),
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "BatchNorm2d": lambda: nn.BatchNorm2d(4),
    "ReLU": lambda: nn.ReLU(),
    "Conv2d with stride": lambda: nn.Conv2d(4, 6, 4, 2, 1),
    "Softplus": lambda: nn.Softplus(),
    "Dropout": lambda: nn.Dropout(0.2),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(6, 3, 4, 2, 1),
    "Tanh": lambda: nn.Tanh(),
    "Sigmoid": lambda: nn.Sigmoid(),
    "a residual": lambda: Residual(),
    "Conv2d at the end": lambda: nn.Conv2d(3, 2, 3, 1, 1),
}


class Residual(nn.Module):
    def forward(self, x: Any) -> Any:
        return x + x.exp() * 0.5


def test_images_stay_channels_last_forward_and_back(device: Device) -> None:
    """On each device: a convolution gathers from an image as it lies, without turning it first."""
    h = mg.tensor(np.random.default_rng(0).standard_normal((2, 3, 8, 8), np.float32), device=device)
    lost: list[str] = []

    def look(name: str) -> Callable[[Any], None]:
        return lambda g: None if is_channels_last(g.array) else lost.append(f"gradient at {name}")

    for name, make in NET.items():
        h = make().to(device)(h)
        if not is_channels_last(h.array):
            lost.append(name)
        if name != "Conv2d at the end":
            h.register_hook(look(name))
    (h * h).mean().backward()
    assert lost == []
