"""A deep VAE with latents on grids, from coarse to fine, each given those before it.

    p(z) = p(z_1) p(z_2|z_1) ... p(z_L|z_1, ..., z_{L-1})           x given all of them
    q(z|x) = q(z_1|x) q(z_2|z_1, x) ... q(z_L|z_1, ..., z_{L-1}, x)

Both take the same way down, from a coarse grid to the image (Sønderby et al. 2016, "Ladder
variational autoencoders"), through residual networks as in Kingma et al. 2016 and Child 2021, but
small ones. What is said of an image need only be said once, at the grid that it belongs to: the
prior of a fine latent knows the coarse ones, where that of one layer of latents knows nothing.

Each prior is N(mean, exp(spread)), and its posterior is relative to it (Vahdat & Kautz 2020,
section 3.2): z = mean + exp(spread / 2) e, where p(e) = N(0, I) and q(e) = N(mu, exp(logvar)). The
latents are then the noise e of all layers, and the terms of the ELBO those of models/vae.py.
"""

import math
from collections.abc import Sequence
from typing import Any, cast

import minigrad as mg
from minigrad import Tensor, nn

from . import likelihoods
from .vae import VAE, Encoder, Shape, Terms, kl_per_latent, reparameterize


class Block(nn.Module):
    """h plus what a 1x1, a 3x3 and a 1x1 convolution make of it: half as many channels within."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.layers = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, half, 1),
            nn.ReLU(), nn.Conv2d(half, half, 3, 1, 1),
            nn.ReLU(), nn.Conv2d(half, width, 1),
        )  # fmt: skip

    def forward(self, h: Tensor) -> Tensor:
        return h + self.layers(h)


class Rung(nn.Module):
    """One layer of latents on the way down: h (N, width, H, W) becomes h with z in it.

    With `finer`, h is brought to a grid of twice the size before.
    """

    def __init__(self, width: int, latent: int, finer: bool) -> None:
        super().__init__()
        self.before = nn.ConvTranspose2d(width, width, 4, 2, 1) if finer else nn.Identity()
        self.prior = nn.Sequential(Block(width), nn.ReLU(), nn.Conv2d(width, 2 * latent, 1))
        self.posterior = nn.Sequential(
            nn.Conv2d(2 * width, width, 1), Block(width), nn.ReLU(), nn.Conv2d(width, 2 * latent, 1)
        )
        self.into = nn.Conv2d(latent, width, 1)
        self.after = Block(width)

    def forward(self, h: Tensor, eps: Tensor, seen: Tensor | None = None) -> tuple[Tensor, ...]:
        """h, and log p(e) - log q(e|x) and the KL of the two, elementwise like the noise eps; both
        are 0 without what is `seen` of an image, (N, width, H, W), where e is eps."""
        h = self.before(h)
        mean, spread = self.prior(h).chunk(2, 1)
        e, log_ratio, kl = eps, mg.zeros_like(eps), mg.zeros_like(eps)
        if seen is not None:
            mu, logvar = self.posterior(mg.concat([h, seen], 1)).chunk(2, 1)
            e = reparameterize(mu, logvar, eps)
            log_ratio = 0.5 * (eps * eps + logvar - e * e)
            kl = kl_per_latent(mu, logvar)
        return self.after(h + self.into(reparameterize(mean, spread, e))), log_ratio, kl


class Up(nn.Module):
    """An image to what is seen of it on every grid, from the finest, of half its size, to the
    coarsest: each (N, width, H, W)."""

    def __init__(self, colours: int, width: int, grids: int) -> None:
        super().__init__()
        halves = [nn.Conv2d(c, width, 4, 2, 1) for c in (colours, *[width] * (grids - 1))]
        self.grids = nn.ModuleList(nn.Sequential(h, Block(width), Block(width)) for h in halves)

    def forward(self, x: Tensor) -> list[Tensor]:
        seen = []
        for grid in self.grids:
            x = grid(x)
            seen.append(x)
        return seen


class Down(nn.Module):
    """Noise e of all layers, (N, latent), to what the likelihood takes."""

    def __init__(
        self, image_shape: Shape, width: int, latent: int, layers: Sequence[int], numbers: int
    ) -> None:
        super().__init__()
        colours, *size = image_shape
        self.sizes: list[Shape] = []
        rungs: list[nn.Module] = []
        for depth, many in zip(range(len(layers), 0, -1), layers, strict=True):
            for i in range(many):
                rungs.append(Rung(width, latent, finer=bool(rungs) and i == 0))
                self.sizes.append((latent, *(n >> depth for n in size)))
        self.start = nn.Parameter(mg.zeros(1, width, *self.sizes[0][1:]))
        self.rungs = nn.ModuleList(rungs)
        self.head = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(width, colours * numbers, 4, 2, 1))
        self.latent = sum(map(math.prod, self.sizes))

    def forward(self, e: Tensor) -> Tensor:
        return self.descend(e)[0]

    def descend(self, eps: Tensor, seen: Sequence[Tensor] = ()) -> tuple[Tensor, Tensor, Tensor]:
        """What the likelihood takes, log p(e) - log q(e|x) and the KL, both (N,); without what is
        `seen`, e is the noise eps (N, latent) itself."""
        h = self.start.expand(len(eps), *self.start.shape[1:])
        log_ratio = kl = mg.zeros_like(eps[:, 0])
        parts = eps.split([math.prod(size) for size in self.sizes], 1)
        on = {grid.shape[2]: grid for grid in seen}
        for rung, size, part in zip(self.rungs, self.sizes, parts, strict=True):
            h, ratio, cost = rung(h, part.reshape(-1, *size), on.get(size[1]))
            log_ratio, kl = log_ratio + ratio.flatten(1).sum(1), kl + cost.flatten(1).sum(1)
        return self.head(h), log_ratio, kl


class LadderVAE(VAE):
    """The encoder, an Up, sees an image; the decoder makes one of the noise e of all layers, (N,
    latent), and is where the posteriors are, of which each needs the layers before."""

    encoder: Any
    decoder: Down

    @property
    def latent(self) -> int:
        return self.decoder.latent

    def loss(self, x: Tensor, eps: Tensor | None = None) -> Terms:
        """The negative ELBO of images (N, C, H, W), in nats per image, or for k > 1 `iwae_loss`;
        each layer's KL is known exactly, given a sample of those before."""
        if self.k > 1:
            return self.iwae_loss(x, self.k, eps)
        h, _, kl = self.decoder.descend(self._noise(x, 1) if eps is None else eps, self.encoder(x))
        rec, kl = -self.likelihood.log_prob(x, h).mean(), kl.mean()
        return Terms(rec + self.beta * kl, rec, kl)

    def _noise(self, x: Tensor, k: int) -> Tensor:
        return mg.randn(k * len(x), self.latent, dtype=x.dtype, device=x.device)

    def _weigh(self, x: Tensor, k: int, eps: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        copies, *seen = (
            part.expand(k, *part.shape).flatten(0, 1) for part in (x, *self.encoder(x))
        )
        noise = self._noise(x, k) if eps is None else eps.flatten(0, 1)
        h, log_ratio, kl = self.decoder.descend(noise, seen)
        log_likelihood = self.likelihood.log_prob(copies, h)
        log_ratio, log_likelihood, kl = (
            part.reshape(k, len(x)) for part in (log_ratio, log_likelihood, kl)
        )
        return log_likelihood + log_ratio, log_likelihood, kl.mean(0)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images to the means of p(x|z) at the means of each layer's posterior."""
        with mg.no_grad():
            nothing = mg.zeros(len(x), self.latent, dtype=x.dtype, device=x.device)
            return self.likelihood.mean(self.decoder.descend(nothing, self.encoder(x))[0])


def ladder_vae(
    image_shape: Shape = (3, 32, 32),
    latent: int = 16,
    width: int = 64,
    layers: Sequence[int] = (1, 2, 3),
    likelihood: str = "colours",
    **options: Any,
) -> LadderVAE:
    """`latent` latents at each place of every grid: of an eighth, a quarter and half the image's
    size, with so many `layers` on each. Height and width must be multiples of the coarsest, else
    ValueError. `options` are VAE's beta and k."""
    coarsest = 2 ** len(layers)
    if any(n % coarsest for n in image_shape[1:]):
        raise ValueError(f"ladder_vae: needs multiples of {coarsest}, got {image_shape}")
    numbers = likelihoods.named(likelihood).numbers
    up = Up(image_shape[0], width, len(layers))
    down = Down(image_shape, width, latent, layers, numbers)
    return LadderVAE(cast(Encoder, up), down, likelihood, **options)
