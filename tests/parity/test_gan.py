"""Whole GAN steps against PyTorch, from equal weights, noise and data, for every objective."""

from itertools import pairwise

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from models import penalties
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.objectives import named

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn, tF = torch.nn, torch.nn.functional
NOISE, K, N, STEPS = 3, 2, 5, 3

RULES = {
    "minimax": {"objective": "minimax"},
    "non-saturating": {"objective": "non-saturating"},
    "smoothed": {"objective": "non-saturating", "label_smoothing": 0.1},
    "lsgan": {"objective": "lsgan"},
    "wgan": {"objective": "wgan", "clip": 0.05},
    "wgan-gp": {"objective": "wgan", "gp": 10.0},
    "r1": {"objective": "non-saturating", "r1": 2.0},
    "hinge": {"objective": "hinge"},
}


def mlp(framework, *sizes, activation):
    layers = []
    for a, b in pairwise(sizes):
        layers += [activation(), framework.Linear(a, b)]
    return framework.Sequential(*layers[1:])


def mlps(framework, norm=True):
    if framework is nn:
        generator = MLPGenerator(NOISE, (8, 8), (2,))
        discriminator = MLPDiscriminator((2,), (8, 8))
        return generator.layers, discriminator.layers, (2,)
    leaky = lambda: tnn.LeakyReLU(0.2)
    return (
        mlp(tnn, NOISE, 8, 8, 2, activation=tnn.ReLU),
        mlp(tnn, 2, 8, 8, 1, activation=leaky),
        (2,),
    )


def convs(framework, norm=True):
    """A small DCGAN: batch normalization, but neither at G's output nor at D's input; with WGAN-GP
    not in D at all (section 4 of that paper)."""
    generator = framework.Sequential(
        framework.Unflatten(1, (NOISE, 1, 1)),
        framework.ConvTranspose2d(NOISE, 8, 4, 1, 0, bias=False),
        framework.BatchNorm2d(8), framework.ReLU(),
        framework.ConvTranspose2d(8, 2, 4, 2, 1), framework.Tanh(),
    )  # fmt: skip
    discriminator = framework.Sequential(
        framework.Conv2d(2, 4, 4, 2, 1), framework.LeakyReLU(0.2),
        framework.Conv2d(4, 8, 4, 2, 1, bias=False),
        framework.BatchNorm2d(8) if norm else framework.Identity(), framework.LeakyReLU(0.2),
        framework.Conv2d(8, 1, 2, 1, 0), framework.Flatten(),
    )  # fmt: skip
    return generator, discriminator, (2, 8, 8)


def torch_losses(a, name, smoothing=0.0):
    """The discriminator's loss on data, on samples, and the generator's: of scores a, averaged."""
    ones, zeros = torch.ones_like(a), torch.zeros_like(a)
    bce, mse = tF.binary_cross_entropy_with_logits, tF.mse_loss
    return {
        "minimax": lambda: (bce(a, ones - smoothing), bce(a, zeros), -bce(a, zeros)),
        "non-saturating": lambda: (bce(a, ones - smoothing), bce(a, zeros), bce(a, ones)),
        "lsgan": lambda: (mse(a, ones) / 2, mse(a, zeros) / 2, mse(a, ones) / 2),
        "wgan": lambda: (-a.mean(), a.mean(), -a.mean()),
        "hinge": lambda: (tF.relu(1 - a).mean(), tF.relu(1 + a).mean(), -a.mean()),
    }[name]()


