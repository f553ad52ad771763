"""Results in few numbers, so that a table can hold what they were."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import minigrad as mg


def parts(value: Any) -> list[Any]:
    """The numbers and arrays of a result."""
    if isinstance(value, mg.Tensor):
        return [value.numpy(force=True)]
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict | tuple | list):
        each = value.values() if isinstance(value, dict) else value
        return [found for one in each for found in parts(one)]
    return [] if isinstance(value, str | type(None)) else [np.asarray(value, float)]


def told(result: Any) -> str:
    """Of each number or array the mean without signs, and the sum by places, of which an order
    that is another shows."""
    found = []
    for array in parts(result):
        flat = array.ravel()
        found += [np.abs(flat).mean(), (flat * np.arange(1, len(flat) + 1)).mean()][: len(flat)]
    return " ".join(f"{number:.5g}" for number in found)


def close(found: str, expected: str) -> None:
    """Check two lines of such numbers: by more than last digits, which differ between machines."""
    numbers, wanted = ([float(word) for word in line.split()] for line in (found, expected))
    assert numbers == pytest.approx(wanted, rel=1e-3, abs=1e-6)
