"""One whole training step of the VAE against PyTorch, from equal weights and equal noise."""

import numpy as np
import pytest

import minigrad as mg
from models.likelihoods import discretized_logistic_log_prob
from models.vae import conv_vae, mlp_vae
from tests.parity.beside import assert_same_training, give_noise

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn = torch.nn


class TorchVAE(tnn.Module):
    """The same networks under the same names, so that state dicts fit both."""

    def __init__(self, body, features, decoder, likelihood):
        super().__init__()
        self.encoder = tnn.Module()
        self.encoder.body = body
        self.encoder.mu = tnn.Linear(features, 20)
        self.encoder.logvar = tnn.Linear(features, 20)
        self.decoder = decoder
        if likelihood == "gaussian":
            self.likelihood = tnn.Module()
            self.likelihood.scaled_logvar = tnn.Parameter(torch.empty(1))

    def loss(self, x, eps):
        if eps.ndim == 3:
            return self.iwae_loss(x, eps)
        features = self.encoder.body(x)
        mu, logvar = self.encoder.mu(features), self.encoder.logvar(features)
        h = self.decoder(mu + torch.exp(0.5 * logvar) * eps)
        q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0, 1)).sum()
        if hasattr(self, "likelihood"):
            sigma = torch.exp(5 * self.likelihood.scaled_logvar)
            p = torch.distributions.Normal(torch.sigmoid(h), sigma)
            rec = -p.log_prob(x).sum()
        else:
            rec = tnn.functional.binary_cross_entropy_with_logits(h, x, reduction="sum")
        return (rec + kl) / len(x)

    def iwae_loss(self, x, eps):
        """By torch.distributions, and no formula of ours: k samples in one more leading axis."""
        features = self.encoder.body(x)
        mu, logvar = self.encoder.mu(features), self.encoder.logvar(features)
        q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
        z = q.loc + q.scale * eps
        h = torch.stack([self.decoder(one) for one in z])
        p = torch.distributions.Bernoulli(logits=h, validate_args=False)
        log_w = p.log_prob(x.expand(h.shape)).sum((2, 3, 4))
        log_w = log_w + torch.distributions.Normal(0, 1).log_prob(z).sum(2) - q.log_prob(z).sum(2)
        return -(torch.logsumexp(log_w, 0) - np.log(len(eps))).mean()


def torch_mlp(likelihood):
    body = tnn.Sequential(tnn.Flatten(), tnn.Linear(784, 400), tnn.ReLU())
    decoder = tnn.Sequential(
        tnn.Linear(20, 400), tnn.ReLU(), tnn.Linear(400, 784), tnn.Unflatten(1, (1, 28, 28))
    )
    return TorchVAE(body, 400, decoder, likelihood)


def torch_conv(likelihood):
    body = tnn.Sequential(
        tnn.Conv2d(1, 32, 4, 2, 1), tnn.ReLU(),
        tnn.Conv2d(32, 64, 4, 2, 1), tnn.ReLU(),
        tnn.Flatten(), tnn.Linear(3136, 256), tnn.ReLU(),
    )  # fmt: skip
    decoder = tnn.Sequential(
        tnn.Linear(20, 256), tnn.ReLU(),
        tnn.Linear(256, 3136), tnn.ReLU(), tnn.Unflatten(1, (64, 7, 7)),
        tnn.ConvTranspose2d(64, 32, 4, 2, 1), tnn.ReLU(),
        tnn.ConvTranspose2d(32, 1, 4, 2, 1),
    )  # fmt: skip
    return TorchVAE(body, 256, decoder, likelihood)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize(("ours", "theirs"), [(mlp_vae, torch_mlp), (conv_vae, torch_conv)])
def test_training_steps_are_pytorchs(ours, theirs, likelihood, monkeypatch):
    compare(ours(likelihood=likelihood), theirs(likelihood), (3, 20), monkeypatch)


def test_training_steps_of_the_iwae_objective_are_pytorchs(monkeypatch):
    compare(mlp_vae(k=4), torch_mlp("bernoulli"), (4, 3, 20), monkeypatch)


def compare(model, other, noise, monkeypatch):
    def draw(rng):
        x, eps = rng.random((3, 1, 28, 28)), rng.standard_normal(noise)
        give_noise(monkeypatch, eps)
        return [x], lambda: other.loss(torch.tensor(x), torch.tensor(eps))

    assert_same_training(model, other, draw)


# ---- the discretised logistic --------------------------------------------------------------------


def torch_logistic(x, location, log_scale):
    """-log p as in the reference code of PixelCNN++ (Salimans et al. 2017), for x from -1 to 1."""
    inverse = torch.exp(-log_scale)
    plus, minus = ((x - location + edge) * inverse for edge in (1 / 255, -1 / 255))
    middle = torch.log(torch.clamp(torch.sigmoid(plus) - torch.sigmoid(minus), min=1e-300))
    lowest, highest = plus - tnn.functional.softplus(plus), -tnn.functional.softplus(minus)
    return torch.where(x < -0.999, lowest, torch.where(x > 0.999, highest, middle))


def test_the_discretized_logistic_and_its_gradient_are_the_reference_codes():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, 400) / 255
    x[:40], x[40:80] = 0, 1
    location, log_scale = rng.normal(0.5, 0.3, 400), rng.normal(-2.5, 0.6, 400)
    ours = [mg.tensor(a, requires_grad=True) for a in (location, log_scale)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (location, log_scale)]
    log_p = discretized_logistic_log_prob(mg.tensor(x), *ours)
    reference = torch_logistic(
        torch.tensor(2 * x - 1), 2 * theirs[0] - 1, theirs[1] + np.log(2)
    )  # fmt: skip
    log_p.sum().backward()
    reference.sum().backward()
    near = reference.detach().numpy() > -15  # further off, the reference's difference loses digits
    assert near.mean() > 0.9
    assert np.allclose(log_p.numpy(force=True)[near], reference.detach().numpy()[near], rtol=1e-7)
    for a, b in zip(ours, theirs, strict=True):
        assert np.allclose(a.grad.numpy()[near], b.grad.numpy()[near], rtol=1e-6, atol=1e-6)
