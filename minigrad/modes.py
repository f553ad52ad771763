"""What the current thread records, and who watches it: no_grad() and its relatives."""

import threading
from collections.abc import Callable, Generator
from contextlib import ContextDecorator
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Observer:
    """Watches one thread at work: each method is called around a piece of work, runs it and returns
    what it gave. Whoever watches overrides some of them, and sets `mode.observer`."""

    def forward(self, op: Any, operands: tuple[Any, ...], run: Callable[[], T]) -> T:
        """Around an op that is called on tensors. The ops that it runs itself are part of it."""
        return run()

    def backward(self, node: Any, g: Any, run: Callable[[], list[Any]]) -> list[Any]:
        """Around the rules of a node that the gradient `g` has reached, which give the parts."""
        return run()

    def module(self, module: Any, run: Callable[[], T]) -> T:
        """Around the call of a module."""
        return run()


class _Mode(threading.local):
    recording = True
    anomaly = False
    observer: Observer | None = None

    def __init__(self) -> None:
        self.before: list[tuple[bool, bool]] = []  # what to return to, innermost last


mode = _Mode()


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
    """Record nothing: a context manager and a decorator."""

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
