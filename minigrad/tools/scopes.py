"""Which module is at work: what the profiler counts by, and what drawings of the tape show.

Nobody pays for this who does not ask for it: `record_modules` is an observer, of its own thread and
for as long as it is on.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from ..nn import Module, Parameter
from ..op import Op
from ..tape import Node, Variable, extras_of, tick
from .observers import Observer, watched_by

T = TypeVar("T")


class Scope(NamedTuple):
    """One call of a module."""

    name: str  # "VAE.encoder.mu": where it hangs below a root
    kind: str  # "Linear"
    call: int  # 1 for its first call
    stamp: int  # of the clock, when it began: no two calls have the same


class Scopes(Observer):
    """The names of modules and parameters, and the calls that are under way.

    Names begin with that of the root: its type's, or the one that it was given.
    """

    def __init__(self, *models: Module, **named: Module) -> None:
        self.path: tuple[Scope, ...] = ()  # outermost first
        self._parameters: dict[Parameter, str] = {}
        self._leaves: dict[Node, str] = {}  # of those that were met: rules get them as new tensors
        self._names: dict[Module, str] = {}
        self._calls: Counter[Module] = Counter()
        for name, model in named.items():
            self._add(model, name)
        for model in models:
            self._add(model, type(model).__name__)

    def _add(self, root: Module, name: str) -> None:
        if not isinstance(root, Module):
            raise TypeError(f"record_modules: {name} must be a module, got {type(root).__name__}")
        taken, first, count = set(self._names.values()), name, 1
        while name in taken:
            count += 1
            name = f"{first}-{count}"
        for path, module in root.named_modules():
            self._names.setdefault(module, f"{name}.{path}" if path else name)
        for path, parameter in root.named_parameters():
            self._parameters.setdefault(parameter, f"{name}.{path}")

    def module(self, module: Module, run: Callable[[], T]) -> T:
        if module not in self._names:
            self._add(module, type(module).__name__)
        self._calls[module] += 1
        scope = Scope(self._names[module], type(module).__name__, self._calls[module], tick())
        around, self.path = self.path, (*self.path, scope)
        try:
            return run()
        finally:
            self.path = around

    def forward(self, op: Op[Any], operands: tuple[Any, ...], run: Callable[[], T]) -> T:
        for x in operands:
            if isinstance(x, Parameter) and x in self._parameters and x.node is not None:
                self._leaves[x.node] = self._parameters[x]
        start = tick()
        out = run()
        self._label(out.node if isinstance(out, Variable) else None, start)
        return out

    def _label(self, node: Node | None, start: int) -> None:
        """Note where a node was made, and those made before it since `start`: casts of operands."""
        if node is not None and node.stamp > start:
            extras = extras_of(node)
            extras["scope"] = self.path
            extras["names"] = tuple([self._leaves.get(parent) for parent in node.parents])
            for parent in node.parents:
                self._label(parent, start)


@contextmanager
def record_modules(*models: Module, **named: Module) -> Iterator[Scopes]:
    """Have every operation that is recorded inside remember which modules were at work, for `draw`.

    A model that is given, `record_modules(vae)` or `record_modules(G=generator)`, is the root of
    the names of all that is below it; others are named when they are first called. TypeError for
    what is no module.
    """
    scopes = Scopes(*models, **named)
    with watched_by(scopes):
        yield scopes
