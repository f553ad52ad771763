"""The variational autoencoder (Kingma & Welling 2013, "Auto-Encoding Variational Bayes").

    p(z)   = N(0, I)                    the prior of the latents z (N, latent)
    p(x|z) Bernoulli or Gaussian        the decoder, or generation network: images x (N, C, H, W)
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
import minigrad.nn.functional as F
from minigrad import Tensor, nn, optim

Shape = tuple[int, ...]


# ---- the latents ---------------------------------------------------------------------------------


def reparameterize(mu: Tensor, logvar: Tensor, eps: Tensor | None = None) -> Tensor:
    """z = mu + exp(logvar / 2) eps, eps ~ N(0, I): a sample of q(z|x) that mu and logvar can be
    differentiated through (section 2.4). All have the same shape, or eps more leading axes."""
    if eps is None:
        eps = mg.randn_like(mu)
    z: Tensor = mu + (0.5 * logvar).exp() * eps
    return z


def kl_per_latent(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(0, 1)) in nats, elementwise (appendix B)."""
    kl: Tensor = 0.5 * (mu * mu + logvar.expm1() - logvar)
    return kl


# ---- p(x|z): what the decoder's output h (N, C, H, W) means --------------------------------------


class Bernoulli(nn.Module):
    """Every pixel is 1 with probability sigmoid(h), else 0: for black and white images.

    Grey images are customary targets too: the cross entropy of pixels that are on with the
    probability x. It has a floor above 0 then, 45.5 nats on MNIST's test set, and exp(log_prob) is
    no density of x: compare such numbers with each other only.
    """

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over pixels: (N,)."""
        cross_entropy: Tensor = F.binary_cross_entropy_with_logits(h, x, reduction="none")
        return _per_image(-cross_entropy)

    def mean(self, h: Tensor) -> Tensor:
        """E[x|z], of h's shape."""
        mean: Tensor = h.sigmoid()
        return mean

    def draw(self, h: Tensor) -> Tensor:
        """x ~ p(x|z), of h's shape."""
        drawn: Tensor = (mg.rand_like(h) < h.sigmoid()).to(h.dtype)
        return drawn


class Gaussian(nn.Module):
    """Every pixel is normal around sigmoid(h), with one learned variance for all: for colours.

    One variance, and not one per pixel as in appendix C.2 of the paper: where a pixel has the same
    value in all images (a background), the density has no maximum in that pixel's own variance.
    log_prob is the logarithm of a density, and positive where sigma is well below 0.4.
    """

    # NOTE: Adam moves a parameter by about its learning rate per step, however far it has to go:
    # at 1e-3, 4,000 steps from log 0.05 to the log 0.001 of well reconstructed pixels. A tenth of
    # the logarithm gets there in 400.
    GAIN = 10.0

    def __init__(self, variance: float = 0.05) -> None:
        super().__init__()
        self.scaled_logvar = nn.Parameter(mg.full((1,), math.log(variance) / self.GAIN))

    @property
    def logvar(self) -> Tensor:
        """log sigma^2, shape (1,)."""
        logvar: Tensor = self.GAIN * self.scaled_logvar
        return logvar

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over pixels: (N,)."""
        return _per_image(gaussian_log_prob(x, self.mean(h), self.logvar))

    def mean(self, h: Tensor) -> Tensor:
        """E[x|z], of h's shape."""
        mean: Tensor = h.sigmoid()
        return mean

    def draw(self, h: Tensor) -> Tensor:
        """x ~ p(x|z), of h's shape; it may leave [0, 1]."""
        return reparameterize(self.mean(h), self.logvar, mg.randn_like(h))


