"""One stream of random numbers for each device, started by `manual_seed`."""

from typing import Any, Protocol

import numpy as np

from .backend import Array, Device, DType, Shape, device


class Generator(Protocol):
    """What a device's random numbers come from: arrays on the device, the state on the host."""

    def uniform(self, shape: Shape, dtype: DType) -> Array: ...
    def normal(self, shape: Shape, dtype: DType) -> Array: ...
    def integers(self, low: int, high: int, shape: Shape) -> Array: ...
    def permutation(self, n: int) -> Array: ...
    def get_state(self) -> "np.ndarray[Any, Any]": ...
    def set_state(self, words: "np.ndarray[Any, Any]") -> None: ...


_seed = 0
_streams: dict[Device, Generator] = {}


def manual_seed(seed: int) -> None:
    """Start the random numbers of every device anew; ValueError for a negative seed."""
    global _seed
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"manual_seed: needs a non-negative int, got {seed!r}")
    _seed = int(seed)
    _streams.clear()


def initial_seed() -> int:
    """What `manual_seed` was last given; 0 before that."""
    return _seed


def stream(place: Device) -> Generator:
    """The generator of a device."""
    if place not in _streams:
        _streams[place] = place.generator(_seed)
    return _streams[place]


def normal(shape: Shape, dtype: DType, place: Device) -> Array:
    """Standard normal numbers from the stream of a device."""
    return stream(place).normal(shape, dtype)


def uniform(shape: Shape, dtype: DType, place: Device) -> Array:
    """Numbers from [0, 1) from the stream of a device."""
    return stream(place).uniform(shape, dtype)


def get_rng_state(place: str | Device = "cpu") -> np.ndarray[Any, Any]:
    """The state of a device's random numbers, as the array of words that set_rng_state takes."""
    return stream(device(place)).get_state()


def set_rng_state(state: np.ndarray[Any, Any], place: str | Device = "cpu") -> None:
    """Go on from a state that get_rng_state gave; ValueError for what cannot be one."""
    words = np.asarray(state)
    expected = get_rng_state(place)
    if (words.shape, words.dtype) != (expected.shape, expected.dtype):
        raise ValueError(
            f"set_rng_state: needs {expected.dtype}{list(expected.shape)} as get_rng_state gives, "
            f"got {words.dtype}{list(words.shape)}"
        )
    stream(device(place)).set_state(words)
