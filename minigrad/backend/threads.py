"""The CPU's cores: threads that work through blocks side by side.

NumPy lets go of Python's lock in ufuncs, copies and matrix products, so that threads that call it
run at once. Work is cut into blocks by its size, never by the number of threads, and who adds
partial sums adds them in the order of the blocks: results are the same bits with 1 thread or 64.

Meanwhile NumPy's BLAS computes each product in the thread that asks for it. Its own threads wait
for each other at every product, which is dear where other programs run.
"""

import ctypes
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

# What OpenBLAS's functions are called in NumPy's wheels, and elsewhere.
_NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)

_CACHED = 1 << 18  # numbers: a megabyte of float32


def for_blocks(count: int, work: Callable[[int], T]) -> list[T]:
    """[work(i) for i in range(count)], side by side; an error of one is raised when all that have
    begun have ended."""
    _blas.enter()
    try:
        if count < 2 or _pool.threads < 2:
            return [work(i) for i in range(count)]
        return _pool.work(count, work)
    finally:
        _blas.leave()


def for_parts(n: int, each: int, work: Callable[[slice], object], least: int = 1) -> None:
    """work(part) for slices of n things of so many numbers each, side by side. What is made of a
    part, of `least` things or more, is of a size to stay in the cache of a core; many parts are so
    many that 2 and 4 divide their number."""
    count = min(-(-n * each // _CACHED), n // least)
    count = max(count + -count % 4 if count > 2 else count, 1)
    some = max(-(-n // count), 1)
    for_blocks(-(-n // some), lambda i: work(slice(i * some, (i + 1) * some)))


def get_num_threads() -> int:
    """How many threads compute on the CPU: at first as many as NumPy's BLAS has, or 1 where that is
    none that can be told how many to use."""
    return _pool.threads


def set_num_threads(n: int) -> None:
    """Compute with n threads on the CPU; results are the same. ValueError for less than 1."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"set_num_threads: needs a whole number of at least 1, got {n!r}")
    _pool.threads = n


class _Pool:
    """Threads that help whoever has work, and otherwise wait."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.forget()

    def forget(self) -> None:
        """Begin without threads, as after a fork, which copies none."""
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._started = 0
        self._lock = threading.Lock()

    def work(self, count: int, work: Callable[[int], T]) -> list[T]:
        results: list[Any] = [None] * count
        errors: list[BaseException] = []
        blocks, ended, all_ended = deque(range(count)), deque[int](), SimpleQueue[None]()

        def help_out() -> None:
            while True:
                try:
                    i = blocks.popleft()
                except IndexError:
                    return
                try:
                    if not errors:
                        results[i] = work(i)
                except BaseException as error:
                    errors.append(error)
                ended.append(i)
                if len(ended) == count:
                    all_ended.put(None)

        helpers = min(self.threads, count) - 1
        self._start(helpers)
        for _ in range(helpers):  # NumPy's errstate is in the context
            self._calls.put(partial(copy_context().run, help_out))
        help_out()
        all_ended.get()  # not for helpers that woke up too late
        if errors:
            raise errors[0]
        return results

    def _start(self, helpers: int) -> None:
        with self._lock:
            while self._started < helpers:
                name = f"minigrad-{self._started}"
                threading.Thread(target=self._help, name=name, daemon=True).start()
                self._started += 1

    def _help(self) -> None:
        calls = self._calls
        while True:
            calls.get()()


class _BLAS:
    """The number of threads of NumPy's BLAS, if it is an OpenBLAS that can be told."""

    def __init__(self) -> None:
        self.threads, self._inside, self._lock = 1, 0, threading.Lock()
        self._set: Callable[[int], Any] | None = None
        linked = getattr(sys.modules.get("numpy._core._multiarray_umath"), "__file__", None)
        try:  # also finds what is in the libraries that this one is linked with
            library = ctypes.PyDLL(linked)
        except (OSError, TypeError):
            return
        for name in _NAMES:
            if hasattr(library, name.format("set")):
                self._set, self._get = (getattr(library, name.format(w)) for w in ("set", "get"))
                self.threads = self._get()
                break

    def enter(self) -> None:
        """One thread from here on. The setting is the whole process's: the first who enters makes
        it, and the last who leaves puts back what there was."""
        if self._set is None:
            return
        with self._lock:
            if not self._inside:
                self._before = self._get()
                if self._before != 1:
                    self._set(1)
            self._inside += 1

    def leave(self) -> None:
        if self._set is None:
            return
        with self._lock:
            self._inside -= 1
            if not self._inside and self._before != 1:
                self._set(self._before)

    def forget(self) -> None:
        """Nobody is inside, as after a fork, which copies no other threads."""
        self._lock = threading.Lock()
        if self._inside:
            self._inside = 1
            self.leave()


_blas = _BLAS()
_pool = _Pool(_blas.threads)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)
    os.register_at_fork(after_in_child=_blas.forget)
