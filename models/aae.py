"""The adversarial autoencoder (Makhzani et al. 2015): codes that a discriminator takes for noise.

    the autoencoder     z = E(x), x' = G(z): images (N, C, H, W) to codes (N, code) and back
    the prior           p(z) = N(0, I)
    the discriminator   D(z): draws of the prior or codes to scores (N,), high for the prior's

A plain autoencoder puts codes anywhere. Here the encoder is a GAN's generator besides: D learns to
tell draws of the prior, which are its data, from codes, which are its samples, and the encoder to
make codes that D takes for draws. So the codes of all images together, q(z) = E_p(x)[q(z|x)], come
to be distributed as the prior, and the decoder of a draw gives an image.

What a VAE's KL asks of each q(z|x), this asks of q(z) alone. A code is a point, for which there is
no KL to the prior: an adversarial autoencoder has no ELBO and no likelihood.
"""

import minigrad as mg
from minigrad import Tensor, nn, optim

from .adversarial import frozen
from .autoencoder import Autoencoder
from .gan import MLPDiscriminator
from .model import Losses, Model, descend
from .objectives import OBJECTIVES, Objective


class AAE(Model):
    """An autoencoder, a discriminator of codes, and an optimizer for each of the three steps.

    `optimizer` is of the autoencoder, `d_optimizer` of the discriminator, and `e_optimizer` of the
    encoder as its opponent. ValueError for codes behind an activation, which cannot be normal.
    """

    def __init__(
        self,
        model: Autoencoder,
        discriminator: nn.Module,
        optimizer: optim.Optimizer,
        d_optimizer: optim.Optimizer,
        e_optimizer: optim.Optimizer,
        objective: Objective = OBJECTIVES["non-saturating"],
    ) -> None:
        if not isinstance(model.encoder.activation, nn.Identity):
            name = type(model.encoder.activation).__name__
            raise ValueError(f"AAE: needs a linear code, and a {name} follows this one")
        self.model, self.discriminator = model, discriminator
        self.optimizer, self.d_optimizer, self.e_optimizer = optimizer, d_optimizer, e_optimizer
        self.objective = objective

    # ---- the three steps of section 2 ------------------------------------------------------------

    def train_step(self, x: Tensor) -> Losses:
        """A step of each on images x (N, C, H, W). Returns the squared error as `loss`, summed over
        pixels, what the discriminator and the encoder lose against each other, `d` and `e`, and the
        mean scores of draws and of codes; all averaged over the batch."""
        loss = self.reconstruction_step(x)
        z = self.model.encoder(x)  # by the encoder as it is after its first step
        d, prior, codes = self.discriminator_step(z.detach())
        e = self.encoder_step(z)
        return {"loss": loss, "d": d, "e": e, "prior": prior, "codes": codes}

    def reconstruction_step(self, x: Tensor) -> Tensor:
        """Moves encoder and decoder; returns the loss."""
        loss = self.model.loss(x)
        descend(self.optimizer, loss)
        return loss.detach()

    def discriminator_step(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Moves the discriminator only, by codes z (N, code) and as many draws of the prior.

        Returns its loss, and its mean scores of draws and of codes."""
        loss, prior, codes = self.objective.discriminator_loss(
            self.discriminator, self.draw_prior(len(z)), z
        )
        descend(self.d_optimizer, loss)
        self.objective.clip_weights(self.discriminator)
        return loss.detach(), prior.detach().mean(), codes.detach().mean()

    def encoder_step(self, z: Tensor) -> Tensor:
        """Moves the encoder only, through its codes z (N, code); returns its loss."""
        with frozen(self.discriminator):
            loss = self.objective.generator_loss(self.discriminator, z)
        descend(self.e_optimizer, loss)
        return loss.detach()

    # ---- sampling --------------------------------------------------------------------------------

    def draw_prior(self, n: int) -> Tensor:
        """z (n, code) ~ N(0, I)."""
        like = self.model.encoder.code.weight
        return mg.randn(n, self.model.code, dtype=like.dtype, device=like.device)

    def sample(self, n: int) -> Tensor:
        """n images (n, C, H, W): what the decoder makes of draws of the prior."""
        return self.model.decode(self.draw_prior(n))


def adversarial(
    model: Autoencoder,
    lr: float = 1e-3,
    objective: Objective = OBJECTIVES["non-saturating"],
    *,
    hidden: int = 256,
    game_lr: float = 5e-4,
) -> AAE:
    """An autoencoder with a discriminator of its codes, of two layers of `hidden` units, and Adam
    for each step: at the rate `lr` for the reconstruction, at `game_lr` in the game."""
    like = model.encoder.code.weight
    discriminator = MLPDiscriminator((model.code,), [hidden, hidden]).to(like.device, like.dtype)
    adam = optim.Adam(model.parameters(), lr)
    d_adam, e_adam = (
        optim.Adam(network.parameters(), game_lr, (0.5, 0.999))
        for network in (discriminator, model.encoder)
    )
    return AAE(model, discriminator, adam, d_adam, e_adam, objective)
