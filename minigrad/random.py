"""One stream of random numbers for each device, started by `manual_seed`; and streams of one's
own.

All threads draw from the device's one stream: each number is drawn once, but which thread gets
which depends on who comes first. A thread that must draw the same numbers in each run has a
Generator of its own, and passes it on.
"""

from typing import Any, Protocol

import numpy as np

from .backend import Array, Device, DType, Shape, cpu, device_of
from .backend import device as find_device


class Stream(Protocol):
    """What a device's random numbers come from: arrays on the device, the state on the host."""

    def uniform(self, shape: Shape, dtype: DType) -> Array: ...
    def normal(self, shape: Shape, dtype: DType) -> Array: ...
    def integers(self, low: int, high: int, shape: Shape) -> Array: ...
    def permutation(self, n: int) -> Array: ...
    def get_state(self) -> "np.ndarray[Any, Any]": ...
    def set_state(self, words: "np.ndarray[Any, Any]") -> None: ...


_seed = 0
_streams: dict[Device, Stream] = {}


def _checked(seed: int) -> int:
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"manual_seed: needs a non-negative int, got {seed!r}")
    return int(seed)


def manual_seed(seed: int) -> None:
    """Start the random numbers of every device anew; ValueError for a negative seed."""
    global _seed
    _seed = _checked(seed)
    for place, numbers in _streams.items():  # the same streams: a captured step knows them
        numbers.set_state(place.generator(_seed).get_state())


def initial_seed() -> int:
    """What `manual_seed` was last given; 0 before that."""
    return _seed


class Generator:
    """A stream of one's own on a device, for `generator=`; it starts with seed 0."""

    def __init__(self, device: str | Device = "cpu") -> None:
        self.device = find_device(device)
        self.manual_seed(0)

    def manual_seed(self, seed: int) -> "Generator":
        """Start anew; gives the generator itself."""
        self._seed = _checked(seed)
        self.stream: Stream = self.device.generator(self._seed)
        return self

    def initial_seed(self) -> int:
        """What it started with."""
        return self._seed

    def get_state(self) -> "np.ndarray[Any, Any]":
        """What `set_state` goes on from."""
        return self.stream.get_state()

    def set_state(self, state: "np.ndarray[Any, Any]") -> "Generator":
        """Go on from a `get_state`."""
        _set_state("set_state", self.stream, state)
        return self


def stream(place: Device, generator: Generator | None = None) -> Stream:
    """The stream of a generator, or that of the device."""
    if generator is not None:
        if not isinstance(generator, Generator):
            raise TypeError(f"generator: needs a minigrad.Generator, got {generator!r:.60}")
        if generator.device is not place:
            raise ValueError(f"generator: it is on {generator.device}, the numbers on {place}")
        return generator.stream
    if place not in _streams:
        _streams[place] = place.generator(_seed)
    return _streams[place]


def normal(shape: Shape, dtype: DType, place: Device, generator: Generator | None = None) -> Array:
    """Standard normal numbers."""
    return stream(place, generator).normal(shape, dtype)


def uniform(shape: Shape, dtype: DType, place: Device, generator: Generator | None = None) -> Array:
    """Numbers from [0, 1)."""
    return stream(place, generator).uniform(shape, dtype)


def bernoulli(p: Array | float, like: Array, generator: Generator | None = None) -> Array:
    """1 with probability p, else 0, in the shape and dtype of `like`; ValueError for what is no
    probability, which is looked at on the CPU only."""
    place = device_of(like)
    within = (p >= 0) & (p <= 1)  # False for NaN too
    if not (within if isinstance(within, bool) else place is not cpu or within.all()):
        raise ValueError("bernoulli: probabilities must be between 0 and 1")
    kind = like.dtype if like.dtype.kind == "f" else np.dtype(np.float32)
    return (uniform(like.shape, kind, place, generator) < p).astype(like.dtype)


def get_rng_state(place: str | Device = "cpu") -> np.ndarray[Any, Any]:
    """The state of a device's random numbers, as the array of words that set_rng_state takes."""
    return stream(find_device(place)).get_state()


def set_rng_state(state: np.ndarray[Any, Any], place: str | Device = "cpu") -> None:
    """Go on from a state that get_rng_state gave; ValueError for what cannot be one."""
    _set_state("set_rng_state", stream(find_device(place)), state)


def _set_state(name: str, numbers: Stream, state: Any) -> None:
    words = np.asarray(state)
    expected = numbers.get_state()
    if (words.shape, words.dtype) != (expected.shape, expected.dtype):
        raise ValueError(
            f"{name}: needs {expected.dtype}{list(expected.shape)} as get_rng_state gives, got "
            f"{words.dtype}{list(words.shape)}"
        )
    numbers.set_state(words)
