"""Where the time and the memory of a training step go, op by op and module by module."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from .nn import Module
from .nodes import Node, Variable, extras_of
from .op import Op
from .recorded import Recorded


@dataclass
class Row:
    """What one op, or one module, has cost so far."""

    calls: int = 0
    forward: float = 0.0  # seconds
    backward: float = 0.0  # seconds
    bytes: int = 0  # of its outputs

    @property
    def total(self) -> float:
        return self.forward + self.backward


@dataclass
class Profile:
    """The measurements of a `profile()` block: `print` it for a table.

    `ops` and `modules` map names to rows; an op that a module runs counts for the innermost one.
    The rest of `seconds` is spent outside of ops: in optimizers, data loading, and the walk itself.
    """

    ops: dict[str, Row] = field(default_factory=dict)
    modules: dict[str, Row] = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        return "\n\n".join([self._table("op", self.ops), self._table("module", self.modules)])

    def _table(self, title: str, rows: dict[str, Row]) -> str:
        head = f"{title:<28}{'calls':>8}{'forward ms':>12}{'backward ms':>12}{'share':>8}{'MB':>10}"
        ordered = sorted(rows.items(), key=lambda item: -item[1].total)
        inside = sum(row.total for _, row in ordered)
        lines = [head, *(self._line(name, row) for name, row in ordered)]
        rest = Row(forward=self.seconds - inside)
        return "\n".join([*lines, self._line("(outside of ops)", rest)])

    def _line(self, name: str, row: Row) -> str:
        share = row.total / self.seconds if self.seconds else 0.0
        return (
            f"{name:<28}{row.calls:>8}{row.forward * 1e3:>12.2f}{row.backward * 1e3:>12.2f}"
            f"{share:>8.1%}{row.bytes / 1e6:>10.1f}"
        )


@contextmanager
def profile() -> Iterator[Profile]:
    """Measure the ops that run inside, forward and backward apart.

    It replaces three methods of the engine while it is on, so it costs nothing when it is off. On a
    GPU, where work is queued, it measures the queueing.
    """
    found = Profile()
    call, gradients, enter_module = Op.__call__, Recorded.gradients, Module.__call__
    inside = 0  # how many timed calls are under way: an op that calls ops counts once
    modules = [""]

    def timed_call(op: Op, *operands: Any, **settings: Any) -> Any:
        nonlocal inside
        if inside or not any(isinstance(x, Variable) for x in operands):
            return call(op, *operands, **settings)
        inside += 1
        start = perf_counter()
        try:
            out = call(op, *operands, **settings)
        finally:
            inside -= 1
        seconds = perf_counter() - start
        for rows, name in ((found.ops, op.name), (found.modules, modules[-1])):
            row = rows.setdefault(name, Row())
            row.calls += 1
            row.forward += seconds
            row.bytes += out.data.nbytes
        if out.node is not None:
            extras_of(out.node)["module"] = modules[-1]
        return out

    def timed_gradients(
        node: Recorded, g: Any, differentiable: bool, on_path: set[Node] | None
    ) -> list[Any]:
        nonlocal inside
        inside += 1
        start = perf_counter()
        try:
            return gradients(node, g, differentiable, on_path)
        finally:
            inside -= 1
            seconds = perf_counter() - start
            module = (node.extras or {}).get("module", "")
            for rows, name in ((found.ops, node.name), (found.modules, module)):
                rows.setdefault(name, Row()).backward += seconds

    def named_module(module: Module, *args: Any, **kwargs: Any) -> Any:
        modules.append(f"{modules[-1]}.{type(module).__name__}".lstrip("."))
        try:
            return enter_module(module, *args, **kwargs)
        finally:
            modules.pop()

    engine: list[tuple[Any, str, Any, Any]] = [
        (Op, "__call__", timed_call, call),
        (Recorded, "gradients", timed_gradients, gradients),
        (Module, "__call__", named_module, enter_module),
    ]
    start = perf_counter()
    for owner, name, timed, _ in engine:
        setattr(owner, name, timed)
    try:
        yield found
    finally:
        for owner, name, _, original in engine:
            setattr(owner, name, original)
        found.seconds = perf_counter() - start