def torch_step(networks, optimizers, x, noise, shares, rules):
    """Algorithm 1 as it is written in PyTorch."""
    (generator, discriminator), (g_optimizer, d_optimizer) = networks, optimizers
    name, smoothing = rules["objective"], rules.get("label_smoothing", 0.0)
    for i, batch in enumerate(x.chunk(K)):
        fake = generator(noise[i]).detach()
        batch = batch.clone().requires_grad_()
        scores = discriminator(batch)
        loss = torch_losses(scores, name, smoothing)[0]
        loss = loss + torch_losses(discriminator(fake), name)[1]
        if "r1" in rules:
            (slope,) = torch.autograd.grad(scores.sum(), batch, create_graph=True)
            loss = loss + rules["r1"] / 2 * slope.pow(2).flatten(1).sum(1).mean()
        if "gp" in rules:
            share = shares[i]
            between = (share * batch + (1 - share) * fake).detach().requires_grad_()
            (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
            loss = loss + rules["gp"] * (slope.flatten(1).norm(2, dim=1) - 1).pow(2).mean()
        d_optimizer.zero_grad()
        loss.backward()
        d_optimizer.step()
        if "clip" in rules:
            for parameter in discriminator.parameters():
                parameter.data.clamp_(-rules["clip"], rules["clip"])
    g_loss = torch_losses(discriminator(generator(noise[K])), name)[2]
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    return loss.item(), g_loss.item()


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize("networks", [mlps, convs])
def test_whole_steps_are_pytorchs(networks, rules, monkeypatch):
    """Losses, and every parameter after each step; in the generator's step, its gradients."""
    norm = "gp" not in rules
    generator, discriminator, shape = networks(nn, norm)
    ours = [generator.double(), discriminator.double()]
    theirs = [module.double() for module in networks(tnn, norm)[:2]]
    for mine, other in zip(ours, theirs, strict=True):
        other.load_state_dict({n: torch.tensor(t.numpy()) for n, t in mine.state_dict().items()})
    how = {"lr": 1e-2, "betas": (0.5, 0.999)}
    adams = [optim.Adam(m.parameters(), **how) for m in ours]
    gan = GAN(*ours, *adams, named(**rules), noise=NOISE, k=K)
    optimizers = [torch.optim.Adam(m.parameters(), **how) for m in theirs]
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x = rng.standard_normal((K * N, *shape))
        noise = rng.standard_normal((K + 1, N, NOISE))
        shares = rng.random((K, N, *[1] * len(shape)))
        draws, share_draws = iter(noise), iter(shares)
        monkeypatch.setattr(gan, "draw_noise", lambda n, draws=draws: mg.tensor(next(draws)))
        monkeypatch.setattr(
            penalties.mg, "rand", lambda *_, d=share_draws, **__: mg.tensor(next(d))
        )
        losses = gan.train_step(mg.tensor(x))
        arrays = [torch.tensor(array) for array in (x, noise, shares)]
        d_loss, g_loss = torch_step(theirs, optimizers, *arrays, rules)
        assert losses["d"].item() == pytest.approx(d_loss, rel=1e-8)
        assert losses["g"].item() == pytest.approx(g_loss, rel=1e-8)
        for p, q in zip(generator.parameters(), theirs[0].parameters(), strict=True):
            assert np.allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-7, atol=1e-12)
        for mine, other in zip(ours, theirs, strict=True):
            for name, value in other.named_parameters():
                got = dict(mine.named_parameters())[name].numpy(force=True)
                # Adam divides by the root of squares: tiny gradients make large differences.
                assert np.allclose(got, value.detach().numpy(), rtol=1e-6, atol=1e-7), name


def test_the_discriminators_running_statistics_are_pytorchs():
    """Of data, then of samples, and of nothing in the generator's step.

    (PyTorch's own loop updates them in the generator's step as well, which this one leaves out.)
    """
    _, ours, shape = convs(nn)
    _, theirs, _ = convs(tnn)
    theirs.load_state_dict({n: torch.tensor(t.numpy()) for n, t in ours.state_dict().items()})
    generator = convs(nn)[0]
    gan = GAN(
        generator, ours, optim.SGD(generator.parameters()), optim.SGD(ours.parameters()),
        noise=NOISE,
    )  # fmt: skip
    x = np.random.default_rng(0).standard_normal((N, *shape)).astype(np.float32)
    samples = {}
    forward = generator.forward
    generator.forward = lambda z: samples.setdefault(len(samples), forward(z))
    gan.train_step(mg.tensor(x))
    theirs(torch.tensor(x))
    theirs(torch.tensor(samples[0].numpy(force=True)))
    for name, value in theirs.named_buffers():
        got = dict(ours.named_buffers())[name].numpy()
        assert np.allclose(got, value.numpy(), rtol=1e-5), name
