"""Whether an autoregressive model's likelihood is one: what proves it, and what its pixels see."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor

from ..autoregressive import Autoregressive, Shape


def all_images(shape: Shape) -> Tensor:
    """Every black and white image (C, H, W), in float64: (2 ** (C H W), C, H, W)."""
    bits = list(product((0.0, 1.0), repeat=int(np.prod(shape))))
    return mg.tensor(np.array(bits).reshape(-1, *shape))


def total_probability(model: Autoregressive, context: Tensor | None = None) -> float:
    """The sum of p(x) over all black and white images of a model in float64: 1, unless a pixel's
    distribution knows something that it must not."""
    with mg.no_grad():
        log_p = model.log_prob(all_images(model.image_shape), context)
        total: float = log_p.exp().sum().item()
    return total


def disturbed(model: Autoregressive, std: float = 0.7, seed: int = 0) -> Autoregressive:
    """The model in float64 with normal random weights, which use all that they are connected to."""
    rng = np.random.default_rng(seed)
    model = model.double()
    with mg.no_grad():
        for parameter in model.parameters():
            parameter.copy_(mg.tensor(rng.normal(0, std, parameter.shape)))
    return model


def seen_from_the_middle(model: Autoregressive, seed: int = 0) -> NDArray[np.bool_]:
    """Which pixels (H, W) the middle one's distribution depends on, by its gradient at a random
    image; of one colour."""
    _, height, width = model.image_shape
    image = np.random.default_rng(seed).random((1, *model.image_shape))
    x = mg.tensor(image, requires_grad=True)
    model.double()(x)[0, 0, height // 2, width // 2].backward()
    assert x.grad is not None
    seen: NDArray[np.bool_] = x.grad.numpy()[0, 0] != 0
    return seen
