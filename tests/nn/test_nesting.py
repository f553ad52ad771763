"""Modules that are nested deeper than Python's stack, or inside of themselves; their text."""

import re

import pytest

import minigrad as mg
from minigrad import nn


def nested(inner, depth):
    for _ in range(depth):
        inner = nn.Sequential(inner)
    return inner


def test_modules_that_are_nested_deep():
    inner = nn.Linear(2, 2)
    model = nested(inner, 3000)
    assert len(list(model.modules())) == 3001
    assert list(model.parameters()) == [inner.weight, inner.bias]
    state = model.eval().state_dict()
    model.double().load_state_dict(state)
    assert inner.weight.dtype == mg.float64
    assert not inner.training
    inner(mg.ones(1, 2, dtype=mg.float64)).sum().backward()
    model.zero_grad()
    assert inner.weight.grad is None
    assert not inner.requires_grad_(False).weight.requires_grad
    seen = []
    model.apply(seen.append)
    assert seen[0] is inner
    assert seen[-1] is model
    assert len(seen) == 3001


def test_the_text_of_modules_that_are_nested_deep():
    lines = repr(nested(nn.Linear(2, 2), 1500)).splitlines()
    assert len(lines) == 3001
    assert lines[1500] == "  " * 1500 + f"(0): {nn.Linear(2, 2)!r}"


def test_computing_with_modules_that_are_nested_too_deep_says_how_deep():
    with pytest.raises(RecursionError) as caught:
        nested(nn.Linear(2, 2), 1500)(mg.ones(1, 2))
    (note,) = caught.value.__notes__
    found = re.match(r"Python's stack ended (\d+) modules deep in a Sequential", note)
    assert 100 < int(found[1]) < 1500
    assert caught.value.__context__ is None


@pytest.mark.parametrize("look", [repr, nn.Module.state_dict, lambda m: m.apply(abs)])
def test_a_module_inside_of_itself_is_an_error_and_no_endless_loop(look):
    model = nn.Sequential(nn.ReLU())
    model[0].owner = model
    with pytest.raises(RecursionError, match=r"a module is inside of itself: '0\.owner'"):
        look(model)
    assert list(model.modules()) == [model, model[0]]


def test_a_module_with_a_text_of_its_own_is_shown_by_it():
    class Odd(nn.Module):
        def __repr__(self):
            return "odd\nlines"

    class Framed(nn.Sequential):
        def __repr__(self):
            return f"<{super().__repr__()}>"

    assert repr(nn.Sequential(Odd())) == "Sequential(\n  (0): odd\n  lines\n)"
    assert repr(nn.Sequential(Framed(nn.ReLU()))) == (
        "Sequential(\n  (0): <Framed(\n    (0): ReLU()\n  )>\n)"
    )
