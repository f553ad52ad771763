"""No gradient shares its memory; which memory is nobody else's."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.backend import is_new, overlaps_itself
from tests.leaves import leaf

# ---- gradients never alias -----------------------------------------------------------------------


def memories(tensors: dict[str, Any]) -> list[tuple[str, str]]:
    """The pairs of names whose arrays share memory."""
    arrays = {k: t.array if isinstance(t, mg.Tensor) else t for k, t in tensors.items()}
    return [
        (a, b)
        for a, b in itertools.combinations(arrays, 2)
        if np.shares_memory(arrays[a], arrays[b])
    ]


def assert_owned(leaves: dict[str, mg.Tensor], **others: Any) -> None:
    grads = {f"{k}.grad": x.grad for k, x in leaves.items() if x.grad is not None}
    everything = {**leaves, **grads, **others}
    shared = [p for p in memories(everything) if any(name in grads for name in p)]
    assert shared == []
    for name, g in grads.items():
        assert g.array.flags.writeable, f"{name} cannot be written to"
        assert not overlaps_itself(g.array), f"{name} overlaps itself"


ALIASES: dict[str, Callable[[Any, Any], Any]] = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x + x": lambda x, y: x + x + y,
    "x": lambda x, y: x + y * 0,
    "reshape twice": lambda x, y: x.reshape(1, -1).reshape(x.shape) + x.reshape(x.shape) + y,
    "transpose": lambda x, y: (x.T + y.T).T,
    "transpose of one": lambda x, y: x.T.T + y,
    "expand": lambda x, y: x.expand(2, *x.shape)[0] + y,
    "expand by nothing": lambda x, y: x.expand(*x.shape) + y.expand(*y.shape),
    "clone": lambda x, y: x.clone() + y.clone(),
    "flip": lambda x, y: x.flip(0) + y.flip(0),
    "split": lambda x, y: mg.concat(x.split(1)) + y,
    "split of both": lambda x, y: mg.concat(mg.concat([x, y]).split(1))[: x.shape[0]],
    "getitem": lambda x, y: x[:] + y[...],
    "concat": lambda x, y: mg.concat([x, y])[: x.shape[0]] + mg.concat([y, x])[: x.shape[0]],
    "stack": lambda x, y: mg.stack([x, y, x]).sum(0),
    "sum and broadcast": lambda x, y: x.sum() + y,
    "sums": lambda x, y: x * 0 + x.sum() + y.sum(),
    "to the same dtype": lambda x, y: x.to(x.dtype) + y.contiguous(),
    "cast and back": lambda x, y: x.float().double() + y,
    "relu": lambda x, y: (x + y).relu(),
    "product": lambda x, y: x * y,
    "hooked": lambda x, y: hooked(x + y),
    "retained": lambda x, y: retained(x + y) + x,
}


def hooked(t: Any) -> Any:
    t.register_hook(lambda g: g)
    return t


def retained(t: Any) -> Any:
    t.retain_grad()
    return t


@pytest.mark.parametrize("create_graph", [False, True], ids=["", "create_graph"])
@pytest.mark.parametrize("shape", [(3, 2), (1, 1)], ids=str)
@pytest.mark.parametrize("name", ALIASES)
def test_gradients_of_distinct_leaves_share_no_memory(
    name: str, shape: tuple[int, int], create_graph: bool
) -> None:
    x = mg.randn(shape, dtype=np.float64, requires_grad=True)
    y = mg.randn(shape, dtype=np.float64, requires_grad=True)
    leaves = {"x": x, "y": y}
    out = ALIASES[name](x, y)
    cotangent = mg.randn(out.shape, dtype=np.float64)
    before = cotangent.numpy().copy()
    out.backward(cotangent, retain_graph=True, create_graph=create_graph)
    assert_owned(leaves, out=out, cotangent=cotangent)
    once = {k: v.grad.numpy(force=True).copy() for k, v in leaves.items()}  # type: ignore[union-attr]
    out.backward(cotangent)
    assert_owned(leaves, out=out, cotangent=cotangent)
    for k, v in leaves.items():
        np.testing.assert_allclose(v.grad.numpy(force=True), 2 * once[k], rtol=1e-12)  # type: ignore[union-attr]
    np.testing.assert_array_equal(cotangent.numpy(), before)


@pytest.mark.parametrize("name", [n for n in ALIASES if n not in ("hooked", "retained")])
def test_what_grad_returns_is_fresh(name: str) -> None:
    x = mg.randn(3, 2, dtype=np.float64, requires_grad=True)
    y = mg.randn(3, 2, dtype=np.float64, requires_grad=True)
    out = ALIASES[name](x, y)
    cotangent = mg.randn(out.shape, dtype=np.float64)
    gx, gy, gout = mg.grad(out, [x, y, out], cotangent)
    everything = {"x": x, "y": y, "out": out, "v": cotangent, "gx": gx, "gy": gy, "gout": gout}
    results = {"gx", "gy", "gout"}
    assert [p for p in memories(everything) if results & set(p)] == []
    assert all(g.array.flags.writeable for g in (gx, gy, gout))


def test_a_retained_gradient_does_not_take_over_the_cotangent() -> None:
    x = leaf(1.0, 2.0)
    y = retained(x + 0.0)
    v = mg.tensor([3.0, 4.0], dtype=np.float64)
    y.backward(v)
    assert_owned({"x": x}, y=y.grad, v=v)
    assert memories({"y.grad": y.grad, "v": v}) == []


def test_a_leaf_that_is_the_root_does_not_take_over_the_cotangent() -> None:
    x = leaf(1.0, 2.0)
    v = mg.tensor([3.0, 4.0], dtype=np.float64)
    x.backward(v)
    assert_owned({"x": x}, v=v)
    array = np.array([3.0, 4.0])
    x.grad = None
    x.backward(array)  # type: ignore[arg-type]
    assert_owned({"x": x}, v=array)


def test_a_cotangent_that_nobody_else_holds_is_right_too() -> None:
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0)
    (x + y).backward(mg.tensor([3.0, 4.0], dtype=np.float64))
    assert_owned({"x": x, "y": y})
    x.backward(mg.tensor([3.0, 4.0], dtype=np.float64)[:])
    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 8.0]
    x.grad = None
    x.backward(mg.tensor(2.0, dtype=np.float64).expand(2))
    assert_owned({"x": x})


def test_a_rule_may_return_what_was_saved() -> None:
    @mg.op
    def times_constant(xp: Any, x: Any, c: Any) -> Any:
        return (x * c).sum(keepdims=True)

    times_constant.gradient("x")(lambda g, c: c)  # right where g is 1
    c = mg.tensor([2.0, 3.0], dtype=np.float64)
    x = leaf(1.0, 1.0)
    out = times_constant(x, c)
    out.backward(retain_graph=True)
    assert_owned({"x": x}, c=c)
    out.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 6.0]
    assert c.tolist() == [2.0, 3.0]


def test_a_rule_may_return_one_array_for_two_operands_and_keep_it() -> None:
    kept: list[Any] = []

    @mg.op
    def sum2(xp: Any, x: Any, y: Any) -> Any:
        return x + y

    @sum2.gradient("x", "y")
    def _(g: Any) -> Any:
        fresh = g * 1
        kept.append(fresh)
        return fresh, fresh

    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (sum2(x, y) + sum2(y, x)).sum().backward()
    assert_owned({"x": x, "y": y}, a=kept[0], b=kept[1])
    assert [k.tolist() for k in kept] == [[1.0, 1.0]] * 2
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_rule_may_return_the_same_memory_seen_in_two_ways() -> None:
    @mg.op
    def outer_parts(xp: Any, x: Any, y: Any) -> Any:
        return x + y[::-1]

    @outer_parts.gradient("x", "y")
    def _(g: Any) -> Any:
        fresh = g * 1
        return fresh, fresh[::-1]

    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    out = outer_parts(x, y)
    v = mg.tensor([5.0, 7.0], dtype=np.float64)
    (out + x).backward(v)
    assert_owned({"x": x, "y": y}, v=v)
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.tolist(), y.grad.tolist()) == ([10.0, 14.0], [7.0, 5.0])


def test_a_second_backward_adds_in_place() -> None:
    """So that an optimizer that laid gradients out in memory of its own keeps them there."""
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    grad = x.grad
    assert grad is not None
    data = grad.array
    (x * 3).sum().backward()
    assert x.grad is grad
    assert grad.array is data
    assert grad.tolist() == [5.0, 5.0]


def test_a_gradient_that_is_nobody_elses_is_taken_over_without_a_copy() -> None:
    made: list[int] = []

    @mg.op
    def watched(xp: Any, x: Any) -> Any:
        return x * 1

    @watched.gradient("x")
    def _(g: Any) -> Any:
        out = g * 2
        made.append(out.__array_interface__["data"][0])
        return out

    x = mg.zeros(1000, requires_grad=True)
    watched(x).sum().backward()
    assert x.grad is not None
    assert x.grad.array.__array_interface__["data"][0] == made[0]


# ---- is_new() asks whose memory it is ------------------------------------------------------------


def test_memory_is_new_where_none_of_the_others_has_it() -> None:
    array, other = np.ones(4), np.ones((2, 2))
    assert is_new(array, [])
    assert is_new(array, [other, "sum", 3.0, None, (1, 2)])
    assert is_new(array[:2], [other])  # a view of memory that only it knows
    assert is_new(other.T, [array])
    assert not is_new(array, [array])
    assert not is_new(array, [other, array[1:]])
    assert not is_new(array[:2], [array[2:].reshape(2, 1)])
    assert not is_new(other.T, [other])


def test_memory_that_is_not_an_arrays_is_not_new() -> None:
    assert not is_new(np.frombuffer(bytearray(16)), [])
    assert not is_new(np.frombuffer(bytearray(16))[1:], [])


def test_what_cannot_be_written_to_is_not_new() -> None:
    a = np.ones(3)
    a.flags.writeable = False
    assert not is_new(a, [])
    assert not is_new(np.broadcast_to(np.ones(1), (3,)), [])
    b = np.lib.stride_tricks.as_strided(np.ones(1), (3,), (0,))
    assert not is_new(b, [])
    assert not is_new(np.float64(1.0), [])


def test_overlaps_itself() -> None:
    assert overlaps_itself(np.broadcast_to(np.zeros(1), (3,)))
    assert not overlaps_itself(np.zeros((3, 1)))
    assert not overlaps_itself(np.zeros((1, 1)))
