"""Training steps of the VAE's relatives against PyTorch, from equal weights and equal noise."""

import math
from itertools import pairwise

import pytest

import minigrad as mg
from models.hierarchical import two_layer_vae
from models.total_correlation import BetaTCVAE
from models.vae import mlp_vae
from tests.parity.beside import assert_same_training, give_noise

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn = torch.nn
Normal = torch.distributions.Normal


def hidden_layers(*widths):
    return [layer for a, b in pairwise(widths) for layer in (tnn.Linear(a, b), tnn.Tanh())]


class Heads(tnn.Module):
    """A network and two heads, as models.vae's Encoder has them: a Gaussian."""

    def __init__(self, *widths, flatten=False):
        super().__init__()
        *hidden, last, end = widths
        self.body = tnn.Sequential(*[tnn.Flatten()] * flatten, *hidden_layers(*hidden, last))
        self.mu, self.logvar = tnn.Linear(last, end), tnn.Linear(last, end)

    def forward(self, x):
        h = self.body(x)
        return Normal(self.mu(h), torch.exp(0.5 * self.logvar(h)))


def decoder(*widths):
    *hidden, last, end = widths
    to_images = (tnn.Linear(last, end), tnn.Unflatten(1, (1, 4, 4)))
    return tnn.Sequential(*hidden_layers(*hidden, last), *to_images)


def log_likelihood(network, z, x):
    h = torch.stack([network(one) for one in z])
    log_p = torch.distributions.Bernoulli(logits=h).log_prob(x.expand(len(z), *x.shape))
    return log_p.sum((2, 3, 4))


class OneLayer(tnn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Heads(16, 8, 3, flatten=True)
        self.decoder = decoder(3, 8, 16)

    def terms(self, x, eps):
        q = self.encoder(x)
        z = q.loc + q.scale * eps
        kl = torch.distributions.kl_divergence(q, Normal(0, 1)).sum(1).mean()
        return q, z, -log_likelihood(self.decoder, z[None], x).mean(), kl


class TotalCorrelation(OneLayer):
    def loss(self, x, eps):
        q, z, rec, kl = self.terms(x, eps)
        pairs = torch.stack([q.log_prob(one) for one in z])  # (z_i, of image j, latent)
        n = len(x)
        log_q = torch.logsumexp(pairs.sum(2), 1) - math.log(n)
        product = (torch.logsumexp(pairs, 1) - math.log(n)).sum(1)
        return rec + kl + 4 * (log_q - product).mean()


class TwoLayers(tnn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Heads(16, 8, 8, 3, flatten=True)
        self.decoder = decoder(3, 8, 8, 16)
        self.top, self.prior = Heads(3, 6, 6, 2), Heads(2, 6, 6, 3)

    def loss(self, x, eps):
        q1 = self.encoder(x)
        z1 = q1.loc + q1.scale * eps[..., :3]
        q2 = self.top(z1)
        z2 = q2.loc + q2.scale * eps[..., 3:]
        log_w = log_likelihood(self.decoder, z1, x)
        log_w = log_w + self.prior(z2).log_prob(z1).sum(2) + Normal(0, 1).log_prob(z2).sum(2)
        log_w = log_w - q1.log_prob(z1).sum(2) - q2.log_prob(z2).sum(2)
        return -(torch.logsumexp(log_w, 0) - math.log(len(eps))).mean()


def one_layer(kind, **options):
    vae = mlp_vae((1, 4, 4), 3, (8,), mg.nn.Tanh)
    return kind(vae.encoder, vae.decoder, **options)


CASES = {
    "total correlation": (lambda: one_layer(BetaTCVAE, beta=5.0), TotalCorrelation, (5, 3)),
    "two layers": (
        lambda: two_layer_vae((1, 4, 4), (3, 2), (8, 6), k=1), TwoLayers, (1, 5, 5),
    ),
    "two layers, IWAE": (
        lambda: two_layer_vae((1, 4, 4), (3, 2), (8, 6), k=4), TwoLayers, (4, 5, 5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_training_steps_are_pytorchs(name, monkeypatch):
    build, theirs, noise = CASES[name]
    other = theirs()

    def draw(rng):
        x = rng.integers(0, 2, (5, 1, 4, 4)).astype(float)
        eps = rng.standard_normal(noise)
        give_noise(monkeypatch, eps)
        return [x], lambda: other.loss(torch.tensor(x), torch.tensor(eps))

    assert_same_training(build(), other, draw)
