"""Random numbers on a GPU: Philox4x32-10 (Salmon et al., "Parallel random numbers", 2011)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Array, DType, Shape
from .launch import blocks_of

if TYPE_CHECKING:
    from .cuda import CUDA


class Philox:
    """A generator whose state is two numbers: the seed, and how many counters have been used.

    Each counter gives four random words of 32 bits by itself, so threads need no state of their
    own, the numbers do not depend on the grid, and resuming from a state is exact.
    """

    def __init__(self, device: "CUDA", seed: int) -> None:
        self._device = device
        self._xp = device.xp
        self._seed = seed % 2**64
        self._counter = 0

    def normal(self, shape: Shape, dtype: DType) -> Array:
        """Standard normal numbers, in float32 or float64."""
        return self._draw("random_normal", shape, dtype, dtype)

    def uniform(self, shape: Shape, dtype: DType) -> Array:
        """Uniform numbers in [0, 1), in float32 (24 bits) or float64 (53 bits)."""
        return self._draw("random_uniform", shape, dtype, dtype)

    def integers(self, low: int, high: int, shape: Shape) -> Array:
        """Integers from low to high - 1, of which there can be 2^32.

        The upper half of a 96-bit product: a bias of at most one part in 2^32.
        """
        count = high - low
        if not 0 < count <= 2**32:
            raise ValueError(f"integers: needs low < high <= low + 2**32, got {low} and {high}")
        words = self._draw("random_words", shape, np.dtype(np.float32), np.dtype(np.uint64))
        upper, lower = words >> 32, words & (2**32 - 1)
        scaled = (upper * count + (lower * count >> 32)) >> 32
        return scaled.astype(np.int64) + low

    def permutation(self, n: int) -> Array:
        """The integers from 0 to n - 1 in random order: the places of n random words when sorted.

        Two words are equal once in 2^64 / n^2 times, and then stay in order.
        """
        words = self._draw("random_words", (n,), np.dtype(np.float32), np.dtype(np.uint64))
        return self._xp.argsort(words).astype(np.int64, copy=False)

    def get_state(self) -> np.ndarray[Any, Any]:
        """The seed and the counter: all that a bit-exact continuation needs."""
        return np.array([self._seed, self._counter], dtype=np.uint64)

    def set_state(self, words: np.ndarray[Any, Any]) -> None:
        self._seed, self._counter = (int(w) for w in words)

    def _draw(self, kernel: str, shape: Shape, real: DType, dtype: DType) -> Array:
        if dtype.itemsize not in (4, 8) or dtype.kind not in "fu":
            raise TypeError(f"{kernel}: draws float32 or float64, got {dtype}")
        out = self._xp.empty(shape, dtype)
        counters = -(-out.size * dtype.itemsize // 16)

        def start() -> tuple[int, int]:
            counter = self._counter
            self._counter = (counter + counters) % 2**64
            return self._seed, counter

        state = self._device.as_arguments(start, np.dtype(np.uint64))
        grid = (blocks_of(counters),)
        self._device.kernels.launch(kernel, real, grid, (256,), out, out.size, *state)
        return out
