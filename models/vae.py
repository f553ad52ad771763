"""The variational autoencoder (Kingma & Welling 2013, "Auto-Encoding Variational Bayes").

    p(z)   = N(0, I)                    the prior of the latents z (N, latent)
    p(x|z) see likelihoods.py           the decoder, or generation network: images x (N, C, H, W)
    q(z|x) = N(mu, diag(exp(logvar)))   the encoder, or recognition network: stands in for p(z|x)

The likelihood p(x) = ∫ p(z) p(x|z) dz cannot be computed, but a lower bound of its logarithm can:

    log p(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)) + KL(q(z|x) || p(z|x))
            >= E_q[log p(x|z)] - KL(q(z|x) || p(z)) = ELBO

The first term asks for good reconstructions, the second for latents that look like the prior's.
All of these are in nats per image: summed over pixels and latents, pixels being in [0, 1].
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import minigrad as mg
from minigrad import Tensor, nn

from . import likelihoods
from .model import Losses

Shape = tuple[int, ...]


# ---- the latents ---------------------------------------------------------------------------------


def reparameterize(mu: Tensor, logvar: Tensor, eps: Tensor | None = None) -> Tensor:
    """z = mu + exp(logvar / 2) eps, eps ~ N(0, I): a sample of q(z|x) that mu and logvar can be
    differentiated through (section 2.4). All have the same shape, or eps more leading axes."""
    if eps is None:
        eps = mg.randn_like(mu)
    return mu + (0.5 * logvar).exp() * eps


def kl_per_latent(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(0, 1)) in nats, elementwise (appendix B)."""
    return 0.5 * (mu * mu + logvar.expm1() - logvar)


# ---- the model -----------------------------------------------------------------------------------


