"""BiGAN (Donahue et al. 2017), or ALI (Dumoulin et al. 2017): a GAN that can be asked for p(z|x).

    the generator       G(z), z ~ N(0, I)
    the encoder         E(x)
    the discriminator   D(x, z), of pairs: high for (x, E(x)), low for (G(z), z)

Encoder and generator both try to be taken for the other. Where no D can tell the pairs apart, they
have one joint distribution, and E inverts G (Donahue et al., theorem 2). Nothing compares x with
G(E(x)): a reconstruction shares with x what D has come to look at.
"""

import math
from typing import Any

import minigrad as mg
from minigrad import Tensor, nn, optim

from ..adversarial import frozen
from ..gan import GAN, MLP, MLPDiscriminator, MLPGenerator, Shape
from ..model import Losses, descend
from ..objectives import named


class BiGAN(GAN):
    """`g_optimizer` moves generator and encoder; the discriminator gets x and z in one row.

    The encoder's loss is the generator's of the other sign, which makes real of fake in all
    objectives but least squares.
    """

    def __init__(self, *parts: Any, encoder: nn.Module, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.encoder = encoder

    def train_step(self, x: Tensor, *labels: Tensor) -> Losses:
        """A step of the discriminator on data x (N, ...), and one of generator and encoder, whose
        losses `g` has together; returns what a GAN does."""
        with mg.no_grad():
            real, fake = self.pairs(x)
        d, of_real, of_fake = self.objective.discriminator_loss(self.discriminator, real, fake)
        descend(self.d_optimizer, d)
        with frozen(self.discriminator):
            real, fake = self.pairs(x)
            loss = self.objective.generator_loss(self.discriminator, fake)
            loss = loss + self.objective.generator(-self.discriminator(real)).mean()
        g = self.move_generator(loss)
        scores = {"real": of_real.detach().mean(), "fake": of_fake.detach().mean()}
        return {"d": d.detach(), "g": g, **scores}

    def pairs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(x, E(x)) and (G(z), z), as many."""
        z = self.draw_noise(len(x))
        made = self.generator(z)
        return mg.concat([x.flatten(1), self.encoder(x)], 1), mg.concat([made.flatten(1), z], 1)

    def encode(self, x: Tensor) -> Tensor:
        """E(x) (N, noise), off the tape."""
        with mg.no_grad():
            z: Tensor = self.encoder(x)
        return z


def mlp_bigan(
    shape: Shape, noise: int = 50, hidden: int = 256, lr: float = 5e-4, r1: float = 1.0
) -> BiGAN:
    """Two hidden layers in each network, Adam for the two sides, and the penalty R1."""
    pixels, widths = math.prod(shape), (hidden, hidden)
    generator = MLPGenerator(noise, widths, shape)
    encoder = MLP([pixels, *widths, noise], lambda: nn.LeakyReLU(0.2))
    discriminator = MLPDiscriminator((pixels + noise,), widths)
    one_side = [*generator.parameters(), *encoder.parameters()]
    adam = optim.Adam(one_side, lr, (0.5, 0.999))
    d_adam = optim.Adam(discriminator.parameters(), lr, (0.5, 0.999))
    parts = generator, discriminator, adam, d_adam, named(r1=r1)
    return BiGAN(*parts, encoder=encoder, noise=noise)


def recovered(
    generator: nn.Module, x: Tensor, z: Tensor, steps: int = 200, lr: float = 0.05
) -> Tensor:
    """Latents (N, noise) whose samples are near images x, by so many steps of Adam from z: what a
    generator without an encoder can be asked."""
    z = z.detach().clone().requires_grad_()
    adam = optim.Adam([z], lr)
    with frozen(generator):
        for _ in range(steps):
            descend(adam, (generator(z) - x).square().flatten(1).sum(1).sum())
    return z.detach()
