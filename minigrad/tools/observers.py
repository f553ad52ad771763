"""Who watches a thread at work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ..nn import Module
from ..op import Op
from ..tape import Node, mode, observed

T = TypeVar("T")


class Observer:
    """Watches one thread at work, for as long as it is that thread's `mode.observer`.

    Each method is called around a piece of work, runs it and returns what it gave; whoever watches
    overrides some of them.
    """

    def forward(self, op: Op[Any], operands: tuple[Any, ...], run: Callable[[], T]) -> T:
        """Around an op that is called on tensors. The ops that it runs itself are part of it."""
        return run()

    def backward(self, node: Node, g: Any, run: Callable[[], list[Any]]) -> list[Any]:
        """Around the rules of a node that the gradient `g` has reached, which give the parts."""
        return run()

    def module(self, module: Module, run: Callable[[], T]) -> T:
        """Around the call of a module."""
        return run()


@contextmanager
def watched_by(observer: Observer) -> Iterator[None]:
    """Have `observer` watch what this thread does inside, besides those that watch it already."""
    before = mode.observer
    mode.observer = observer if before is None else _Both(before, observer)
    observed.append(observer)
    try:
        yield
    finally:
        mode.observer = before
        observed.remove(observer)


class _Both(Observer):
    """Two observers, one around the other."""

    def __init__(self, outer: Observer, inner: Observer) -> None:
        self.outer, self.inner = outer, inner

    def forward(self, op: Op[Any], operands: tuple[Any, ...], run: Callable[[], T]) -> T:
        return self.outer.forward(op, operands, lambda: self.inner.forward(op, operands, run))

    def backward(self, node: Node, g: Any, run: Callable[[], list[Any]]) -> list[Any]:
        return self.outer.backward(node, g, lambda: self.inner.backward(node, g, run))

    def module(self, module: Module, run: Callable[[], T]) -> T:
        return self.outer.module(module, lambda: self.inner.module(module, run))
