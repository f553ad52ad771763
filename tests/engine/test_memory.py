"""Who owns what: nothing outlives its use, no gradient shares memory, what a node keeps alive."""

import gc
import itertools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import autograd
from minigrad.backend import exclusive, overlaps_itself, storage


def leaf(*values: float, dtype: Any = np.float64) -> mg.Tensor:
    return mg.tensor(list(values), dtype=dtype, requires_grad=True)


class Watched:
    """Weak references to the arrays of tensors, by name."""

    def __init__(self, **tensors: mg.Tensor) -> None:
        self._refs = {name: weakref.ref(storage(t.data)) for name, t in tensors.items()}

    def alive(self) -> set[str]:
        return {name for name, ref in self._refs.items() if ref() is not None}


def garbage() -> list[Any]:
    """Tensors, nodes and arrays that only the collector finds."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        ours = (mg.Tensor, autograd.Node, np.ndarray)
        return [o for o in gc.garbage if issubclass(type(o), ours)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def nodes() -> int:
    return sum(issubclass(type(o), autograd.Node) for o in gc.get_objects())


# ---- freed by reference counts alone -------------------------------------------------------------


def network(x: mg.Tensor, w: mg.Tensor) -> dict[str, mg.Tensor]:
    """Interior tensors of a small network, by name; the last is the loss."""
    h = x @ w
    a = h.tanh()
    n = (a - a.mean(0)) / (a.var(0) + 1e-5).sqrt()
    r = n.relu().reshape(-1)[1:]
    e = (r * r).exp()
    loss = mg.concat([e, e]).sum()
    return {"h": h, "a": a, "n": n, "r": r, "e": e, "loss": loss}


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("backward", ["none", "backward", "retain_graph", "grad", "create_graph"])
def test_dropping_the_loss_frees_every_interior_array(backward: str) -> None:
    x, w = mg.randn(4, 3), mg.randn(3, 5, requires_grad=True)
    tensors = network(x, w)
    watched = Watched(**tensors)
    loss = tensors.pop("loss")
    tensors.clear()
    if backward == "backward":
        loss.backward()
    elif backward == "retain_graph":
        loss.backward(retain_graph=True)
    elif backward == "grad":
        mg.grad(loss, w, retain_graph=True)
    elif backward == "create_graph":
        (g,) = mg.grad(loss, w, create_graph=True)
        mg.grad((g * g).sum(), w)
        del g
    del loss
    assert watched.alive() == set()


@pytest.mark.usefixtures("no_collector")
def test_backward_frees_the_arrays_while_the_loss_is_still_held() -> None:
    x, w = mg.randn(4, 3), mg.randn(3, 5, requires_grad=True)
    tensors = network(x, w)
    watched = Watched(**{k: v for k, v in tensors.items() if k != "loss"})
    loss = tensors.pop("loss")
    tensors.clear()
    assert watched.alive()
    loss.backward()
    assert watched.alive() == set()


@pytest.mark.usefixtures("no_collector")
def test_backward_frees_the_nodes_too() -> None:
    w = mg.randn(3, 5, requires_grad=True)
    before = nodes()
    loss = network(mg.randn(4, 3), w)["loss"]
    assert nodes() > before + 5
    loss.backward()
    assert nodes() == before + 1  # the loss's own


@pytest.mark.usefixtures("no_collector")
def test_backward_frees_as_it_goes() -> None:
    """The arrays above a node are gone by the time its gradient is found."""
    alive: list[set[str]] = []
    x = leaf(-1.0, 0.5)
    a = x.exp()
    b = a.exp()
    c = b.exp()
    watched = Watched(a=a, b=b, c=c)
    a.register_hook(lambda g: alive.append(watched.alive()))
    loss = c.sum()
    del a, b, c
    loss.backward()
    assert alive == [{"a"}]


@pytest.mark.usefixtures("no_collector")
def test_nodes_and_tensors_make_no_cycles() -> None:
    x, w = mg.randn(4, 3), mg.randn(3, 5, requires_grad=True)
    for _ in range(3):
        tensors = network(x, w)
        tensors["loss"].backward()
        tensors = network(x, w)
        del tensors
    (g,) = mg.grad(network(x, w)["loss"], w, create_graph=True)
    del g
    assert garbage() == []


@pytest.mark.usefixtures("no_collector")
def test_a_cycle_would_be_found() -> None:
    t = mg.zeros(2, requires_grad=True)
    t.register_hook(lambda g, held=t: held)  # the user's own doing
    del t
    assert len(garbage()) > 0


@pytest.mark.usefixtures("no_collector")
def test_hooks_and_retained_gradients_make_no_cycles() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    remove = y.register_hook(lambda g: g * 2)
    y.sum().backward()
    assert y.grad is not None
    watched = Watched(grad=y.grad, y=y)
    del y, remove
    assert watched.alive() == set()
    assert garbage() == []


@pytest.mark.usefixtures("no_collector")
def test_forward_only_loops_leak_nothing() -> None:
    x, w = mg.randn(4, 3), mg.randn(3, 5, requires_grad=True)

    network(x, w)
    before = nodes()
    for _ in range(50):
        network(x, w)
        with mg.no_grad():
            network(x, w)
    assert nodes() == before


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("retain_graph", [False, True])
def test_an_exception_in_the_middle_leaks_nothing(retain_graph: bool) -> None:
    @mg.op
    def fails(xp: Any, x: Any) -> Any:
        return x * 1

    @fails.gradient("x")
    def _(g: Any, x: Any) -> Any:
        raise ZeroDivisionError("planted")

    x = leaf(1.0, 2.0)
    a = x.exp()
    b = fails(a)
    loss = b.exp().sum()
    watched = Watched(a=a, b=b)
    del a, b
    with pytest.raises(ZeroDivisionError):
        loss.backward(retain_graph=retain_graph)
    del loss
    assert watched.alive() == set()


@pytest.mark.usefixtures("no_collector")
def test_a_graph_that_only_its_tensors_hold_lives_as_long_as_they() -> None:
    x = leaf(1.0)
    a = x.exp()
    watched = Watched(a=a)
    b = a * 2
    del a
    assert watched.alive() == {"a"}  # exp keeps its output
    del b
    assert watched.alive() == set()


# ---- a node keeps what its rule reads, and no more -----------------------------------------------

# name: (function of fresh tensors x and y, what must be alive while only the output's node is)
KEPT: dict[str, tuple[Callable[[Any, Any], Any], set[str]]] = {
    "add": (lambda x, y: x + y, set()),
    "subtract": (lambda x, y: x - y, set()),
    "negative": (lambda x, y: -x, set()),
    "add a number": (lambda x, y: x + 1.0, set()),
    "multiply": (lambda x, y: x * y, {"x", "y"}),
    "multiply by a constant tensor": (lambda x, y: x * y.detach(), {"y"}),
    "a constant tensor multiplied": (lambda x, y: x.detach() * y, {"x"}),
    "multiply by a number": (lambda x, y: x * 2.0, set()),
    "divide by a constant": (lambda x, y: x / y.detach(), {"y"}),
    "a constant divided": (lambda x, y: x.detach() / y, {"y", "out"}),
    "exp": (lambda x, y: x.exp(), {"out"}),
    "expm1": (lambda x, y: x.expm1(), {"out"}),
    "log": (lambda x, y: x.log(), {"x"}),
    "sqrt": (lambda x, y: x.sqrt(), {"out"}),
    "tanh": (lambda x, y: x.tanh(), {"out"}),
    "sigmoid": (lambda x, y: x.sigmoid(), {"out"}),
    "relu": (lambda x, y: x.relu(), {"out"}),
    "square": (lambda x, y: x.square(), {"x"}),
    "sum": (lambda x, y: x.sum(), set()),
    "mean": (lambda x, y: x.mean(0), set()),
    "softmax": (lambda x, y: x.softmax(-1), {"out"}),
    "log_softmax": (lambda x, y: x.log_softmax(-1), {"out"}),
    "clone": (lambda x, y: x.clone(), set()),
    "cast": (lambda x, y: x.double(), set()),
    "fancy index": (lambda x, y: x[[0, 0, 1]], set()),
    "concat": (lambda x, y: mg.concat([x, y]), set()),
    "stack": (lambda x, y: mg.stack([x, y]), set()),
    "pad": (lambda x, y: mg.pad(x, (1, 1)), set()),
    "matmul": (lambda x, y: x @ y, {"x", "y"}),
    "matmul with a constant": (lambda x, y: x @ y.detach(), {"y"}),
    "a constant times a matrix": (lambda x, y: x.detach() @ y, {"x"}),
}


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("name", KEPT)
def test_a_node_keeps_what_its_rules_read_and_no_more(name: str) -> None:
    function, expected = KEPT[name]
    # Interior tensors, so that their arrays belong to nobody but the tape.
    source = mg.full((2, 2), 0.5, requires_grad=True)
    x, y = source + 0.0, source + 1.0
    out = function(x, y)
    watched = Watched(x=x, y=y, out=out)
    node = out.node
    del x, y, out
    assert watched.alive() == expected
    del node
    assert watched.alive() == set()


@pytest.mark.usefixtures("no_collector")
def test_views_keep_nothing_beyond_themselves() -> None:
    source = mg.full((2, 2), 0.5, requires_grad=True)
    x = source + 0.0
    out = (x.T.reshape(4)[1:].reshape(3, 1).expand(3, 4).flip(0) + 0.0).split(2)[0] + 0.0
    watched = Watched(x=x)
    del x
    assert watched.alive() == set()
    out.sum().backward()
    assert source.grad is not None
    assert source.grad.sum().item() == 2 * 4


@pytest.mark.usefixtures("no_collector")
def test_without_a_tape_nothing_is_kept() -> None:
    source = mg.full((2, 2), 0.5, requires_grad=True)
    with mg.no_grad():
        x = source + 0.0
        out = (x * x).exp() * x
    watched = Watched(x=x)
    del x
    assert watched.alive() == set()
    assert out.node is None


# ---- gradients never alias -----------------------------------------------------------------------


def memories(tensors: dict[str, Any]) -> list[tuple[str, str]]:
    """The pairs of names whose arrays share memory."""
    arrays = {k: t.data if isinstance(t, mg.Tensor) else t for k, t in tensors.items()}
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
        assert g.data.flags.writeable, f"{name} cannot be written to"
        assert not overlaps_itself(g.data), f"{name} overlaps itself"


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
    assert all(g.data.flags.writeable for g in (gx, gy, gout))


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
    data = grad.data
    (x * 3).sum().backward()
    assert x.grad is grad
    assert grad.data is data
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
    assert x.grad.data.__array_interface__["data"][0] == made[0]


# ---- exclusive() asks the reference counts -------------------------------------------------------


def test_exclusive_is_true_only_where_nothing_else_reaches_the_memory() -> None:
    array = np.zeros((4, 3))
    assert exclusive(array)
    another = array
    assert not exclusive(array)
    del another
    assert exclusive(array)
    holder = [array]
    assert not exclusive(array)
    holder.clear()
    view = array[1:]
    assert not exclusive(array)
    assert not exclusive(view)  # array still knows the memory
    del array
    assert exclusive(view)
    second = view[1:]
    assert not exclusive(view)
    assert not exclusive(second)
    del view
    assert exclusive(second)
    turned = second.T.reshape(-1)
    assert exclusive(turned)  # a copy
    buffer = memoryview(turned)
    assert not exclusive(turned)
    buffer.release()


def test_exclusive_is_false_for_memory_that_is_not_an_arrays() -> None:
    assert not exclusive(np.frombuffer(bytearray(16)))
    view = np.frombuffer(bytearray(16))[1:]
    assert not exclusive(view)
    a = np.broadcast_to(np.zeros(1), (5,))
    assert not exclusive(a)
    a = np.ndarray((5,), float, np.zeros(1), strides=(0,))  # the same, but can be written to
    assert a.flags.writeable
    assert not exclusive(a)


def test_exclusive_is_false_for_what_cannot_be_written_to() -> None:
    a = np.broadcast_to(np.zeros((1, 2)), (1, 2))
    assert not a.flags.writeable
    assert not exclusive(a)
    b = np.zeros(3)
    b.flags.writeable = False
    assert not exclusive(b)


def test_overlaps_itself() -> None:
    assert overlaps_itself(np.broadcast_to(np.zeros(1), (3,)))
    assert not overlaps_itself(np.zeros((3, 1)))
    assert not overlaps_itself(np.zeros((1, 1)))


# ---- drawn programs against a backward that copies always ----------------------------------------


class Slow:
    """A tape that copies at every turn: a value, its parents, and a function for their shares."""

    def __init__(self, value: Any, parents: Any = (), pull: Any = None) -> None:
        self.value = np.array(value)
        self.parents, self.pull = parents, pull
        self.grad = np.zeros_like(self.value)


def slow_backward(order: list[Slow], roots: list[tuple[Slow, Any]]) -> None:
    totals = {id(n): np.zeros_like(n.value) for n in order}
    for n, v in roots:
        totals[id(n)] = totals[id(n)] + v
    for n in reversed(order):
        total = totals[id(n)].copy()
        if n.pull is None:
            n.grad = n.grad + total
        else:
            for p, part in zip(n.parents, n.pull(total.copy()), strict=True):
                totals[id(p)] = totals[id(p)] + part.copy()


def _put(shape: Any, key: Any) -> Callable[[Any], Any]:
    def put(g: Any) -> Any:
        out = np.zeros(shape)
        np.add.at(out, key, g)
        return out

    return put


N = 3  # every value is an (N, N) matrix
FRONT, LAST = (slice(0, N), slice(None)), (slice(N, 2 * N), slice(None))
# name: (number of operands, in minigrad, in NumPy, cotangents of the operands)
STEPS: dict[str, tuple[int, Any, Any, Any]] = {
    "add": (2, lambda a, b: a + b, lambda a, b: a + b, lambda g, a, b: (g, g)),
    "subtract": (2, lambda a, b: a - b, lambda a, b: a - b, lambda g, a, b: (g, -g)),
    "multiply": (2, lambda a, b: a * b, lambda a, b: a * b, lambda g, a, b: (g * b, g * a)),
    "transpose": (1, lambda a: a.T, lambda a: a.T, lambda g, a: (g.T,)),
    "reshape": (
        1,
        lambda a: a.reshape(-1).reshape(N, N),
        lambda a: a,
        lambda g, a: (g,),
    ),
    "flip": (1, lambda a: a.flip(0), lambda a: a[::-1], lambda g, a: (g[::-1],)),
    "clone": (1, lambda a: a.clone(), lambda a: a, lambda g, a: (g,)),
    "view": (1, lambda a: a[:, :], lambda a: a, lambda g, a: (g,)),
    "expand": (
        1,
        lambda a: a[:1].expand(N, N),
        lambda a: np.broadcast_to(a[:1], (N, N)),
        lambda g, a: (_put((N, N), (slice(0, 1),))(g.sum(0, keepdims=True)),),
    ),
    "expand by nothing": (1, lambda a: a.expand(N, N), lambda a: a, lambda g, a: (g,)),
    "sum": (
        1,
        lambda a: a.sum(1, keepdim=True).expand(N, N) * 0.25,
        lambda a: np.broadcast_to(a.sum(1, keepdims=True), (N, N)) * 0.25,
        lambda g, a: (np.broadcast_to(0.25 * g.sum(1, keepdims=True), (N, N)),),
    ),
    "rows": (
        1,
        lambda a: a[[0, 0, 2]],
        lambda a: a[[0, 0, 2]],
        lambda g, a: (_put((N, N), ([0, 0, 2],))(g),),
    ),
    "concat, front": (
        2,
        lambda a, b: mg.concat([a, b])[FRONT],
        lambda a, b: a,
        lambda g, a, b: (g, 0 * g),
    ),
    "concat, both": (
        2,
        lambda a, b: mg.concat([a, b]).split(N)[0] + mg.concat([a, b])[LAST],
        lambda a, b: a + b,
        lambda g, a, b: (g, g),
    ),
    "split": (
        1,
        lambda a: mg.concat(a.split(1)[::-1]),
        lambda a: a[::-1],
        lambda g, a: (g[::-1],),
    ),
    "tanh": (1, lambda a: a.tanh(), np.tanh, lambda g, a: (g * (1 - np.tanh(a) ** 2),)),
    "relu": (1, lambda a: a.relu(), lambda a: np.maximum(a, 0), lambda g, a: (g * (a > 0),)),
    "half": (1, lambda a: a * 0.5, lambda a: a * 0.5, lambda g, a: (g * 0.5,)),
}


@st.composite
def programs(draw: st.DrawFn) -> list[tuple[str, tuple[int, ...]]]:
    steps = []
    for i in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from(sorted(STEPS)))
        places = st.integers(0, i + 2)
        steps.append((name, tuple([draw(places) for _ in range(STEPS[name][0])])))
    return steps


def run_program(
    steps: list[tuple[str, tuple[int, ...]]], leaves: list[mg.Tensor], how: st.DataObject
) -> None:
    tensors: list[Any] = list(leaves)
    slow = [Slow(x.numpy(force=True)) for x in leaves]
    kept: list[mg.Tensor] = []
    for name, at in steps:
        _, ours, theirs, pull = STEPS[name]
        out = ours(*[tensors[i] for i in at])
        extra = how.draw(st.sampled_from(["plain", "plain", "hook", "retain"]), label="extra")
        if extra == "hook" and out.node is not None:
            out.register_hook(lambda g: kept.append(g))
        elif extra == "retain" and out.node is not None:
            out.retain_grad()
        parents = [slow[i] for i in at]
        values = [p.value for p in parents]
        tensors.append(out)
        slow.append(
            Slow(theirs(*values), parents, lambda g, pull=pull, values=values: pull(g, *values))
        )
    cotangent = mg.randn(N, N, dtype=np.float64)
    before = cotangent.numpy().copy()
    roots = [-1, how.draw(st.integers(0, len(tensors) - 1), label="second root")]
    for k in range(2):
        if how.draw(st.booleans(), label="grad first"):
            mg.grad(tensors[-1], leaves, cotangent, retain_graph=True, allow_unused=True)
        used = [i for i in roots if tensors[i].node is not None]
        mg.backward([tensors[i] for i in used], [cotangent for _ in used], retain_graph=k == 0)
        slow_backward(slow, [(slow[i], before) for i in used])
        for x, s in zip(leaves, slow, strict=False):
            found = np.zeros((N, N)) if x.grad is None else x.grad.numpy()
            np.testing.assert_allclose(found, s.grad, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(cotangent.numpy(), before)
    interior = {f"t{i}": t for i, t in enumerate(tensors[len(leaves) :])}
    grads = {f"g{i}": t.grad for i, t in enumerate(tensors[len(leaves) :]) if t.grad is not None}
    assert_owned({f"x{i}": x for i, x in enumerate(leaves)}, v=cotangent, **interior, **grads)
    for i, x in enumerate(leaves):
        np.testing.assert_array_equal(x.numpy(force=True), slow[i].value)


@given(programs(), st.data())
def test_drawn_programs_agree_with_a_backward_that_copies_always(
    steps: list[tuple[str, tuple[int, ...]]], how: st.DataObject
) -> None:
    leaves = [mg.randn(N, N, dtype=np.float64, requires_grad=True) for _ in range(3)]
    run_program(steps, leaves, how)


@given(programs(), st.data())
def test_drawn_programs_on_leaves_that_share_memory(
    steps: list[tuple[str, tuple[int, ...]]], how: st.DataObject
) -> None:
    """Leaves that are views of one arena, as an optimizer may lay them out."""
    arena = np.random.default_rng(1).normal(size=3 * N * N)
    leaves = [mg.from_numpy(part.reshape(N, N)).requires_grad_() for part in np.split(arena, 3)]
    run_program(steps, leaves, how)


@given(programs(), st.data())
def test_drawn_programs_with_create_graph(
    steps: list[tuple[str, tuple[int, ...]]], how: st.DataObject
) -> None:
    """The gradients that are recorded are the same numbers as those that are not."""
    leaves = [mg.randn(N, N, dtype=np.float64, requires_grad=True) for _ in range(3)]
    tensors: list[Any] = list(leaves)
    for name, at in steps:
        tensors.append(STEPS[name][1](*[tensors[i] for i in at]))
    plain = mg.grad(tensors[-1].sum(), leaves, retain_graph=True, allow_unused=True)
    taped = mg.grad(tensors[-1].sum(), leaves, create_graph=True, allow_unused=True)
    for a, b in zip(plain, taped, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a.numpy(), b.numpy(force=True))
