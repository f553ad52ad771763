"""CycleGAN (Zhu et al. 2017): images translated into others, of which no pairs are known.

    the generators       G: X -> Y and F: Y -> X, here `forth` and `back`
    the discriminators   D_X and D_Y: a score for each patch, high where it looks like data
    the objective        the games of G against D_Y and F against D_X, by least squares,
                         + cycle (E |F(G(x)) - x| + E |G(F(y)) - y|)

A game alone has G(x) look like some y. That it is to be the y of this x is asked for by the cycle:
F must find x again. Nothing forbids that both exchange contents, or that G hides in G(x), too small
to be seen, what F needs (Chu et al. 2017): a small error of the cycle is no proof. What is right
only pairs can tell, which training has not seen.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn, optim

from .adversarial import frozen
from .model import Losses, Model, descend
from .objectives import OBJECTIVES, Objective
from .pix2pix import PatchDiscriminator, initialize

# The generator's loss is twice that of Mao et al., as in the paper: the weight 10 of the cycle is
# beside mean (D - 1)^2. The discriminator's is half of the sum of both squares.
LEAST_SQUARES = replace(OBJECTIVES["lsgan"], generator=lambda a: (a - 1).square())


class Pool:
    """Up to `size` images that a generator made: D sees some of them again.

    So D does not learn to tell only what the generator makes at present (Shrivastava et al. 2017).
    """

    def __init__(self, size: int = 50) -> None:
        if size < 0:
            raise ValueError(f"Pool: size must not be negative, got {size}")
        self.size = size
        # Memory for all of them, made with the first; and which of them there are.
        self.images: Tensor | None = None
        self.there: Tensor | None = None

    def exchange(self, new: Tensor) -> Tensor:
        """As many images as the new ones (N, C, H, W), which are off the tape: each is new, or with
        probability 1/2 an older one, whose place the new one takes. While there is room, new ones
        are stored and shown; more than `size` at a time are shown only."""
        if not self.size:
            return new
        if self.images is None or self.there is None:
            self.images = mg.zeros(self.size, *new.shape[1:], dtype=new.dtype, device=new.device)
            self.there = mg.zeros(self.size, 1, 1, 1, dtype=mg.bool, device=new.device)
        n = min(len(new), self.size)
        # All on the device, which is not asked: empty places first, no place twice.
        order = mg.rand(self.size, device=new.device) + self.there.flatten()
        places = order.argsort()[:n]
        old, young, there = self.images[places], new[:n], self.there[places]
        again = there & (mg.rand(n, 1, 1, 1, device=new.device) < 0.5)
        self.images[places] = mg.where(again | ~there, young, old)
        self.there[places] = True
        return mg.concat([mg.where(again, old, young), new[n:]])

    def state_dict(self) -> dict[str, Any]:
        return {} if self.images is None else {"images": self.images, "there": self.there}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.images, self.there = state.get("images"), state.get("there")


class CycleGAN(Model):
    """Two generators with one optimizer, two discriminators with another.

    `cycle` is the weight of the cycles' mean absolute errors; `identity` that of |G(y) - y| and
    |F(x) - x|, which holds colours where both kinds have the same (the paper: half of the cycle's,
    for paintings). Images are from -1 to 1.
    """

    def __init__(
        self,
        forth: nn.Module,
        back: nn.Module,
        d_x: nn.Module,
        d_y: nn.Module,
        g_optimizer: optim.Optimizer,
        d_optimizer: optim.Optimizer,
        objective: Objective = LEAST_SQUARES,
        *,
        cycle: float = 10.0,
        identity: float = 0.0,
        pool: int = 50,
    ) -> None:
        if min(cycle, identity) < 0:
            raise ValueError(f"CycleGAN: negative weights: {cycle=}, {identity=}")
        self.forth, self.back, self.d_x, self.d_y = forth, back, d_x, d_y
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.objective, self.cycle, self.identity = objective, cycle, identity
        self.pool_x, self.pool_y = Pool(pool), Pool(pool)

    def train_step(self, x: Tensor, y: Tensor) -> Losses:
        """A step of the generators and one of the discriminators on images x (N, C, H, W) and y
        (N, C', H, W), which do not belong together. Returns the losses `g` and `d` of both games,
        and the mean absolute errors `cycle` and `identity`, summed over both directions, of which
        the weight is not 0."""
        losses, fake_x, fake_y = self.generator_step(x, y)
        d = self.discriminator_step(x, y, fake_x, fake_y)
        return {**losses, "d": d}

    def generator_step(self, x: Tensor, y: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Moves both generators; returns their losses, and what they made of y and of x."""
        fake_y, fake_x = self.forth(x), self.back(y)
        with frozen(self.d_x), frozen(self.d_y):
            g = self.objective.generator_loss(self.d_x, fake_x)
            loss = g = g + self.objective.generator_loss(self.d_y, fake_y)
        losses = {"g": g.detach()}
        if self.cycle:
            cycle = F.l1_loss(self.back(fake_y), x) + F.l1_loss(self.forth(fake_x), y)
            loss = loss + self.cycle * cycle
            losses["cycle"] = cycle.detach()
        if self.identity:
            same = F.l1_loss(self.forth(y), y) + F.l1_loss(self.back(x), x)
            loss = loss + self.identity * same
            losses["identity"] = same.detach()
        descend(self.g_optimizer, loss)
        return losses, fake_x.detach(), fake_y.detach()

    def discriminator_step(self, x: Tensor, y: Tensor, fake_x: Tensor, fake_y: Tensor) -> Tensor:
        """Moves both discriminators, by data and what the pools give for the new images; returns
        their loss."""
        loss: Tensor | float = 0.0
        for d, data, pool, new in (
            (self.d_x, x, self.pool_x, fake_x),
            (self.d_y, y, self.pool_y, fake_y),
        ):
            loss = loss + self.objective.discriminator_loss(d, data, pool.exchange(new))[0]
        assert isinstance(loss, Tensor)
        descend(self.d_optimizer, loss)
        return loss.detach()

    @mg.no_grad()
    def translate(self, x: Tensor) -> Tensor:
        """What `forth` makes of images x (N, C, H, W); `back` is the other way."""
        y: Tensor = self.forth(x)
        return y


# ---- the generator -------------------------------------------------------------------------------


class ResnetGenerator(nn.Module):
    """Images (N, C, H, W) to images (N, C', H, W) in [-1, 1], H and W even: to half the size,
    `blocks` residual blocks there (Johnson et al. 2016), and back.

    Borders are mirrored, so that none of them shows; normalization is by each image's statistics.
    The first and last kernels are of `edge` pixels: 7 in the paper, of images eight times as large.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int = 16, blocks: int = 2, edge: int = 3
    ) -> None:
        super().__init__()
        wide, margin = 2 * width, edge // 2
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(margin), nn.Conv2d(inputs, width, edge, bias=False),
            nn.InstanceNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, wide, 4, 2, 1, bias=False), nn.InstanceNorm2d(wide), nn.ReLU(),
            *(Block(wide) for _ in range(blocks)),
            nn.ConvTranspose2d(wide, width, 4, 2, 1, bias=False),
            nn.InstanceNorm2d(width), nn.ReLU(),
            nn.ReflectionPad2d(margin), nn.Conv2d(width, outputs, edge), nn.Tanh(),
        )  # fmt: skip
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Block(nn.Module):
    """Two convolutions whose result is added to the input; nothing follows the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=False),
            nn.InstanceNorm2d(width), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=False),
            nn.InstanceNorm2d(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.layers(x)
        return y


def cyclegan(
    x_channels: int, y_channels: int, *, width: int = 16, blocks: int = 2, patch_width: int = 16,
    lr: float = 4e-4, **weights: Any,
) -> CycleGAN:  # fmt: skip
    """Generators and PatchDiscriminators for images of so many channels, with Adam for each side;
    `weights` are those of CycleGAN."""
    forth = ResnetGenerator(x_channels, y_channels, width, blocks)
    back = ResnetGenerator(y_channels, x_channels, width, blocks)
    d_x, d_y = (PatchDiscriminator(channels, patch_width) for channels in (x_channels, y_channels))
    g_adam, d_adam = (
        optim.Adam([*a.parameters(), *b.parameters()], lr, (0.5, 0.999))
        for a, b in ((forth, back), (d_x, d_y))
    )
    return CycleGAN(forth, back, d_x, d_y, g_adam, d_adam, **weights)
