"""A whole training step of the ladder VAE, with the likelihood of colours, against PyTorch."""

import numpy as np
import pytest

import minigrad as mg
from models.ladder import ladder_vae
from models.likelihoods import ColourMixture
from tests.parity.beside import assert_same_training, give_noise

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn = torch.nn
F = tnn.functional

LATENT, WIDTH, SIZES = 2, 4, (1, 2, 2)  # of the grids of three layers


def block():
    layers = (
        tnn.ReLU(), tnn.Conv2d(WIDTH, WIDTH // 2, 1),
        tnn.ReLU(), tnn.Conv2d(WIDTH // 2, WIDTH // 2, 3, 1, 1),
        tnn.ReLU(), tnn.Conv2d(WIDTH // 2, WIDTH, 1),
    )  # fmt: skip
    return named(layers=tnn.Sequential(*layers))


def named(**parts):
    module = tnn.Module()
    for name, part in parts.items():
        module.add_module(name, part)
    return module


def rung(finer):
    parts = {"before": tnn.ConvTranspose2d(WIDTH, WIDTH, 4, 2, 1)} if finer else {}
    return named(
        **parts,
        prior=tnn.Sequential(block(), tnn.ReLU(), tnn.Conv2d(WIDTH, 2 * LATENT, 1)),
        posterior=tnn.Sequential(
            tnn.Conv2d(2 * WIDTH, WIDTH, 1), block(), tnn.ReLU(), tnn.Conv2d(WIDTH, 2 * LATENT, 1)
        ),
        into=tnn.Conv2d(LATENT, WIDTH, 1),
        after=block(),
    )


class TorchLadder(tnn.Module):
    """The same networks under the same names, so that state dicts fit both."""

    def __init__(self):
        super().__init__()
        grids = (
            tnn.Sequential(tnn.Conv2d(c, WIDTH, 4, 2, 1), block(), block()) for c in (3, WIDTH)
        )
        self.encoder = named(grids=tnn.ModuleList(grids))
        rungs = tnn.ModuleList(map(rung, (False, True, False)))
        head = tnn.ConvTranspose2d(WIDTH, 3 * ColourMixture.numbers, 4, 2, 1)
        self.decoder = named(rungs=rungs, head=tnn.Sequential(tnn.ReLU(), head))
        self.decoder.start = tnn.Parameter(torch.zeros(1, WIDTH, 1, 1))

    def loss(self, x, eps):
        """By torch.distributions: of z itself, and of differences of distribution functions."""
        normal, fine = torch.distributions.Normal, residual(self.encoder.grids[0], x)
        seen = {2: fine, 1: residual(self.encoder.grids[1], fine)}
        h, kl = self.decoder.start.expand(len(x), -1, -1, -1), 0
        parts = eps.split([LATENT * n * n for n in SIZES], 1)
        for one, size, noise in zip(self.decoder.rungs, SIZES, parts, strict=True):
            h = one.before(h) if hasattr(one, "before") else h
            mean, spread = residual(one.prior, h).chunk(2, 1)
            mu, logvar = residual(one.posterior, torch.cat([h, seen[size]], 1)).chunk(2, 1)
            p = normal(mean, (spread / 2).exp())
            q = normal(mean + p.scale * mu, p.scale * (logvar / 2).exp())
            kl = kl + torch.distributions.kl_divergence(q, p).sum()
            h = h + one.into(q.loc + q.scale * noise.reshape(-1, LATENT, size, size))
            h = h + one.after.layers(h)
        return (kl - log_prob(x, self.decoder.head(h)).sum()) / len(x)


def residual(layers, h):
    for layer in layers:
        h = h + layer.layers(h) if hasattr(layer, "layers") else layer(h)
    return h


def log_prob(x, h):
    """log p(x|h) as in PixelCNN++, by differences of distribution functions: (N, H, W)."""
    n, _, height, width = h.shape
    weight, location, g, share = h.reshape(n, 4, -1, 3, height, width).unbind(1)
    scale = torch.exp(-8 + F.softplus(g + np.log(0.1) + 8))
    a, b, c = torch.tanh(share).unbind(2)
    red, green, _ = ((x - 0.5).unsqueeze(1)).unbind(2)
    moved = torch.stack([torch.zeros_like(a), a * red, b * red + c * green], 2)
    middle = (x.unsqueeze(1) - (location + 1) / 2 - moved) / scale
    half = 0.5 / 255 / scale
    upper = torch.where(x.unsqueeze(1) > 0.999, 1.0, torch.sigmoid(middle + half))
    lower = torch.where(x.unsqueeze(1) < 0.001, 0.0, torch.sigmoid(middle - half))
    pi = torch.log_softmax(weight.mean(2), 1)
    return torch.logsumexp(pi + torch.log(upper - lower).sum(2), 1)


def bytes_of(rng, n, size):
    return rng.choice([0, 1, 90, 128, 200, 254, 255], (n, 3, size, size)) / 255


def test_a_training_step_of_the_ladder(monkeypatch):
    mg.manual_seed(0)
    model, other = ladder_vae((3, 4, 4), LATENT, WIDTH, (1, 2)), TorchLadder()

    def draw(rng):
        x, eps = bytes_of(rng, 5, 4), rng.normal(size=(5, model.latent))
        give_noise(monkeypatch, eps)
        return (x,), lambda: other.loss(torch.tensor(x), torch.tensor(eps))

    assert_same_training(model, other, draw)
