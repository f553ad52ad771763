"""How a game stands, where the best discriminator and all gradients are known."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from models.gan import GAN
from models.measures.distances import Normal, jensen_shannon
from models.measures.game import against_best, gradients, slope

X = np.linspace(-12, 12, 4001)
P, Q = Normal(-1, 1).density(X), Normal(1.5, 2).density(X)


def test_the_best_discriminator_has_no_error_and_the_best_value():
    found = against_best(np.log(P / Q), P, Q, X)
    np.testing.assert_allclose(found.best, P / (P + Q))
    np.testing.assert_allclose(found.d, found.best)
    assert found.error == pytest.approx(0, abs=1e-12)
    assert found.best_value == pytest.approx(-math.log(4) + 2 * jensen_shannon(P, Q, X))
    assert found.value == pytest.approx(found.best_value, abs=1e-6)


def test_a_discriminator_that_knows_nothing():
    found = against_best(np.zeros_like(X), P, Q, X)
    assert found.value == pytest.approx(-math.log(4), abs=1e-6)
    assert (found.d == 0.5).all()
    # Its error is the largest at an end of where 99.9 % of the points are.
    share = np.cumsum(P + Q) / (P + Q).sum()
    ends = np.searchsorted(share, [0.0005, 0.9995])
    at_ends = np.abs(0.5 - found.best[[ends[0], ends[1] - 1]])
    within = np.abs(0.5 - found.best[ends[0] : ends[1]]).max()
    assert found.error == pytest.approx(within, rel=1e-3)
    assert np.abs(np.flatnonzero(found.common)[[0, -1]] - ends).max() <= 2
    assert found.error >= at_ends.max() - 1e-3


def test_errors_where_hardly_any_points_are_do_not_count():
    shares = np.cumsum((P + Q) / 2) * (X[1] - X[0])
    for far in (shares < 0.0004, shares > 0.9996):
        scores = np.where(far, 5, np.log(P / Q))
        assert against_best(scores, P, Q, X).error < 1e-12
    for near in ((shares > 0.0005) & (shares < 0.001), (shares > 0.999) & (shares < 0.9995)):
        scores = np.where(near, 5, np.log(P / Q))
        assert against_best(scores, P, Q, X).error > 0.01


def test_gradients_of_a_game_on_the_line():
    generator, discriminator = (nn.Linear(1, 1, dtype=mg.float64) for _ in range(2))
    w, b, a = 0.7, -0.2, 1.5
    with mg.no_grad():
        for layer, weight, bias in ((generator, w, b), (discriminator, a, 0.3)):
            layer.weight.copy_(mg.tensor([[weight]]))
            layer.bias.copy_(mg.tensor([bias]))
    players = (optim.SGD(net.parameters(), 0.1) for net in (generator, discriminator))
    gan = GAN(generator, discriminator, *players, noise=1)
    z = np.array([-1.0, 0.5, 2.0])
    d = 1 / (1 + np.exp(-(a * (w * z + b) + 0.3)))
    # Of -softplus(s) the slope in the score s is -D, of softplus(-s) it is D - 1.
    norms = [math.hypot((slopes * a * z).mean(), (slopes * a).mean()) for slopes in (-d, d - 1)]
    found = gradients(gan, mg.tensor(z[:, None]))
    assert found == pytest.approx(
        {
            "D(G(z))": d.mean(),
            "minimax": norms[0],
            "non-saturating": norms[1],
            "ratio": norms[1] / norms[0],
        }
    )


def test_a_gradient_that_is_gone_has_an_infinite_ratio():
    class Sure(nn.Module):
        """Takes all for samples, more surely than float32 can tell."""

        def forward(self, x):
            return x[:, 0] - 1000

    generator = nn.Linear(1, 1)
    player = optim.SGD(generator.parameters(), 0.1)
    found = gradients(GAN(generator, Sure(), player, player, noise=1), mg.ones(3, 1))
    assert found["minimax"] == 0 and found["ratio"] == math.inf
    assert found["non-saturating"] == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("d", [0.01, 0.5, 0.9])
def test_slopes(d):
    a = math.log(d / (1 - d))
    expected = {"minimax": -d, "non-saturating": d - 1, "lsgan": a - 1, "wgan": -1}
    assert {name: slope(name, d) for name in expected} == pytest.approx(expected)