class Encoder(nn.Module):
    """q(z|x): `body` makes `features` numbers of an image, two heads make mu and logvar of them."""

    def __init__(
        self,
        body: nn.Module,
        features: int,
        latent: int,
        head: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        self.body = body
        self.latent = latent
        self.mu = head(features, latent)
        self.logvar = head(features, latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) to mu and logvar, each (N, latent)."""
        h = self.body(x)
        return self.mu(h), self.logvar(h)

    def code(self, x: Tensor) -> Tensor:
        """The latents (N, latent) that stand for images where no noise is wanted."""
        return self(x)[0]

    def draw(self, x: Tensor, eps: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """A sample z (N, latent) of q(z|x) by noise eps, and KL(q(z|x) || p(z)) exactly, (N,)."""
        mu, logvar = self(x)
        return reparameterize(mu, logvar, eps), kl_per_latent(mu, logvar).sum(1)

    def weigh(self, x: Tensor, k: int, eps: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """k samples z (k, N, latent), log p(z) - log q(z|x) at them (k, N), and the KL (N,)."""
        mu, logvar = self(x)
        if eps is None:
            eps = mg.randn(k, *mu.shape, dtype=mu.dtype, device=mu.device)
        z = reparameterize(mu, logvar, eps)
        # The densities' constants cancel; (z - mu)^2 / exp(logvar) is eps^2.
        log_ratio = 0.5 * (eps * eps + logvar - z * z).sum(2)
        return z, log_ratio, kl_per_latent(mu, logvar).sum(1)


class Terms(NamedTuple):
    """The objective and the parts of the ELBO, averaged over the batch: tensors without axes."""

    loss: Tensor  # rec + beta kl, or the negative IWAE bound
    rec: Tensor  # -E_q[log p(x|z)], by the samples of z
    kl: Tensor  # KL(q(z|x) || p(z)), exactly where q is Gaussian


class VAE(nn.Module):
    """An encoder of images, a decoder of latents (N, latent) to images, and a likelihood.

    `beta` weights the KL in the objective (Higgins et al. 2017); 1 makes it the negative ELBO.
    With `k` > 1 the objective is the negative IWAE bound of k samples instead, which has no beta.
    ValueError for an unknown likelihood, for k < 1, and for both beta and k.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: nn.Module,
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        k: int = 1,
    ) -> None:
        super().__init__()
        if k < 1 or (k > 1 and beta != 1):
            raise ValueError(f"VAE: k must be at least 1, and 1 with a beta; got {k}, beta {beta}")
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihoods.named(likelihood)()
        self.beta = beta
        self.k = k

    @property
    def latent(self) -> int:
        """The number of latents."""
        return self.encoder.latent

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over pixels: (N,)."""
        return self.likelihood.log_prob(x, self.decoder(z))

    def loss(self, x: Tensor, eps: Tensor | None = None) -> Terms:
        """The negative ELBO of images (N, C, H, W), in nats per image (equation 10), or for k > 1
        `iwae_loss`.

        `eps` is the noise (N, latent) of the one sample of z; it is drawn if not given.
        """
        if self.k > 1:
            return self.iwae_loss(x, self.k, eps)
        z, kl = self.encoder.draw(x, eps)
        rec, kl = -self.log_likelihood(x, z).mean(), kl.mean()
        return Terms(rec + self.beta * kl, rec, kl)

    def losses(self, x: Tensor) -> Losses:
        """The `loss` of images by the names of its terms."""
        return self.loss(x)._asdict()

    def iwae_loss(self, x: Tensor, k: int, eps: Tensor | None = None) -> Terms:
        """The negative IWAE bound, in nats per image (Burda et al. 2016, section 3).

        Its gradient weights each sample's own by w_i / sum_j w_j. One sample gives the ELBO again,
        with the same gradient of rec; but here the KL is estimated by the sample too (equation 6 of
        Kingma & Welling), where `loss` takes its closed form. `eps` is the noise (k, N, latent) of
        the samples of z; it is drawn if not given.
        """
        log_w, log_likelihood, kl = self._weigh(x, k, eps)
        bound = (log_w.logsumexp(0) - math.log(k)).mean()
        return Terms(-bound, -log_likelihood.mean(), kl.mean())

    def _weigh(self, x: Tensor, k: int, eps: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """`log_weights`, log p(x|z) at the same samples, both (k, N), and the KL (N,)."""
        z, log_ratio, kl = self.encoder.weigh(x, k, eps)
        copies = x.expand(k, *x.shape).flatten(0, 1)
        log_likelihood = self.log_likelihood(copies, z.flatten(0, 1)).reshape(k, len(x))
        return log_likelihood + log_ratio, log_likelihood, kl

    # ---- evaluation ------------------------------------------------------------------------------

    def log_weights(self, x: Tensor, k: int) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) in nats, at k samples of z for each image: (k, N)."""
        return self._weigh(x, k)[0]

    def iwae(self, x: Tensor, k: int, rows: int = 2048) -> Tensor:
        """The bound of Burda et al. 2016 on log p(x): (N,) in nats, rising to log p(x) with k.

        log (1/k) sum_i p(x, z_i) / q(z_i|x). Decodes about `rows` samples at a time: memory does
        not grow with k but for k N numbers.
        """
        if k < 1:
            raise ValueError(f"iwae: k must be at least 1, got {k}")
        step = max(1, rows // max(1, len(x)))
        with mg.no_grad():
            parts = [self.log_weights(x, min(step, k - i)) for i in range(0, k, step)]
            return mg.concat(parts).logsumexp(0) - math.log(k)

    # ---- generation ------------------------------------------------------------------------------

    def decode(self, z: Tensor, draw: bool = False) -> Tensor:
        """Latents (N, latent) to the means of p(x|z), or with `draw` to samples: (N, C, H, W)."""
        with mg.no_grad():
            h = self.decoder(z)
            return self.likelihood.draw(h) if draw else self.likelihood.mean(h)

    def sample(self, n: int, draw: bool = False) -> Tensor:
        """n images by ancestral sampling: z from the prior, then x as `decode` says."""
        like = next(self.encoder.parameters())
        z = mg.randn(n, self.latent, dtype=like.dtype, device=like.device)
        return self.decode(z, draw)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images to the decoder's means at the encoder's means: (N, C, H, W)."""
        with mg.no_grad():
            z = self.encoder.code(x)
        return self.decode(z)


# ---- three architectures -------------------------------------------------------------------------


def mlp_vae(
    image_shape: Shape = (1, 28, 28),
    latent: int = 20,
    hidden: Sequence[int] = (400,),
    activation: Callable[[], nn.Module] = nn.ReLU,
    likelihood: str = "bernoulli",
    **options: Any,
) -> VAE:
    """Fully connected, pixels-`hidden`-latent and back; by default the common 784-400-20, ReLU.

    `options` are VAE's beta and k.
    """
    widths = [math.prod(image_shape), *hidden]
    out = (image_shape[0] * likelihoods.named(likelihood).numbers, *image_shape[1:])

    def layers(*sizes: int) -> list[nn.Module]:
        return [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), activation())]

    encoder = Encoder(nn.Sequential(nn.Flatten(), *layers(*widths)), widths[-1], latent)
    decoder = nn.Sequential(
        *layers(latent, *widths[:0:-1]),
        nn.Linear(widths[1], math.prod(out)),
        nn.Unflatten(1, out),
    )
    return VAE(encoder, decoder, likelihood, **options)


def conv_vae(
    image_shape: Shape = (1, 28, 28),
    latent: int = 20,
    hidden: int = 256,
    channels: tuple[int, int] = (32, 64),
    activation: Callable[[], nn.Module] = nn.ReLU,
    likelihood: str = "bernoulli",
    **options: Any,
) -> VAE:
    """Two 4x4 convolutions of stride 2 and a linear layer down, their mirror image up.

    Height and width must be multiples of 4, else ValueError. `options` are VAE's beta and k.
    """
    colours, height, width = image_shape
    if height % 4 or width % 4:
        raise ValueError(f"conv_vae: needs height and width in multiples of 4, got {image_shape}")
    a, b = channels
    small = (b, height // 4, width // 4)
    body = nn.Sequential(
        nn.Conv2d(colours, a, 4, 2, 1), activation(),
        nn.Conv2d(a, b, 4, 2, 1), activation(),
        nn.Flatten(), nn.Linear(math.prod(small), hidden), activation(),
    )  # fmt: skip
    encoder = Encoder(body, hidden, latent)
    decoder = nn.Sequential(
        nn.Linear(latent, hidden), activation(),
        nn.Linear(hidden, math.prod(small)), activation(), nn.Unflatten(1, small),
        nn.ConvTranspose2d(b, a, 4, 2, 1), activation(),
        nn.ConvTranspose2d(a, colours * likelihoods.named(likelihood).numbers, 4, 2, 1),
    )  # fmt: skip
    return VAE(encoder, decoder, likelihood, **options)


def grid_vae(
    image_shape: Shape = (3, 32, 32),
    latent: int = 8,
    channels: int = 32,
    activation: Callable[[], nn.Module] = nn.ReLU,
    likelihood: str = "logistic",
    **options: Any,
) -> VAE:
    """Convolutions alone, and `latent` latents at each place of a grid of half the image's size.

    What is at a place is coded there, and in the same way everywhere: many latents for images that
    are to be coded exactly. Height and width must be even, else ValueError. `options` are VAE's
    beta and k.
    """
    colours, height, width = image_shape
    if height % 2 or width % 2:
        raise ValueError(f"grid_vae: needs an even height and width, got {image_shape}")
    grid = (latent, height // 2, width // 2)

    def head(features: int, latents: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(features, latent, 1), nn.Flatten())

    body = nn.Sequential(
        nn.Conv2d(colours, channels, 4, 2, 1), activation(),
        nn.Conv2d(channels, channels, 3, 1, 1), activation(),
    )  # fmt: skip
    encoder = Encoder(body, channels, math.prod(grid), head)
    decoder = nn.Sequential(
        nn.Unflatten(1, grid),
        nn.Conv2d(latent, channels, 3, 1, 1), activation(),
        nn.Conv2d(channels, channels, 3, 1, 1), activation(),
        nn.ConvTranspose2d(channels, colours * likelihoods.named(likelihood).numbers, 4, 2, 1),
    )  # fmt: skip
    return VAE(encoder, decoder, likelihood, **options)
