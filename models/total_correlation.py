"""A VAE whose objective asks for latents that are independent of each other.

The KL of the ELBO, averaged over images, has three parts (Chen et al. 2018, equation 2), q(z) being
the mixture of all images' q(z|x):

    E[KL(q(z|x) || p(z))] = I(x; z)  +  KL(q(z) || prod_j q(z_j))  +  sum_j KL(q(z_j) || p(z_j))

The middle one, the total correlation, is 0 where latents are independent. A beta on all of the KL
(Higgins et al. 2017) also pays for the first, which is what the latents say of the image.
"""

import math

from minigrad import Tensor, nn

from .vae import VAE, Encoder, Terms, kl_per_latent, reparameterize


def log_aggregate(z: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """log q(z) (M,) and log q(z_j) (M, latent) in nats at M places z (M, latent), q being the equal
    mixture of N(mu_i, diag(exp(logvar_i))), i = 1 .. N.

    With a batch instead of all the data and 1/M for 1/N, these are the paper's minibatch-weighted
    sampling (equation S6) but for a constant, log N, which no gradient sees.
    """
    squares = (z.unsqueeze(1) - mu).square() * (-logvar).exp()
    log_q = -0.5 * (squares + logvar + math.log(2 * math.pi))  # (M, N, latent)
    n = math.log(len(mu))
    return log_q.sum(2).logsumexp(1) - n, log_q.logsumexp(1) - n


def total_correlation(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(z) || prod_j q(z_j)) in nats, by a sample z (M, latent) of the mixture q, which is that
    of the Gaussians mu and logvar (N, latent): a tensor without axes."""
    together, alone = log_aggregate(z, mu, logvar)
    return (together - alone.sum(1)).mean()


class BetaTCVAE(VAE):
    """`beta` weights the total correlation alone, and the other two parts of the KL have weight 1
    (Chen et al. 2018, equation 4). The total correlation is that of the batch."""

    def __init__(
        self, encoder: Encoder, decoder: nn.Module, likelihood: str = "bernoulli", beta: float = 1.0
    ) -> None:
        super().__init__(encoder, decoder, likelihood, beta)

    def loss(self, x: Tensor, eps: Tensor | None = None) -> Terms:
        """-ELBO + (beta - 1) TC of images (N, C, H, W), in nats per image."""
        mu, logvar = self.encoder(x)
        z = reparameterize(mu, logvar, eps)
        rec = -self.log_likelihood(x, z).mean()
        kl = kl_per_latent(mu, logvar).sum(1).mean()
        extra = (self.beta - 1) * total_correlation(z, mu, logvar)
        return Terms(rec + kl + extra, rec, kl)
