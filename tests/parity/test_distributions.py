"""minigrad.distributions beside torch.distributions."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.distributions

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
BITS, KINDS = RNG.integers(0, 2, (4, 3)).astype(float), RNG.integers(0, 3, 4)
EDGES = np.array([0.0, 1e-40, 1e-9, 0.5, 1.0])

# f(t, a, b): t is torch or minigrad, a and b are tensors of it that require gradients.
CASES: dict[str, Any] = {
    "normal": lambda t, a, b: t.distributions.Normal(a, b.exp()),
    "normal of numbers": lambda t, a, b: t.distributions.Normal(a, 2.0),
    "bernoulli logits": lambda t, a, b: t.distributions.Bernoulli(logits=a),
    "bernoulli probs": lambda t, a, b: t.distributions.Bernoulli(a.sigmoid()),
    "categorical logits": lambda t, a, b: t.distributions.Categorical(logits=a),
    "categorical probs": lambda t, a, b: t.distributions.Categorical(a.exp()),
    "independent": lambda t, a, b: t.distributions.Independent(
        t.distributions.Normal(a, b.exp()), 1
    ),
}


def value_for(name: str) -> Any:
    return KINDS if "categorical" in name else BITS


def both(f: Any) -> tuple[list[Any], list[Any]]:
    """The value of f and the gradients of its sum, here and there, as NumPy arrays."""
    found = []
    for t in (mg, torch):
        a, b = (t.tensor(x, requires_grad=True) for x in (A, B))
        y = f(t, a, b)
        y.sum().backward()
        found.append([y.detach().numpy(), *(x.grad.numpy() for x in (a, b) if x.grad is not None)])
    return found[0], found[1]


def check(f: Any) -> None:
    for got, wanted in zip(*both(f), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_log_prob(name: str) -> None:
    check(lambda t, a, b: CASES[name](t, a, b).log_prob(t.tensor(value_for(name))))


@pytest.mark.parametrize("name", CASES)
def test_entropy(name: str) -> None:
    check(lambda t, a, b: CASES[name](t, a, b).entropy() + 0 * a.sum() + 0 * b.sum())


@pytest.mark.parametrize("name", CASES)
def test_kl_divergence(name: str) -> None:
    kl = lambda t: t.distributions.kl_divergence
    check(lambda t, a, b: kl(t)(CASES[name](t, a, b), CASES[name](t, b, a)))


@pytest.mark.parametrize("name", CASES)
def test_shapes(name: str) -> None:
    ours, theirs = (CASES[name](t, t.tensor(A), t.tensor(B)) for t in (mg, torch))
    assert ours.batch_shape == tuple(theirs.batch_shape)
    assert ours.event_shape == tuple(theirs.event_shape)
    x, y = ours.sample((5, 2)), theirs.sample((5, 2))
    assert (x.shape, str(x.dtype)) == (tuple(y.shape), str(y.dtype).removeprefix("torch."))
    if "categorical" not in name:
        for attribute in ("mean", "variance", "stddev"):
            got, wanted = getattr(ours, attribute).numpy(), getattr(theirs, attribute).numpy()
            np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_at_the_edges(dtype: type) -> None:
    p, eps = EDGES.astype(dtype), 2 * np.finfo(dtype).eps  # 0 counts as eps
    for x in (0.0, 1.0):
        ours, theirs = (
            t.distributions.Bernoulli(t.tensor(p)).log_prob(t.tensor(np.full_like(p, x)))
            for t in (mg, torch)
        )
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6, atol=eps)
    p, q = np.repeat(p, len(p)), np.tile(p, len(p))
    ours, theirs = (
        t.distributions.kl_divergence(
            t.distributions.Bernoulli(t.tensor(p)), t.distributions.Bernoulli(t.tensor(q))
        )
        for t in (mg, torch)
    )
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-12)


def test_values_outside_of_the_support_are_refused_by_both() -> None:
    for t in (mg, torch):
        for make, value in (
            (lambda t: t.distributions.Bernoulli(0.5), 0.5),
            (lambda t: t.distributions.Categorical(t.ones(3)), 3),
            (lambda t: t.distributions.Normal(0.0, 1.0), float("nan")),
        ):
            with pytest.raises(ValueError):
                make(t).log_prob(t.tensor(value))
