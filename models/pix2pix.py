"""pix2pix (Isola et al. 2017): images translated into others, of which pairs are known.

    the generator       G(x): images (N, C, H, W) to images (N, C', H, W) of the other kind
    the discriminator   D(y, x): a score for each patch of y, which may be the partner of x
    the objective       min_G max_D  E log D(y, x) + E log(1 - D(G(x), x)) + l1 E |y - G(x)|

L1 gets the large shapes right, and where several images would do it gives the median of them: grey
and blurred. The discriminator sees small patches, and has them look like data. Images are from -1
to 1; L1 is a mean over numbers on that scale, on which the paper's weight is 100.

There is no z: noise comes as dropout only, in use as in training, and the paper finds that G makes
little of it. Normalization is by the statistics of the image at hand, in use too ("instance
normalization", as the paper calls a batch of one): train() and eval() are the same.
"""

from itertools import pairwise
from typing import Any

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn, optim

from .adversarial import frozen
from .model import Losses, Model, descend
from .objectives import OBJECTIVES, Objective


class Pix2Pix(Model):
    """A generator and a discriminator of pairs, with their optimizers.

    `adversarial` and `l1` are the weights of what the generator minimises; without the first the
    discriminator does not learn either. A discriminator that is not `conditional` sees y alone.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        g_optimizer: optim.Optimizer,
        d_optimizer: optim.Optimizer,
        objective: Objective = OBJECTIVES["non-saturating"],
        *,
        l1: float = 100.0,
        adversarial: float = 1.0,
        conditional: bool = True,
    ) -> None:
        if min(l1, adversarial) < 0 or l1 == adversarial == 0:
            raise ValueError(
                f"Pix2Pix: weights must not be negative, and not both 0: {l1=}, {adversarial=}"
            )
        self.generator, self.discriminator = generator, discriminator
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.objective, self.l1, self.adversarial = objective, l1, adversarial
        self.conditional = conditional

    def train_step(self, x: Tensor, y: Tensor) -> Losses:
        """A step of each network on images x (N, C, H, W) and their partners y (N, C', H, W).

        Returns the generator's mean absolute error `l1` on the scale from -1 to 1, and, if there is
        a game, the losses `d` and `g` and the mean scores of pairs and of translations."""
        made = self.generator(x)  # for both steps, which is once instead of twice
        seen = (x,) if self.conditional else ()
        game = self.discriminator_step(y, made.detach(), *seen) if self.adversarial else {}
        return {**self.generator_step(made, y, *seen), **game}

    def discriminator_step(self, y: Tensor, made: Tensor, *x: Tensor) -> dict[str, Tensor]:
        """Moves the discriminator only, by half of the loss that others take, as in the paper: it
        is to learn more slowly than the generator."""
        loss, real, fake = self.objective.discriminator_loss(self.discriminator, y, made, *x)
        descend(self.d_optimizer, loss / 2)
        return {"d": loss.detach(), "real": real.detach().mean(), "fake": fake.detach().mean()}

    def generator_step(self, made: Tensor, y: Tensor, *x: Tensor) -> dict[str, Tensor]:
        """Moves the generator only, through what it made."""
        l1 = F.l1_loss(made, y)
        losses = {"l1": l1.detach()}
        loss = self.l1 * l1
        if self.adversarial:
            with frozen(self.discriminator):
                g = self.objective.generator_loss(self.discriminator, made, *x)
            losses["g"] = g.detach()
            loss = loss + self.adversarial * g
        descend(self.g_optimizer, loss)
        return losses

    @mg.no_grad()
    def translate(self, x: Tensor) -> Tensor:
        """What the generator makes of images x (N, C, H, W), by other noise at each call."""
        y: Tensor = self.generator(x)
        return y


# ---- networks ------------------------------------------------------------------------------------


class UNet(nn.Module):
    """Images (N, C, H, W) to images (N, C', H, W) in [-1, 1], H and W multiples of 8.

    Down to an eighth of the size and back; each layer on the way back sees what the way down had at
    its size, too: what is to stay where it is need not pass through the middle.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 24, dropout: float = 0.5) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width)
        # No normalization of the first layer, nor of the innermost.
        self.down = nn.ModuleList(
            [
                nn.Conv2d(inputs, width, 4, 2, 1),
                nn.Sequential(nn.LeakyReLU(0.2), *_down(widths[0], widths[1])),
                nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(widths[1], widths[2], 4, 2, 1)),
            ]
        )
        # Twice the channels: those of the way down come beside.
        self.up = nn.ModuleList(
            [
                nn.Sequential(nn.ReLU(), *_up(widths[2], widths[1]), Noise(dropout)),
                nn.Sequential(nn.ReLU(), *_up(2 * widths[1], widths[0]), Noise(dropout)),
                nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, outputs, 4, 2, 1)),
            ]
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down[0](x)
        second = self.down[1](first)
        h = self.up[0](self.down[2](second))
        h = self.up[1](mg.concat([h, second], 1))
        y: Tensor = self.up[2](mg.concat([h, first], 1)).tanh()
        return y


def _down(a: int, b: int) -> list[nn.Module]:
    return [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.InstanceNorm2d(b)]


def _up(a: int, b: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.InstanceNorm2d(b)]


class Noise(nn.Module):
    """Dropout that is not over after training."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p)


class PatchDiscriminator(nn.Module):
    """Images (N, C, H, W), and others beside them if they are given, to a score for each patch of
    26x26 pixels, (N, 1, H/4, W/4): high where it looks like data."""

    def __init__(self, channels: int, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for (a, b), layer in zip(pairwise((width, 2 * width, 4 * width)), ((4, 2, 1), (3, 1, 1))):
            layers += [nn.Conv2d(a, b, *layer, bias=False), nn.InstanceNorm2d(b), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 3, 1, 1))
        initialize(self)

    def forward(self, y: Tensor, *given: Tensor) -> Tensor:
        scores: Tensor = self.layers(mg.concat([y, *given], 1))
        return scores


def initialize(module: nn.Module) -> None:
    """Weights from N(0, 0.02), biases 0, as in the paper's appendix 6.2."""
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, 0.0, 0.02)


def pix2pix(
    inputs: int, outputs: int, *, width: int = 24, patch_width: int = 16, lr: float = 5e-4,
    dropout: float = 0.5, conditional: bool = True, **weights: Any,
) -> Pix2Pix:  # fmt: skip
    """A UNet and a PatchDiscriminator for images of `inputs` and `outputs` channels, with Adam for
    each; `weights` are those of Pix2Pix."""
    generator = UNet(inputs, outputs, width, dropout)
    discriminator = PatchDiscriminator(outputs + (inputs if conditional else 0), patch_width)
    g_adam, d_adam = (
        optim.Adam(network.parameters(), lr, (0.5, 0.999)) for network in (generator, discriminator)
    )
    return Pix2Pix(generator, discriminator, g_adam, d_adam, conditional=conditional, **weights)
