"""The tape: what has been computed, and the walk that carries gradients back through it.

A computation leaves behind nodes, each knowing the nodes that its operands came from. One clock
stamps them when they are made, so that a node is younger than all that it was made from: walking
from the youngest to the oldest is a topological order, and needs no sorting pass and no recursion.
Changes in place are stamped by the same clock (`mutated`), so that an array which was saved for
backward and then changed is recognised by comparing two numbers.
"""

import itertools
import threading
import weakref
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from operator import add
from typing import Any, ClassVar

from . import messages
from .backend import Array, DType, Shape, device_of, in_memory_order, is_new, quiet, storage

# ---- what the current thread does ----------------------------------------------------------------


class _Mode(threading.local):
    recording = True  # whether operations are put on the tape
    anomaly = False  # whether backward looks for NaN, and nodes know their lines of code
    observer: Any = None  # who watches this thread: see tools/observers.py

    def __init__(self) -> None:
        self.before: list[tuple[bool, bool]] = []  # what to return to, innermost last


mode = _Mode()
# What looks closer at ops, of all threads: observers, and detect_anomaly. It is mostly empty, which
# is seen sooner than what the thread's own mode is.
observed: list[Any] = []

# ---- one clock -----------------------------------------------------------------------------------

tick = itertools.count(1).__next__

_mutations: dict[int, tuple[weakref.ref[Any], int]] = {}
_last_mutation = 0


def mutated(array: Array) -> None:
    """Note that `array`'s memory has been changed in place, for every tensor that is a view of
    it."""
    global _last_mutation
    root = storage(array)
    key = id(root)
    _last_mutation = tick()
    _mutations[key] = (weakref.ref(root, lambda _: _mutations.pop(key, None)), _last_mutation)


def mutated_since(array: Array, stamp: int) -> bool:
    """Whether `array`'s memory was changed in place after the clock showed `stamp`."""
    entry = _mutations.get(id(storage(array)))
    return entry is not None and entry[1] > stamp


# ---- variables and nodes -------------------------------------------------------------------------


class Variable:
    """An array and its place on the tape: what the engine needs to know of a Tensor."""

    __slots__ = ("__weakref__", "array", "node")

    made: "ClassVar[type[Any]]"  # the class of what ops return, and of gradients: Tensor
    array: Array
    node: "Node | None"

    def __init__(self, array: Array, node: "Node | None" = None) -> None:
        self.array = array
        self.node = node


class Node:
    """One recorded operation, made by `Plan.record`. `parents` are the nodes of the operands that
    need a gradient, and `plan`, which is the op's, says what is `saved` of the call and which rules
    run."""

    __slots__ = ("dtype", "extras", "parents", "plan", "saved", "shape", "stamp")

    plan: Any
    parents: "tuple[Node, ...]"
    shape: Shape
    dtype: DType
    stamp: int
    saved: tuple[Any, ...] | None  # None once freed
    extras: dict[str, Any] | None  # hooks, the retained gradient, the line of code: rarely there

    @property
    def name(self) -> str:
        """The name of the op, or "leaf"."""
        name: str = self.plan.op.name
        return name

    def check(self) -> None:
        """RuntimeError if what was saved has been freed, or changed in place since."""
        if self.saved is None:
            raise messages.freed(self)
        for x in self.saved:
            if hasattr(x, "strides") and mutated_since(x, self.stamp):
                raise messages.changed_in_place(self, x)

    def __repr__(self) -> str:
        return f"<{self.name} {list(self.shape)}>"


class Leaf(Node):
    """Where the gradient of a tensor that was made by the user accumulates."""

    __slots__ = ("grad",)
    name = "leaf"

    def __init__(self, like: Array) -> None:
        self.parents = ()
        self.shape, self.dtype = like.shape, like.dtype
        self.saved = ()
        self.extras = None
        self.stamp = tick()
        self.grad: Any = None

    def accumulate(self, g: Any) -> None:
        """Add to the gradient; an array that comes first is kept as it is."""
        if isinstance(g, Variable):  # one that can be differentiated: leaves must not share it
            self.grad = g.clone() if self.grad is None else self.grad + g  # type: ignore[attr-defined]
        elif self.grad is None:
            self.grad = Variable.made(device_of(g).asarray(g))
        else:
            self.grad.array += g
            mutated(self.grad.array)


def extras_of(node: Node) -> dict[str, Any]:
    if node.extras is None:
        node.extras = {}
    return node.extras


# ---- the walk ------------------------------------------------------------------------------------


