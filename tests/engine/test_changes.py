"""What was saved for backward() and then changed in place is an error, nothing else is."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import tape
from minigrad.tape import mutated
from tests.leaves import grad_of, leaf

CHANGES = {
    "setitem": lambda c: c.__setitem__(0, 5.0),
    "setitem slice": lambda c: c.__setitem__(slice(1, None), mg.zeros(2, dtype=np.float64)),
    "setitem mask": lambda c: c.__setitem__(c > 1, 0.0),
    "copy_": lambda c: c.copy_(np.zeros(3)),
    "add_": lambda c: c.add_(1),
    "mul_": lambda c: c.mul_(2),
    "clamp_": lambda c: c.clamp_(0, 1),
    "fill_": lambda c: c.fill_(7),
    "zero_": lambda c: c.zero_(),
    "normal_": lambda c: c.normal_(),
    "uniform_": lambda c: c.uniform_(),
    "a view": lambda c: c[1:].zero_(),
    "a view of a view": lambda c: c.reshape(3, 1).T[0, 2:].fill_(9),
    "detach": lambda c: c.detach().zero_(),
    "from_numpy": lambda c: mg.from_numpy(c.numpy()).zero_(),
    "data of another tensor": lambda c: mg.Tensor(c.array).zero_(),
    "an optimizer": lambda c: mutated(c.array),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_saved_and_then_changed_is_an_error_that_names_the_op(change: str) -> None:
    c = mg.tensor([1.0, 2.0, 3.0], dtype=np.float64)
    x = leaf(1.0, 1.0, 1.0)
    y = (x * c).sum()
    CHANGES[change](c)
    with pytest.raises(RuntimeError, match=r"'multiply' saved .*shape \[3\].*changed in place"):
        y.backward()
    x.grad = None
    (x * c).sum().backward()  # anew, with what is there now
    assert grad_of(x) == c.tolist()


@pytest.mark.parametrize("change", CHANGES)
def test_the_change_is_seen_through_a_view_that_was_saved(change: str) -> None:
    c = mg.tensor([1.0, 2.0, 3.0], dtype=np.float64)
    x = leaf(1.0, 1.0, 1.0)
    y = (x * c.flip(0).reshape(1, 3).T[:, 0]).sum()
    CHANGES[change](c)
    with pytest.raises(RuntimeError, match=r"'multiply' saved .*changed in place"):
        y.backward()


@pytest.mark.parametrize("change", CHANGES)
def test_with_create_graph_the_change_is_seen_too(change: str) -> None:
    c = mg.tensor([1.0, 2.0, 3.0], dtype=np.float64)
    x = leaf(1.0, 1.0, 1.0)
    (g,) = mg.grad(((x * c) ** 2).sum(), x, create_graph=True)
    CHANGES[change](c)
    with pytest.raises(RuntimeError, match=r"changed in place"):
        mg.grad(g.sum(), x)


def test_a_parameter_changed_by_a_step_between_forward_and_backward() -> None:
    w = leaf(1.0, 2.0)
    x = leaf(3.0, 4.0)
    loss = (x * w).sum()
    with mg.no_grad():
        w.add_(w.detach(), alpha=-0.1)
    with pytest.raises(RuntimeError, match=r"'multiply' saved .*optimizer"):
        loss.backward()


def test_an_output_that_a_rule_reads_is_guarded_as_well() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="'exp' saved"):
        y.sum().backward()


def test_what_no_rule_reads_may_change() -> None:
    x = leaf(1.0, 2.0)
    c = mg.tensor([3.0, 4.0], dtype=np.float64)
    y = (x + c).exp()  # add keeps nothing, exp its output
    c.zero_()
    with mg.no_grad():
        x.zero_()
    y.sum().backward()
    np.testing.assert_allclose(grad_of(x), np.exp([4.0, 6.0]))


def test_the_other_factor_may_change_where_its_partner_needs_no_gradient() -> None:
    x = leaf(1.0, 2.0)
    c = mg.tensor([3.0, 4.0], dtype=np.float64)
    y = (x * c).sum()  # keeps c only
    with mg.no_grad():
        x.zero_()
    y.backward()
    assert grad_of(x) == [3.0, 4.0]


def test_a_change_before_the_forward_is_no_matter() -> None:
    x, c = leaf(1.0), mg.tensor([3.0], dtype=np.float64)
    c.zero_()
    c.add_(2)
    (x * c).backward()
    assert grad_of(x) == [2.0]


def test_a_change_after_the_backward_is_no_matter() -> None:
    x, c = leaf(1.0), mg.tensor([3.0], dtype=np.float64)
    (x * c).backward()
    c.zero_()
    assert grad_of(x) == [3.0]


def test_changing_something_else_is_no_false_alarm() -> None:
    x, c = leaf(1.0, 2.0), mg.tensor([3.0, 4.0], dtype=np.float64)
    other = c.clone()
    y = (x * c).sum()
    other.zero_()
    mg.zeros(2).add_(1)
    y.backward()
    assert grad_of(x) == [3.0, 4.0]


def test_a_change_before_the_forward_and_one_elsewhere_after_it_are_no_false_alarm() -> None:
    """As in training: the step before changed the weights, and this forward the statistics."""
    w, other = leaf(1.0, 2.0), mg.zeros(2)
    for _ in range(3):
        y = (w * w).sum()
        other.add_(1)
        y.backward()
        with mg.no_grad():
            w.mul_(0.5)
    assert grad_of(w) == [2 * (1 + 0.5 + 0.25), 4 * (1 + 0.5 + 0.25)]


def test_a_change_that_failed_is_no_false_alarm() -> None:
    x, c = leaf(1.0, 2.0), mg.tensor([3.0, 4.0], dtype=np.float64)
    y = (x * c).sum()
    with pytest.raises(ValueError, match="broadcast"):
        c.copy_(np.zeros(5))
    y.backward()
    assert grad_of(x) == [3.0, 4.0]


def test_memory_used_again_at_the_same_address_is_no_false_alarm() -> None:
    """Arrays that died after a change leave their id() to later ones."""
    seen: set[int] = set()
    again = 0
    x = mg.ones(8, requires_grad=True)
    for _ in range(2000):
        old = mg.zeros(8)
        y_early = x * 2.0
        old.zero_()
        seen.add(id(old.array))
        del old
        new = mg.ones(8)
        again += id(new.array) in seen
        (x * new).sum().backward()
        del y_early
    assert again > 0, "no address was used again: the test shows nothing"


def test_the_records_of_changes_die_with_their_arrays() -> None:
    gc.collect()
    before = len(tape._mutations)
    for _ in range(100):
        t = mg.zeros(3)
        t.add_(1)
        t.reshape(3, 1).zero_()
    del t
    assert len(tape._mutations) == before


def test_gradients_that_add_up_in_place_count_as_changed() -> None:
    x = leaf(2.0)
    (x * 3).backward()
    grad = x.grad
    assert grad is not None
    y = leaf(1.0)
    z = y * grad
    (x * 3).backward()  # adds to x.grad in place
    with pytest.raises(RuntimeError, match="'multiply' saved"):
        z.backward()


@given(st.lists(st.sampled_from(["c", "view", "other", "none"]), min_size=1, max_size=6))
def test_backward_raises_exactly_when_something_saved_was_changed(changes: list[str]) -> None:
    c = mg.tensor([1.0, 2.0], dtype=np.float64)
    other = c.clone()
    x = leaf(1.0, 1.0)
    y = (x * c).sum()
    for name in changes:
        {"c": c, "view": c[:1], "other": other, "none": mg.zeros(2)}[name].add_(1)
    if {"c", "view"} & set(changes):
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward()
    else:
        y.backward()
        assert grad_of(x) == [1.0, 2.0]
