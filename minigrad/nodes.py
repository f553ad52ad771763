"""What the tape is made of: tensors' places on it, and nodes that know where they came from."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeVar

from .backend import Array, DType, Shape
from .clock import tick

V = TypeVar("V", bound="Variable")


class Variable:
    """An array and its place on the tape: what the engine needs to know of a Tensor."""

    __slots__ = ("__weakref__", "data", "node")

    made: "ClassVar[type[Any]]"  # the class of what ops return
    data: Array
    node: "Node | None"

    def __init__(self, data: Array, node: "Node | None" = None) -> None:
        self.data = data
        self.node = node


Variable.made = Variable


def makes_results(cls: type[V]) -> type[V]:
    """Class decorator: the results of ops and the gradients are of this class (it is Tensor)."""
    Variable.made = cls
    return cls


class Node(ABC):
    """One recorded operation. `parents` are the nodes of the operands that need a gradient."""

    __slots__ = ("dtype", "extras", "parents", "saved", "shape", "stamp")

    shape: Shape
    dtype: DType
    stamp: int
    parents: "tuple[Node, ...]"
    saved: tuple[Any, ...] | None  # None once freed
    extras: dict[str, Any] | None  # hooks, the retained gradient, the line of code: rarely there

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the op, or "leaf"."""

    @abstractmethod
    def gradients(self, g: Any, differentiable: bool, on_path: "set[Node] | None") -> list[Any]:
        """What reaches each parent when `g` reaches this node; None for parents that are not
        `on_path`.

        `g` is an array, and so are the results; if they are to be differentiable, all are tensors.
        """

    def __repr__(self) -> str:
        return f"<{self.name} {list(self.shape)}>"


class Leaf(Node):
    """Where the gradient of a tensor that was made by the user accumulates."""

    __slots__ = ("grad",)

    def __init__(self, shape: Shape, dtype: DType) -> None:
        self.shape = shape
        self.dtype = dtype
        self.parents = ()
        self.saved = ()
        self.extras = None
        self.stamp = tick()
        self.grad: Any = None

    @property
    def name(self) -> str:
        return "leaf"

    def gradients(self, g: Any, differentiable: bool, on_path: "set[Node] | None") -> list[Any]:
        return []


def line_of(node: Node) -> str:
    """The line of code that recorded a node, for messages."""
    unknown = "a line that is known only if it runs under minigrad.detect_anomaly()"
    found: str = (node.extras or {}).get("line", unknown)
    return found


def extras_of(node: Node) -> dict[str, Any]:
    if node.extras is None:
        node.extras = {}
    return node.extras