def gaussian_log_prob(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log N(x; mean, exp(logvar)) in nats, elementwise; the operands broadcast."""
    log_p: Tensor = -0.5 * (math.log(2 * math.pi) + logvar + (x - mean).square() / logvar.exp())
    return log_p


def _per_image(values: Tensor) -> Tensor:
    """(N, C, H, W) summed over the pixels: (N,)."""
    sums: Tensor = values.flatten(1).sum(1)
    return sums


LIKELIHOODS: dict[str, Callable[[], Bernoulli | Gaussian]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
}


# ---- the model -----------------------------------------------------------------------------------


class Encoder(nn.Module):
    """q(z|x): `body` makes `features` numbers of an image, two linear heads make mu and logvar."""

    def __init__(self, body: nn.Module, features: int, latent: int) -> None:
        super().__init__()
        self.body = body
        self.mu = nn.Linear(features, latent)
        self.logvar = nn.Linear(features, latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) to mu and logvar, each (N, latent)."""
        h = self.body(x)
        return self.mu(h), self.logvar(h)


class Terms(NamedTuple):
    """The objective rec + beta kl and its parts, averaged over the batch: tensors without axes."""

    loss: Tensor
    rec: Tensor  # -E_q[log p(x|z)], by one sample of z
    kl: Tensor  # KL(q(z|x) || p(z)), exactly


class VAE(nn.Module):
    """An encoder of images, a decoder of latents (N, latent) to images, and a likelihood.

    `beta` weights the KL in the objective (Higgins et al. 2017); 1 makes it the negative ELBO.
    """

    def __init__(
        self, encoder: Encoder, decoder: nn.Module, likelihood: str = "bernoulli", beta: float = 1.0
    ) -> None:
        super().__init__()
        if likelihood not in LIKELIHOODS:
            expected = ", ".join(LIKELIHOODS)
            raise ValueError(f"VAE: unknown likelihood {likelihood!r}; expected one of {expected}")
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = LIKELIHOODS[likelihood]()
        self.beta = beta

    @property
    def latent(self) -> int:
        """The number of latents."""
        return self.encoder.mu.out_features

    def loss(self, x: Tensor, eps: Tensor | None = None) -> Terms:
        """The negative ELBO of images (N, C, H, W), in nats per image (equation 10).

        `eps` is the noise (N, latent) of the one sample of z; it is drawn if not given.
        """
        mu, logvar = self.encoder(x)
        z = reparameterize(mu, logvar, eps)
        rec = -self.likelihood.log_prob(x, self.decoder(z)).mean()
        kl = kl_per_latent(mu, logvar).sum(1).mean()
        return Terms(rec + self.beta * kl, rec, kl)

    # ---- evaluation ------------------------------------------------------------------------------

    def log_weights(self, x: Tensor, k: int) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) in nats, at k samples of z for each image: (k, N)."""
        mu, logvar = self.encoder(x)
        eps = mg.randn(k, *mu.shape, dtype=mu.dtype, device=mu.device)
        z = reparameterize(mu, logvar, eps)
        copies = x.expand(k, *x.shape).flatten(0, 1)
        log_likelihood = self.likelihood.log_prob(copies, self.decoder(z.flatten(0, 1)))
        # Of log p(z) - log q(z|x), the constants cancel; (z - mu)^2 / exp(logvar) is eps^2.
        log_ratio = 0.5 * (eps * eps + logvar - z * z).sum(2)
        log_w: Tensor = log_likelihood.reshape(k, len(x)) + log_ratio
        return log_w

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
            bound: Tensor = mg.concat(parts).logsumexp(0) - math.log(k)
        return bound

    # ---- generation ------------------------------------------------------------------------------

    def decode(self, z: Tensor, draw: bool = False) -> Tensor:
        """Latents (N, latent) to the means of p(x|z), or with `draw` to samples: (N, C, H, W)."""
        with mg.no_grad():
            h = self.decoder(z)
            return self.likelihood.draw(h) if draw else self.likelihood.mean(h)

    def sample(self, n: int, draw: bool = False) -> Tensor:
        """n images by ancestral sampling: z from the prior, then x as `decode` says."""
        like = self.encoder.mu.weight
        z = mg.randn(n, self.latent, dtype=like.dtype, device=like.device)
        return self.decode(z, draw)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images to the decoder's means at the encoder's means: (N, C, H, W)."""
        with mg.no_grad():
            mu, _ = self.encoder(x)
        return self.decode(mu)


def train_step(model: VAE, optimizer: optim.Optimizer, x: Tensor) -> Terms:
    """One step of algorithm 1: a batch's gradient of the objective, and the optimizer's step."""
    terms = model.loss(x)
    optimizer.zero_grad()
    terms.loss.backward()
    optimizer.step()
    return terms


# ---- two architectures ---------------------------------------------------------------------------


def mlp_vae(
    image_shape: Shape = (1, 28, 28),
    latent: int = 20,
    hidden: Sequence[int] = (400,),
    activation: Callable[[], nn.Module] = nn.ReLU,
    **options: Any,
) -> VAE:
    """Fully connected, pixels-`hidden`-latent and back; by default the common 784-400-20, ReLU.

    `options` are VAE's likelihood and beta.
    """
    widths = [math.prod(image_shape), *hidden]

    def layers(*sizes: int) -> list[nn.Module]:
        return [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), activation())]

    encoder = Encoder(nn.Sequential(nn.Flatten(), *layers(*widths)), widths[-1], latent)
    decoder = nn.Sequential(
        *layers(latent, *widths[:0:-1]),
        nn.Linear(widths[1], widths[0]),
        nn.Unflatten(1, image_shape),
    )
    return VAE(encoder, decoder, **options)


def conv_vae(
    image_shape: Shape = (1, 28, 28),
    latent: int = 20,
    hidden: int = 256,
    channels: tuple[int, int] = (32, 64),
    **options: Any,
) -> VAE:
    """Two 4x4 convolutions of stride 2 and a linear layer down, their mirror image up; ReLU.

    Height and width must be multiples of 4, else ValueError. `options` are VAE's likelihood, beta.
    """
    colours, height, width = image_shape
    if height % 4 or width % 4:
        raise ValueError(f"conv_vae: needs height and width in multiples of 4, got {image_shape}")
    a, b = channels
    small = (b, height // 4, width // 4)
    body = nn.Sequential(
        nn.Conv2d(colours, a, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(a, b, 4, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(math.prod(small), hidden), nn.ReLU(),
    )  # fmt: skip
    encoder = Encoder(body, hidden, latent)
    decoder = nn.Sequential(
        nn.Linear(latent, hidden), nn.ReLU(),
        nn.Linear(hidden, math.prod(small)), nn.ReLU(), nn.Unflatten(1, small),
        nn.ConvTranspose2d(b, a, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(a, colours, 4, 2, 1),
    )  # fmt: skip
    return VAE(encoder, decoder, **options)
