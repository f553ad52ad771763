"""The CPU: NumPy."""

from typing import Any

import numpy as np

from .base import Array, Device, DType


class CPU(Device):
    """NumPy arrays in main memory."""

    name = "cpu"
    xp = np

    def asarray(self, data: object, dtype: DType | None = None) -> Array:
        return np.asarray(data, dtype=dtype)

    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        return np.asarray(array)

    def generator(self, seed: int) -> "Generator":
        return Generator(seed)


class Generator:
    """Random numbers from NumPy's PCG64, in the few shapes that the library needs."""

    def __init__(self, seed: int) -> None:
        self._numpy = np.random.Generator(np.random.PCG64(seed))

    def normal(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return np.asarray(self._numpy.standard_normal(shape, dtype=dtype), dtype)

    def uniform(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return np.asarray(self._numpy.random(shape, dtype=dtype), dtype)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Array:
        return np.asarray(self._numpy.integers(low, high, shape))

    def permutation(self, n: int) -> Array:
        return self._numpy.permutation(n)

    def get_state(self) -> np.ndarray[Any, Any]:
        """All that a bit-exact continuation needs, as six 64-bit words."""
        state: Any = self._numpy.bit_generator.state
        words = [
            w for n in (state["state"]["state"], state["state"]["inc"]) for w in divmod(n, 2**64)
        ]
        return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)

    def set_state(self, words: np.ndarray[Any, Any]) -> None:
        high, low, inc_high, inc_low, has_uint32, uinteger = (int(w) for w in words)
        self._numpy.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": high * 2**64 + low, "inc": inc_high * 2**64 + inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }
