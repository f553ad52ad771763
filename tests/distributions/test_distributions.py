"""Distributions: densities that integrate to 1, closed forms beside samples, gradients."""

import math
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    Normal,
    kl_divergence,
    register_kl,
)
from tests.devices import Device

F64 = np.float64


def tensor(*values: float, **how: Any) -> mg.Tensor:
    return mg.tensor(np.array(values), **how)


def normal() -> Normal:
    return Normal(tensor(0.5, -2.0, 0.0), tensor(2.0, 0.25, 1.0))


def bernoulli() -> Bernoulli:
    return Bernoulli(logits=tensor(-2.0, 0.0, 1.5))


def categorical() -> Categorical:
    return Categorical(probs=mg.tensor(np.array([[1.0, 2.0, 1.0], [0.0, 1.0, 9.0]])))


ALL = {"normal": normal, "bernoulli": bernoulli, "categorical": categorical}
SHIFTED = {
    "normal": lambda: Normal(tensor(0.0, -2.0, 3.0), tensor(1.0, 0.5, 2.0)),
    "bernoulli": lambda: Bernoulli(tensor(0.5, 0.9, 0.1)),
    "categorical": lambda: Categorical(logits=mg.tensor(np.array([[0.0, 1, 2], [0.5, 0, 1]]))),
}


def check_mean(samples: mg.Tensor, expected: mg.Tensor) -> None:
    """That the mean over the first axis is what it should be, within 5 standard errors."""
    values = samples.numpy(force=True)
    error = values.std(0) / math.sqrt(len(values))
    assert (np.abs(values.mean(0) - expected.numpy(force=True)) <= 5 * error + 1e-12).all()


# ---- probabilities -------------------------------------------------------------------------------


def test_a_density_integrates_to_one() -> None:
    x = np.linspace(-30, 30, 60001)[:, None]
    mass = np.exp(normal().log_prob(mg.tensor(x)).numpy()).sum(0) * 1e-3
    np.testing.assert_allclose(mass, 1, rtol=1e-9)


def test_probabilities_add_up_to_one() -> None:
    zeros, ones = (bernoulli().log_prob(tensor(*[float(v)] * 3)).exp() for v in (0, 1))
    np.testing.assert_allclose((zeros + ones).numpy(), 1, rtol=1e-12)
    each = [categorical().log_prob(mg.tensor([k, k])).exp().numpy() for k in range(3)]
    np.testing.assert_allclose(sum(each), 1, rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_samples_have_the_entropy_and_the_divergence(name: str) -> None:
    p, q = ALL[name](), SHIFTED[name]()
    samples = p.sample((40_000,))
    assert not samples.requires_grad
    assert samples.shape == (40_000, *p.batch_shape)
    log_p = p.log_prob(samples)
    check_mean(-log_p, p.entropy())
    check_mean(log_p - q.log_prob(samples), kl_divergence(p, q))
    if name != "categorical":
        check_mean(samples, p.mean)
        check_mean((samples - p.mean).square(), p.variance)
        np.testing.assert_allclose(p.stddev.square().numpy(), p.variance.numpy())


def test_samples_of_categories_have_their_frequencies() -> None:
    p = categorical()
    samples = p.sample((20_000,))
    assert samples.dtype == np.int64
    for k in range(3):
        check_mean((samples == k).double(), p.probs[:, k])
    assert not bool((samples[:, 1] == 0).any())  # what has probability 0 never comes
    assert p.mode.tolist() == [1, 2]


@pytest.mark.parametrize("name", ALL)
def test_nothing_diverges_from_itself(name: str) -> None:
    p = ALL[name]()
    np.testing.assert_allclose(kl_divergence(p, p).numpy(), 0, atol=1e-15)
    np.testing.assert_allclose(p.perplexity().numpy(), np.exp(p.entropy().numpy()))


def test_independent_adds_up_over_its_axes() -> None:
    p, q = (Normal(mg.zeros(4, 2, 3) + m, mg.ones(3)) for m in (0.0, 1.0))
    joint, other = Independent(p, 2), Independent(q, 2)
    assert (joint.batch_shape, joint.event_shape) == ((4,), (2, 3))
    x = joint.rsample((5,))
    assert x.shape == (5, 4, 2, 3)
    assert joint.sample().shape == joint.mean.shape == joint.variance.shape == (4, 2, 3)
    assert joint.log_prob(x).shape == (5, 4)
    np.testing.assert_allclose(joint.log_prob(x).numpy(), p.log_prob(x).numpy().sum((2, 3)), 1e-5)
    np.testing.assert_allclose(joint.entropy().numpy(), p.entropy().numpy().sum((1, 2)), 1e-6)
    np.testing.assert_allclose(kl_divergence(joint, other).numpy(), [3.0] * 4, 1e-6)
    assert Independent(p, 0).log_prob(x).shape == x.shape
    assert joint.has_rsample and not Independent(bernoulli(), 1).has_rsample


# ---- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: Normal(a, b.exp()).log_prob(tensor(0.3, -1.0)),
        lambda a, b: Normal(a, b.exp()).entropy(),
        lambda a, b: kl_divergence(Normal(a, b.exp()), Normal(b, a.exp())),
        lambda a, b: kl_divergence(Bernoulli(logits=a), Bernoulli(logits=b)),
        lambda a, b: kl_divergence(Bernoulli(a.sigmoid()), Bernoulli(b.sigmoid())),
        lambda a, b: Bernoulli(logits=a).log_prob(tensor(0.0, 1.0)) + Bernoulli(logits=b).entropy(),
        lambda a, b: kl_divergence(Categorical(logits=a), Categorical(probs=b.exp())),
        lambda a, b: Categorical(logits=a).entropy() + Categorical(b.exp()).log_prob(mg.tensor(1)),
    ],
)
def test_gradients(f: Any) -> None:
    assert mg.gradcheck(f, [tensor(*x, requires_grad=True) for x in ((0.4, -1.2), (-0.3, 0.8))])


