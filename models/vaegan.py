"""The VAE/GAN (Larsen et al. 2016): a VAE whose likeness of images is a discriminator's.

    the encoder         q(z|x) = N(mu, sigma^2), z a sample of it
    the decoder         x' = Dec(z), and from the prior x_p = Dec(z_p): the GAN's generator
    the discriminator   Dis(x), a score, and Dis_l(x), the features that it is made of

Pixels are a poor measure of likeness. Features of a network that tells images from drawings are a
better one, so p(Dis_l(x)|z) = N(Dis_l(x'), I) takes the place of p(x|z). The three networks of
algorithm 1 have a loss each, in nats summed over latents and features, averaged over the batch:

    L_prior = KL(q(z|x) || p(z))        L_llike = |Dis_l(x) - Dis_l(x')|^2 / 2
    L_GAN   = -log Dis(x) - log(1 - Dis(x')) - log(1 - Dis(x_p))

    the encoder         minimises L_prior + L_llike
    the decoder         minimises gamma L_llike - L_GAN
    the discriminator   minimises L_GAN

all of one forward pass. The encoder never sees L_GAN, nor the discriminator L_llike, which would
teach it to see nothing. What the likelihood leaves out is log sqrt(2 pi) for each feature.
"""

from collections.abc import Sequence

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn, optim

from .adversarial import Average, evaluating
from .dcgan import DCGANDiscriminator, DCGANGenerator
from .gan import Shape
from .model import Losses, Model
from .vae import Encoder


class VAEGAN(Model):
    """The three networks, and an optimizer for each. Images are in [-1, 1].

    The discriminator has parts `features`, images to features (N, ...), and `score`, these to
    scores (N, 1). `gamma` weights the likeness of features in the decoder's loss. With `ema`,
    images are made with an average of the decoder's weights, as in GAN.
    """

    def __init__(
        self, encoder: Encoder, decoder: nn.Module, discriminator: DCGANDiscriminator,
        optimizers: Sequence[optim.Optimizer], gamma: float = 1e-3, ema: float = 0.0,
    ) -> None:  # fmt: skip
        if not gamma >= 0:
            raise ValueError(f"VAEGAN: gamma must not be negative, got {gamma}")
        self.encoder, self.decoder, self.discriminator = encoder, decoder, discriminator
        self.e_optimizer, self.g_optimizer, self.d_optimizer = optimizers
        self.gamma = gamma
        self.average = Average(decoder, ema) if ema else None

    # ---- algorithm 1 -----------------------------------------------------------------------------

    def train_step(self, x: Tensor) -> Losses:
        """A step of each network on images x (N, C, H, W). Returns L_prior as `kl`, L_llike as
        `rec`, and L_GAN as `d`; the decoder's share `g` is -L_GAN, or what stands for it."""
        losses = self.losses(x)
        objectives = {
            self.encoder: losses["kl"] + losses["rec"],
            self.decoder: self.gamma * losses["rec"] + losses["g"],
            self.discriminator: losses["d"],
        }
        # All gradients are of the networks as they were, before any of them moves.
        for network, loss in objectives.items():
            parameters = list(network.parameters())
            for parameter, g in zip(parameters, mg.grad(loss, parameters, retain_graph=True)):
                parameter.grad = g
        for optimizer in (self.e_optimizer, self.g_optimizer, self.d_optimizer):
            optimizer.step()
        if self.average is not None:
            self.average.update(self.decoder)
        return {name: value.detach() for name, value in losses.items()}

    def losses(self, x: Tensor) -> Losses:
        """The four losses of images x, on one tape.

        `g` is -log Dis(x') - log Dis(x_p), as a non-saturating GAN has it, where algorithm 1 has
        log(1 - Dis(x')) + log(1 - Dis(x_p)), whose slope is least where samples are worst.
        """
        z, kl = self.encoder.draw(x)
        made = self.decoder(mg.concat([z, mg.randn_like(z)]))  # x' and x_p
        real = self.discriminator.features(x)
        fake = self.discriminator.features(made)
        scores, of_made = (self.discriminator.score(h).squeeze(1) for h in (real, fake))
        squares = (real.detach() - fake[: len(x)]).square()
        return {
            "kl": kl.mean(),
            "rec": 0.5 * squares.flatten(1).sum(1).mean(),
            # Twice the mean of both: the means of x' and of x_p, added up.
            "d": F.softplus(-scores).mean() + 2 * F.softplus(of_made).mean(),
            "g": 2 * F.softplus(-of_made).mean(),
        }

    # ---- generation ------------------------------------------------------------------------------

    def sample(self, n: int) -> Tensor:
        """n images (n, C, H, W): what the decoder makes of draws of the prior."""
        like = next(iter(self.decoder.parameters()))
        return self.decode(mg.randn(n, self.encoder.latent, dtype=like.dtype, device=like.device))

    def decode(self, z: Tensor) -> Tensor:
        """Latents (N, latent) to images, each on its own: batch norms use running statistics."""
        decoder = self.decoder if self.average is None else self.average.module
        with mg.no_grad(), evaluating(decoder):
            images: Tensor = decoder(z)
        return images

    def reconstruct(self, x: Tensor) -> Tensor:
        """What the decoder makes of the means of q(z|x), in the same way."""
        with mg.no_grad(), evaluating(self.encoder):
            z = self.encoder.code(x)
        return self.decode(z)


def vae_gan(
    shape: Shape = (3, 32, 32), latent: int = 32, width: int = 24, lr: float = 6e-4,
    gamma: float = 1e-3, ema: float = 0.0,
) -> VAEGAN:  # fmt: skip
    """DCGAN's networks, its discriminator's body being the encoder's too, and Adam for each."""
    encoder, decoder = networks(shape, latent, width)
    discriminator = DCGANDiscriminator(shape, width)
    parts = encoder, decoder, discriminator
    adams = [optim.Adam(part.parameters(), lr, (0.5, 0.999)) for part in parts]
    return VAEGAN(*parts, adams, gamma, ema)


def networks(shape: Shape, latent: int, width: int) -> tuple[Encoder, DCGANGenerator]:
    """An encoder and a decoder."""
    like = DCGANDiscriminator(shape, width)
    encoder = Encoder(like.features, like.score.in_features, latent)
    return encoder, DCGANGenerator(latent, shape, width)
