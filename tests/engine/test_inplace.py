"""Methods, assignments and operators in place."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from tests.leaves import leaf

matrix = hnp.arrays(np.float64, (2, 3), elements=st.floats(-10, 10))


@given(matrix, st.floats(-10, 10))
def test_methods_in_place_agree_with_numpy(array: Any, number: float) -> None:
    other = np.arange(3.0) - 1
    for ours, theirs in [
        (lambda t: t.add_(number), array + number),
        (lambda t: t.add_(other), array + other),
        (lambda t: t.add_(mg.tensor(other), alpha=0.5), array + 0.5 * other),
        (lambda t: t.mul_(number), array * number),
        (lambda t: t.mul_(mg.tensor(other)), array * other),
        (lambda t: t.copy_(other), array * 0 + other),
        (lambda t: t.fill_(number), array * 0 + number),
        (lambda t: t.zero_(), array * 0),
        (lambda t: t.clamp_(-1, 2), np.clip(array, -1, 2)),
        (lambda t: t.clamp_(min=0), np.maximum(array, 0)),
        (lambda t: t.clamp_(max=0), np.minimum(array, 0)),
    ]:
        t = mg.tensor(array)
        data = t.array
        assert ours(t) is t
        assert t.array is data
        np.testing.assert_allclose(t.numpy(), theirs, rtol=1e-12, atol=1e-12)


@given(matrix, st.sampled_from([0, -1, slice(1), (0, slice(None, None, 2)), (..., 1), [1, 0, 1]]))
def test_assignment_agrees_with_numpy(array: Any, key: Any) -> None:
    for value in (5.0, mg.tensor(7.0), np.float32(3)):
        t = mg.tensor(array)
        expected = array.copy()
        expected[key] = value.item() if isinstance(value, mg.Tensor) else value
        t[key] = value
        np.testing.assert_array_equal(t.numpy(), expected)


def test_assignment_by_mask_and_by_index_tensor() -> None:
    t = mg.tensor([1.0, -2.0, 3.0, -4.0])
    t[t < 0] = 0
    assert t.tolist() == [1.0, 0.0, 3.0, 0.0]
    t[mg.tensor([0, 3])] = mg.tensor([8.0, 9.0])
    assert t.tolist() == [8.0, 0.0, 3.0, 9.0]


@pytest.mark.parametrize("f", ["+=", "-=", "*=", "/="])
def test_operators_in_place_change_the_tensor_itself(f: str) -> None:
    def apply(t: Any, other: Any) -> Any:
        if f == "+=":
            t += other
        elif f == "-=":
            t -= other
        elif f == "*=":
            t *= other
        else:
            t /= other
        return t

    expected = {"+=": [3.0, 6.0], "-=": [-1.0, 2.0], "*=": [2.0, 8.0], "/=": [0.5, 2.0]}[f]
    for other in (2, 2.0, mg.tensor(2.0), np.full(2, 2.0, np.float32)):
        t = alias = mg.tensor([1.0, 4.0])
        view = t[:]
        t = apply(t, other)
        assert t is alias
        assert t.dtype == np.float32
        assert t.tolist() == view.tolist() == expected
    p = alias = leaf(1.0, 4.0, dtype=np.float32)
    with mg.no_grad():
        p = apply(p, mg.tensor(2.0))
    assert p is alias
    assert p.is_leaf
    assert p.requires_grad
    assert p.tolist() == expected
    with pytest.raises(RuntimeError, match="in place"):
        apply(p, 2.0)
    assert p.tolist() == expected


def test_the_training_loop_of_every_tutorial_trains() -> None:
    w = leaf(0.0, 0.0)
    for _ in range(100):
        loss = ((w - mg.tensor([1.0, -2.0], dtype=np.float64)) ** 2).sum()
        loss.backward()
        with mg.no_grad():
            w -= 0.1 * w.grad  # type: ignore[operator]
            w.grad.zero_()  # type: ignore[union-attr]
    np.testing.assert_allclose(w.tolist(), [1.0, -2.0], atol=1e-8)


def test_adding_up_losses_with_operators_in_place_stays_on_the_tape() -> None:
    x = leaf(1.0, 2.0)
    total: Any = 0.0
    for _ in range(3):
        total += (x * x).sum()
    total.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 12.0]
    total = mg.zeros((), dtype=np.float64)
    for _ in range(2):
        total += (x * x).sum()
    x.grad = None
    total.backward()
    assert x.grad.tolist() == [4.0, 8.0]  # type: ignore[attr-defined]


IN_PLACE = {
    "__setitem__": lambda t: t.__setitem__(0, 1.0),
    "copy_": lambda t: t.copy_(0.0),
    "fill_": lambda t: t.fill_(0.0),
    "zero_": lambda t: t.zero_(),
    "add_": lambda t: t.add_(1),
    "mul_": lambda t: t.mul_(1),
    "clamp_": lambda t: t.clamp_(0),
    "normal_": lambda t: t.normal_(),
    "uniform_": lambda t: t.uniform_(),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_is_on_the_tape_refuses_changes(name: str) -> None:
    for t in (leaf(1.0, 2.0), leaf(1.0, 2.0) * 3):
        before = t.tolist()
        with pytest.raises(RuntimeError, match=f"{name}.*on the tape.*no_grad"):
            IN_PLACE[name](t)
        assert t.tolist() == before
        with mg.no_grad():
            IN_PLACE[name](t)


def test_a_value_on_the_tape_is_not_assigned() -> None:
    t, x = mg.zeros(2, dtype=np.float64), leaf(1.0)
    with pytest.raises(RuntimeError, match=r"__setitem__.*detach"):
        t[0] = x[0]
    t[0] = x.detach()[0]
    assert t.tolist() == [1.0, 0.0]


def test_changes_show_in_every_view() -> None:
    t = mg.zeros(2, 3)
    views = [t.T, t.reshape(6), t[0], t.detach(), t.unsqueeze(0), t.expand(4, 2, 3)]
    t.fill_(5)
    assert all((v == 5).all() for v in views)
    views[2].zero_()
    assert t.sum().item() == 15


def test_an_expanded_tensor_is_not_written_to() -> None:
    with pytest.raises((ValueError, RuntimeError)):
        mg.zeros(1).expand(3).add_(1)


def test_normal_and_uniform_in_place() -> None:
    t = mg.empty(10_000, dtype=np.float64).normal_(3.0, 0.5)
    assert abs(t.mean().item() - 3.0) < 0.03
    assert abs(t.std().item() - 0.5) < 0.03
    u = mg.empty(10_000).uniform_(-2.0, -1.0)
    assert u.dtype == np.float32
    assert -2 <= u.min().item() < -1.99 < -1.01 < u.max().item() <= -1
