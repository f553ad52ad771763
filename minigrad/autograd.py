"""The tape: nodes, the backward walk, grad() and no_grad().

A computation leaves behind a graph of nodes, each knowing the nodes that its operands came from.
Every node is stamped by one clock when it is made, so that a node's stamp is larger than those of
all that it was made from: walking in order of falling stamps is a topological order, and needs no
sorting pass and no recursion. Changes in place are stamped by the same clock (`mutated`), so that
an array which was saved for backward and then changed is recognised by comparing two numbers.
"""

import math
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from operator import add
from typing import Any

from .backend import device_of, exclusive, in_memory_order, quiet
from .clock import mutated, tick
from .modes import Observer, mode, set_grad_enabled
from .nodes import Leaf, Node, Variable, extras_of, line_of

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
    wanted = wanted or set()
    on_path = _leading_to(wanted, [node for node, _ in roots]) if wanted else None
    found: dict[Node, Any] = {}
    pending: dict[int, tuple[Node, Any]] = {}  # by stamp: a node and the sum of what has reached it
    stamps: list[int] = []  # a heap: the youngest node comes first

    for node, part in roots:
        if on_path is None or node in on_path:
            if node.stamp in pending:
                part = pending.pop(node.stamp)[1] + part
            else:
                heappush(stamps, -node.stamp)
            pending[node.stamp] = (node, part)
    del part  # or it would count as a second owner, here and below
    anomaly, observer = mode.anomaly, mode.observer
    while stamps:
        node, g = pending.pop(-heappop(stamps))
        if node.extras is not None:
            g = _run_hooks(node, g)
        if on_path is not None:
            if node in wanted:
                found[node] = g
            if on_path.isdisjoint(node.parents):
                continue
        elif isinstance(node, Leaf):
            if not (differentiable or exclusive(g)):
                g = g.copy(order="K")
            _accumulate(node, g)
            continue
        if node.saved is None:
            raise RuntimeError(_FREED.format(node.name, node.name, line_of(node)))
        if observer is None:
            parts = node.gradients(g, differentiable, on_path)
        else:
            parts = _observed(observer, node, g, differentiable, on_path)
        if anomaly:
            _complain_of_nan(node, parts)
        for parent, part in zip(node.parents, parts):
            if part is None:
                continue
            stamp = parent.stamp
            if stamp in pending:
                pending[stamp] = (parent, _sum(pending.pop(stamp)[1], part, differentiable))
            else:
                heappush(stamps, -stamp)
                pending[stamp] = (parent, part)
        del part, parts
        if not retain_graph:
            node.saved, node.parents = None, ()
    return found


def _observed(observer: Observer, node: Node, g: Any, *how: Any) -> list[Any]:
    return observer.backward(node, g, lambda: node.gradients(g, *how))


_FREED = (
    "backward: the graph behind '{}' has been freed by an earlier backward() or grad(); "
    "pass retain_graph=True to the earlier call to go through it a second time. '{}' was called at"
    "\n  {}"
)


def _leading_to(wanted: set[Node], roots: Sequence[Node]) -> set[Node]:
    """The nodes between `roots` and `wanted`, both included."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node.saved is None:
            raise RuntimeError(_FREED.format(node.name, node.name, line_of(node)))
        new = [p for p in node.parents if p not in seen]
        seen.update(new)
        stack.extend(new)
    leading = wanted & seen
    for node in sorted(seen, key=lambda n: n.stamp):
        if not leading.isdisjoint(node.parents):
            leading.add(node)
    return leading


def _sum(total: Any, part: Any, differentiable: bool) -> Any:
    """total + part, in total's memory where that is nobody else's."""
    if not differentiable and exclusive(total):
        total += part
        return total
    return total + part if differentiable else in_memory_order(add, (total, part))


def _accumulate(leaf: Leaf, g: Any) -> None:
    if hasattr(g, "node"):  # a tensor: two leaves must not share it
        leaf.grad = g.clone() if leaf.grad is None else leaf.grad + g
    elif leaf.grad is None:
        leaf.grad = Variable.made(device_of(g).asarray(g))
    else:
        leaf.grad.data += g
        mutated(leaf.grad.data)


def _run_hooks(node: Node, g: Any) -> Any:
    """Show the gradient to each hook of the node, which may return another one; then keep it if
    the node was told to."""
    extras = extras_of(node)
    tensor: Any = g if isinstance(g, Variable) else Variable.made(device_of(g).asarray(g))
    for hook in list(extras.get("hooks", {}).values()):
        replaced = hook(tensor)
        if replaced is not None:
            _check_hook(replaced, node)
            tensor = replaced
    if extras.get("retain"):
        kept = extras.get("grad")
        extras["grad"] = tensor.clone() if kept is None else kept + tensor
    return tensor if isinstance(g, Variable) else tensor.data


def _check_hook(replaced: Any, node: Node) -> None:
    array = replaced.data if isinstance(replaced, Variable) else replaced
    if not isinstance(replaced, Variable) or (array.shape, array.dtype) != (node.shape, node.dtype):
        got = f"{array.dtype}{list(array.shape)}" if hasattr(array, "dtype") else repr(replaced)
        raise RuntimeError(
            f"register_hook: a hook must return None or a tensor {node.dtype}{list(node.shape)}, "
            f"as the gradient of '{node.name}' is; got {type(replaced).__name__} {got}"
        )


def _complain_of_nan(node: Node, parts: Sequence[Any]) -> None:
    for part in parts:
        array = part.data if isinstance(part, Variable) else part
        if array is not None and not (array == array).all():
            raise RuntimeError(
                f"detect_anomaly: the gradient of '{node.name}' has a NaN. The operation was "
                f"recorded at\n  {line_of(node)}"
            )


# ---- what users call -----------------------------------------------------------------------------


def add_hook(node: Node, hook: Callable[[Any], Any]) -> Callable[[], None]:
    """Have `hook` see the gradient of the node's output; the function returned removes it."""
    hooks = extras_of(node).setdefault("hooks", {})
    key = tick()
    hooks[key] = hook

    def remove() -> None:
        hooks.pop(key, None)

    return remove


