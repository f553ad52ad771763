"""Ops of one's own that are wrong, and what the message then says."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from tests.engine.test_op import make_cube
from tests.leaves import leaf


def test_a_rule_for_an_operand_that_does_not_exist() -> None:
    cube = make_cube()
    with pytest.raises(ValueError, match=r"cube.gradient: no operand 'y'.*\['x'\]"):
        cube.gradient("y")
    with pytest.raises(ValueError, match=r"cube.gradient: no operand"):
        cube.gradient(lambda g: g)  # the operand's name was forgotten


def test_a_second_rule_for_an_operand() -> None:
    cube = make_cube()
    with pytest.raises(ValueError, match=r"cube.*'x'.*already"):
        cube.gradient("x")(lambda g: g)


def test_a_rule_given_after_the_first_call_counts() -> None:
    @mg.op
    def product(xp: Any, x: Any, y: Any) -> Any:
        return x * y

    product.gradient("x")(lambda g, y: g * y)
    x, y = leaf(2.0), leaf(3.0)
    mg.grad(product(x, y.detach()), x)
    with pytest.raises(NotImplementedError, match="product: no gradient rule for operand y"):
        product(x, y)
    product.gradient("y")(lambda g, x: g * x)
    assert mg.grad(product(x, y), y)[0].item() == 2.0


def test_a_missing_rule_matters_only_where_it_is_needed() -> None:
    @mg.op
    def half(xp: Any, x: Any) -> Any:
        return x / 2

    assert half(np.array([2.0])).item() == 1.0
    assert half(mg.tensor([2.0])).item() == 1.0
    with mg.no_grad():
        half(leaf(2.0))
    with pytest.raises(NotImplementedError, match="half: no gradient rule for operand x"):
        half(leaf(2.0))


def broken(rule: Any, *targets: str) -> Any:
    @mg.op
    def faulty(xp: Any, x: Any, y: Any) -> Any:
        return x + y

    faulty.gradient(*(targets or ("x",)))(rule)
    return faulty


def test_a_rule_that_reads_a_name_that_does_not_exist() -> None:
    with pytest.raises(TypeError, match=r"faulty: .*'z'.*\['x', 'y', 'out'"):
        broken(lambda g, z: g)(leaf(1.0), 2.0)


FAULTS: dict[str, tuple[Any, str]] = {
    "wrong shape": (lambda g: g.sum(), r"faulty: .*shape \[\].*\[2\]"),
    "too many axes": (lambda g: g.reshape(1, 2), r"faulty: .*shape \[1, 2\].*\[2\]"),
    "float64": (lambda g: g * mg.ones(2, dtype=np.float64), "faulty: .*float64.*float32"),
    "float64 array": (lambda g: g * np.ones(2), "faulty: .*float64.*float32"),
    "integers": (lambda g: g.astype(np.int64), "faulty: .*int64.*float32"),
    "None": (lambda g: None, "faulty: .*None"),
    "a number": (lambda g: 1.0, r"faulty: .*1\.0"),
    "a list": (lambda g: [g, g], "faulty: "),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_rule_returns_is_checked(fault: str, create_graph: bool) -> None:
    rule, message = FAULTS[fault]
    x = leaf(1.0, 2.0, dtype=np.float32)
    out = broken(rule)(x, 2.0).sum()
    with pytest.raises((TypeError, ValueError), match=message):
        out.backward(create_graph=create_graph)
    assert x.grad is None


@pytest.mark.parametrize(
    "rule",
    [lambda g: (g,), lambda g: (g, g, g), lambda g: g, lambda g: None, lambda g: ()],
    ids=["one", "three", "an array", "None", "none"],
)
def test_a_joint_rule_returns_as_many_as_its_operands(rule: Any) -> None:
    x, y = leaf(1.0, 2.0, 3.0), leaf(3.0, 4.0, 5.0)
    out = broken(rule, "x", "y")(x, y).sum()
    with pytest.raises((TypeError, ValueError), match=r"faulty: .*2"):
        out.backward()


def test_a_rule_of_a_variadic_op_returns_as_many_as_there_are() -> None:
    @mg.op
    def total(xp: Any, *xs: Any) -> Any:
        return sum(xs)

    total.gradient("xs")(lambda g: [g])
    out = total(leaf(1.0), leaf(2.0))
    with pytest.raises((TypeError, ValueError), match=r"total: .*2"):
        out.backward()


@pytest.mark.parametrize("wrong", [lambda x: (x, x), lambda x: 1.0, lambda x: None, lambda x: [1]])
def test_what_a_forward_returns_is_checked(wrong: Any) -> None:
    @mg.op
    def faulty(xp: Any, x: Any) -> Any:
        return wrong(x)

    faulty.gradient("x")(lambda g: g)
    with pytest.raises(TypeError, match="faulty: "):
        faulty(leaf(1.0))


def test_a_forwards_own_error_names_the_op_and_what_it_was_given() -> None:
    @mg.op
    def faulty(xp: Any, x: Any, y: Any) -> Any:
        return xp.concatenate([x, y]).reshape(5)

    faulty.gradient("x")(lambda g: g)
    with pytest.raises(ValueError, match=r"faulty: .*x float64\[2\], y float32\[4\]"):
        faulty(leaf(1.0, 2.0), mg.zeros(4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, t: f(), "cube"),
        (lambda f, t: f(t, t), "cube"),
        (lambda f, t: f(t, scale=2), "cube.*scale"),
        (lambda f, t: f(x=t), "cube"),
        (lambda f, t: f("abc"), "cube.*str"),
        (lambda f, t: f([t, t]), "cube.*list"),
        (lambda f, t: mg.multiply(t, y=t), "multiply.*y.*position"),
    ],
)
def test_a_call_with_the_wrong_operands_names_the_op(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(make_cube(), leaf(1.0))


def test_an_error_in_a_rule_keeps_its_own_type() -> None:
    def rule(g: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        broken(rule)(leaf(1.0), 2.0).backward()
