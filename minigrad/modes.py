"""What the current thread records: no_grad() and its relatives."""

import threading
from contextlib import ContextDecorator


class _Mode(threading.local):
    recording = True
    anomaly = False


mode = _Mode()


class no_grad(ContextDecorator):
    """Record nothing: a context manager and a decorator, for the current thread."""

    _value = False

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        mode.recording = self._value

    def __exit__(self, *exc: object) -> None:
        mode.recording = self._before.pop()


class enable_grad(no_grad):
    """Record again, inside of no_grad()."""

    _value = True


class set_grad_enabled(no_grad):
    """no_grad() or enable_grad(), by a flag."""

    def __init__(self, enabled: bool) -> None:
        super().__init__()
        self._value = enabled


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded."""
    return mode.recording


class detect_anomaly(ContextDecorator):
    """Where backward makes a NaN, raise a RuntimeError with the forward op and the line of code
    that ran it.

    Both the forward and the backward have to run inside. It costs time: for debugging.
    """

    def __enter__(self) -> None:
        self._before = mode.anomaly
        mode.anomaly = True

    def __exit__(self, *exc: object) -> None:
        mode.anomaly = self._before
