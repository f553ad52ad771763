"""One clock orders everything that happens: operations that are recorded, and changes in place."""

import itertools
import weakref
from typing import Any

from .backend import Array, storage

tick = itertools.count(1).__next__

_mutations: dict[int, tuple[weakref.ref[Any], int]] = {}
last_mutation = 0


def mutated(array: Array) -> None:
    """Note that `array`'s memory has been changed in place, for every tensor that is a view of
    it."""
    global last_mutation
    root = storage(array)
    key = id(root)
    last_mutation = tick()
    _mutations[key] = (weakref.ref(root, lambda _: _mutations.pop(key, None)), last_mutation)


def mutated_since(array: Array, stamp: int) -> bool:
    """Whether `array`'s memory was changed in place after the clock showed `stamp`."""
    if last_mutation < stamp:
        return False
    entry = _mutations.get(id(storage(array)))
    return entry is not None and entry[1] > stamp
