"""A whole training step of VAEs with flows against PyTorch, from equal weights and equal noise."""

import numpy as np
import pytest

from models.flows import with_flows
from models.vae import mlp_vae
from tests.parity.beside import assert_same_training, give_noise

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn = torch.nn
LATENT, HIDDEN, WIDTH = 3, 8, 6


class TorchPlanar(tnn.Module):
    """As the paper has it: û, psi, log |1 + û.psi|."""

    def __init__(self, step):
        super().__init__()
        self.numbers = tnn.Linear(HIDDEN, 2 * LATENT + 1)

    def forward(self, z, h):
        u, w, b = torch.split(self.numbers(h), [LATENT, LATENT, 1], 1)
        wu = (w * u).sum(1, keepdim=True)
        u = u + (torch.log1p(torch.exp(wu)) - 1 - wu) * w / (w * w).sum(1, keepdim=True)
        a = (w * z).sum(-1, keepdim=True) + b
        psi = (1 - torch.tanh(a) ** 2) * w
        return z + u * torch.tanh(a), torch.log(torch.abs(1 + (u * psi).sum(-1)))


class TorchAutoregressive(tnn.Module):
    """Without a mask: each output is made on its own, of what it may see."""

    def __init__(self, step):
        super().__init__()
        self.context = tnn.Linear(HIDDEN, WIDTH)
        self.first = tnn.Linear(LATENT, WIDTH)
        self.m, self.s = tnn.Linear(WIDTH, LATENT), tnn.Linear(WIDTH, LATENT)
        self.order = list(range(LATENT))[:: -1 if step % 2 else 1]

    def forward(self, z, h):
        out, log_det = [None] * LATENT, 0
        for place, i in enumerate(self.order):
            m, s = self.m.bias[i], self.s.bias[i]
            for unit in range(WIDTH):
                sees = unit % LATENT
                if sees > place:
                    continue
                a = self.context(h)[:, unit] + self.first.bias[unit]
                for j in self.order[:sees]:
                    a = a + self.first.weight[unit, j] * z[..., j]
                hidden = torch.where(a > 0, a, torch.exp(a) - 1)
                m = m + self.m.weight[i, unit] * hidden
                s = s + self.s.weight[i, unit] * hidden
            gate = 1 / (1 + torch.exp(-(s + 1.5)))
            out[i] = gate * z[..., i] + (1 - gate) * m
            log_det = log_det + torch.log(gate)
        return torch.stack(out, -1), log_det


class TorchHouseholder(tnn.Module):
    def __init__(self, step):
        super().__init__()
        self.v = tnn.Linear(HIDDEN, LATENT)

    def forward(self, z, h):
        v = self.v(h)
        mirror = (
            torch.eye(LATENT, dtype=torch.float64)
            - 2 * torch.einsum("ni,nj->nij", v, v) / (v * v).sum(1)[:, None, None]
        )
        return torch.einsum("nij,...nj->...ni", mirror, z), torch.zeros(())


THEIRS = {"planar": TorchPlanar, "iaf": TorchAutoregressive, "householder": TorchHouseholder}


class TorchVAE(tnn.Module):
    """The same networks under the same names, and densities by torch.distributions."""

    def __init__(self, name, steps):
        super().__init__()
        self.encoder = tnn.Module()
        self.encoder.body = tnn.Sequential(tnn.Flatten(), tnn.Linear(16, HIDDEN), tnn.ReLU())
        self.encoder.mu, self.encoder.logvar = (tnn.Linear(HIDDEN, LATENT) for _ in range(2))
        self.encoder.flow = tnn.Module()
        self.encoder.flow.flows = tnn.ModuleList([THEIRS[name](step) for step in range(steps)])
        self.decoder = tnn.Sequential(
            tnn.Linear(LATENT, HIDDEN), tnn.ReLU(), tnn.Linear(HIDDEN, 16),
            tnn.Unflatten(1, (1, 4, 4)),
        )  # fmt: skip

    def loss(self, x, eps):
        h = self.encoder.body(x)
        q = torch.distributions.Normal(self.encoder.mu(h), torch.exp(0.5 * self.encoder.logvar(h)))
        z = q.loc + q.scale * eps
        log_q = q.log_prob(z).sum(-1)
        for flow in self.encoder.flow.flows:
            z, log_det = flow(z, h)
            log_q = log_q - log_det
        p = torch.distributions.Bernoulli(logits=torch.stack([self.decoder(one) for one in z]))
        log_w = p.log_prob(x.expand(len(z), *x.shape)).sum((2, 3, 4)) - log_q
        log_w = log_w + torch.distributions.Normal(0, 1).log_prob(z).sum(-1)
        return -(torch.logsumexp(log_w, 0) - np.log(len(z))).mean()


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("name", THEIRS)
def test_training_steps_are_pytorchs(name, k, monkeypatch):
    model = mlp_vae((1, 4, 4), LATENT, (HIDDEN,), k=k)
    model = with_flows(model, name, 3, **({"hidden": WIDTH} if name == "iaf" else {}))
    other = TorchVAE(name, 3)

    def draw(rng):
        x = rng.integers(0, 2, (5, 1, 4, 4)).astype(float)
        eps = rng.standard_normal((k, 5, LATENT))
        give_noise(monkeypatch, eps)
        return [x], lambda: other.loss(torch.tensor(x), torch.tensor(eps))

    assert_same_training(model, other, draw)
