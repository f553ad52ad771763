"""Samplers: in which order the samples of an epoch come; and parts drawn at random."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.data.dataset import Subset
from minigrad.options import whole_number
from minigrad.random import Generator


def shuffled(n: int, generator: Generator | None = None) -> list[int]:
    """The numbers from 0 to n - 1 in random order, from a generator or the CPU's stream."""
    return [int(index) for index in mg.randperm(n, generator=generator).tolist()]


def need_iterable(owner: str, what: str, value: object) -> None:
    """TypeError for what does not give one number after the other."""
    if not isinstance(value, Iterable):
        raise TypeError(f"{owner}: {what} must give numbers of samples, got {value!r:.60}")


class Sampler:
    """A subclass has an `__iter__` over numbers of samples, and as a rule a `__len__`."""

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} needs an __iter__()")


class SequentialSampler(Sampler):
    """Each sample, in order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Samples in random order: each once, or with `replacement`."""

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        """`num_samples` is the length of the data set unless given."""
        if num_samples is not None:
            whole_number("RandomSampler", "num_samples", num_samples)
        self.data_source, self.replacement = data_source, replacement
        self.generator, self._num_samples = generator, num_samples

    @property
    def num_samples(self) -> int:
        """How many indices an epoch draws."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, left = len(self.data_source), self.num_samples
        if self.replacement and left:
            yield from _choice(np.ones(n), left, True, self.generator)
            return
        while n and left:  # more than there are: one permutation after the other
            order = shuffled(n, self.generator)[:left]
            left -= len(order)
            yield from order

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Some samples, each once, in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[i] for i in shuffled(len(self.indices), self.generator))

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Samples drawn with probabilities in proportion to weights."""

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        """Raises ValueError for weights that are negative, not finite or all 0, and without
        replacement for fewer positive weights than samples."""
        whole_number("WeightedRandomSampler", "num_samples", num_samples)
        try:
            self.weights = np.asarray(weights, np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"WeightedRandomSampler: weights must be numbers: {error}") from error
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator
        if self.weights.ndim != 1 or not np.isfinite(self.weights).all():
            raise ValueError("WeightedRandomSampler: needs a row of finite weights")
        if (self.weights < 0).any() or not self.weights.any():
            raise ValueError("WeightedRandomSampler: weights must be >= 0, and one of them > 0")
        if not replacement and np.count_nonzero(self.weights) < num_samples:
            raise ValueError(
                f"WeightedRandomSampler: {num_samples} different samples, but only "
                f"{np.count_nonzero(self.weights)} weights are positive"
            )

    def __iter__(self) -> Iterator[int]:
        return iter(_choice(self.weights, self.num_samples, self.replacement, self.generator))

    def __len__(self) -> int:
        return self.num_samples


def _choice(weights: Any, n: int, replacement: bool, generator: Generator | None) -> list[int]:
    """`n` numbers below len(weights), drawn in proportion to the weights."""
    size = n if replacement else len(weights)
    u = mg.rand(size, dtype=mg.float64, generator=generator).numpy()
    if replacement:
        sums = np.cumsum(weights)
        places = np.searchsorted(sums, u * sums[-1], side="right")
        found = np.minimum(places, np.flatnonzero(weights)[-1])  # u * sum may be rounded up
    else:  # the first n of independent waiting times, whose rates are the weights
        with np.errstate(divide="ignore", invalid="ignore"):
            times = np.where(weights > 0, -np.log1p(-u) / weights, np.inf)
        found = np.argsort(times)[:n]
    return [int(index) for index in found]


class BatchSampler(Sampler):
    """Lists of `batch_size` numbers that another sampler gives."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        need_iterable("BatchSampler", "sampler", sampler)
        whole_number("BatchSampler", "batch_size", batch_size, 1)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(int(index))
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + (rest > 0 and not self.drop_last)


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Parts of these lengths, or of these fractions, that share no sample.

    What is left over when fractions are rounded down goes to the first parts, one sample each.
    """
    n = len(dataset)
    if any(not isinstance(length, int | np.integer) for length in lengths) or sum(lengths) == 1 < n:
        if any(not 0 <= part <= 1 for part in lengths) or abs(sum(lengths) - 1) > 1e-6:
            raise ValueError(f"random_split: fractions must add up to 1, got {list(lengths)}")
        sizes = [math.floor(n * part) for part in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
    else:
        sizes = [int(length) for length in lengths]
    if sum(sizes) != n or min(sizes) < 0:
        raise ValueError(f"random_split: {sizes} do not add up to the {n} samples that there are")
    order = shuffled(n, generator)
    ends = list(itertools.accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends)]
