"""DataLoader: batches in a random order that depends on the seed and the epoch's number alone."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad.data.collate import converted, default_collate, default_convert, leaves_of
from minigrad.data.dataset import ImageDataset, IterableDataset, batch_of
from minigrad.data.samplers import BatchSampler, need_iterable
from minigrad.options import number, whole_number
from minigrad.random import Generator, initial_seed
from minigrad.tensor import Tensor


class _Position:
    """How far an iterator has come: its epoch, and how many of its batches were handed out."""

    def __init__(self, epoch: int, batches: int) -> None:
        self.epoch, self.batches = epoch, batches


class DataLoader:
    """Iterates over a data set in batches of tensors; every `for` loop over it is one epoch.

    A batch is what `collate_fn` makes of a list of samples: without one, what `default_collate`
    does. The last batch of an epoch is smaller where `batch_size` does not divide the data set (so
    a data set smaller than a batch is one small batch), and left out with `drop_last`; an empty
    data set has no batches. With a `batch_size` of None the samples come one by one, as they are.

    With `shuffle`, the order of epoch e is a permutation drawn from (seed, e): nothing else that
    draws random numbers changes it. The seed is drawn from `generator` where one is given, and
    otherwise that of `manual_seed`. A `sampler` or a `batch_sampler` gives an order of its own.

    Leaving a loop early abandons the rest of that epoch: the next loop is the next epoch, from its
    first batch. `state_dict()` at any time, also in a loop or after leaving it, and
    `load_state_dict()` in another process: the first loop then goes on with the next batch of the
    same epoch, and what follows is as if there had been no interruption. If all batches of the
    epoch had been handed out but the loop had not ended, the first loop has no batches.

    With a `device` the batches are there; a GPU gets each while the one before is in use, or once
    the whole of an ImageDataset, where its memory has room for four. What PyTorch's has for its
    processes is accepted: everything is loaded in this one.

    >>> squares = mg.data.TensorDataset(mg.arange(5), mg.arange(5) ** 2)
    >>> for x, y in mg.data.DataLoader(squares, batch_size=2):
    ...     print(x, y)
    tensor([0, 1]) tensor([0, 1])
    tensor([2, 3]) tensor([4, 9])
    tensor([4]) tensor([16])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Iterable[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        seed: int | None = None,
        device: Any = None,
    ) -> None:
        """Raises ValueError for a batch size below 1, a negative seed, and arguments that exclude
        each other; TypeError for what is no data set."""
        if batch_size is not None:
            whole_number("DataLoader", "batch_size", batch_size, 1)
        if seed is not None:
            whole_number("DataLoader", "seed", seed, most=math.inf)
        whole_number("DataLoader", "num_workers", num_workers)
        number("DataLoader", "timeout", timeout, 0)
        if prefetch_factor is not None:
            whole_number("DataLoader", "prefetch_factor", prefetch_factor, 1)
        stream = isinstance(dataset, IterableDataset)
        if not stream and not hasattr(dataset, "__getitem__"):
            raise TypeError(
                "DataLoader: a data set has __getitem__(index) and __len__(), or is an "
                f"IterableDataset; got {type(dataset).__name__}"
            )
        if stream and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError("DataLoader: a stream comes in its own order: no shuffle, no sampler")
        for what, order in (("sampler", sampler), ("batch_sampler", batch_sampler)):
            if order is not None:
                need_iterable("DataLoader", what, order)
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: a sampler has an order of its own: no shuffle besides")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler or drop_last):
            raise ValueError(
                "DataLoader: a batch_sampler decides alone: no batch_size, shuffle, sampler or "
                "drop_last besides"
            )
        if batch_size is None and drop_last:
            raise ValueError("DataLoader: without a batch_size there is no last batch to drop")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, bool(shuffle)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.num_workers, self.pin_memory = num_workers, pin_memory
        self.drop_last, self.generator, self.device = drop_last, generator, device
        self.collate_fn = collate_fn
        self.seed = _seed_of(generator) if seed is None else seed
        self._copy: tuple[Any, Any] = (None, None)  # a data set, and the same on the device
        self._next = (0, 0)  # the epoch and batch at which the next loop begins
        self._position = _Position(0, 0)  # of the newest iterator, which advances it

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        n = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        if self.batch_size is None:
            return n
        full, rest = divmod(n, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The indices (len(dataset),) of an epoch, in the order in which it visits them."""
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.dataset))

    def __iter__(self) -> Iterator[Any]:
        # Here and not in a generator: the epoch begins when the loop does, not at its first batch.
        self._position = _Position(*self._next)
        self._next = (self._position.epoch + 1, 0)
        return self._batches(self._position)

    def _batches(self, position: _Position) -> Iterator[Any]:
        copy = self._on_a_gpu()
        if copy is None:
            batches = self._on_device(self._collated(position))
        else:
            batches = self._of_copy(copy, position)
        for batch in batches:
            position.batches += 1
            yield batch
        position.epoch, position.batches = position.epoch + 1, 0

    # ---- which samples ---------------------------------------------------------------------------

    def _collated(self, position: _Position) -> Iterator[Any]:
        """What is left of the epoch, batch by batch."""
        if isinstance(self.dataset, IterableDataset):
            for samples in self._of_stream(iter(self.dataset), position.batches):
                yield self._made(samples)
            return
        for indices in self._indices(position):
            if self.batch_size is None and self.batch_sampler is None:
                yield (self.collate_fn or default_convert)(self.dataset[int(indices)])
            elif self.collate_fn is None or self.collate_fn is default_collate:
                yield batch_of(self.dataset, np.asarray(indices, np.int64))
            else:
                yield self.collate_fn([self.dataset[int(i)] for i in indices])

    def _indices(self, position: _Position) -> Iterable[Any]:
        """The indices of each batch, or of each sample without a batch size."""
        if self.batch_sampler is not None:
            return itertools.islice(self.batch_sampler, position.batches, None)
        if self.sampler is not None:
            groups: Any = self.sampler
            if self.batch_size is not None:
                groups = BatchSampler(self.sampler, self.batch_size, self.drop_last)
            return itertools.islice(groups, position.batches, None)
        order, size = self.order(position.epoch), self.batch_size
        if size is None:
            return order[position.batches :]
        return (order[i * size : (i + 1) * size] for i in range(position.batches, len(self)))

    def _of_stream(self, samples: Iterator[Any], done: int) -> Iterator[Any]:
        """The stream's samples, in lists of `batch_size`, from the batch `done` on."""
        size = self.batch_size
        for _ in itertools.islice(samples, done * (size or 1)):
            pass
        if size is None:
            yield from samples
            return
        while batch := list(itertools.islice(samples, size)):
            if len(batch) == size or not self.drop_last:
                yield batch

    def _made(self, samples: Any) -> Any:
        default = default_convert if self.batch_size is None else default_collate
        return (self.collate_fn or default)(samples)

    # ---- a data set that is on the device --------------------------------------------------------

    def _on_a_gpu(self) -> ImageDataset | None:
        """The data set's copy on a GPU, if there are images there, and no order but our own."""
        plain = self.sampler is None and self.batch_sampler is None and self.collate_fn is None
        if not (plain and self.device and self.batch_size and type(self.dataset) is ImageDataset):
            return None
        if self._copy[0] is not self.dataset:
            place = mg.device(self.device)
            fits = 4 * self.dataset.images.nbytes <= place.room()
            self._copy = self.dataset, self.dataset.on(place) if fits else None
        return self._copy[1]  # type: ignore[no-any-return]

    def _of_copy(self, copy: ImageDataset, position: _Position) -> Iterator[Any]:
        """What is left of the epoch, for which only its order is uploaded."""
        order, size = mg.device(self.device).asarray(self.order(position.epoch)), self.batch_size
        assert size is not None
        for i in range(position.batches, len(self)):
            yield [Tensor(x) for x in copy[order[i * size : (i + 1) * size]]]

    # ---- where they go ---------------------------------------------------------------------------

    def _on_device(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batches as tensors; a device that uploads may fetch one ahead of the position."""
        if self.device is None:
            if self.collate_fn is None:
                return (converted(batch, _as_tensor) for batch in batches)
            return batches
        place, frames = mg.device(self.device), deque[Any]()

        def data() -> Iterator[tuple[Any, ...]]:
            for batch in batches:
                frames.append(batch)
                yield tuple(_array(leaf, place) for leaf in leaves_of(batch) if _is_data(leaf))

        return (_filled(frames.popleft(), arrays) for arrays in place.ahead(data()))

    # ---- going on --------------------------------------------------------------------------------

    def _settings(self) -> dict[str, int]:
        """What the position depends on, besides the contents of the data set."""
        if self.sampler is not None or self.batch_sampler is not None:
            raise RuntimeError("DataLoader: the order of a sampler cannot be saved and resumed")
        if isinstance(self.dataset, IterableDataset):
            raise RuntimeError("DataLoader: the position in a stream cannot be saved and resumed")
        return {
            "samples": len(self.dataset),
            "batch_size": self.batch_size or 0,
            "seed": self.seed,
            "shuffle": int(self.shuffle),
            "drop_last": int(self.drop_last),
        }

    def state_dict(self) -> dict[str, int]:
        """The position in the newest loop: the epoch's number, its batches handed out, settings.

        RuntimeError with a sampler or a stream.
        """
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


def _seed_of(generator: Generator | None) -> int:
    if generator is None:
        return initial_seed()
    return int(mg.randint(0, 2**62, (1,), generator=generator).item())


def _is_data(leaf: Any) -> bool:
    return isinstance(leaf, Tensor | np.ndarray)


def _as_tensor(leaf: Any) -> Any:
    return mg.as_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf


def _array(data: Any, place: mg.Device) -> Any:
    """What is uploaded: an array of the host, or one that is there already."""
    if not isinstance(data, Tensor):
        return data
    return (data if data.device.name == "cpu" else data.to(place)).array


def _filled(frame: Any, arrays: tuple[Any, ...]) -> Any:
    """The batch with these arrays in the place of its own, as tensors."""
    found = iter(arrays)
    return converted(frame, lambda leaf: Tensor(next(found)) if _is_data(leaf) else leaf)
