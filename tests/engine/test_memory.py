"""Nothing outlives its use, and a node keeps alive what its rules read, no more."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd
from minigrad.backend import storage
from tests.leaves import leaf


class Watched:
    """Weak references to the arrays of tensors, by name."""

    def __init__(self, **tensors: mg.Tensor) -> None:
        self._refs = {name: weakref.ref(storage(t.array)) for name, t in tensors.items()}

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
