"""A VAE with two stochastic layers (Burda et al. 2016, section 2; Sønderby et al. 2016, section 2).

    p(z2) = N(0, I)      p(z1|z2) = N(mu, diag(exp(logvar)))      p(x|z1) see likelihoods.py
    q(z1|x) and q(z2|z1), Gaussians too, each with a network that makes mu and logvar

    log p(x) >= E_q[log p(x|z1) + log p(z1|z2) + log p(z2) - log q(z1|x) - log q(z2|z1)]

The prior of z1 is then no Gaussian but a mixture of them, one for each z2. What z1 and z2 cost
together is known by their samples only: `kl` is the mean of log q - log p.
"""

from collections.abc import Callable
from itertools import pairwise

import minigrad as mg
from minigrad import Tensor, nn

from .vae import VAE, Encoder, Shape, Terms, mlp_vae, reparameterize


class TwoLayerVAE(VAE):
    """z2 and z1 to images, and back: `encoder` is q(z1|x), `top` q(z2|z1), `prior` p(z1|z2).

    `latent` counts z2, and noise `eps` has z1's numbers first, then z2's.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: nn.Module,
        top: Encoder,
        prior: Encoder,
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        k: int = 1,
    ) -> None:
        super().__init__(encoder, decoder, likelihood, beta, k)
        self.top = top
        self.prior = prior

    @property
    def latent(self) -> int:
        return self.top.latent

    def loss(self, x: Tensor, eps: Tensor | None = None) -> Terms:
        """The negative ELBO of images (N, C, H, W), in nats per image, or for k > 1 `iwae_loss`.

        `eps` is the noise (N, latents of both layers) of the one sample; it is drawn if not given.
        """
        if self.k > 1:
            return self.iwae_loss(x, self.k, eps)
        _, log_likelihood, kl = self._weigh(x, 1, None if eps is None else eps.unsqueeze(0))
        rec, kl = -log_likelihood.mean(), kl.mean()
        return Terms(rec + self.beta * kl, rec, kl)

    def _weigh(self, x: Tensor, k: int, eps: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        sizes = [self.encoder.latent, self.top.latent]
        mu, logvar = self.encoder(x)
        if eps is None:
            eps = mg.randn(k, len(x), sum(sizes), dtype=mu.dtype, device=mu.device)
        eps1, eps2 = eps.split(sizes, -1)
        z1 = reparameterize(mu, logvar, eps1)
        mu2, logvar2 = self.top(z1)
        z2 = reparameterize(mu2, logvar2, eps2)
        mean, spread = self.prior(z2)
        # log p - log q of each layer; the densities' constants cancel.
        ratio1 = eps1.square() + logvar - (z1 - mean).square() * (-spread).exp() - spread
        ratio2 = eps2.square() + logvar2 - z2.square()
        log_ratio = 0.5 * (ratio1.sum(2) + ratio2.sum(2))
        copies = x.expand(k, *x.shape).flatten(0, 1)
        log_likelihood = self.log_likelihood(copies, z1.flatten(0, 1)).reshape(k, len(x))
        return log_likelihood + log_ratio, log_likelihood, -log_ratio.mean(0)

    def sample(self, n: int, draw: bool = False) -> Tensor:
        """n images by ancestral sampling: z2 from its prior, z1 from p(z1|z2), then x."""
        like = next(self.encoder.parameters())
        with mg.no_grad():
            z2 = mg.randn(n, self.latent, dtype=like.dtype, device=like.device)
            z1 = reparameterize(*self.prior(z2))
        return self.decode(z1, draw)


def two_layer_vae(
    image_shape: Shape = (1, 28, 28),
    latent: tuple[int, int] = (100, 50),
    hidden: tuple[int, int] = (200, 100),
    activation: Callable[[], nn.Module] = nn.Tanh,
    likelihood: str = "bernoulli",
    beta: float = 1.0,
    k: int = 1,
) -> TwoLayerVAE:
    """Burda's network: two hidden layers of 200 units between x and 100 latents z1, two of 100
    between z1 and 50 latents z2, and the same from z2 to z1."""
    (lower, upper), (near, far) = latent, hidden
    images = mlp_vae(image_shape, lower, (near, near), activation, likelihood)

    def network(start: int, end: int) -> Encoder:
        widths = [start, far, far]
        layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), activation())]
        return Encoder(nn.Sequential(*layers), far, end)

    top, prior = network(lower, upper), network(upper, lower)
    return TwoLayerVAE(images.encoder, images.decoder, top, prior, likelihood, beta, k)
