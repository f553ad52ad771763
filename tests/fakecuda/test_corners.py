"""Every op at the corners of what it may be given: on CUDA the same numbers as on the CPU, or an
error of the same type. The differences that are known have their reasons here."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.backend import Device
from tests.backend.test_cuda_ops import CASES

pytestmark = [pytest.mark.cuda, pytest.mark.slow]


def special(x: Any) -> Any:
    flat = x.astype(x.dtype).ravel()
    if flat.dtype.kind == "f":
        values = [np.nan, np.inf, -np.inf, -0.0, 0.0]
        flat[: len(values)] = values[: flat.size]
    return flat.reshape(x.shape)


# What becomes of the operand number i.
CHANGES: dict[str, Callable[[Any, int], Any]] = {
    "special numbers": lambda x, i: special(x),
    "zeros": lambda x, i: np.zeros_like(x),
    "nothing": lambda x, i: x[:0],
    "one": lambda x, i: x[:1],
    "no axes": lambda x, i: x.ravel()[0].reshape(()),
    "another shape": lambda x, i: x[..., :-1] if i == 0 else x,
    "a number": lambda x, i: 2.5 if i == 1 else x,
    "None": lambda x, i: None if i == 1 else x,
    "too large": lambda x, i: x + 100 if x.dtype.kind == "i" else x,
    "negative": lambda x, i: -1 - x if x.dtype.kind == "i" else x,
}
# No kernel reports an index that is out of range, and to ask for the largest one would be to wait.
OUT_OF_RANGE = {
    *("gather", "scatter", "scatter_add", "index_select"),
    *("index by places", "index by pairs", "index by a list"),
}
KNOWN = {
    # The CPU's has taps of zeros for some pixels, and there 0 times infinity is NaN.
    "special numbers": {"conv_transpose2d"},
    "one": OUT_OF_RANGE,
    "another shape": OUT_OF_RANGE,
    "too large": OUT_OF_RANGE,
    "negative": OUT_OF_RANGE,
    "None": {"where", "eq", "ne", "isclose"},  # CuPy has no arrays of objects
}


def outcome(f: Callable[..., Any], arrays: list[Any], place: Device | str) -> Any:
    """The results as NumPy arrays, or the type of the error."""
    try:
        made = f(*[mg.tensor(x, device=place) if isinstance(x, np.ndarray) else x for x in arrays])
        outputs = list(made) if isinstance(made, tuple | list) else [made]
        return [x.numpy(force=True) for x in outputs]
    except Exception as error:
        return type(error)


def differ(got: Any, wanted: Any) -> bool:
    if isinstance(got, type) or isinstance(wanted, type):
        return got is not wanted
    return len(got) != len(wanted) or not all(
        (a.dtype, a.shape) == (b.dtype, b.shape)
        and np.allclose(a, b, 1e-9, 1e-12, equal_nan=a.dtype.kind == "f")
        for a, b in zip(got, wanted, strict=True)
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of what is divided by 0
@pytest.mark.parametrize("change", CHANGES)
def test_corners_are_those_of_the_cpu(change: str, gpu: Device) -> None:
    found = set()
    for name, (f, arrays) in CASES.items():
        given = [CHANGES[change](x, i) for i, x in enumerate(arrays)]
        if any(new is not old for new, old in zip(given, arrays, strict=True)):
            results = [outcome(f, given, place) for place in (gpu, "cpu")]
            if differ(*results):
                found.add(name)
    assert found <= KNOWN.get(change, set())
