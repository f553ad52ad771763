"""What users call: backward() and grad(), hooks, and what a thread records (no_grad() & co)."""

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import ContextDecorator
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import messages
from .backend import device_of
from .tape import Node, extras_of, mode, observed, tick, walk
from .tape import Variable as Traced

if TYPE_CHECKING:  # only types: the engine knows no tensor
    from .tensor import Tensor

__all__ = [
    "backward", "detect_anomaly", "enable_grad", "grad", "is_grad_enabled", "no_grad",
    "set_grad_enabled",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])

# ---- gradients -----------------------------------------------------------------------------------


def backward(
    tensors: "Tensor | Sequence[Tensor]",
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradients of the sum of `tensors` to the `.grad` of the leaves they were made from.

    With create_graph the gradients are themselves on the tape. NOTE: a leaf then refers to its
    gradient, and that to the leaf: set .grad to None when done, or use grad(), which keeps nothing.
    """
    retain = create_graph if retain_graph is None else retain_graph
    roots = _roots("backward", _listed("backward", "tensors", tensors), grad_tensors, create_graph)
    walk(roots, retain_graph=retain, differentiable=create_graph)


def grad(
    outputs: "Tensor | Sequence[Tensor]",
    inputs: "Tensor | Sequence[Tensor]",
    grad_outputs: "Tensor | Sequence[Tensor] | None" = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool = False,
) -> "tuple[Tensor, ...]":
    """The gradients of the sum of `outputs` with respect to each of `inputs`, and nothing else.

    Only the paths that lead to the inputs are walked. RuntimeError for an input that requires no
    gradient or has no part in the outputs, where with allow_unused None is returned. only_inputs is
    always true, as in PyTorch.

    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> (slope,) = mg.grad(x**3, x, create_graph=True)
    >>> mg.grad(slope, x)
    (tensor(18.),)
    """
    if only_inputs is not True:
        raise ValueError("grad: only_inputs=False is gone, as in PyTorch; use backward()")
    outputs, inputs = _listed("grad", "outputs", outputs), _listed("grad", "inputs", inputs)
    for i, x in enumerate(inputs):
        if x.node is None:
            raise RuntimeError(
                f"grad: input {i} (shape {list(x.shape)}) requires no gradient; use "
                "requires_grad_()"
            )
    for flag in (retain_graph, create_graph, allow_unused):
        if hasattr(flag, "shape"):
            raise TypeError(f"grad: takes True or False as its options, got {flag!r:.60}")
    retain = create_graph if retain_graph is None else retain_graph
    roots = _roots("grad", outputs, grad_outputs, create_graph)
    wanted = {x.node for x in inputs}
    found = walk(roots, retain_graph=retain, differentiable=create_graph, wanted=wanted)
    unused = [i for i, x in enumerate(inputs) if x.node not in found]
    if unused and not allow_unused:
        raise RuntimeError(
            f"grad: inputs {unused} have no part in the outputs; allow_unused=True gives None for "
            "them"
        )
    gradients: list[Any] = [
        None if x.node not in found else _as_result(found[x.node], create_graph) for x in inputs
    ]
    return tuple(gradients)


def _as_result(g: Any, differentiable: bool) -> Any:
    return g if differentiable else Traced.made(device_of(g).asarray(g).copy())


def _listed(name: str, what: str, x: Any) -> list[Any]:
    """One tensor or several, as a list; TypeError or ValueError for others, or none."""
    listed = list(x) if isinstance(x, list | tuple) else [x]
    if not listed:
        raise ValueError(f"{name}: needs at least one {what[:-1]}")
    for i, item in enumerate(listed):
        if not isinstance(item, Traced):
            kind = type(item).__name__
            raise TypeError(f"{name}: {what} must be tensors; number {i} is {kind}")
    return listed


def _roots(
    name: str, tensors: Sequence[Any], cotangents: Any, differentiable: bool
) -> list[tuple[Node, Any]]:
    given = [None] * len(tensors) if cotangents is None else cotangents
    given = given if isinstance(given, list | tuple) else [given]
    if len(given) != len(tensors):
        raise ValueError(f"{name}: {len(tensors)} tensors but {len(given)} gradients")
    roots = []
    for x, g in zip(tensors, given):
        if x.node is None:
            raise messages.not_on_the_tape(name, x)
        tensor = g if isinstance(g, Traced) else Traced.made(_cotangent(name, x, g))
        array, node = tensor.array, x.node
        if array.shape != node.shape or array.dtype != node.dtype:
            raise messages.wrong_cotangent(name, node, array)
        roots.append((node, tensor if differentiable else array))
    return roots


def _cotangent(name: str, x: Any, g: Any) -> Any:
    """The gradient that a root starts with: 1 for a single number, or what was given as an
    array."""
    device, node = device_of(x.array), x.node
    if g is not None:
        if not (isinstance(g, int | float) or messages.is_array(g)):
            raise TypeError(f"{name}: the gradient must be a tensor, got {g!r:.60}")
        return device.asarray(g, node.dtype)
    if math.prod(node.shape) != 1:
        raise messages.gradient_left_out(name, node)
    return device.xp.ones(node.shape, node.dtype)


class _IsATensor(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Traced)


class Variable(metaclass=_IsATensor):
    """What a tensor with a place on the tape was called once: `Variable(x)` is a tensor on the
    same memory, off the tape of x."""

    if not TYPE_CHECKING:

        def __new__(cls, data, requires_grad=False):
            if not isinstance(data, Traced):
                raise TypeError(f"Variable: needs a tensor, got {type(data).__name__}")
            return data.detach().requires_grad_(requires_grad)


# ---- hooks ---------------------------------------------------------------------------------------


class Hook:
    """A hook that was registered; `remove()` takes it away again."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks, self._key = hooks, tick()
        hooks[self._key] = hook

    def remove(self) -> None:
        self._hooks.pop(self._key, None)

    __call__ = remove  # NOTE: what register_hook returned before it returned an object


def add_hook(node: Node, hook: Callable[[Any], Any]) -> Hook:
    """Have `hook` see the gradient of the node's output."""
    return Hook(extras_of(node).setdefault("hooks", {}), hook)


# ---- what the current thread records ------------------------------------------------------------


class _Switch(ContextDecorator):
    """A context manager and decorator; as both, for generator functions too, of this thread
    alone."""

    def _turn(self) -> None:
        """Set the mode."""

    def __enter__(self) -> None:
        mode.before.append((mode.recording, mode.anomaly))
        self._turn()

    def __exit__(self, *exc: object) -> None:
        mode.recording, mode.anomaly = mode.before.pop()

    def __call__(self, function: F) -> F:
        code = getattr(function, "__code__", None)
        if code is None or not code.co_flags & _GENERATOR:
            return super().__call__(function)

        @wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
            values = function(*args, **kwargs)
            while True:
                with self:
                    try:
                        value = next(values)
                    except StopIteration as stop:
                        return stop.value
                yield value

        return cast(F, generator)


_GENERATOR = 0x20  # inspect.CO_GENERATOR


class no_grad(_Switch):
    """Record nothing: a context manager and a decorator.

    >>> w = mg.ones(2, requires_grad=True)
    >>> with mg.no_grad():
    ...     print((2 * w).requires_grad)
    False
    """

    if not TYPE_CHECKING:  # `@no_grad` without parentheses works, but checkers need not follow

        def __new__(cls, function=None):
            made = super().__new__(cls)
            return made if function is None else made(function)

    def _turn(self) -> None:
        mode.recording = False


class enable_grad(no_grad):
    """Record again, inside of no_grad()."""

    def _turn(self) -> None:
        mode.recording = True


class set_grad_enabled(_Switch):
    """Record or not, by a flag: at once, or as a context manager or decorator."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._found = mode.recording
        self._turn()

    def _turn(self) -> None:
        mode.recording = self._enabled

    def __enter__(self) -> None:
        mode.before.append((self._found, mode.anomaly))
        self._turn()

    def __call__(self, function: F) -> F:
        mode.recording = self._found
        return (enable_grad if self._enabled else no_grad)()(function)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded."""
    return mode.recording


class detect_anomaly(_Switch):
    """Where backward makes a NaN, raise a RuntimeError that names the op and the line that ran it;
    errors of a freed graph and of changes in place name the line too.

    Both the forward and the backward have to run inside. It costs time: for debugging.
    """

    def _turn(self) -> None:
        mode.anomaly = True

    def __enter__(self) -> None:
        observed.append(self)
        super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        observed.remove(self)
