"""The stand-in for CuPy refuses what CuPy refuses, and counts what costs a wait or a copy.

On a machine with a GPU the same claims are put to CuPy itself.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigrad.backend import Device
from tests import standin
from tests.devices import refuse_waits

pytestmark = pytest.mark.slow

F4 = np.float32


@pytest.fixture
def x(gpu: Device) -> Any:
    array = gpu.asarray(np.arange(12, dtype=F4).reshape(3, 4))
    standin.counts.reset()
    return array


def resized(x: Any, xp: Any) -> None:
    x.resize(12)


def assigned(x: Any, xp: Any) -> None:
    x[:] = np.ones(x.shape, F4)


def added(x: Any, xp: Any) -> None:
    x += np.ones(x.shape, F4)


def silenced(x: Any, xp: Any) -> None:
    with xp.errstate(divide="ignore"):
        x / 0


REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "a host array as operand": lambda x, xp: np.ones(x.shape, F4) + x,
    "a host array as operand, behind": lambda x, xp: x + np.ones(x.shape, F4),
    "a host array added in place": added,
    "a host array assigned": assigned,
    "a host array as output": lambda x, xp: xp.exp(x, out=np.empty(x.shape, F4)),
    "a host array concatenated": lambda x, xp: xp.concatenate([x, np.zeros((1, 4), F4)]),
    "a download that is not asked for": lambda x, xp: np.asarray(x),
    "a list as operand": lambda x, xp: x + [1.0] * 4,
    "a 0-d array as index": lambda x, xp: list(range(xp.asarray(3))),
    "where= of a ufunc": lambda x, xp: np.exp(x, where=x > 0),
    "initial= of a reduction": lambda x, xp: xp.max(x, initial=0),
    "min= of clip": lambda x, xp: xp.clip(x, min=0, max=1),
    "writeable= of as_strided": lambda x, xp: xp.lib.stride_tricks.as_strided(
        x, (2, 2), (4, 4), writeable=False
    ),
    "mode= of take": lambda x, xp: xp.take(x, xp.asarray([0]), mode="clip"),
    "out= of einsum": lambda x, xp: xp.einsum("ij,kj->ik", x, x, out=xp.empty((3, 3), F4)),
    "device= of asarray": lambda x, xp: xp.asarray(x, device="cpu"),
    "errstate": silenced,
    "block": lambda x, xp: xp.block([x, x]),
    "vecdot": lambda x, xp: xp.vecdot(x, x),
    "maximum.reduce": lambda x, xp: xp.maximum.reduce(x),
    "multiply.at": lambda x, xp: xp.multiply.at(x, xp.asarray([0]), 2),
    "resize": resized,
    "item of a place": lambda x, xp: x.item(0),
    "flags.writeable": lambda x, xp: x.flags.writeable,
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refuses(fault: str, x: Any, gpu: Device) -> None:
    with pytest.raises((TypeError, AttributeError, ValueError, NotImplementedError)):
        REFUSED[fault](x, gpu.xp)


WAITS: dict[str, Callable[[Any, Any], Any]] = {
    "float": lambda x, xp: float(x.sum()),
    "int": lambda x, xp: int(x.sum()),
    "a condition": lambda x, xp: 1 if x.sum() > 0 else 0,
    "item": lambda x, xp: x.sum().item(),
    "tolist": lambda x, xp: x.tolist(),
    "repr": lambda x, xp: repr(x),
    "a mask": lambda x, xp: x[x > 3],
    "assignment by a mask": lambda x, xp: x.__setitem__(x > 3, 0),
    "nonzero": lambda x, xp: xp.nonzero(x),
    "where of one": lambda x, xp: xp.where(x > 3),
    "unique": lambda x, xp: xp.unique(x),
    "sliding windows": lambda x, xp: xp.lib.stride_tricks.sliding_window_view(x, (2, 2)),
}
GOES_ON: dict[str, Callable[[Any, Any], Any]] = {
    "arithmetic": lambda x, xp: (x * 2 + 1).sum(),
    "a reduction": lambda x, xp: x.mean(axis=0),
    "where of three": lambda x, xp: xp.where(x > 3, x, 0),
    "a slice": lambda x, xp: x[1:, ::2],
    "a matrix product": lambda x, xp: xp.matmul(x, x.T),
    "windows": lambda x, xp: xp.lib.stride_tricks.as_strided(x, (2, 2), (4, 4)),
    "an upload": lambda x, xp: xp.asarray(np.ones(3, F4)),
}


def waits(gpu: Device, action: Callable[[Any, Any], Any], x: Any) -> bool:
    if gpu.xp is standin.cupy:
        action(x, gpu.xp)
        return standin.counts.synchronisations > 0
    import cupyx

    action(x, gpu.xp)  # compiled before the rule holds
    try:
        with refuse_waits():
            action(x, gpu.xp)
    except cupyx.DeviceSynchronized:
        return True
    return False


@pytest.mark.parametrize("action", [*WAITS, *GOES_ON])
def test_knows_what_waits(action: str, x: Any, gpu: Device) -> None:
    assert waits(gpu, (WAITS | GOES_ON)[action], x) is (action in WAITS)


def test_counts_copies() -> None:
    xp, counts = standin.cupy, standin.counts
    counts.reset()
    x = xp.asarray(np.ones((3, 4), F4))
    xp.array([1.0, 2.0])
    x[np.array([0, 1])]
    assert (counts.uploads, counts.downloads) == (3, 0)
    x.get()
    xp.asarray(x)
    assert (counts.uploads, counts.downloads) == (3, 1)


def test_results_lie_as_cupys_do(x: Any, gpu: Device) -> None:
    xp = gpu.xp
    assert (x.T + x.T).flags.c_contiguous
    assert (x.T * 2).flags.c_contiguous
    assert xp.concatenate([x.T, x.T]).flags.c_contiguous
    assert x.T.copy(order="K").flags.f_contiguous
    assert x.T.astype(np.float64).flags.f_contiguous
    assert xp.empty_like(x.T).flags.f_contiguous


def test_results_are_device_arrays_of_the_right_kind(x: Any, gpu: Device) -> None:
    total = x.sum()
    assert type(total) is gpu.xp.ndarray
    assert total.shape == ()
    assert (F4(2) * x).dtype == (2.0 * x).dtype == F4
    before = x
    x += 1
    assert x is before


def test_views_know_whose_memory_they_show(x: Any) -> None:
    assert x.base is None
    assert x[1:].base is x
    assert x.T.reshape(-1).base is None  # copied
    assert x.reshape(4, 3)[0].base is x
    assert (x + 1).base is None
