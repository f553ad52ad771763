"""Unrolled GANs (Metz et al. 2017): the generator sees how the discriminator will answer.

    theta_0 = theta,  theta_{i+1} = theta_i - eta d L_D(theta_i, phi) / d theta
    the generator     minimises L_G(theta_K, phi) in phi

theta_K depends on the generator's weights phi: its gradient goes through K steps of an optimizer, a
derivative of derivatives. A generator that moves to one mode sees the discriminator come after it.
The discriminator itself takes one plain step at a time.
"""

from typing import Any

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.nn.utils.stateless import functional_call

from ..gan import GAN
from ..model import Losses


class UnrolledGAN(GAN):
    """A GAN whose generator looks `unroll` steps of gradient descent at the rate `eta` ahead; 0
    steps make it a GAN. ValueError for fewer."""

    def __init__(self, *parts: Any, unroll: int = 5, eta: float = 0.1, **options: Any) -> None:
        if unroll < 0:
            raise ValueError(f"UnrolledGAN: unroll must not be negative, got {unroll}")
        super().__init__(*parts, **options)
        self.unroll, self.eta = unroll, eta

    def train_step(self, x: Tensor, *labels: Tensor) -> Losses:
        """A step of each on data x (N, ...); returns what a GAN does."""
        d, real, fake = self.discriminator_step(x, *labels)
        samples = self.generator(self.draw_noise(len(x)), *labels)
        ahead = self.answer(x, samples, *labels)
        loss = self.objective.generator_loss(ahead, samples, *labels)
        g = self.move_generator(loss)
        self.discriminator.zero_grad()  # of what went through its own weights to theta_K
        return {"d": d, "g": g, "real": real, "fake": fake}

    def answer(self, x: Tensor, samples: Tensor, *labels: Tensor) -> "WithWeights":
        """The discriminator after its next steps on x and samples: it depends on the samples."""
        found = WithWeights(self.discriminator, dict(self.discriminator.named_parameters()))
        for _ in range(self.unroll):
            loss, *_ = self.objective.discriminator_loss(found, x, samples, *labels)
            slopes = mg.grad(loss, list(found.weights.values()), create_graph=True)
            steps = zip(found.weights.items(), slopes, strict=True)
            weights = {name: weight - self.eta * slope for (name, weight), slope in steps}
            found = WithWeights(self.discriminator, weights)
        return found


class WithWeights(nn.Module):
    """A network with other weights, which may be results of ops, in the place of its own."""

    def __init__(self, network: nn.Module, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.network, self.weights = network, weights

    def forward(self, *inputs: Tensor) -> Tensor:
        found: Tensor = functional_call(self.network, self.weights, inputs)
        return found
