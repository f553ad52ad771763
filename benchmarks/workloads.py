"""The models and steps that are compared, each written once: `nn`, `F`, ... are either framework's.

Nothing here knows which framework it runs in, so that both visibly do the same work. A builder
takes a `Framework` and returns the step to be timed, a function of no arguments, which fetches
nothing from the device.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .frameworks import Framework

Step = Callable[[], Any]


def vae(nn: Any, body: Any, features: int, decoder: Any, latent: int = 20) -> Any:
    """Return a VAE: `forward` gives mu and logvar of q(z|x), `decoder` the logits of p(x|z)."""

    class VAE(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body, self.decoder = body, decoder
            self.mu, self.logvar = nn.Linear(features, latent), nn.Linear(features, latent)

        def forward(self, x: Any) -> tuple[Any, Any]:
            h = self.body(x)
            return self.mu(h), self.logvar(h)

    return VAE()


def mlp_vae(nn: Any) -> Any:
    """784-400-20, ReLU: the architecture of PyTorch's own VAE example."""
    body = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    return vae(nn, body, 400, decoder)


def conv_vae(nn: Any, width: int = 32) -> Any:
    """4×4 convolutions of stride 2 to 32 and 64 channels, 256 hidden units, 20 latents; 28×28."""
    wide = 2 * width
    body = nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(width, wide, 4, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(wide * 49, 256), nn.ReLU(),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(20, 256), nn.ReLU(),
        nn.Linear(256, wide * 49), nn.ReLU(), nn.Unflatten(1, (wide, 7, 7)),
        nn.ConvTranspose2d(wide, width, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
    )  # fmt: skip
    return vae(nn, body, 256, decoder)


def dcgan(nn: Any, channels: int, width: int = 64) -> tuple[Any, Any]:
    """Generator (N, 100, 1, 1) -> (N, channels, 32, 32), and the discriminator that mirrors it."""
    a, b, c = width, 2 * width, 4 * width
    generator = nn.Sequential(
        nn.ConvTranspose2d(100, c, 4, 1, 0, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
        nn.ConvTranspose2d(c, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
        nn.ConvTranspose2d(b, a, 4, 2, 1, bias=False), nn.BatchNorm2d(a), nn.ReLU(),
        nn.ConvTranspose2d(a, channels, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(channels, a, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2),
        nn.Conv2d(b, c, 4, 2, 1, bias=False), nn.BatchNorm2d(c), nn.LeakyReLU(0.2),
        nn.Conv2d(c, 1, 4, 1, 0),
    )  # fmt: skip
    return generator, discriminator


def toy_gan(nn: Any) -> tuple[Any, Any]:
    """Generator (N, 2) -> (N, 2) and discriminator, of three hidden layers: demos.gan --toy."""

    def mlp(activation: Any, outputs: int) -> Any:
        return nn.Sequential(
            nn.Linear(2, 128), activation(),
            nn.Linear(128, 128), activation(),
            nn.Linear(128, 128), activation(),
            nn.Linear(128, outputs),
        )  # fmt: skip

    return mlp(nn.ReLU, 2), mlp(lambda: nn.LeakyReLU(0.2), 1)


def batches(fw: Framework, *shape: int) -> Iterator[Any]:
    """Yield four batches of numbers in [0, 1), over and over."""
    rng = np.random.default_rng(0)
    return itertools.cycle([fw.tensor(rng.random(shape, np.float32)) for _ in range(4)])


def vae_step(fw: Framework, model: Any, *shape: int) -> Step:
    """Forward, backward, Adam: the negative ELBO in nats, averaged over the batch."""
    model = fw.place(model)
    optimizer = fw.adam(model.parameters(), lr=1e-3)
    data = batches(fw, *shape)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        mu, logvar = model(x)
        z = mu + (0.5 * logvar).exp() * fw.randn(*mu.shape)
        logits = model.decoder(z)
        rec = fw.F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * (1 + logvar - mu * mu - logvar.exp()).sum()
        loss = (rec + kl) / len(x)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return fw.training(step, data)


def mlp_vae_step(fw: Framework, batch: int) -> Step:
    """Case 1."""
    return vae_step(fw, mlp_vae(fw.nn), batch, 784)


def conv_vae_step(fw: Framework, batch: int, width: int = 32) -> Step:
    """Case 2."""
    return vae_step(fw, conv_vae(fw.nn, width), batch, 1, 28, 28)


def gan_step(fw: Framework, networks: tuple[Any, Any], data: Iterator[Any], *noise: int) -> Step:
    """A discriminator step, then a generator step through the same samples."""
    generator, discriminator = (fw.place(net) for net in networks)
    optimizer_g = fw.adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = fw.adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    scores = (noise[0], 1, *noise[2:])
    ones = fw.tensor(np.ones(scores, np.float32))
    zeros = fw.tensor(np.zeros(scores, np.float32))
    bce = fw.F.binary_cross_entropy_with_logits

    def train_discriminator(yes: bool) -> None:
        for parameter in discriminator.parameters():
            parameter.requires_grad = yes

    def step(x: Any) -> None:
        fake = generator(fw.randn(*noise))
        optimizer_d.zero_grad()
        bce(discriminator(x), ones).backward()
        bce(discriminator(fake.detach()), zeros).backward()
        optimizer_d.step()

        train_discriminator(False)
        optimizer_g.zero_grad()
        bce(discriminator(fake), ones).backward()
        optimizer_g.step()
        train_discriminator(True)

    return fw.training(step, data)


def dcgan_step(fw: Framework, batch: int, channels: int, width: int = 64) -> Step:
    """Cases 3, 4 and 7 (Radford et al. 2016)."""
    data = batches(fw, batch, channels, 32, 32)
    return gan_step(fw, dcgan(fw.nn, channels, width), data, batch, 100, 1, 1)


def toy_gan_step(fw: Framework, batch: int) -> Step:
    """Case 10."""
    return gan_step(fw, toy_gan(fw.nn), batches(fw, batch, 2), batch, 2)


def chain(fw: Framework, ops: int) -> Step:
    """Forward of cases 5 and 6: `ops` operations on 4 numbers, `ops` nodes on the tape."""
    x = fw.tensor(np.ones(4, np.float32))
    x.requires_grad = True

    def forward() -> Any:
        y = x
        for _ in range(ops // 2):
            y = y * 1.0001 + 0.1
        return y.sum()

    return forward


def chain_step(fw: Framework, ops: int) -> Step:
    """Cases 5 and 6: the chain forward and backward."""
    forward = chain(fw, ops)
    return lambda: forward().backward()


def decoder_step(fw: Framework, model: str, batch: int) -> Step:
    """Case 9: `batch` images from the decoder of a VAE, drawn from the prior under `no_grad`."""
    decoder = fw.place({"mlp": mlp_vae, "conv": conv_vae}[model](fw.nn)).decoder.eval()

    def step() -> Any:
        with fw.no_grad():
            return decoder(fw.randn(batch, 20)).sigmoid()

    return step