def backward(
    tensors: Sequence[Any],
    grad_tensors: Sequence[Any] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradients of the sum of `tensors` to the `.grad` of the leaves they were made from.

    With create_graph the gradients are themselves on the tape. NOTE: a leaf then refers to its
    gradient, and that to the leaf: set .grad to None when done, or use grad(), which keeps nothing.
    """
    retain = create_graph if retain_graph is None else retain_graph
    with set_grad_enabled(create_graph):
        walk(
            _roots("backward", tensors, grad_tensors, create_graph),
            retain_graph=retain,
            differentiable=create_graph,
        )


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of `outputs` with respect to each of `inputs`, and nothing else.

    Only the paths that lead to the inputs are walked. RuntimeError for an input that requires no
    gradient or has no part in the outputs, where with allow_unused None is returned.
    """
    outputs, inputs = _listed("outputs", outputs), _listed("inputs", inputs)
    if grad_outputs is not None and not isinstance(grad_outputs, list | tuple):
        grad_outputs = [grad_outputs]
    if not inputs:
        raise ValueError("grad: needs at least one input")
    for i, x in enumerate(inputs):
        if x.node is None:
            raise RuntimeError(
                f"grad: input {i} (shape {list(x.shape)}) requires no gradient; use "
                "requires_grad_()"
            )
    retain = create_graph if retain_graph is None else retain_graph
    with set_grad_enabled(create_graph):
        roots = _roots("grad", outputs, grad_outputs, create_graph)
        found = walk(
            roots, retain_graph=retain, differentiable=create_graph, wanted={x.node for x in inputs}
        )
    unused = [i for i, x in enumerate(inputs) if x.node not in found]
    if unused and not allow_unused:
        raise RuntimeError(
            f"grad: inputs {unused} have no part in the outputs; allow_unused=True gives None for "
            "them"
        )
    return tuple(
        [None if x.node not in found else _as_result(found[x.node], create_graph) for x in inputs]
    )


def _as_result(g: Any, differentiable: bool) -> Any:
    return g if differentiable else Variable.made(device_of(g).asarray(g).copy())


def _listed(name: str, x: Any) -> list[Any]:
    """One tensor or several, as a list."""
    listed = list(x) if isinstance(x, list | tuple) else [x]
    for i, item in enumerate(listed):
        if not isinstance(item, Variable):
            raise TypeError(f"grad: {name} must be tensors; number {i} is {type(item).__name__}")
    return listed


def _roots(
    name: str, tensors: Sequence[Any], cotangents: Sequence[Any] | None, differentiable: bool
) -> list[tuple[Node, Any]]:
    given = [None] * len(tensors) if cotangents is None else cotangents
    if len(given) != len(tensors):
        raise ValueError(f"{name}: {len(tensors)} tensors but {len(given)} gradients")
    roots = []
    for x, g in zip(tensors, given, strict=True):
        if x.node is None:
            raise RuntimeError(
                f"{name}: this tensor (shape {list(x.shape)}) is not on the tape: nothing that it "
                "was made from requires a gradient, or it was made under no_grad(), or from what "
                ".detach(), .item() or .numpy() returned"
            )
        if g is None and math.prod(x.shape) != 1:
            raise RuntimeError(
                f"{name}: a gradient can be left out only for a single number, not for shape "
                f"{list(x.shape)}; "
                "reduce the tensor (.sum() or .mean()) or pass the gradient"
            )
        if g is None:
            g = Variable.made(device_of(x.data).xp.ones(x.shape, x.dtype))
        elif isinstance(g, str):
            raise TypeError(f"{name}: the gradient must be a tensor, got {g!r}")
        elif not isinstance(g, Variable):
            g = Variable.made(device_of(x.data).asarray(g, x.dtype))
        if g.data.shape != x.shape or g.data.dtype != x.dtype:
            raise ValueError(
                f"{name}: the gradient must be {x.dtype}{list(x.shape)} as its tensor, got "
                f"{g.data.dtype}{list(g.data.shape)}"
            )
        roots.append((x.node, g if differentiable else g.data))
    return roots
