"""LAPGAN (Denton et al. 2015): a pyramid of GANs, each of which adds what its size has more.

    the pyramid     l = up(down(x)), a blurred image; h = x - l, what it lacks
    level k         G_k(z, l) makes h, for D_k(h, l): a GAN of details, given the blurred image
    the top         a GAN of the smallest images, given nothing

Every level is trained alone, on blurred data. A sample goes down the pyramid: the blurred image is
then what the levels above have made. A level's game is models/gan.py's, with l for its labels.

The paper's top is of dense layers. Here it is a small DCGAN, as far as 8x8 pixels leave room.
"""

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn, optim

from ..dcgan import initialize
from ..gan import GAN, Shape
from ..model import Losses, Model


def top_generator(noise: int, shape: Shape, width: int) -> nn.Sequential:
    """Noise (N, noise) to the smallest images (N, *shape), even in size, in [-1, 1]."""
    half, wide = shape[1] // 2, 2 * width
    layers = nn.Sequential(
        nn.Unflatten(1, (noise, 1, 1)), nn.ConvTranspose2d(noise, wide, half, bias=False),
        nn.BatchNorm2d(wide), nn.ReLU(),
        nn.ConvTranspose2d(wide, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, shape[0], 3, 1, 1), nn.Tanh(),
    )  # fmt: skip
    initialize(layers)
    return layers


def top_discriminator(shape: Shape, width: int) -> nn.Sequential:
    """The smallest images (N, *shape) to scores (N,)."""
    wide = 2 * width
    layers = nn.Sequential(
        nn.Conv2d(shape[0], width, 3, 1, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(width, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(wide * (shape[1] // 2) ** 2, 1), nn.Flatten(0),
    )  # fmt: skip
    initialize(layers)
    return layers


class DetailGenerator(nn.Module):
    """Noise (N, size * size), a plane of it, and blurred images (N, C, size, size) to details."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.shape = shape
        self.layers = nn.Sequential(
            nn.Conv2d(shape[0] + 1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, shape[0], 3, 1, 1),
        )  # fmt: skip
        initialize(self.layers)

    def forward(self, z: Tensor, blurred: Tensor) -> Tensor:
        return self.layers(mg.concat([z.reshape(-1, 1, *self.shape[1:]), blurred], 1))


class DetailDiscriminator(nn.Module):
    """Details and the blurred images that they belong to, both (N, *shape), to scores (N,).

    It sees their sum, the image, and the blurred one beside it.
    """

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.layers = nn.Sequential(
            nn.Conv2d(2 * shape[0], width, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(wide * (shape[1] // 4) ** 2, 1), nn.Flatten(0),
        )  # fmt: skip
        initialize(self.layers)

    def forward(self, details: Tensor, blurred: Tensor) -> Tensor:
        return self.layers(mg.concat([details + blurred, blurred], 1))


class LAPGAN(Model):
    """A GAN of images of `smallest` x `smallest`, and one of details for each doubling up to the
    shape (C, H, H), of which `level0` is the largest. ValueError if H is not such a multiple.
    """

    def __init__(
        self, shape: Shape, smallest: int = 8, width: int = 32, noise: int = 64, lr: float = 5e-4
    ) -> None:
        colours, size, _ = shape
        if size % smallest or (size // smallest).bit_count() != 1:
            raise ValueError(f"LAPGAN: {size} is not {smallest} times a power of 2")
        top = (colours, smallest, smallest)
        networks = top_generator(noise, top, 4 * width), top_discriminator(top, 4 * width)
        self.top = game(*networks, noise, lr)
        self.details: list[GAN] = []
        for level in range((size // smallest).bit_length() - 1):
            side = size >> level
            parts = (
                DetailGenerator((colours, side, side), width),
                DetailDiscriminator((colours, side, side), width),
            )
            self.details.append(game(*parts, side**2, lr))
            setattr(self, f"level{level}", self.details[-1])

    def train_step(self, x: Tensor) -> Losses:
        """A step of every GAN on images x (N, C, H, W) in [-1, 1]. Returns the losses of each, with
        the level behind them, or `top`."""
        losses: dict[str, Tensor] = {}
        for level, gan in enumerate(self.details):
            small, details, blurred = split(x)
            found = gan.train_step(details, blurred)
            losses |= {f"{name}{level}": found[name] for name in ("d", "g")}
            x = small
        found = self.top.train_step(x)
        return {**losses, "d_top": found["d"], "g_top": found["g"]}

    def sample(self, n: int) -> Tensor:
        """n images (n, C, H, H): one of the smallest, to which each level adds its details."""
        return self.enlarged(self.top.sample(n))

    def enlarged(self, x: Tensor) -> Tensor:
        """The smallest images, with the details of every level."""
        for gan in reversed(self.details):
            blurred = up(x)
            x = blurred + gan.sample(len(x), blurred)
        return x


def split(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Images (N, C, H, W): half as large, what these lack, and they at the old size, so that the
    sum of the latter two is x."""
    small = F.avg_pool2d(x, 2)
    blurred = up(small)
    return small, x - blurred, blurred


def up(x: Tensor) -> Tensor:
    larger: Tensor = F.interpolate(x, scale_factor=2)
    return larger


def game(generator: nn.Module, discriminator: nn.Module, noise: int, lr: float) -> GAN:
    adam, d_adam = (
        optim.Adam(network.parameters(), lr, (0.5, 0.999)) for network in (generator, discriminator)
    )
    return GAN(generator, discriminator, adam, d_adam, noise=noise, ema=0.999)
