"""A variational autoencoder in sixty lines

The VAE of the README, from layers: an encoder says for an image where in the plane it could come
from, a mean and a variance; a place is drawn there; a decoder says how likely each pixel is from
that place. The loss is the negative ELBO in nats: what the decoder misses, plus KL(q(z|x) || p(z)),
which keeps the places where the prior has them. models/vae.py has the same with its choices.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import data, nn, optim

STEPS, BATCH = 400, 100


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, 784))

    def forward(self, x: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
        """What the decoder misses, and the KL: in nats, a number for each image."""
        mu, logvar = self.encoder(x).chunk(2, 1)
        # Sampling that can be differentiated through: the noise comes from outside (lesson 8).
        z = mu + (0.5 * logvar).exp() * mg.randn(len(x), 2)
        missed = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none").sum(1)
        # KL of two Gaussians in closed form: Kingma and Welling 2013, appendix B.
        kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1)
        return missed, kl


def main(out: Path) -> None:
    mg.manual_seed(0)
    images = mg.tensor(data.load("glyphs", limit=4000)[:][0]).flatten(1)
    vae = VAE()
    print(sum(p.numel() for p in vae.parameters()))  # → 404244
    adam = optim.Adam(vae.parameters(), lr=2e-3)

    # Before training a pixel is anything between black and white: log 2 nats each, 784 times.
    missed, kl = vae(images[:BATCH])
    print(abs(missed.mean().item() - 784 * np.log(2)) < 10, kl.mean().item() < 1)  # → True True

    for _ in range(STEPS):
        missed, kl = vae(images[mg.randint(0, len(images), (BATCH,))])
        loss = (missed + kl).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()

    # An image costs a third of that now. The KL is what is paid for saying where it comes from.
    with mg.no_grad():
        missed, kl = vae(mg.tensor(data.load("glyphs", "test", limit=500)[:][0]).flatten(1))
    print(100 < (missed + kl).mean().item() < 220)  # → True
    print(2 < kl.mean().item() < 10)  # → True
    draw(out, vae)


def draw(out: Path, vae: VAE, n: int = 15) -> None:
    """What is decoded at the places that cut the prior into equal shares."""
    line = [NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)]
    with mg.no_grad():
        z = mg.tensor([(z1, z2) for z2 in reversed(line) for z1 in line])
        tiles = vae.decoder(z).sigmoid().reshape(n, n, 28, 28).numpy()
    figure = Figure(figsize=(6, 6.3), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(tiles.transpose(0, 2, 1, 3).reshape(n * 28, n * 28), cmap="gray")
    axes.set(title="the plane of the two latents, decoded", xlabel="z1", ylabel="z2")
    axes.set_xticks([])
    axes.set_yticks([])
    figure.savefig(out / "13_vae.png")
