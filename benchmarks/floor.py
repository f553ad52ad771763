"""The floor of a case: the matrix products that its step cannot avoid, bare, on arrays that exist.

A convolution counts as the one product of its gathered patches with its weights, a transposed
convolution as the product that its overlap-add would follow; gathering and adding are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Layer(NamedTuple):
    """y = x @ w with x (rows, inputs) and w (inputs, outputs)."""

    rows: int
    inputs: int
    outputs: int


class Product(NamedTuple):
    """One product of a layer: "forward" x @ w, "input" y @ w.T or "weight" x.T @ y."""

    kind: str
    layer: Layer


def conv(n: int, c_in: int, c_out: int, size: int, k: int = 4) -> Layer:
    """Return a Conv2d as a product; `size` is the width of its output."""
    return Layer(n * size * size, c_in * k * k, c_out)


def conv_transpose(n: int, c_in: int, c_out: int, size: int, k: int = 4) -> Layer:
    """Return a ConvTranspose2d as a product; `size` is the width of its input."""
    return Layer(n * size * size, c_in, c_out * k * k)


def products(layers: list[Layer], *kinds: str) -> list[Product]:
    """Return the products of each kind of all `layers`."""
    return [Product(kind, layer) for kind in kinds for layer in layers]


def training(layers: list[Layer]) -> list[Product]:
    """Return the products of a training step: nobody asks for the first layer's input gradient."""
    return products(layers, "forward", "weight") + products(layers[1:], "input")


def decoder(model: str, batch: int) -> list[Product]:
    """Case 9, and the second half of cases 1 and 2."""
    return products(DECODERS[model](batch), "forward")


def mlp_decoder(batch: int) -> list[Layer]:
    return [Layer(batch, 20, 400), Layer(batch, 400, 784)]


def conv_decoder(batch: int, width: int = 32) -> list[Layer]:
    return [
        Layer(batch, 20, 256),
        Layer(batch, 256, 2 * width * 49),
        conv_transpose(batch, 2 * width, width, 7),
        conv_transpose(batch, width, 1, 14),
    ]


DECODERS = {"mlp": mlp_decoder, "conv": conv_decoder}


def mlp_vae(batch: int) -> list[Product]:
    """Case 1; the two heads are one product."""
    return training([Layer(batch, 784, 400), Layer(batch, 400, 40), *mlp_decoder(batch)])


def conv_vae(batch: int, width: int = 32) -> list[Product]:
    """Case 2; the two heads are one product."""
    encoder = [
        conv(batch, 1, width, 14),
        conv(batch, width, 2 * width, 7),
        Layer(batch, 2 * width * 49, 256),
        Layer(batch, 256, 40),
    ]
    return training(encoder + conv_decoder(batch, width))


def dcgan(batch: int, channels: int, width: int = 64) -> list[Product]:
    """Cases 3 and 4."""
    generator = [
        Layer(batch, 100, 4 * width * 16),
        conv_transpose(batch, 4 * width, 2 * width, 4),
        conv_transpose(batch, 2 * width, width, 8),
        conv_transpose(batch, width, channels, 16),
    ]
    discriminator = [
        conv(batch, channels, width, 16),
        conv(batch, width, 2 * width, 8),
        conv(batch, 2 * width, 4 * width, 4),
        Layer(batch, 4 * width * 16, 1),
    ]
    return gan(generator, discriminator)


def toy_gan(batch: int) -> list[Product]:
    """Case 10."""
    generator, discriminator = (
        [Layer(batch, 2, 128), Layer(batch, 128, 128), Layer(batch, 128, 128), Layer(batch, 128, n)]
        for n in (2, 1)
    )
    return gan(generator, discriminator)


def gan(generator: list[Layer], discriminator: list[Layer]) -> list[Product]:
    """The generator runs forward once, the discriminator on real, fake and fake."""
    discriminator_step = training(discriminator) + training(discriminator)
    return discriminator_step + training(generator) + products(discriminator, "forward", "input")


def flops(work: list[Product]) -> int:
    """Return the floating point operations of `work`: each multiplication and each addition."""
    return sum(2 * layer.rows * layer.inputs * layer.outputs for _, layer in work)


def floor_step(work: list[Product]) -> Callable[[], None]:
    """Return a step that computes `work` in float32, every product into an array that exists."""
    rng = np.random.default_rng(0)
    calls = []
    for layer in dict.fromkeys(layer for _, layer in work):
        x, w, y = (
            rng.standard_normal(shape, np.float32)
            for shape in (
                (layer.rows, layer.inputs),
                (layer.inputs, layer.outputs),
                (layer.rows, layer.outputs),
            )
        )
        # Results go elsewhere than operands: a step that fed on itself would reach infinity.
        of_kind = {
            "forward": (x, w, np.empty_like(y)),
            "input": (y, w.T, np.empty_like(x)),
            "weight": (x.T, y, np.empty_like(w)),
        }
        calls += [of_kind[kind] for kind, wanted in work if wanted == layer]

    def step() -> None:
        for a, b, out in calls:
            np.matmul(a, b, out=out)

    return step
