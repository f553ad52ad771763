"""Whole DCGAN steps against PyTorch, both players, from equal weights, noise and data."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from models.dcgan import DCGANDiscriminator, DCGANGenerator
from models.gan import GAN

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn, tF = torch.nn, torch.nn.functional
NOISE, WIDTH, N, SHAPE, LR = 5, 4, 3, (3, 32, 32), 2e-4


def torch_networks():
    """As the DCGAN of PyTorch's examples has them, at 32x32."""
    w = WIDTH
    generator = tnn.Sequential(
        tnn.Unflatten(1, (NOISE, 1, 1)),
        tnn.ConvTranspose2d(NOISE, 4 * w, 4, 1, 0, bias=False), tnn.BatchNorm2d(4 * w), tnn.ReLU(),
        tnn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False), tnn.BatchNorm2d(2 * w), tnn.ReLU(),
        tnn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), tnn.BatchNorm2d(w), tnn.ReLU(),
        tnn.ConvTranspose2d(w, 3, 4, 2, 1), tnn.Tanh(),
    )  # fmt: skip
    leaky = lambda: tnn.LeakyReLU(0.2)
    discriminator = tnn.Sequential(
        tnn.Conv2d(3, w, 4, 2, 1), leaky(),
        tnn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), tnn.BatchNorm2d(2 * w), leaky(),
        tnn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), tnn.BatchNorm2d(4 * w), leaky(),
        tnn.Flatten(), tnn.Linear(4 * w * 16, 1), tnn.Flatten(0),
    )  # fmt: skip
    return generator, discriminator


def load(theirs, ours):
    """Gives PyTorch's layers the values of ours, which are in the same order."""
    values = [torch.tensor(tensor.numpy()) for tensor in ours.state_dict().values()]
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))


def torch_step(networks, optimizers, x, noise):
    """Algorithm 1 with k = 1 and the objective -log D, as it is written in PyTorch."""
    (generator, discriminator), (g_optimizer, d_optimizer) = networks, optimizers
    bce = tF.binary_cross_entropy_with_logits
    ones, zeros = torch.ones(N, dtype=x.dtype), torch.zeros(N, dtype=x.dtype)
    d_loss = bce(discriminator(x), ones)
    d_loss = d_loss + bce(discriminator(generator(noise[0]).detach()), zeros)
    d_optimizer.zero_grad()
    d_loss.backward()
    d_gradients = [p.grad.clone() for p in discriminator.parameters()]
    d_optimizer.step()
    g_loss = bce(discriminator(generator(noise[1])), ones)
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item(), d_gradients


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-8), (np.float32, 2e-3)])
def test_whole_steps_are_pytorchs(dtype, rtol, monkeypatch):
    generator, discriminator = DCGANGenerator(NOISE, SHAPE, WIDTH), DCGANDiscriminator(SHAPE, WIDTH)
    ours, theirs = [generator, discriminator], list(torch_networks())
    if dtype == np.float64:
        ours, theirs = [m.double() for m in ours], [m.double() for m in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        load(other, mine)
    how = {"lr": LR, "betas": (0.5, 0.999)}
    gan = GAN(*ours, *(optim.Adam(m.parameters(), **how) for m in ours), noise=NOISE)
    optimizers = [torch.optim.Adam(m.parameters(), **how) for m in theirs]
    rng = np.random.default_rng(0)
    steps = 3 if dtype == np.float64 else 1  # in float32 the steps' differences would add up
    for _ in range(steps):
        x = rng.uniform(-1, 1, (N, *SHAPE)).astype(dtype)
        noise = rng.standard_normal((2, N, NOISE)).astype(dtype)
        draws = iter(noise)
        monkeypatch.setattr(gan, "draw_noise", lambda n, draws=draws: mg.tensor(next(draws)))
        losses = gan.train_step(mg.tensor(x))
        d_loss, g_loss, d_gradients = torch_step(
            theirs, optimizers, torch.tensor(x), torch.tensor(noise)
        )
        assert losses["d"].item() == pytest.approx(d_loss, rel=rtol)
        assert losses["g"].item() == pytest.approx(g_loss, rel=rtol)
        g_gradients = [p.grad for p in theirs[0].parameters()]
        for mine, gradients in zip(ours, (g_gradients, d_gradients), strict=True):
            for p, gradient in zip(mine.parameters(), gradients, strict=True):
                expected = gradient.numpy()
                scale = np.abs(expected).max()
                assert np.allclose(p.grad.numpy(), expected, rtol=rtol, atol=rtol * scale)
        for mine, other in zip(ours, theirs, strict=True):
            for p, q in zip(mine.parameters(), other.parameters(), strict=True):
                # Adam divides by the root of squares: where a gradient is about 0, its sign decides
                # between a step up and one down.
                wrong = np.abs(p.numpy(force=True) - q.detach().numpy()) > LR * 1e-2
                assert wrong.mean() <= (0 if dtype == np.float64 else 0.01)
