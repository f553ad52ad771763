"""Training steps of the GANs beyond models/gan.py against PyTorch, from equal weights and noise."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from models.began import BEGAN, AutoencoderDiscriminator, BEGANGenerator
from models.gan import MLPDiscriminator, MLPGenerator
from models.vaegan import vae_gan
from models.zoo.unrolled import UnrolledGAN
from tests.parity.beside import assert_same_parameters, give_noise, twins

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn = torch.nn
N, STEPS = 3, 3


def began_generator(noise: int, width: int) -> tnn.Sequential:
    return tnn.Sequential(
        tnn.Linear(noise, width * 64), tnn.Unflatten(1, (width, 8, 8)),
        tnn.Conv2d(width, width, 3, 1, 1), tnn.ELU(),
        tnn.Upsample(scale_factor=2), tnn.Conv2d(width, width, 3, 1, 1), tnn.ELU(),
        tnn.Conv2d(width, 1, 3, 1, 1),
    )  # fmt: skip


class TorchAutoencoder(tnn.Module):
    def __init__(self, code: int, w: int) -> None:
        super().__init__()
        self.encoder = tnn.Sequential(
            tnn.Conv2d(1, w, 3, 1, 1), tnn.ELU(),
            tnn.Conv2d(w, w, 3, 1, 1), tnn.ELU(), tnn.Conv2d(w, 2 * w, 3, 2, 1), tnn.ELU(),
            tnn.Conv2d(2 * w, 2 * w, 3, 1, 1), tnn.ELU(),
            tnn.Flatten(), tnn.Linear(2 * w * 64, code),
        )  # fmt: skip
        self.decoder = began_generator(code, w)

    def forward(self, x):
        return (x - self.decoder(self.encoder(x))).abs().mean((1, 2, 3))


def test_began(monkeypatch):
    ours = BEGANGenerator(3, (1, 16, 16), 4), AutoencoderDiscriminator((1, 16, 16), 5, 4)
    theirs = began_generator(3, 4), TorchAutoencoder(5, 4)
    adams, torch_adams = twins(ours, theirs)
    gamma, rate, k = 0.7, 0.5, 0.0
    gan = BEGAN(*ours, *adams, noise=3, gamma=gamma, rate=rate)
    rng = np.random.default_rng(0)
    generator, energy = theirs
    for _ in range(STEPS):
        x = rng.uniform(-1, 1, (N, 1, 16, 16))
        draws = [rng.random((N, 3)) for _ in range(2)]
        given = iter(draws)
        monkeypatch.setattr(mg, "rand", lambda *_, given=given, **__: mg.tensor(next(given)))
        losses = gan.train_step(mg.tensor(x))
        z_d, z_g = (torch.tensor(2 * z - 1) for z in draws)
        real = energy(torch.tensor(x)).mean()
        d = real - k * energy(generator(z_d).detach()).mean()
        torch_adams[1].zero_grad()
        d.backward()
        torch_adams[1].step()
        g = energy(generator(z_g)).mean()
        torch_adams[0].zero_grad()
        g.backward()
        torch_adams[0].step()
        k = min(max(k + rate * (gamma * real - g).item(), 0), 1)
        got = [losses[name].item() for name in ("d", "g", "k")]
        assert got == pytest.approx([d.item(), g.item(), k], rel=1e-9)
        for mine, other in zip(ours, theirs, strict=True):
            assert_same_parameters(mine, other, gradients=False)
    assert 0 < k < 1


# ---- VAE/GAN -------------------------------------------------------------------------------------


def halving(w: int) -> tnn.Sequential:
    """Images (N, 1, 28, 28) to 4 w * 16 features."""
    leaky = lambda: tnn.LeakyReLU(0.2)
    return tnn.Sequential(
        tnn.Conv2d(1, w, 4, 2, 1), leaky(),
        tnn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), tnn.BatchNorm2d(2 * w), leaky(),
        tnn.Conv2d(2 * w, 4 * w, 3, 2, 1, bias=False), tnn.BatchNorm2d(4 * w), leaky(),
        tnn.Flatten(),
    )  # fmt: skip


def doubling(noise: int, w: int) -> tnn.Module:
    generator = tnn.Module()
    generator.layers = tnn.Sequential(
        tnn.Unflatten(1, (noise, 1, 1)),
        tnn.ConvTranspose2d(noise, 4 * w, 4, bias=False), tnn.BatchNorm2d(4 * w), tnn.ReLU(),
        tnn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, bias=False), tnn.BatchNorm2d(2 * w), tnn.ReLU(),
        tnn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), tnn.BatchNorm2d(w), tnn.ReLU(),
        tnn.ConvTranspose2d(w, 1, 4, 2, 1), tnn.Tanh(),
    )  # fmt: skip
    return generator


def test_vae_gan(monkeypatch):
    latent, w, gamma = 3, 2, 0.3
    model = vae_gan((1, 28, 28), latent, w, gamma=gamma)
    encoder, discriminator = tnn.Module(), tnn.Module()
    encoder.body, discriminator.features = halving(w), halving(w)
    encoder.mu, encoder.logvar = (tnn.Linear(64 * w, latent) for _ in range(2))
    discriminator.score = tnn.Linear(64 * w, 1)
    ours = model.encoder, model.decoder, model.discriminator
    theirs = encoder, doubling(latent, w), discriminator
    adams, torch_adams = twins(ours, theirs)
    model.e_optimizer, model.g_optimizer, model.d_optimizer = adams
    bce = tnn.functional.binary_cross_entropy_with_logits
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x, eps = rng.uniform(-1, 1, (N, 1, 28, 28)), rng.standard_normal((N, latent))
        give_noise(monkeypatch, eps)
        losses = model.train_step(mg.tensor(x))

        x, eps = torch.tensor(x), torch.tensor(eps)
        h = encoder.body(x)
        mu, logvar = encoder.mu(h), encoder.logvar(h)
        kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum() / N
        z = mu + (logvar / 2).exp() * eps
        made = theirs[1].layers(torch.cat([z, eps]))
        real, fake = discriminator.features(x), discriminator.features(made)
        rec = 0.5 * (real.detach() - fake[:N]).square().sum() / N
        of_x, of_made = discriminator.score(real)[:, 0], discriminator.score(fake)[:, 0]
        one, zero = torch.ones(N, dtype=x.dtype), torch.zeros(N, dtype=x.dtype)
        d = bce(of_x, one) + bce(of_made[:N], zero) + bce(of_made[N:], zero)
        g = bce(of_made[:N], one) + bce(of_made[N:], one)
        for part, loss in zip(theirs, (kl + rec, gamma * rec + g, d), strict=True):
            parameters = list(part.parameters())
            for p, slope in zip(
                parameters, torch.autograd.grad(loss, parameters, retain_graph=True), strict=True
            ):
                p.grad = slope
        for optimizer in torch_adams:
            optimizer.step()
        expected = [value.item() for value in (kl, rec, d, g)]
        assert [losses[n].item() for n in ("kl", "rec", "d", "g")] == pytest.approx(
            expected, rel=1e-9
        )
        for mine, other in zip(ours, theirs, strict=True):
            assert_same_parameters(mine, other, gradients=False)


# ---- spectral norm -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda n: n.Linear(5, 4), (3, 5)),
        (lambda n: n.Conv2d(2, 3, 3), (2, 2, 5, 4)),
        (lambda n: n.ConvTranspose2d(2, 3, 3), (2, 2, 3, 4)),
    ],
)
def test_spectral_norm_has_pytorchs_names_and_values(make, shape):
    mine = nn.utils.parametrizations.spectral_norm(make(nn), n_power_iterations=2).double()
    theirs = tnn.utils.parametrizations.spectral_norm(make(tnn), n_power_iterations=2).double()
    state = {name: torch.tensor(t.numpy()) for name, t in mine.state_dict().items()}
    assert list(state) == list(theirs.state_dict())
    theirs.load_state_dict(state)
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = rng.standard_normal(shape)
        for layer, value in ((mine, mg.tensor(x)), (theirs, torch.tensor(x))):
            layer.zero_grad()
            layer(value).square().sum().backward()
        assert_same_parameters(mine, theirs, gradients=True)
        for name, buffer in mine.named_buffers():
            other = dict(theirs.named_buffers())[name]
            np.testing.assert_allclose(buffer.numpy(), other.numpy(), rtol=1e-9, atol=1e-12)


# ---- unrolled GAN --------------------------------------------------------------------------------


def test_unrolled_gan(monkeypatch):
    ours = MLPGenerator(2, (6,), (2,)), MLPDiscriminator((2,), (6,))
    theirs = (
        tnn.Sequential(tnn.Linear(2, 6), tnn.ReLU(), tnn.Linear(6, 2)),
        tnn.Sequential(tnn.Linear(2, 6), tnn.LeakyReLU(0.2), tnn.Linear(6, 1), tnn.Flatten(0)),
    )
    adams, torch_adams = twins([part.layers for part in ours], theirs)
    gan = UnrolledGAN(*ours, *adams, noise=2, unroll=3, eta=0.5)
    generator, discriminator = theirs
    softplus, functional_call = tnn.functional.softplus, torch.func.functional_call
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x, noise = rng.standard_normal((N, 2)), rng.standard_normal((N, 2))
        give_noise(monkeypatch, noise)
        losses = gan.train_step(mg.tensor(x))
        x, noise = torch.tensor(x), torch.tensor(noise)

        def d_loss(weights, samples, x=x):
            scores = lambda v: functional_call(discriminator, weights, (v,))
            return softplus(-scores(x)).mean() + softplus(scores(samples)).mean()

        weights = dict(discriminator.named_parameters())
        d = d_loss(weights, generator(noise).detach())
        torch_adams[1].zero_grad()
        d.backward()
        torch_adams[1].step()
        samples, weights = generator(noise), dict(discriminator.named_parameters())
        for _ in range(3):
            loss = d_loss(weights, samples)
            slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            weights = {n: w - 0.5 * s for (n, w), s in zip(weights.items(), slopes, strict=True)}
        g = softplus(-functional_call(discriminator, weights, (samples,))).mean()
        torch_adams[0].zero_grad()
        g.backward()
        torch_adams[0].step()
        expected = [d.item(), g.item()]
        assert [losses[name].item() for name in ("d", "g")] == pytest.approx(expected, rel=1e-9)
        for mine, other in zip(ours, theirs, strict=True):
            assert_same_parameters(mine.layers, other, gradients=False)
