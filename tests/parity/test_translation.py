"""Training steps of pix2pix, CycleGAN and GAN-CLS against PyTorch, from equal weights and noise."""

import numpy as np
import pytest

import minigrad as mg
from models.cyclegan import cyclegan
from models.pix2pix import pix2pix
from models.text_to_image import text_gan
from tests.parity.beside import assert_same_parameters

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn, F = torch.nn, torch.nn.functional
STEPS, N = 3, 2


def leaky():
    return tnn.LeakyReLU(0.2)


class UNet(tnn.Module):
    def __init__(self, inputs, outputs, w):
        super().__init__()
        up = lambda a, b, bias=False: tnn.ConvTranspose2d(a, b, 4, 2, 1, bias=bias)
        down = lambda a, b, bias=False: tnn.Conv2d(a, b, 4, 2, 1, bias=bias)
        norm = tnn.InstanceNorm2d
        self.down = tnn.ModuleList(
            [
                down(inputs, w, True),
                tnn.Sequential(leaky(), down(w, 2 * w), norm(2 * w)),
                tnn.Sequential(leaky(), down(2 * w, 4 * w, True)),
            ]
        )
        self.up = tnn.ModuleList(
            [
                tnn.Sequential(tnn.ReLU(), up(4 * w, 2 * w), norm(2 * w)),
                tnn.Sequential(tnn.ReLU(), up(4 * w, w), norm(w)),
                tnn.Sequential(tnn.ReLU(), up(2 * w, outputs, True)),
            ]
        )

    def forward(self, x):
        a = self.down[0](x)
        b = self.down[1](a)
        h = self.up[0](self.down[2](b))
        h = self.up[1](torch.cat([h, b], 1))
        return torch.tanh(self.up[2](torch.cat([h, a], 1)))


class Patches(tnn.Module):
    def __init__(self, channels, w):
        super().__init__()
        self.layers = tnn.Sequential(
            tnn.Conv2d(channels, w, 4, 2, 1), leaky(),
            tnn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), tnn.InstanceNorm2d(2 * w), leaky(),
            tnn.Conv2d(2 * w, 4 * w, 3, 1, 1, bias=False), tnn.InstanceNorm2d(4 * w), leaky(),
            tnn.Conv2d(4 * w, 1, 3, 1, 1),
        )  # fmt: skip

    def forward(self, *images):
        return self.layers(torch.cat(images, 1))


class Resnet(tnn.Module):
    class Block(tnn.Module):
        def __init__(self, w):
            super().__init__()
            part = lambda: [
                tnn.ReflectionPad2d(1),
                tnn.Conv2d(w, w, 3, bias=False),
                tnn.InstanceNorm2d(w),
            ]
            self.layers = tnn.Sequential(*part(), tnn.ReLU(), *part())

        def forward(self, x):
            return x + self.layers(x)

    def __init__(self, inputs, outputs, w):
        super().__init__()
        norm = tnn.InstanceNorm2d
        self.layers = tnn.Sequential(
            tnn.ReflectionPad2d(1), tnn.Conv2d(inputs, w, 3, bias=False), norm(w), tnn.ReLU(),
            tnn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), norm(2 * w), tnn.ReLU(),
            self.Block(2 * w),
            tnn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), norm(w), tnn.ReLU(),
            tnn.ReflectionPad2d(1), tnn.Conv2d(w, outputs, 3), tnn.Tanh(),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


class Encoder(tnn.Module):
    def __init__(self, vocabulary, code):
        super().__init__()
        self.embedding = tnn.Embedding(vocabulary, code, padding_idx=0)
        self.layer = tnn.Linear(code, code)

    def forward(self, words):
        return self.layer(self.embedding(words).sum(1))


class Generator(tnn.Module):
    def __init__(self, noise, vocabulary, w, code):
        super().__init__()
        self.encoder, self.draw = Encoder(vocabulary, code), tnn.Module()
        n = noise + code
        up = lambda a, b, kernel, bias=False: tnn.ConvTranspose2d(a, b, kernel, 2, 1, bias=bias)
        self.draw.layers = tnn.Sequential(
            tnn.Unflatten(1, (n, 1, 1)), tnn.ConvTranspose2d(n, 4 * w, 4, bias=False),
            tnn.BatchNorm2d(4 * w), tnn.ReLU(), up(4 * w, 2 * w, 3),
            tnn.BatchNorm2d(2 * w), tnn.ReLU(), up(2 * w, w, 4),
            tnn.BatchNorm2d(w), tnn.ReLU(), up(w, 3, 4, True), tnn.Tanh(),
        )  # fmt: skip

    def forward(self, z, words):
        return self.draw.layers(torch.cat([z, self.encoder(words)], 1))


class Discriminator(tnn.Module):
    def __init__(self, vocabulary, w, code):
        super().__init__()
        down = lambda a, b, kernel, bias=False: tnn.Conv2d(a, b, kernel, 2, 1, bias=bias)
        self.features = tnn.Sequential(
            down(3, w, 4, True), leaky(),
            down(w, 2 * w, 4), tnn.BatchNorm2d(2 * w), leaky(),
            down(2 * w, 4 * w, 3), tnn.BatchNorm2d(4 * w), leaky(),
            tnn.Flatten(), tnn.Linear(64 * w, 128), leaky(),
        )  # fmt: skip
        self.alone, self.projection = tnn.Linear(128, 1), tnn.Linear(code, 128, bias=False)
        self.encoder = Encoder(vocabulary, code)

    def score(self, h, words):
        return self.alone(h).squeeze(1) + (self.projection(self.encoder(words)) * h).sum(1)