def test_a_sample_has_the_gradients_of_reparameterization() -> None:
    loc, scale = tensor(1.0, 2.0, requires_grad=True), tensor(0.5, 3.0, requires_grad=True)
    x = Normal(loc, scale).rsample((7,))
    x.sum().backward()
    noise = (x.detach() - loc.detach()) / scale.detach()
    np.testing.assert_allclose(loc.grad.numpy(), 7)
    np.testing.assert_allclose(scale.grad.numpy(), noise.sum(0).numpy())


# ---- at the edges --------------------------------------------------------------------------------


def test_tiny_scales_and_large_logits_are_finite() -> None:
    narrow = Normal(0.0, 1e-25)  # whose square is 0 in float32
    assert narrow.log_prob(mg.tensor(1e-25)).item() == pytest.approx(-0.5 + 56.6457, abs=1e-3)
    sure = Bernoulli(logits=mg.tensor([-200.0, 200.0]))
    assert sure.log_prob(mg.tensor([1.0, 0.0])).tolist() == [-200.0, -200.0]
    assert sure.entropy().tolist() == pytest.approx([0.0, 0.0])
    p, q = (Normal(0.0, mg.tensor(s)) for s in (1.0, 1.001))
    expected = 0.5 * ((1 / 1.001) ** 2 - 1) + math.log(1.001)
    assert kl_divergence(p, q).item() == pytest.approx(expected, rel=1e-3)


def test_what_never_happens_costs_nothing_and_what_cannot_is_infinite() -> None:
    p, q = Bernoulli(mg.tensor([0.0, 0.3, 1.0, 1.0])), Bernoulli(mg.tensor([0.0, 0.3, 0.0, 1.0]))
    assert kl_divergence(p, q).tolist() == pytest.approx([0.0, 0.0, math.inf, 0.0])
    a = Categorical(logits=mg.tensor([[-math.inf, 0.0], [0.0, 0.0]]))
    b = Categorical(logits=mg.tensor([[0.0, 0.0], [-math.inf, 0.0]]))
    assert kl_divergence(a, b).tolist() == pytest.approx([math.log(2), math.inf])
    assert a.entropy().tolist() == pytest.approx([0.0, math.log(2)])


def test_numbers_are_parameters_and_shapes_are_broadcast() -> None:
    assert Normal(0, 1).batch_shape == ()
    assert Normal(0, 1).sample((2, 3)).shape == (2, 3)
    p = Normal(mg.zeros(3, 1), mg.ones(2))
    assert p.batch_shape == p.scale.shape == (3, 2)
    assert p.log_prob(mg.zeros(5, 1, 1)).shape == (5, 3, 2)
    assert p.mode is p.mean
    assert Normal(mg.zeros(2, dtype=F64), 1).sample().dtype == F64


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Normal(0.0, -1.0), ValueError, "Normal: scale must be positive"),
        (lambda: Normal(math.nan, 1.0), ValueError, "loc must be finite"),
        (lambda: Normal("a", 1.0), TypeError, "must be tensors or numbers, got str"),
        (lambda: Bernoulli(1.5), ValueError, "probs must be from 0 to 1"),
        (lambda: Bernoulli(0.5, 0.5), ValueError, "either probs or logits"),
        (lambda: Bernoulli(), ValueError, "either probs or logits"),
        (lambda: Bernoulli(0.5).log_prob(mg.tensor(0.5)), ValueError, "value must be 0 or 1"),
        (lambda: Bernoulli(0.5).log_prob(1.0), TypeError, "needs a tensor, got float"),
        (lambda: Bernoulli(0.5).rsample(), NotImplementedError, r"use sample\(\)"),
        (lambda: Categorical(mg.tensor(1.0)), ValueError, "at least one axis"),
        (lambda: Categorical(mg.zeros(2)), ValueError, "not all 0"),
        (lambda: categorical().log_prob(mg.tensor([3, 0])), ValueError, r"0, \.\.\., 2"),
        (lambda: normal().log_prob(mg.zeros(2)), ValueError, r"\[2\] does not fit \[3\]"),
        (lambda: Independent(normal(), 2), ValueError, r"batch of shape \[3\] has no 2 last"),
        (lambda: kl_divergence(normal(), bernoulli()), NotImplementedError, "Normal from Bern"),
        (lambda: Distribution().mean, NotImplementedError, "no mean"),
    ],
)
def test_what_is_outside_of_its_domain_is_refused(make: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_checks_can_be_left_out() -> None:
    grey = Bernoulli(logits=mg.tensor(0.0), validate_args=False).log_prob(mg.tensor(0.5))
    assert grey.item() == pytest.approx(math.log(0.5))


def test_a_closed_form_can_be_added() -> None:
    class Point(Distribution):
        pass

    @register_kl(Point, Normal)
    def formula(p: Point, q: Normal) -> mg.Tensor:
        return q.loc

    assert kl_divergence(Point(), Normal(3.0, 1.0)).item() == 3.0


def test_on_every_device(device: Device) -> None:
    loc = mg.zeros(4, 3, device=device)
    p = Independent(Normal(loc, 1.0), 1)
    bits, kinds = Bernoulli(logits=loc), Categorical(logits=loc)
    made = [p.rsample(), p.log_prob(loc), p.entropy(), bits.sample(), bits.log_prob(loc)]
    made += [kinds.sample((2,)), kinds.log_prob(kinds.sample()), kl_divergence(p, p)]
    made += [kl_divergence(bits, bits), kl_divergence(kinds, kinds)]
    assert {x.device for x in made} == {device}
