"""Where the time and the memory of a training step go, op by op and module by module."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ..backend import Array, storage
from ..files import write_text
from ..nn import Module
from ..op import Op
from ..tape import Node, Variable
from .observers import Observer, watched_by
from .scopes import Scope, Scopes, record_modules

T = TypeVar("T")


@dataclass
class Row:
    """What one op, or one module, has cost so far. A view of memory that is there costs no bytes.

    Backward has no calls of its own: it has as many as the forward has recorded.
    """

    calls: int = 0
    forward: float = 0.0  # seconds
    backward: float = 0.0  # seconds
    bytes: int = 0  # of its outputs
    kept: int = 0  # bytes that it was the first to keep for backward
    gradients: int = 0  # bytes of what its gradient rules made
    outside: float = 0.0  # seconds in no op

    @property
    def total(self) -> float:
        return self.forward + self.backward + self.outside

    def __add__(self, other: "Row") -> "Row":
        return Row(*[a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)])


@dataclass
class Profile:
    """The measurements of a `profile()` block: `print` it for a table, `draw` it for a picture.

    `ops` and `modules` map names to rows; an op that a module runs counts for the innermost one,
    and outside of all for "". `kinds` has the modules' types. The rest of `seconds` is spent
    outside of ops: in optimizers, data loading, and the walk itself.
    """

    ops: dict[str, Row] = field(default_factory=dict)
    modules: dict[str, Row] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def below(self, module: str) -> Row:
        """What a module has cost with all that is below it."""
        inside = [row for name, row in self.modules.items() if f"{name}.".startswith(f"{module}.")]
        return sum(inside, Row())

    def __str__(self) -> str:
        return "\n\n".join(
            [self._table("op", self._op_lines()), self._table("module", self._module_lines())]
        )

    def draw(self, path: str | os.PathLike[str]) -> None:
        """Draw the same as bars, into NAME.svg. ValueError for another suffix."""
        from .drawing.bars import Bar, bars

        if Path(path).suffix != ".svg":
            raise ValueError(f"Profile.draw: a picture is .svg, got {os.fspath(path)!r}")
        panels = {"op": self._op_lines(), "module, with all below it": self._module_lines()}
        shown = {
            title: [
                Bar(
                    name,
                    (row.forward, row.backward),
                    (row.bytes, row.gradients),
                    row.kept,
                    row.outside,
                )
                for name, row in lines
            ]
            for title, lines in panels.items()
        }
        write_text(path, bars(shown))

    def _op_lines(self) -> list[tuple[str, Row]]:
        ordered = sorted(self.ops.items(), key=lambda item: -item[1].total)
        return [*ordered, self._rest()]

    def _module_lines(self) -> list[tuple[str, Row]]:
        """Each module under the one around it, indented, in the order of their first calls."""
        called = [name for name in self.modules if name]
        place = {name: i for i, name in enumerate(called)}
        around = {
            name: [other for other in called if f"{name}.".startswith(f"{other}.")]
            for name in called
        }
        lines = []
        for name in sorted(called, key=lambda name: [place[other] for other in around[name]]):
            parents = sorted(around[name], key=len)[:-1]
            short = name.removeprefix(f"{parents[-1]}." if parents else "")
            indented = f"{'  ' * len(parents)}{short}: {self.kinds[name]}"
            lines.append((indented, self.below(name)))
        if "" in self.modules:
            lines.append(("(outside of modules)", self.modules[""]))
        return [*lines, self._rest()]

    def _table(self, title: str, lines: list[tuple[str, Row]]) -> str:
        width = max(28, *(len(name) for name, _ in lines))
        columns = ("forward ms", "backward ms", "share", "made MB", "kept MB", "grads MB")
        head = f"{title:<{width}}{'calls':>8}" + "".join(f"{name:>12}" for name in columns)
        table = [head]
        for name, row in lines:
            share = row.total / self.seconds if self.seconds else 0.0
            times = f"{row.forward * 1e3:>12.2f}{row.backward * 1e3:>12.2f}"
            if row.outside:  # neither, and so between the two columns
                times = f"{row.outside * 1e3:>18.2f}{'':6}"
            times += f"{share:>12.1%}"
            sizes = "".join(f"{b / 1e6:>12.2f}" for b in (row.bytes, row.kept, row.gradients))
            table.append(f"{name:<{width}}{row.calls:>8}{times}{sizes}")
        return "\n".join(table)

    def _rest(self) -> tuple[str, Row]:
        inside = sum(row.total for row in self.ops.values())
        return "(outside of ops)", Row(outside=self.seconds - inside)


@contextmanager
def profile(*models: Module, **named: Module) -> Iterator[Profile]:
    """Measure the ops that run inside, forward and backward apart.

    Models that are given are the roots of the modules' names, as in `record_modules`. What other
    threads do is not measured. On a GPU, where work is queued, it measures the queueing.

    >>> x = mg.rand(3, requires_grad=True)
    >>> with mg.profile() as found:
    ...     (x.exp() * x).sum().backward()
    >>> {name: row.calls for name, row in found.ops.items()}
    {'exp': 1, 'multiply': 1, 'sum': 1}
    """
    found = Profile()
    start = perf_counter()
    with record_modules(*models, **named) as scopes:
        try:
            with watched_by(_Meter(found, scopes)):
                yield found
        finally:
            found.seconds = perf_counter() - start


class _Meter(Observer):
    """Measures what it watches."""

    def __init__(self, found: Profile, scopes: Scopes) -> None:
        self.found, self.scopes = found, scopes
        self.inside = False  # of a rule: with create_graph it runs ops, which count as it
        self.kept: WeakValueDictionary[int, Any] = WeakValueDictionary()  # memory, by its id

    def forward(self, op: Op[Any], operands: tuple[Any, ...], run: Callable[[], T]) -> T:
        if self.inside:
            return run()
        start = perf_counter()
        out = run()
        seconds = perf_counter() - start
        sources = [storage(x.array) for x in operands if isinstance(x, Variable)]
        made, kept = _new_bytes(_array(out), sources), self._newly_kept(getattr(out, "node", None))
        for row in self._rows(op.name, self.scopes.path):
            row.calls += 1
            row.forward += seconds
            row.bytes += made
            row.kept += kept
        return out

    def backward(self, node: Node, g: Any, run: Callable[[], list[Any]]) -> list[Any]:
        self.inside = True
        start = perf_counter()
        try:
            parts = run()
        finally:
            self.inside = False
        seconds = perf_counter() - start
        sources = [storage(x) for x in (_array(g), *(node.saved or ())) if _is_array(x)]
        made = sum(_new_bytes(_array(part), sources) for part in parts if part is not None)
        for row in self._rows(node.name, (node.extras or {}).get("scope", ())):
            row.backward += seconds
            row.gradients += made
        return parts

    def _rows(self, op: str, path: tuple[Scope, ...]) -> tuple[Row, Row]:
        found = self.found
        for scope in path:
            found.kinds.setdefault(scope.name, scope.kind)
            found.modules.setdefault(scope.name, Row())
        module = path[-1].name if path else ""
        return found.ops.setdefault(op, Row()), found.modules.setdefault(module, Row())

    def _newly_kept(self, node: Node | None) -> int:
        """The bytes that a node keeps alive, and none before it."""
        from .drawing.graph import kept

        size = 0
        for _, array in kept(node) if node is not None else ():
            root = None if array is None else storage(array)
            if root is not None and self.kept.get(id(root)) is not root:
                self.kept[id(root)] = root
                size += root.nbytes
        return size


def _array(x: Any) -> Any:
    return x.array if isinstance(x, Variable) else x


def _is_array(x: Any) -> bool:
    return hasattr(x, "strides")


def _new_bytes(array: Array, sources: list[Array]) -> int:
    """The bytes of an array that is no view of a source."""
    root = storage(array)
    return 0 if any(root is source for source in sources) else int(array.nbytes)