@quiet
def walk(
    roots: Sequence[tuple[Node, Any]],
    *,
    retain_graph: bool,
    differentiable: bool,
    wanted: set[Node] | None = None,
) -> dict[Node, Any]:
    """Carry gradients from `roots` back through the tape, each node once, freeing it on the way.

    Without `wanted`, gradients accumulate in the leaves. With it nothing accumulates: only the
    paths that lead to the wanted nodes are walked, and the gradients that reach them are returned.
    """
    before, mode.recording = mode.recording, differentiable
    try:
        return _walk(roots, retain_graph, differentiable, wanted or set())
    finally:
        mode.recording = before


def _walk(
    roots: Sequence[tuple[Node, Any]], retain_graph: bool, differentiable: bool, wanted: set[Node]
) -> dict[Node, Any]:
    on_path = _leading_to(wanted, [node for node, _ in roots]) if wanted else None
    anomaly, observer = mode.anomaly, mode.observer
    found: dict[Node, Any] = {}
    # By stamp: a node, the sum of what has reached it, and whether that memory is only ours.
    pending: dict[int, tuple[Node, Any, bool]] = {}
    for node, g in roots:
        if on_path is None or node in on_path:
            before = pending.get(node.stamp)
            pending[node.stamp] = _sum(before, g, differentiable) if before else (node, g, False)
    stamps = [-stamp for stamp in pending]  # a heap: the youngest node comes first
    heapify(stamps)
    straight: tuple[Node, Any, bool] | None = None  # along a chain, which needs no heap
    while straight or stamps:
        node, g, owned = straight or pending.pop(-heappop(stamps))
        straight = None
        if node.extras is not None:
            g, owned = _run_hooks(node, g), False
        if on_path is not None:
            if node in wanted:
                found[node] = g
            if on_path.isdisjoint(node.parents):
                continue
        elif type(node) is Leaf:
            node.accumulate(g if owned or differentiable else g.copy(order="K"))
            continue
        if node.saved is None or _last_mutation > node.stamp:
            node.check()
        if observer is None:
            parts = node.plan.gradients(node, g, differentiable, on_path)
        else:
            parts = _observed(observer, node, g, differentiable, on_path)
        if anomaly and any(map(_has_nan, parts)):
            raise messages.has_nan(node)
        i = -1  # NOTE: enumerate() takes 0.1 us longer
        for parent in node.parents:
            i += 1
            part = parts[i]
            if part is None:
                continue
            stamp = parent.stamp
            if stamp in pending:
                pending[stamp] = _sum(pending[stamp], part, differentiable)
                continue
            owned = False
            if type(parent) is Leaf and not differentiable:
                owned = is_new(part, (g, *node.saved, *parts[:i], *parts[i + 1 :]))  # type: ignore[misc]
            if not stamps and len(parts) == 1:
                straight = parent, part, owned
            else:
                heappush(stamps, -stamp)
                pending[stamp] = parent, part, owned
        if not retain_graph:
            node.saved, node.parents = None, ()
    return found


def _sum(
    pending: tuple[Node, Any, bool], part: Any, differentiable: bool
) -> tuple[Node, Any, bool]:
    """What is pending for a node, and `part`: in the memory of the first if that is only ours."""
    node, total, owned = pending
    if differentiable:
        return node, total + part, False
    if owned:
        total += part
    else:
        total = in_memory_order(add, (total, part))
    return node, total, True


def _observed(observer: Any, node: Node, g: Any, *how: Any) -> list[Any]:
    parts: list[Any] = observer.backward(node, g, lambda: node.plan.gradients(node, g, *how))
    return parts


def _leading_to(wanted: set[Node], roots: Sequence[Node]) -> set[Node]:
    """The nodes between `roots` and `wanted`, both included."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node.saved is None:
            raise messages.freed(node)
        new = [p for p in node.parents if p not in seen]
        seen.update(new)
        stack.extend(new)
    leading = wanted & seen
    for node in sorted(seen, key=lambda n: n.stamp):
        if not leading.isdisjoint(node.parents):
            leading.add(node)
    return leading


def _run_hooks(node: Node, g: Any) -> Any:
    """Show the gradient to each hook of the node, which may return another one; then keep it if
    the node was told to."""
    extras = extras_of(node)
    tensor: Any = g if isinstance(g, Variable) else Variable.made(device_of(g).asarray(g))
    for hook in list(extras.get("hooks", {}).values()):
        replaced = hook(tensor)
        if replaced is None:
            continue
        fits = isinstance(replaced, Variable) and replaced.array.shape == node.shape
        if not fits or replaced.array.dtype != node.dtype:
            raise messages.wrong_hook_result(node, replaced)
        tensor = replaced
    if extras.get("retain"):
        kept = extras.get("grad")
        extras["grad"] = tensor.clone() if kept is None else kept + tensor
    return tensor if isinstance(g, Variable) else tensor.array


def _has_nan(part: Any) -> bool:
    array = part.array if isinstance(part, Variable) else part
    return array is not None and not bool((array == array).all())
