"""What a drawing shows: the nodes behind a tensor as plain records, which keep no array alive."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...autograd import no_grad
from ...backend import Array, device_of, storage
from ...nn import Module
from ...tape import Leaf, Node, Variable, walk
from ..scopes import Scope


@dataclass
class Vertex:
    """A node of the tape: the result of an op, or a leaf."""

    op: str  # its name, or "leaf"
    name: str  # of the tensor, if it has one
    shape: tuple[int, ...]
    dtype: str
    inputs: list[int]  # the vertices that it was made from, one for each operand on the tape
    places: list[tuple[Scope, ...]]  # the modules that were at work, outermost first; for a
    # parameter, those of each of its uses
    keeps: list[str]  # the arrays that its gradient rules read
    bytes: int  # of the memory that it is the first to keep alive
    gradient: float | None  # the Euclidean norm of the gradient, where it is known

    @property
    def is_leaf(self) -> bool:
        return self.op == "leaf"

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def graph_of(
    tensor: object,
    names: Mapping[str, object] | None = None,
    gradients: bool = False,
) -> list[Vertex]:
    """The tape behind `tensor`, from the oldest node to the tensor's own.

    `names` are of tensors, or of modules, whose parameters then are "name.weight". With
    `gradients`, the norm of the gradient of `tensor`, a single number, is found for every node;
    nothing accumulates, and no hook runs. Without, those are shown that backward() has left.
    RuntimeError if there is no tape, or if backward() has freed it.
    """
    if not isinstance(tensor, Variable):
        raise TypeError(f"draw: needs a tensor, got {type(tensor).__name__}")
    if tensor.node is None:
        raise RuntimeError(
            f"draw: this tensor (shape {list(tensor.array.shape)}) is not on the tape: nothing "
            "that it was made from requires a gradient, or it was made under no_grad()"
        )
    nodes = _behind(tensor.node)
    places = {node: i for i, node in enumerate(nodes)}
    recorded = _recorded_names(nodes)
    called = recorded | _given_names(names or {})
    slopes = _gradients(tensor, nodes) if gradients else {}
    seen: set[int] = set()
    vertices = []
    for node in nodes:
        keeps, size = [], 0
        for name, array in kept(node):
            keeps.append(name)
            root = None if array is None else storage(array)
            if root is not None and id(root) not in seen:
                seen.add(id(root))
                size += root.nbytes
        g = slopes.get(node, _left_by_backward(node))
        vertices.append(
            Vertex(
                op=node.name,
                name=called.get(node, ""),
                shape=tuple(node.shape),
                dtype=str(node.dtype),
                inputs=[places[parent] for parent in node.parents],
                places=[(node.extras or {}).get("scope", ())],
                keeps=keeps,
                bytes=size,
                gradient=None if g is None else _norm(g),
            )
        )
    uses: dict[int, dict[tuple[Scope, ...], None]] = {places[leaf]: {} for leaf in recorded}
    for vertex in vertices:
        for i in vertex.inputs:
            if i in uses:
                uses[i][vertex.places[0]] = None
    for i, found in uses.items():
        vertices[i].places = list(found)
    return vertices


def kept(node: Node) -> Iterator[tuple[str, Array | None]]:
    """(name, array) of what a node keeps alive for backward.

    None stands for the array of a leaf, whose memory is its own, with or without a tape.
    """
    if isinstance(node, Leaf) or node.saved is None:
        return
    for name, array, origin in zip(node.plan.kept, node.saved, node.plan.origins, strict=True):
        if hasattr(array, "strides"):
            parent = node.parents[origin] if origin is not None and origin >= 0 else None
            yield name, None if isinstance(parent, Leaf) else array


def _behind(root: Node) -> list[Node]:
    """All nodes that `root` was made from and itself, the oldest first."""
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        if node.saved is None:
            raise RuntimeError(
                f"draw: the graph behind '{node.name}' has been freed by backward() or grad(); "
                "draw before it, or pass retain_graph=True to it"
            )
        new = [parent for parent in node.parents if parent not in seen]
        seen.update(new)
        stack.extend(new)
    return sorted(seen, key=lambda node: node.stamp)


def _recorded_names(nodes: list[Node]) -> dict[Node, str]:
    """The names of the parameters of modules that `record_modules` has seen."""
    found: dict[Node, str] = {}
    for node in nodes:
        names = (node.extras or {}).get("names", ())
        found.update({parent: name for parent, name in zip(node.parents, names) if name})
    return found


def _given_names(given: Mapping[str, object]) -> dict[Node, str]:
    found: dict[Node, str] = {}
    for name, what in given.items():
        named = what.named_parameters(name) if isinstance(what, Module) else [(name, what)]
        for path, tensor in named:
            if not isinstance(tensor, Variable):
                raise TypeError(
                    f"draw: names are of tensors and modules, {path!r} is {type(tensor).__name__}"
                )
            if tensor.node is not None:
                found[tensor.node] = path
    return found


def _gradients(tensor: Variable, nodes: list[Node]) -> dict[Node, Array]:
    """The gradient of `tensor` for each node behind it; everything stays as it was."""
    if tensor.array.size != 1:
        raise RuntimeError(
            "draw: gradients=True needs a single number, not shape "
            f"{list(tensor.array.shape)}; draw its .sum() or .mean()"
        )
    assert tensor.node is not None
    one = device_of(tensor.array).xp.ones(tensor.array.shape, tensor.array.dtype)
    extras = [node.extras for node in nodes]
    try:
        for node in nodes:
            node.extras = None  # no hook runs, nothing is retained
        with no_grad():
            return walk(
                [(tensor.node, one)], retain_graph=True, differentiable=False, wanted=set(nodes)
            )
    finally:
        for node, extra in zip(nodes, extras, strict=True):
            node.extras = extra


def _left_by_backward(node: Node) -> Array | None:
    found = node.grad if isinstance(node, Leaf) else (node.extras or {}).get("grad")
    return None if found is None else found.array


def _norm(g: Array) -> float:
    return math.sqrt(float((g.astype("float64") ** 2).sum()))
