"""Drawn programs against a backward that copies always."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from tests.engine.test_ownership import assert_owned


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
