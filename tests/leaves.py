"""Small leaves for tests, and their gradients as plain numbers."""

from typing import Any

import numpy as np

import minigrad as mg


def leaf(*values: float, dtype: Any = np.float64) -> mg.Tensor:
    return mg.tensor(list(values), dtype=dtype, requires_grad=True)


def leaf_on(x: np.ndarray) -> mg.Tensor:
    """A leaf on the array itself, in its own layout."""
    return mg.from_numpy(x).requires_grad_()


def random_leaf(*shape: int, seed: int = 0) -> mg.Tensor:
    values = np.random.default_rng(seed).standard_normal(shape)
    return mg.tensor(np.asarray(values), requires_grad=True)


def grad_of(x: mg.Tensor) -> Any:
    assert x.grad is not None
    return x.grad.tolist()
