"""What the tape does for a node does not depend on how many nodes there are."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

import minigrad as mg


def chain(n: int) -> mg.Tensor:
    """n nodes, one after the other."""
    y = mg.ones(4, requires_grad=True)
    for _ in range(n):
        y = y * 1.0
    return y


def comb(n: int) -> mg.Tensor:
    """n nodes that wait at once, each beside a chain: 2 n in all."""
    x = mg.ones(4, requires_grad=True)
    y = x * 1.0
    for factor in [x * 1.0 for _ in range(n)]:
        y = y * factor
    return y


def calls(function: Callable[[], object]) -> int:
    """How many functions a function calls, Python's and C's."""
    count = 0

    def counting(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.usefixtures("no_collector")  # it calls what waits for the dead
@pytest.mark.parametrize("graph", [chain, comb])
def test_each_node_costs_as_many_calls_as_any_other(graph: Callable[[int], mg.Tensor]) -> None:
    """Of a hundred nodes or a thousand: forward, and backward."""
    graph(1).sum().backward()  # plans are made once
    forward = [calls(lambda n=n: graph(n)) for n in (100, 200, 1000)]  # type: ignore[misc]
    losses = [graph(n).sum() for n in (100, 200, 1000)]
    backward = [calls(loss.backward) for loss in losses]
    for few, more, many in (forward, backward):
        assert many - more == 8 * (more - few) > 0
