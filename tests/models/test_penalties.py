"""Penalties of a critic's slope: closed forms, and gradients of gradients."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.tools.gradcheck import gradcheck, gradgradcheck
from models.penalties import gradient_penalty, squared_slope
from tests.models.games import numeric_gradient, points


class SmoothCritic(nn.Sequential):
    """A critic without kinks, on which finite differences can be trusted."""

    def __init__(self):
        super().__init__(
            nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 4), nn.Softplus(), nn.Linear(4, 1)
        )
        self.double()


@pytest.mark.parametrize("kind", ["r1", "gp"])
def test_gradients_of_penalties_are_those_of_finite_differences(kind):
    critic = SmoothCritic()
    x, y = (mg.randn(5, 2, dtype=mg.float64) for _ in range(2))

    def penalty() -> mg.Tensor:
        mg.manual_seed(3)  # the same points between
        if kind == "gp":
            return gradient_penalty(critic, x, y)
        at = x.detach().requires_grad_()
        return squared_slope(critic(at), at)

    penalty().backward()
    for parameter in list(critic.parameters())[:-1]:
        slope = numeric_gradient(lambda: penalty().item(), parameter)
        assert np.allclose(parameter.grad.numpy(), slope, rtol=1e-5, atol=1e-8)
        assert np.abs(slope).max() > 1e-4
    assert list(critic.parameters())[-1].grad is None  # a slope does not depend on the last bias


def test_penalties_have_the_closed_forms_of_a_linear_critic():
    critic = nn.Linear(2, 1)
    with mg.no_grad():
        critic.weight.copy_([[3.0, 4.0]])
    x = mg.randn(5, 2).requires_grad_()
    assert squared_slope(critic(x), x).item() == pytest.approx(25, rel=1e-6)
    assert gradient_penalty(critic, x, mg.randn(5, 2)).item() == pytest.approx(16, rel=1e-6)


def test_the_gradient_penalty_of_a_flat_critic_is_one_and_has_a_gradient():
    critic = nn.Linear(2, 1)
    with mg.no_grad():
        critic.weight.zero_()
    penalty = gradient_penalty(critic, points(), points())
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(critic.weight.grad.numpy()).all()


def test_the_gradient_penalty_looks_between_data_and_samples():
    seen = []

    def critic(x):
        seen.append(x.numpy(force=True))
        return x.square().sum(1)

    real, fake = mg.zeros(1000, 2), mg.ones(1000, 2)
    gradient_penalty(critic, real, fake)
    (between,) = seen
    assert np.array_equal(between[:, 0], between[:, 1])  # one number per sample
    assert between.min() >= 0 and between.max() <= 1
    assert between.mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("penalty", ["r1", "gp"])
def test_penalties_pass_gradgradcheck(penalty):
    critic = SmoothCritic()
    x = mg.randn(3, 2, dtype=mg.float64).requires_grad_()
    y = mg.randn(3, 2, dtype=mg.float64)

    def function(*weights):
        def score(at):
            a, b, c, d, e, f = weights
            return (((at @ a.T + b).tanh() @ c.T + d).sigmoid() @ e.T + f).squeeze(1)

        mg.manual_seed(3)
        with mg.enable_grad():  # numeric derivatives evaluate it without a tape; it needs one
            return squared_slope(score(x), x) if penalty == "r1" else gradient_penalty(score, x, y)

    assert gradcheck(function, list(critic.parameters()), fast_mode=True)
    assert gradgradcheck(function, list(critic.parameters()), fast_mode=True)
