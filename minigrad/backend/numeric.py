"""Floating-point manners that hold on every device."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., object])


def quiet(function: F) -> F:
    """Let `function` underflow to zero in silence, also where the user has NumPy's errors set to
    raise.

    exp(-100) is 0 in float32 for every purpose that this library has; NumPy would call it an error.
    """
    return np.errstate(under="ignore")(function)
