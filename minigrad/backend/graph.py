"""A step as a CUDA graph: its launches are recorded once, and then replayed by one call.

A graph holds the launches with their arguments: addresses and numbers as they were. So all that the
step makes lies in a memory pool that belongs to the graph; and a number that changes from step to
step is asked for by `Device.live`, which gives its place in a small array. Before each replay the
host computes these numbers anew, in their order, and one launch writes them there.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Array, DType
from .launch import MANY

if TYPE_CHECKING:
    from .cuda import CUDA

Numbers = Callable[[], Sequence[float]]
ROOM = 4096  # words for the numbers of a step


class _Recording(threading.local):
    """The graph that records what this thread does."""

    graph: "Graph | None" = None


recording = _Recording()


class Graph:
    """What `record` does, to be replayed; RuntimeError where it does what a graph cannot."""

    def __init__(self, device: "CUDA", record: Callable[[], Any]) -> None:
        cupy = device.xp
        self._device = device
        self._before: list[Callable[[], Any]] = []  # what the host does before each replay
        self._room = cupy.empty(ROOM, np.uint64)
        self._words = np.zeros(ROOM, np.uint64)
        self._used = 0
        self._pool = cupy.cuda.MemoryPool()
        stream = device.capture_stream
        with cupy.cuda.using_allocator(self._pool.malloc), stream:
            stream.begin_capture()
            recording.graph = self
            try:
                self.result = record()
            except BaseException as error:
                self._give_up(stream)
                if not isinstance(error, Exception):
                    raise  # Ctrl-C
                why = f"{type(error).__name__}: {error}"
                raise RuntimeError(f"a step that cannot be captured: {why}") from error
            finally:
                recording.graph = None
            self._graph = stream.end_capture()
        self._launch()

    def _give_up(self, stream: Any) -> None:
        try:
            stream.end_capture()
        except Exception:  # it says again what has gone wrong
            self._graph = None

    def each(self, action: Callable[[], Any]) -> Any:
        """action(), now and before each replay; its result of now."""
        self._before.append(action)
        return action()

    def live(self, numbers: Numbers, dtype: DType) -> Array:
        """The numbers, as an array whose contents are those of each replay."""
        begin = self._used

        def fill() -> int:
            values = np.asarray(numbers(), dtype)
            self._used = max(self._used, begin + -(-values.nbytes // 8))
            if self._used > ROOM:
                raise RuntimeError(f"it has more than {ROOM} numbers that change")
            self._words[begin:].view(dtype)[: values.size] = values
            return values.size

        size = self.each(fill)
        return self._room[begin : self._used].view(dtype)[:size]

    def replay(self) -> None:
        """Do it once more; its result is in the same place."""
        for action in self._before:
            action()
        self._launch()

    def _launch(self) -> None:
        real = np.dtype(np.float32)
        for begin in range(0, self._used, MANY):
            part = slice(begin, min(begin + MANY, self._used))
            self._device.kernels.launch(
                "write_words", real, (1,), (MANY,),
                self._words[part], self._room[part], part.stop - begin,
            )  # fmt: skip
        self._graph.launch()
