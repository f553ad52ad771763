"""Objectives of both players: slopes, values, and the generator's gradient through D."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from models.objectives import OBJECTIVES, named
from tests.models.games import (
    NOISE,
    game,
    mlps,
    numeric_gradient,
    points,
)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_generators_gradient_is_the_slope_of_its_objective_through_d(name):
    generator, discriminator = (m.double() for m in mlps((5,)))
    gan = game((generator, discriminator), objective=name)
    z = mg.randn(4, NOISE, dtype=mg.float64)
    gan.draw_noise = lambda n: z
    gan.g_optimizer.step = lambda: None
    gan.generator_step(4)

    def objective() -> float:
        a = discriminator(generator(z)).numpy(force=True)
        log_d, log_not_d = -np.logaddexp(0, -a), -np.logaddexp(0, a)
        values = {
            "minimax": log_not_d,
            "non-saturating": -log_d,
            "lsgan": (a - 1) ** 2 / 2,
            "wgan": -a,
            "hinge": -a,
        }
        return float(values[name].mean())

    for parameter in generator.parameters():
        slope = numeric_gradient(objective, parameter)
        assert np.allclose(parameter.grad.numpy(), slope, rtol=1e-5, atol=1e-8)


def test_backward_through_a_changed_discriminator_is_an_error():
    """Samples made once, and their scores used for both players: the second backward would go
    through weights that the discriminator's step has changed."""
    gan = game()
    samples = gan.generator(gan.draw_noise(4))
    scores = gan.discriminator(samples)
    loss = OBJECTIVES["non-saturating"].fake(gan.discriminator(samples.detach())).mean()
    loss.backward()
    gan.d_optimizer.step()
    with pytest.raises(RuntimeError, match="linear"):
        OBJECTIVES["non-saturating"].generator(scores).mean().backward()


@given(a=st.floats(-100, 100))
@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_slopes_of_the_generators_objectives(name, a):
    """d log(1 - D) / da = -D is flat where D(G(z)) is small; d -log D / da = -(1 - D) is not."""
    score = mg.tensor(a, dtype=mg.float64).requires_grad_()
    (slope,) = mg.grad(OBJECTIVES[name].generator(score), [score])
    d = 1 / (1 + math.exp(-a))
    expected = -d if name == "minimax" else -1 / (1 + math.exp(a))
    assert slope.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["minimax", "non-saturating", "lsgan"])
def test_label_smoothing_moves_the_best_score_of_data(name):
    """With label 0.9 the loss on data is least where D(x) = 0.9."""
    best = 0.9 if name == "lsgan" else math.log(0.9 / 0.1)
    a = mg.tensor(best, dtype=mg.float64).requires_grad_()
    smoothed = OBJECTIVES[name].smoothed
    (slope,) = mg.grad(smoothed(a, 0.1), [a])
    assert slope.item() == pytest.approx(0, abs=1e-12)
    plain = OBJECTIVES[name].real(a.detach()).item()
    assert smoothed(a.detach(), 0.0).item() == pytest.approx(plain)


def test_losses_at_a_discriminator_that_knows_nothing():
    """D = 1/2 everywhere: the value of the game is -log 4."""
    zero = mg.zeros(5)
    for name in ("minimax", "non-saturating"):
        objective = OBJECTIVES[name]
        d = objective.real(zero).mean() + objective.fake(zero).mean()
        assert d.item() == pytest.approx(math.log(4), rel=1e-6)


def test_hinge_has_no_slope_beyond_its_margins():
    a = mg.tensor([-3.0, -0.5, 0.5, 3.0]).requires_grad_()
    (real,) = mg.grad(OBJECTIVES["hinge"].real(a).sum(), [a])
    (fake,) = mg.grad(OBJECTIVES["hinge"].fake(a).sum(), [a])
    assert real.tolist() == [-1, -1, -1, 0]
    assert fake.tolist() == [0, 1, 1, 1]


def test_penalties_have_their_weights():
    """Half of R1's (Mescheder et al. 2018, equation 9), all of that of the difference quotient."""
    critic = nn.Linear(2, 1)
    with mg.no_grad():
        critic.weight.copy_([[3.0, 4.0]])
    x, samples = points(), points()
    of = lambda **rules: named(**rules).discriminator_loss(critic, x, samples)[0].item()
    plain = of(objective="wgan")
    assert of(objective="wgan", gp=3.0) - plain == pytest.approx(3 * (5 - 1) ** 2, rel=1e-4)
    assert of(objective="wgan", r1=3.0) - plain == pytest.approx(3 / 2 * 5**2, rel=1e-4)


def test_clipping_bounds_every_weight():
    gan = game(objective="wgan", clip=0.02, lr=1.0)
    gan.discriminator_step(points())
    weights = np.concatenate([p.numpy(force=True).ravel() for p in gan.discriminator.parameters()])
    assert np.abs(weights).max() == np.float32(0.02)


def test_label_smoothing_reaches_the_discriminators_loss():
    plain, smoothed = game(), game(label_smoothing=0.25)
    for module in (plain, smoothed):
        for p in module.discriminator.parameters():
            nn.init.constant_(p, 0.1)
        for p in module.generator.parameters():
            nn.init.constant_(p, 0.0)
    x = points()
    score = plain.discriminator(x).mean().item()
    losses = [gan.discriminator_step(x)[0].item() for gan in (plain, smoothed)]
    assert losses[1] - losses[0] == pytest.approx(0.25 * score, rel=1e-4)
