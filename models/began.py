"""GANs whose discriminator is an autoencoder, which scores by how badly it reconstructs.

    the energy          L(v) = |v - D(v)|, the mean over pixels: low where v looks like data

Boundary equilibrium GANs (Berthelot et al. 2017) keep the energies of samples at a share gamma of
data's, by a number k that is learned, but not by descent:

    the discriminator   minimises L(x) - k L(G(z))
    the generator       minimises L(G(z)), z uniform from -1 to 1
    the balance         k <- k + lambda (gamma L(x) - L(G(z))), kept within [0, 1]
    the convergence     M = L(x) + |gamma L(x) - L(G(z))|

A generator that makes one image well has a small M and the right ratio too: M is no measure of
diversity. Energy-based GANs (Zhao et al. 2017) have no k: what D makes of samples counts until its
energy has reached a margin. Such a game is models/gan.py's, with the objective `energy_based`.
"""

from itertools import pairwise

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn, optim

from .gan import GAN, Shape
from .model import Losses
from .objectives import Objective


class BEGAN(GAN):
    """Boundary equilibrium: `gamma` is the ratio L(G(z)) / L(x) that is aimed at, and `rate` is how
    fast k moves, lambda in the paper.

    The discriminator gives energies (N,). ValueError for a gamma that is not positive, and for a
    negative rate.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, g_optimizer: optim.Optimizer,
        d_optimizer: optim.Optimizer, *, noise: int, gamma: float = 0.5, rate: float = 1e-3,
        ema: float = 0.0,
    ) -> None:  # fmt: skip
        if not (gamma > 0 and rate >= 0):
            raise ValueError(
                f"BEGAN: gamma must be positive, rate not negative; got {gamma}, {rate}"
            )
        rules = Objective(real=lambda e: e, fake=lambda e: -self.balance * e, generator=lambda e: e)
        optimizers = g_optimizer, d_optimizer
        super().__init__(generator, discriminator, *optimizers, rules, noise=noise, ema=ema)
        like = next(iter(discriminator.parameters()))
        self.gamma, self.rate = gamma, rate
        self.balance = mg.zeros((), dtype=like.dtype, device=like.device)  # k

    def train_step(self, x: Tensor, *labels: Tensor) -> Losses:
        """A step of each network on images x (N, C, H, W), and of k. Returns what a GAN does, where
        the scores are energies, and k and M."""
        losses = super().train_step(x, *labels)
        excess = self.gamma * losses["real"] - losses["g"]
        with mg.no_grad():
            self.balance.copy_((self.balance + self.rate * excess).clip(0, 1))
        convergence = losses["real"] + excess.abs()
        return {**losses, "k": self.balance.clone(), "M": convergence}

    def draw_noise(self, n: int) -> Tensor:
        """z (n, noise), uniform from -1 to 1."""
        like = next(iter(self.generator.parameters()))
        return 2 * mg.rand(n, self.noise, dtype=like.dtype, device=like.device) - 1


def energy_based(margin: float) -> Objective:
    """D minimises L(x) + max(0, margin - L(G(z))), G minimises L(G(z)): equations 1 and 2 of Zhao
    et al. ValueError unless the margin is positive."""
    if not margin > 0:
        raise ValueError(f"energy_based: the margin must be positive, got {margin}")
    return Objective(real=lambda e: e, fake=lambda e: F.relu(margin - e), generator=lambda e: e)


# ---- networks ------------------------------------------------------------------------------------


class AutoencoderDiscriminator(nn.Module):
    """Images (N, *shape) to their energies (N,), by a code of `code` numbers.

    ValueError for images whose sides are not 8 times a power of two; nor has BEGANGenerator others.
    """

    def __init__(self, shape: Shape, code: int = 32, width: int = 16) -> None:
        super().__init__()
        sizes = way("AutoencoderDiscriminator", shape)
        channels = [width * (i + 1) for i in range(len(sizes))]
        layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 3, 1, 1), nn.ELU()]
        for a, b in pairwise(channels):
            layers += [nn.Conv2d(a, a, 3, 1, 1), nn.ELU(), nn.Conv2d(a, b, 3, 2, 1), nn.ELU()]
        last = channels[-1]
        layers += [nn.Conv2d(last, last, 3, 1, 1), nn.ELU()]
        layers += [nn.Flatten(), nn.Linear(last * SMALLEST**2, code)]
        self.encoder = initialized(nn.Sequential(*layers))
        self.decoder = BEGANGenerator(code, shape, width)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.reconstruct(x)).abs().flatten(1).mean(1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (N, *shape), through the code and back."""
        return self.decoder(self.encoder(x))


class BEGANGenerator(nn.Sequential):
    """Noise, or codes, (N, noise) to images (N, *shape): 3x3 convolutions of `width` channels, ELU,
    nearest upsampling from 8x8 on; no normalization, and nothing that bounds pixels."""

    def __init__(self, noise: int, shape: Shape, width: int = 16) -> None:
        sizes = way("BEGANGenerator", shape)
        small = (width, SMALLEST, SMALLEST)
        layers: list[nn.Module] = [nn.Linear(noise, width * SMALLEST**2), nn.Unflatten(1, small)]
        for i in range(len(sizes)):
            layers += [nn.Upsample(scale_factor=2)] if i else []
            layers += [nn.Conv2d(width, width, 3, 1, 1), nn.ELU()]
        super().__init__(*layers, nn.Conv2d(width, shape[0], 3, 1, 1))
        initialized(self)


SMALLEST = 8


def initialized(network: nn.Sequential) -> nn.Sequential:
    """With weights by Glorot and Bengio (2010), and biases 0.

    NOTE: by the smaller ones that layers have by default, the samples of all z are nearly one image
    from the start: the deviation of a pixel is 0.028, here it is 0.13 to 0.15 (faces: 0.30).
    """
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    return network


def way(name: str, shape: Shape) -> list[int]:
    """The sizes of an image (C, H, W) from 8 on, each twice the one before."""
    sizes = [SMALLEST]
    while len(shape) == 3 and sizes[-1] < shape[1]:
        sizes.append(2 * sizes[-1])
    if len(shape) != 3 or not shape[1] == shape[2] == sizes[-1]:
        raise ValueError(f"{name}: images must be (C, H, H), H = 8, 16, 32, ..., got {shape}")
    return sizes