def copied(mine, theirs):
    """PyTorch's network with the same weights; the names are the same too."""
    theirs.double().load_state_dict(
        {k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()}
    )
    return theirs


def bce(scores, label):
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))


def square(scores, label):
    return F.mse_loss(scores, torch.full_like(scores, label))


def step(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def numbers(rng, *shape):
    drawn = rng.uniform(-1, 1, shape)
    return mg.tensor(drawn), torch.tensor(drawn)


def adam(*networks, lr):
    return torch.optim.Adam([p for n in networks for p in n.parameters()], lr, (0.5, 0.999))


def test_pix2pix():
    model = pix2pix(1, 3, width=2, patch_width=2, dropout=0.0)
    g, d = model.generator.double(), model.discriminator.double()
    tg, td = copied(g, UNet(1, 3, 2)), copied(d, Patches(4, 2))
    g_adam, d_adam = adam(tg, lr=5e-4), adam(td, lr=5e-4)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        (x, tx), (y, ty) = numbers(rng, N, 1, 8, 8), numbers(rng, N, 3, 8, 8)
        losses = model.train_step(x, y)
        made = tg(tx)
        loss_d = (bce(td(ty, tx), 1.0) + bce(td(made.detach(), tx), 0.0)) / 2
        assert losses["d"].item() / 2 == pytest.approx(step(d_adam, loss_d), rel=1e-9)
        l1, game = F.l1_loss(made, ty), bce(td(made, tx), 1.0)
        step(g_adam, game + 100 * l1)
        got = [losses[name].item() for name in ("l1", "g")]
        assert got == pytest.approx([l1.item(), game.item()], rel=1e-9)
        assert_same_parameters(g, tg, gradients=True)
        assert_same_parameters(d, td, gradients=False)


def test_cyclegan():
    model = cyclegan(3, 1, width=2, blocks=1, patch_width=2)
    mine = [n.double() for n in (model.forth, model.back, model.d_x, model.d_y)]
    theirs = (Resnet(3, 1, 2), Resnet(1, 3, 2), Patches(3, 2), Patches(1, 2))
    forth, back, d_x, d_y = (copied(a, b) for a, b in zip(mine, theirs, strict=True))
    g_adam, d_adam = adam(forth, back, lr=4e-4), adam(d_x, d_y, lr=4e-4)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        (x, tx), (y, ty) = numbers(rng, N, 3, 8, 8), numbers(rng, N, 1, 8, 8)
        losses = model.train_step(x, y)
        made_y, made_x = forth(tx), back(ty)
        game = square(d_x(made_x), 1.0) + square(d_y(made_y), 1.0)
        cycle = F.l1_loss(back(made_y), tx) + F.l1_loss(forth(made_x), ty)
        step(g_adam, game + 10 * cycle)
        loss_d = 0.0
        for d, data, made in ((d_x, tx, made_x), (d_y, ty, made_y)):
            loss_d = loss_d + (square(d(data), 1.0) + square(d(made.detach()), 0.0)) / 2
        expected = [game.item(), cycle.item(), step(d_adam, loss_d)]
        got = [losses[name].item() for name in ("g", "cycle", "d")]
        assert got == pytest.approx(expected, rel=1e-9)
        for a, b in zip(mine, (forth, back, d_x, d_y), strict=True):
            assert_same_parameters(a, b, gradients=False)


def test_gan_cls(monkeypatch):
    vocabulary, noise, w, code = 9, 3, 2, 4
    model = text_gan((3, 28, 28), vocabulary, noise=noise, width=w, code=code, ema=0.0)
    g, d = model.generator.double(), model.discriminator.double()
    tg = copied(g, Generator(noise, vocabulary, w, code))
    td = copied(d, Discriminator(vocabulary, w, code))
    g_adam, d_adam = adam(tg, lr=5e-4), adam(td, lr=1e-3)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x, tx = numbers(rng, 4, 3, 28, 28)
        words = rng.integers(0, vocabulary, (2, 4, 5))
        draws = [numbers(rng, 4, noise) for _ in range(2)]
        coming = iter([z for z, _ in draws])
        monkeypatch.setattr(model, "draw_noise", lambda n, coming=coming: next(coming))
        right, wrong = (torch.tensor(w) for w in words)
        losses = model.train_step(x, *map(mg.tensor, words))
        h = td.features(tx)
        real, refused = td.score(h, right), td.score(h, wrong)
        with torch.no_grad():
            made = tg(draws[0][1], right)
        fake = td.score(td.features(made), right)
        loss_d = bce(real, 1.0) + (bce(refused, 0.0) + bce(fake, 0.0)) / 2
        assert losses["d"].item() == pytest.approx(step(d_adam, loss_d), rel=1e-8)
        loss_g = bce(td.score(td.features(tg(draws[1][1], right)), right), 1.0)
        assert losses["g"].item() == pytest.approx(step(g_adam, loss_g), rel=1e-8)
        assert_same_parameters(g, tg, gradients=False)
        assert_same_parameters(d, td, gradients=False)
