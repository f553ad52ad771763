"""DataLoader: batches in a random order that depends on the seed and the epoch's number alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.data.dataset import Dataset


class _Position:
    """How far an iterator has come: its epoch, and how many of its batches were handed out."""

    def __init__(self, epoch: int, batches: int) -> None:
        self.epoch, self.batches = epoch, batches


class DataLoader:
    """Iterates over a data set in batches; every `for` loop over it is one epoch.

    A batch is `dataset[indices]`: a tuple of NumPy arrays, or with a `device` of tensors there. The
    last batch of an epoch is smaller where `batch_size` does not divide the data set (so a data set
    smaller than a batch is one small batch), and left out with `drop_last`; an empty data set has
    no batches. With `shuffle`, the order of epoch e is a permutation drawn from (seed, e): nothing
    else that draws random numbers changes it.

    Leaving a loop early abandons the rest of that epoch: the next loop is the next epoch, from its
    first batch. `state_dict()` at any time, also in a loop or after leaving it, and
    `load_state_dict()` in another process: the first loop then goes on with the next batch of the
    same epoch, and what follows is as if there had been no interruption. If all batches of the
    epoch had been handed out but the loop had not ended, the first loop has no batches.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        seed: int = 0,
        device: Any = None,
    ) -> None:
        """Raises ValueError for a batch size below 1 or a negative seed."""
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be at least 1, got {batch_size}")
        if seed < 0:
            raise ValueError(f"DataLoader: seed must not be negative, got {seed}")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.drop_last, self.seed, self.device = drop_last, seed, device
        self._next = (0, 0)  # the epoch and batch at which the next loop begins
        self._position = _Position(0, 0)  # of the newest iterator, which advances it

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The indices (len(dataset),) of an epoch, in the order in which it visits them."""
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.dataset))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        # Here and not in a generator: the epoch begins when the loop does, not at its first batch.
        self._position = _Position(*self._next)
        self._next = (self._position.epoch + 1, 0)
        return self._batches(self._position)

    def _batches(self, position: _Position) -> Iterator[tuple[Any, ...]]:
        for batch in self._on_device(self._on_host(position)):
            position.batches += 1
            yield batch
        position.epoch, position.batches = position.epoch + 1, 0

    def _on_host(self, position: _Position) -> Iterator[tuple[Any, ...]]:
        order = self.order(position.epoch)
        for first in range(position.batches * self.batch_size, len(order), self.batch_size):
            if first // self.batch_size < len(self):
                yield self.dataset[order[first : first + self.batch_size]]

    def _on_device(self, batches: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The batches as tensors; a device that uploads may fetch one ahead of the position."""
        if self.device is None:
            return batches
        import minigrad as mg  # so that the data can be used without the engine

        arrays = mg.device(self.device).ahead(batches)
        return (tuple(mg.Tensor(array) for array in batch) for batch in arrays)

    def _settings(self) -> dict[str, int]:
        """What the position depends on, besides the contents of the data set."""
        return {
            "samples": len(self.dataset),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "shuffle": int(self.shuffle),
            "drop_last": int(self.drop_last),
        }

    def state_dict(self) -> dict[str, int]:
        """The position in the newest loop: the epoch's number, its batches handed out, settings."""
        return {"epoch": self._position.epoch, "batches": self._position.batches} | self._settings()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Makes the next loop go on from a `state_dict()`; running loops are not affected.

        Raises ValueError if a key is missing, or if the loader that wrote the state had another
        data set size or other settings, so that its position means nothing here.
        """
        expected = self._settings()
        if missing := {"epoch", "batches", *expected} - set(state):
            raise ValueError(f"DataLoader.load_state_dict: keys missing: {sorted(missing)}")
        for key, value in expected.items():
            if state[key] != value:
                message = f"the state has {key} {state[key]}, this loader has {value}"
                raise ValueError(f"DataLoader.load_state_dict: {message}")
        if state["epoch"] < 0 or not 0 <= state["batches"] <= len(self):
            place = f"batch {state['batches']} of {len(self)} in epoch {state['epoch']}"
            raise ValueError(f"DataLoader.load_state_dict: no such position: {place}")
        self._next = (int(state["epoch"]), int(state["batches"]))
        self._position = _Position(*self._next)
