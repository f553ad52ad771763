"""Matrix products that differ in their last digits, as they do from processor to processor.

BLAS adds in another order on each kind of processor and for each number of threads. A test whose
verdict hangs on that passes on its author's machine only. `pytest --jitter SEED` multiplies each
element of each matrix product by 1 + a few units of the last place: by the same ones wherever a
product of this shape is computed, so that runs can still be compared bit by bit, and by others for
another seed. Seed 0 sums in double instead: what is equal but for its place in a batch has equal
products then, as on old processors, and a ratio of two differences may be 0 / 0.

Programs that a test starts have it too: Python imports a file of this name from PYTHONPATH before
anything else. What is written `a @ b` is out of reach; the backends write `xp.matmul(a, b)`.
"""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

PRODUCTS = ("matmul", "dot", "einsum")
SEED = "MINIGRAD_TEST_JITTER"
UNITS = 3  # at most so many units of the last place up or down


@functools.lru_cache(maxsize=256)
def factors(seed: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    units = np.random.default_rng([seed, *shape]).integers(-UNITS, UNITS, shape, endpoint=True)
    return np.asarray(1 + units * np.finfo(dtype).eps, dtype)


def inexact(product: Callable[..., Any], seed: int) -> Callable[..., Any]:
    @functools.wraps(product)
    def with_other_last_digits(*args: Any, **kwargs: Any) -> Any:
        # First of all, for the result may be written where an operand was.
        other = product(*map(in_double, args), **{**kwargs, "out": None}) if seed == 0 else None
        out = product(*args, **kwargs)
        if not isinstance(out, np.ndarray | np.floating) or out.dtype.kind != "f":
            return out
        if seed != 0:
            other = out * factors(seed, out.shape, out.dtype)
            other = np.where(out == np.rint(out), out, other)  # whole sums are exact anywhere
        if not isinstance(out, np.ndarray):
            return out.dtype.type(other)
        out[...] = other  # which may be the caller's
        return out

    return with_other_last_digits


def in_double(x: Any) -> Any:
    return x.astype(np.float64) if getattr(x, "dtype", None) == np.float32 else x


@contextmanager
def jittered(seed: int) -> Iterator[None]:
    """Here, and in the programs that are started meanwhile."""
    before = {name: getattr(np, name) for name in PRODUCTS}
    environment = {name: os.environ.get(name) for name in (SEED, "PYTHONPATH")}
    paths = [str(Path(__file__).parent), environment["PYTHONPATH"]]
    os.environ |= {SEED: str(seed), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    install(seed)
    try:
        yield
    finally:
        for name, product in before.items():
            setattr(np, name, product)
        for name, value in environment.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def install(seed: int) -> None:
    for name in PRODUCTS:
        setattr(np, name, inexact(getattr(np, name), seed))


if __name__ == "sitecustomize" and SEED in os.environ:
    install(int(os.environ[SEED]))
