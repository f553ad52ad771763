"""Training steps of AC-GAN, InfoGAN, BiGAN and feature matching against PyTorch."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from models.gan import MLP, MLPDiscriminator, MLPGenerator
from models.zoo.bigan import BiGAN
from models.zoo.heads import ACGAN, InfoGAN
from models.zoo.improved import FeatureMatching
from tests.parity.beside import assert_same_parameters, give_noise, twins

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn, tF = torch.nn, torch.nn.functional
SHAPE, PIXELS, HIDDEN, NOISE, CLASSES, N, STEPS = (1, 3, 3), 9, 6, 2, 3, 4, 3


def layers(a: int, b: int, activation=lambda: tnn.LeakyReLU(0.2)) -> tnn.Sequential:
    return tnn.Sequential(tnn.Linear(a, HIDDEN), activation(), tnn.Linear(HIDDEN, b))


def split_optimizer(optimizer, *modules):
    """The parameters of several modules by the optimizer of the first."""
    for module in modules:
        optimizer.add_param_group({"params": list(module.parameters())})
    return optimizer


def compare(losses, expected, ours, theirs):
    assert [losses[name].item() for name in expected] == pytest.approx(
        [value.item() for value in expected.values()], rel=1e-9
    )
    for mine, other in zip(ours, theirs, strict=True):
        assert_same_parameters(mine, other, gradients=False)


def step(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def test_ac_gan(monkeypatch):
    g, d = MLPGenerator(NOISE, (HIDDEN,), SHAPE, CLASSES), MLPDiscriminator(SHAPE, (HIDDEN,))
    ours = g.layers, d.layers, g.embedding, nn.Linear(HIDDEN, CLASSES)
    theirs = (
        layers(NOISE + CLASSES, PIXELS, tnn.ReLU), layers(PIXELS, 1),
        tnn.Embedding(CLASSES, CLASSES), tnn.Linear(HIDDEN, CLASSES),
    )  # fmt: skip
    adams, torch_adams = twins(ours, theirs)
    for optimizers, parts in ((adams, ours), (torch_adams, theirs)):
        split_optimizer(optimizers[0], parts[2])
        split_optimizer(optimizers[1], parts[3])
    gan = ACGAN(g, d, *adams[:2], head=ours[3], noise=NOISE)
    net, body, embedding, head = theirs
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x, noise = rng.uniform(-1, 1, (N, *SHAPE)), rng.standard_normal((N, NOISE))
        labels = rng.integers(0, CLASSES, N)
        give_noise(monkeypatch, noise)
        losses = gan.train_step(mg.tensor(x), mg.tensor(labels))
        x, z, y = torch.tensor(x).flatten(1), torch.tensor(noise), torch.tensor(labels)
        made = lambda z=z, y=y: net(torch.cat([z, embedding(y)], 1)).tanh()

        def judged(v):
            h = body[:-1](v)
            return body[-1](h)[:, 0], head(h)

        (real, of_data), (fake, of_samples) = judged(x), judged(made().detach())
        loss = tF.softplus(-real).mean() + tF.softplus(fake).mean()
        loss = loss + tF.cross_entropy(of_data, y) + tF.cross_entropy(of_samples, y)
        step(torch_adams[1], loss)
        scores, logits = judged(made())
        g_loss = tF.softplus(-scores).mean() + tF.cross_entropy(logits, y)
        step(torch_adams[0], g_loss)
        compare(losses, {"d": loss, "g": g_loss}, ours, theirs)


def test_infogan(monkeypatch):
    code = CLASSES + 1
    g, d = MLPGenerator(code + NOISE, (HIDDEN,), SHAPE), MLPDiscriminator(SHAPE, (HIDDEN,))
    ours = g.layers, d.layers, nn.Linear(HIDDEN, code)
    theirs = (
        layers(code + NOISE, PIXELS, tnn.ReLU), layers(PIXELS, 1), tnn.Linear(HIDDEN, code)
    )  # fmt: skip
    adams, torch_adams = twins(ours, theirs)
    for optimizers, parts in ((adams, ours), (torch_adams, theirs)):
        split_optimizer(optimizers[0], parts[2])
    how = {"categories": CLASSES, "continuous": 1, "info": 0.7, "noise": code + NOISE}
    gan = InfoGAN(g, d, *adams[:2], q=ours[2], **how)
    net, body, q = theirs
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x = rng.uniform(-1, 1, (N, *SHAPE))
        kinds = rng.integers(0, CLASSES, N)
        z = np.concatenate(
            [np.eye(CLASSES)[kinds], rng.uniform(-1, 1, (N, 1)), rng.standard_normal((N, NOISE))], 1
        )
        monkeypatch.setattr(gan, "draw_noise", lambda n, z=z: mg.tensor(z))
        losses = gan.train_step(mg.tensor(x))
        x, z = torch.tensor(x).flatten(1), torch.tensor(z)
        loss = tF.softplus(-body(x)).mean() + tF.softplus(body(net(z).tanh().detach())).mean()
        step(torch_adams[1], loss)
        h = body[:-1](net(z).tanh())
        read = q(h)
        info = tF.cross_entropy(read[:, :CLASSES], torch.tensor(kinds))
        info = info + 0.5 * (read[:, CLASSES] - z[:, CLASSES]).square().mean()
        g_loss = tF.softplus(-body[-1](h)).mean() + 0.7 * info
        step(torch_adams[0], g_loss)
        compare(losses, {"d": loss, "g": g_loss}, ours, theirs)


def test_bigan(monkeypatch):
    g, d = MLPGenerator(NOISE, (HIDDEN,), SHAPE), MLPDiscriminator((PIXELS + NOISE,), (HIDDEN,))
    encoder = MLP([PIXELS, HIDDEN, NOISE], lambda: nn.LeakyReLU(0.2))
    ours = g.layers, d.layers, encoder.layers
    theirs = (
        layers(NOISE, PIXELS, tnn.ReLU), layers(PIXELS + NOISE, 1), layers(PIXELS, NOISE)
    )  # fmt: skip
    adams, torch_adams = twins(ours, theirs)
    for optimizers, parts in ((adams, ours), (torch_adams, theirs)):
        split_optimizer(optimizers[0], parts[2])
    gan = BiGAN(g, d, *adams[:2], encoder=encoder, noise=NOISE)
    net, judge, encode = theirs
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x, noise = rng.uniform(-1, 1, (N, *SHAPE)), rng.standard_normal((N, NOISE))
        give_noise(monkeypatch, noise)
        losses = gan.train_step(mg.tensor(x))
        x, z = torch.tensor(x).flatten(1), torch.tensor(noise)
        scores = lambda x=x, z=z: (
            judge(torch.cat([x, encode(x)], 1)), judge(torch.cat([net(z).tanh(), z], 1))
        )  # fmt: skip
        real, fake = scores()
        loss = tF.softplus(-real).mean() + tF.softplus(fake).mean()
        step(torch_adams[1], loss)
        real, fake = scores()
        g_loss = tF.softplus(real).mean() + tF.softplus(-fake).mean()
        step(torch_adams[0], g_loss)
        compare(losses, {"d": loss, "g": g_loss}, ours, theirs)


def test_feature_matching(monkeypatch):
    g, d = MLPGenerator(NOISE, (HIDDEN,), (2,)), MLPDiscriminator((2,), (HIDDEN,))
    ours, theirs = (g.layers, d.layers), (layers(NOISE, 2, tnn.ReLU), layers(2, 1))
    adams, torch_adams = twins(ours, theirs)
    gan = FeatureMatching(g, d, *adams, noise=NOISE)
    net, judge = theirs
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x, noise = rng.standard_normal((N, 2)), rng.standard_normal((N, NOISE))
        give_noise(monkeypatch, noise)
        losses = gan.train_step(mg.tensor(x))
        x, z = torch.tensor(x), torch.tensor(noise)
        loss = tF.softplus(-judge(x)).mean() + tF.softplus(judge(net(z).detach())).mean()
        step(torch_adams[1], loss)
        g_loss = (judge[:-1](net(z)).mean(0) - judge[:-1](x).mean(0)).square().sum()
        step(torch_adams[0], g_loss)
        compare(losses, {"d": loss, "g": g_loss}, ours, theirs)
