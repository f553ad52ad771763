"""Fused rules: what the forward keeps for them, when they run, and that they are found out."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from tests.checks import check_op
from tests.leaves import leaf


def make_scaled(runs: list[str], factor: float = 1.0) -> Any:
    """x^3 y, which keeps x^2; the fused rule for x is wrong by a factor."""

    @mg.op(keeps="squared")
    def scaled(xp: Any, x: Any, y: Any) -> Any:
        squared = x * x
        return squared * x * y, squared

    @scaled.gradient("x")
    def _(g: Any, x: Any, y: Any) -> Any:
        runs.append("plain")
        return g * (3 * x * x * y)

    @scaled.fused("x")
    def _(g: Any, squared: Any, y: Any) -> Any:
        runs.append("fused")
        return g * squared * y * (3 * factor)

    scaled.gradient("y")(lambda g, x: g * (x * x * x))
    return scaled


def test_an_op_that_keeps_something_returns_it_after_its_output() -> None:
    scaled = make_scaled([])
    out, squared = scaled(np.array([2.0]), np.array([5.0]))
    assert (out.tolist(), squared.tolist()) == ([40.0], [4.0])
    out, squared = scaled(leaf(2.0), leaf(5.0))
    assert out.requires_grad
    assert type(squared) is np.ndarray  # and not on the tape


def test_a_fused_rule_runs_on_arrays_and_the_plain_one_where_gradients_are_recorded() -> None:
    runs: list[str] = []
    scaled = make_scaled(runs)
    x, y = leaf(2.0), leaf(5.0)
    (g,) = mg.grad(scaled(x, y)[0], x)
    assert (g.item(), runs) == (60.0, ["fused"])
    (g,) = mg.grad(scaled(x, y)[0], x, create_graph=True)
    assert (g.item(), runs) == (60.0, ["fused", "plain"])
    (h,) = mg.grad(g, x)
    assert h.item() == 60.0


def test_what_is_kept_for_a_fused_rule_is_kept_only_if_that_rule_may_run() -> None:
    scaled = make_scaled([])
    x, y = leaf(2.0), leaf(5.0)
    kept = {name: scaled(*operands)[0].node.plan.kept for name, operands in {
        "x": (x, y.detach()), "y": (x.detach(), y)}.items()}  # fmt: skip
    assert sorted(kept["x"]) == ["squared", "x", "y"]
    assert kept["y"] == ["x"]


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
def test_a_fused_rule_for_several_operands_runs_where_all_of_them_need_a_gradient(
    which: tuple[int, ...],
) -> None:
    runs: list[str] = []

    @mg.op
    def product(xp: Any, x: Any, y: Any) -> Any:
        return x * y

    product.gradient("x")(lambda g, y: runs.append("x") or g * y)
    product.gradient("y")(lambda g, x: runs.append("y") or g * x)
    product.fused("x", "y")(lambda g, x, y: runs.append("both") or (g * y, g * x))
    operands = [leaf(2.0), leaf(3.0)]
    some = [x if i in which else x.detach() for i, x in enumerate(operands)]
    found = mg.grad(product(*some), [operands[i] for i in which])
    assert [g.item() for g in found] == [[3.0, 2.0][i] for i in which]
    assert runs == (["both"] if len(which) == 2 else ["xy"[which[0]]])


def test_check_op_finds_a_fused_rule_that_is_not_the_plain_one() -> None:
    x, y = np.array([0.5, -1.5]), np.array([2.0, 1.0])
    check_op(lambda x, y: make_scaled([])(x, y)[0], lambda x, y: x**3 * y, x, y)
    wrong = make_scaled([], factor=1.001)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_op(lambda x, y: wrong(x, y)[0], lambda x, y: x**3 * y, x, y)


def test_a_plain_rule_may_not_read_what_the_forward_kept() -> None:
    @mg.op(keeps="half")
    def doubled(xp: Any, x: Any) -> Any:
        return 2 * x, x

    doubled.gradient("x")(lambda g, half: g * 2)
    with pytest.raises(TypeError, match="doubled: only a fused rule may read half"):
        doubled(leaf(1.0))


def test_two_fused_rules_for_one_operand_are_refused() -> None:
    scaled = make_scaled([])
    with pytest.raises(ValueError, match=r"scaled.fused: 'x' has a rule already"):
        scaled.fused("x")(lambda g: g)
    with pytest.raises(ValueError, match=r"scaled.fused: no operand 'z'"):
        scaled.fused("z")
