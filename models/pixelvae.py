"""PixelVAE (Gulrajani et al. 2016): a VAE whose decoder draws pixels that depend on each other.

    p(x|z) = prod_i p(x_i | x_1, ..., x_{i-1}, z)

The decoder makes a map of z, as large as the image, which a PixelCNN (models/pixelcnn.py) is given
as its context. The pixels before are the image's own in training (teacher forcing), and in sampling
those that are drawn already. So z need only say what pixels nearby do not: its KL is small.

It can be too small. A PixelCNN that sees far needs no z, q(z|x) becomes the prior, and the bound is
as good as before: it says nothing about z. Read it beside the KL, the active units, and what the
decoder loses with another image's z (models/measures/bounds.py). What helps is a PixelCNN that sees
few pixels, and nats that z has for nothing (`free`).
"""

from typing import Any

import minigrad as mg
from minigrad import Tensor, nn

from .autoregressive import Autoregressive
from .pixelcnn import PixelCNN
from .vae import VAE, Encoder, Shape, Terms, conv_vae, kl_per_latent, reparameterize


class PixelVAE(VAE):
    """An encoder of images, a decoder of latents (N, latent) to contexts (N, conditions, H, W), and
    an autoregressive model of `pixels` given such a context.

    With `free` nats the objective has max(free, KL) for each latent's KL, averaged over the batch
    first (free bits; Kingma et al. 2016): below that, a latent costs nothing. It is for the ELBO
    alone: ValueError with k > 1.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: nn.Module,
        pixels: Autoregressive,
        free: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(encoder, decoder, **options)
        if free < 0 or (free and self.k > 1):
            raise ValueError(f"PixelVAE: free must be 0 or more, and 0 with k > 1; got {free}")
        self.pixels = pixels
        self.likelihood = pixels.likelihood
        self.free = free

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return self.pixels.log_prob(x, self.decoder(z))

    def loss(self, x: Tensor, eps: Tensor | None = None) -> Terms:
        """The VAE's, but that `free` nats of each latent are not counted in the objective."""
        if not self.free:
            return super().loss(x, eps)
        mu, logvar = self.encoder(x)
        rec = -self.log_likelihood(x, reparameterize(mu, logvar, eps)).mean()
        kl = kl_per_latent(mu, logvar).mean(0)
        return Terms(rec + self.beta * kl.clip(self.free).sum(), rec, kl.sum())

    def decode(self, z: Tensor, draw: bool = True) -> Tensor:
        """Latents (N, latent) to images (N, C, H, W), drawn from p(x|z) pixel by pixel in any case:
        its mean is one of all images."""
        with mg.no_grad():
            return self.pixels.sample(len(z), self.decoder(z))


def pixel_vae(
    image_shape: Shape = (1, 28, 28),
    latent: int = 16,
    hidden: int = 256,
    channels: tuple[int, int] = (16, 32),
    width: int = 16,
    first: int = 5,
    blocks: int = 1,
    likelihood: str = "bernoulli",
    **options: Any,
) -> PixelVAE:
    """The networks of `conv_vae`, whose output is a context of `width` channels, and a PixelCNN of
    as many, with `blocks` residual blocks and a `first` kernel of 5x5: it sees 3 pixels far.

    `options` are PixelVAE's beta, k and free.
    """
    around = conv_vae(image_shape, latent, hidden, channels)
    *trunk, _ = around.decoder.children()
    decoder = nn.Sequential(*trunk, nn.ConvTranspose2d(channels[0], width, 4, 2, 1))
    pixels = PixelCNN(image_shape, width, blocks, first, likelihood=likelihood, conditions=width)
    return PixelVAE(around.encoder, decoder, pixels, **options)
