"""Which module is at work: what the profiler counts by, and what drawings of the tape show.

Nobody pays for this who does not ask for it: while `record_modules` is on, it stands in for two
methods of the engine, the call of a module and the making of a node.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..clock import tick
from ..nn import Module, Parameter
from ..nodes import Node, extras_of
from ..recorded import Plan, Recorded


class Scope(NamedTuple):
    """One call of a module."""

    name: str  # "VAE.encoder.mu": where it hangs below a root
    kind: str  # "Linear"
    call: int  # 1 for its first call
    stamp: int  # of the clock, when it began: no two calls have the same


class Scopes:
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

    def name_of(self, operand: Any) -> str | None:
        """What the parameter is called that an operand is, if it is one."""
        name = self._leaves.get(operand.node)
        if name is None and operand in self._parameters:
            name = self._leaves[operand.node] = self._parameters[operand]
        return name

    def enter(self, module: Module) -> None:
        if module not in self._names:
            self._add(module, type(module).__name__)
        self._calls[module] += 1
        scope = Scope(self._names[module], type(module).__name__, self._calls[module], tick())
        self.path = (*self.path, scope)

    def leave(self) -> None:
        self.path = self.path[:-1]


@contextmanager
def record_modules(*models: Module, **named: Module) -> Iterator[Scopes]:
    """Have every operation that is recorded inside remember which modules were at work, for `draw`.

    A model that is given, `record_modules(vae)` or `record_modules(G=generator)`, is the root of
    the names of all that is below it; others are named when they are first called. TypeError for
    what is no module.
    """
    scopes = Scopes(*models, **named)
    call, make = Module.__call__, Recorded.__init__

    def named_call(module: Module, *args: Any, **kwargs: Any) -> Any:
        scopes.enter(module)
        try:
            return call(module, *args, **kwargs)
        finally:
            scopes.leave()

    def named_node(
        node: Recorded, plan: Plan, operands: tuple[Any, ...], *what_happened: Any
    ) -> None:
        make(node, plan, operands, *what_happened)
        extras = extras_of(node)
        extras["scope"] = scopes.path
        extras["names"] = tuple([scopes.name_of(operands[i]) for i in plan.parents])

    with replaced((Module, "__call__", named_call), (Recorded, "__init__", named_node)):
        yield scopes


@contextmanager
def replaced(*methods: tuple[type, str, Any]) -> Iterator[None]:
    """Within, each (class, name, function) has that function for a method."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in methods]
    for owner, name, function in methods:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)
