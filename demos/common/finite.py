"""What is not finite stops a training, before the checkpoint from before is touched."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import minigrad as mg


def wrong_loss(means: Mapping[str, float]) -> str | None:
    """Which loss became what, if one is not finite."""
    return next((_said(*item) for item in means.items() if not np.isfinite(item[1])), None)


def wrong_measure(measured: Mapping[str, float], trained: Mapping[str, float]) -> str | None:
    """The same of what was measured. It may be infinite, if it is not a loss on other data."""
    for name, value in measured.items():
        is_loss = name.replace("test_", "train_", 1) in trained
        if np.isnan(value) or (is_loss and np.isinf(value)):
            return _said(name, value)
    return None


def wrong_part(parts: Mapping[str, Any]) -> str | None:
    """The same of the numbers in models, optimizers and whatever else has a state."""
    for name, state in parts.items():
        if not all(np.isfinite(array).all() for array in _arrays(state)):
            return _said(f"a number of {name}", "infinite or NaN")
    return None


def _said(name: str, value: Any) -> str:
    return f"{name} became {value}"


def _arrays(state: Any) -> Iterator[np.ndarray[Any, Any]]:
    """The floating point arrays of a state dict, wherever they are in it."""
    if isinstance(state, Mapping):
        state = list(state.values())
    if isinstance(state, list | tuple):
        for item in state:
            yield from _arrays(item)
    elif isinstance(state, mg.Tensor):
        yield from _arrays(state.numpy(force=True))
    elif isinstance(state, np.ndarray) and state.dtype.kind == "f":
        yield state
