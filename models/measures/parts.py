"""A network over many rows, so many at a time: memory stays small."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor


def in_parts(n: int, at_once: int, function: Callable[[slice], Tensor]) -> NDArray[Any]:
    """What function(rows) gives for all n rows, a slice of them at a time: an array (n, ...), off
    the tape."""
    with mg.no_grad():
        parts = [function(slice(i, min(i + at_once, n))) for i in range(0, n, at_once)]
    return np.concatenate([part.numpy(force=True) for part in parts])
