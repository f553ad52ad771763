"""The CUDA device: its primitives against the CPU's, uploads, and the layout of results."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigrad.backend import Device, Geometry, cpu, in_memory_order
from minigrad.backend.cuda import CUDA
from minigrad.optim.adam import _numbers, adam_step
from tests import standin

pytestmark = pytest.mark.slow

FLOATS = [np.float32, np.float64]


def numbers(dtype: Any, *shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# ---- primitives ----------------------------------------------------------------------------------

HOW = [
    Geometry((1, 1), (0, 0), (1, 1), 1),
    Geometry((2, 2), (1, 1), (1, 1), 1),
    Geometry((2, 3), (0, 2), (2, 1), 1),
]


@pytest.mark.parametrize("dtype", [*FLOATS, np.int64])
@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("how", HOW)
def test_patches(gpu: Device, how: Geometry, channels: int, dtype: Any) -> None:
    image = (numbers(dtype, 2, channels, 7, 8) * 9).transpose(0, 2, 3, 1)  # not contiguous
    out_size = tuple(
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, s, p, d, k in zip(image.shape[1:3], *how[:3], (3, 2), strict=True)
    )
    wanted = Device.gather_patches(cpu, image, (3, 2), how, out_size)
    got = gpu.gather_patches(gpu.asarray(image), (3, 2), how, out_size)
    np.testing.assert_array_equal(gpu.to_numpy(got), wanted)
    back = gpu.scatter_patches(got, how, image.shape[1:3])
    np.testing.assert_array_equal(
        gpu.to_numpy(back), Device.scatter_patches(cpu, wanted, how, image.shape[1:3])
    )


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (700, 40), (3, 100)])
def test_columns(gpu: Device, shape: tuple[int, int], dtype: Any) -> None:
    rows, g = numbers(dtype, *shape) + 5, numbers(dtype, *shape, seed=1)
    weight, bias, mean = (numbers(dtype, shape[1], seed=s) for s in (2, 3, 4))
    arguments = {
        "sum": (rows, (0,)),
        "batch_norm_statistics": (rows, 1e-5),
        "batch_norm_rows": (rows, mean, weight, weight, bias),
        "batch_norm_gradient": (g, rows, mean, weight, weight),
    }
    arguments |= {
        "batch_norm_rows of none": (rows, mean, weight, None, None),
        "batch_norm_gradient of none": (g, rows, mean, weight, None),
    }
    for name, given in arguments.items():
        method = name.partition(" ")[0]
        wanted = getattr(cpu, method)(*given)
        up = [gpu.asarray(x) if isinstance(x, np.ndarray) else x for x in given]
        got = getattr(gpu, method)(*up)
        for a, b in zip(got, wanted, strict=True) if type(wanted) is tuple else [(got, wanted)]:
            a = gpu.to_numpy(a)
            assert (a.dtype, a.shape) == (dtype, b.shape)
            np.testing.assert_allclose(a, b, 0, 100 * np.finfo(dtype).eps * abs(b).max(initial=1))


@pytest.mark.parametrize("rows", [3, 5000])
def test_statistics_of_nan_are_nan(rows: int, gpu: Device) -> None:
    x = numbers(np.float32, rows, 2)
    x[1, 0] = np.nan
    for found in gpu.batch_norm_statistics(gpu.asarray(x), 1e-5):
        assert np.isnan(gpu.to_numpy(found)).tolist() == [True, False]


def test_more_rows_than_a_kernel_counts(gpu: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go through CuPy's own functions."""
    rows, g = gpu.asarray(numbers(np.float32, 9, 2)), gpu.asarray(numbers(np.float32, 9, 2, seed=1))

    def found() -> list[Any]:
        mean, variance, rstd = gpu.batch_norm_statistics(rows, 1e-5)
        out = gpu.batch_norm_rows(rows, mean, rstd, None, None)
        arrays = [mean, variance, out, *gpu.batch_norm_gradient(g, rows, mean, rstd, None)]
        return [gpu.to_numpy(x) for x in (*arrays, gpu.sum(rows, (0,)))]

    wanted = found()
    monkeypatch.setattr("minigrad.backend.cuda._ANY_INT", 8)
    launches = dict(standin.counts.launches)
    for a, b in zip(found(), wanted, strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)
    assert standin.counts.launches == launches


def test_statistics_keep_their_digits_far_from_zero(gpu: Device) -> None:
    rows = numbers(np.float32, 5000, 3) + 3000
    mean, variance, _ = gpu.batch_norm_statistics(gpu.asarray(rows), 0.0)
    np.testing.assert_allclose(gpu.to_numpy(mean), rows.mean(0, np.float64), 1e-6)
    np.testing.assert_allclose(gpu.to_numpy(variance), rows.var(0, np.float64), 1e-4)


KEYS: dict[str, Callable[[Any], Any]] = {
    "rows": lambda up: (up([3, 0, 3, 3]),),
    "pairs": lambda up: (up([0, 1, 1, 0]), up([2, 2, 2, 4])),
    "a slice and places": lambda up: (slice(1, 3), up([[0, 0], [4, 1]])),
    "a mask": lambda up: (up(np.arange(20).reshape(4, 5) % 3 == 0),),
    "an int and places": lambda up: (2, up([1, 1, 1])),
}


@pytest.mark.parametrize("dtype", [*FLOATS, np.int64])
@pytest.mark.parametrize("key", KEYS)
def test_indexed_add_is_that_of_the_cpu_to_the_bit(gpu: Device, key: str, dtype: Any) -> None:
    array = (numbers(dtype, 4, 5) * 9).astype(dtype)
    host = KEYS[key](np.asarray)
    values = (numbers(dtype, *array[host].shape, seed=1) * 9).astype(dtype)
    on_device = gpu.asarray(array)
    gpu.add_at(on_device, KEYS[key](lambda k: gpu.asarray(np.asarray(k))), gpu.asarray(values))
    cpu.add_at(array, host, values)
    np.testing.assert_array_equal(gpu.to_numpy(on_device), array)


def test_indexed_add_of_values_that_broadcast(gpu: Device) -> None:
    array = gpu.asarray(np.zeros((3, 4), np.float32))
    gpu.add_at(array, (gpu.asarray(np.array([2, 2])),), gpu.asarray(np.ones(4, np.float32)))
    assert gpu.to_numpy(array).sum(axis=1).tolist() == [0, 0, 8]


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_adams_kernel_does_what_the_passes_do(gpu: Device, dtype: Any, decoupled: bool) -> None:
    shapes = [(5, 7), (3,), (1, 1)] * 11 + [(0, 2)]  # more than one launch takes
    arrays = [
        [numbers(dtype, *shape, seed=4 * i + s) for s in range(3)]
        + [numbers(dtype, *shape, seed=4 * i + 3) ** 2]
        for i, shape in enumerate(shapes)
    ]
    on_device = [[gpu.asarray(x.copy()) for x in group] for group in arrays]
    group = {"lr": 1e-2, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1}
    how = _numbers(3, group, decoupled)
    for p, g, m, v in arrays:
        adam_step(p, g, m, v, **how)
    assert gpu.adam(on_device, lambda: tuple(how.values()))
    for their, wanted in zip(on_device, arrays, strict=True):
        for got, x in zip(their, wanted, strict=True):
            np.testing.assert_allclose(gpu.to_numpy(got), x, *[10 * np.finfo(dtype).eps] * 2)


# ---- up and down ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(np.uint8, np.float32), (np.float64, np.float32), (np.float32, None), (np.bool_, np.int64)],
)
def test_uploads_change_the_dtype(gpu: Device, given: Any, wanted: Any) -> None:
    host = (np.arange(6).reshape(2, 3) % 2).astype(given)
    array = gpu.asarray(host, wanted)
    assert type(array) is gpu.xp.ndarray
    assert array.dtype == (wanted or given)
    np.testing.assert_array_equal(gpu.to_numpy(array), host)
    assert gpu.asarray(array) is array


def test_batches_come_ahead_in_their_order(gpu: Device) -> None:
    fetched = []

    def batches() -> Any:
        for i in range(4):
            fetched.append(i)
            yield np.full((2, 3), i, np.float32), np.array([i])

    seen = []
    for x, y in gpu.ahead(batches()):
        seen.append(int(gpu.to_numpy(y)[0]))
        assert fetched[-1] == min(seen[-1] + 1, 3), "one batch ahead"
        assert (gpu.to_numpy(x) == seen[-1]).all()
    assert seen == [0, 1, 2, 3]
    assert list(gpu.ahead(iter([]))) == []


def test_uploading_ahead_never_waits() -> None:
    place = _stand_in()
    list(place.ahead([(np.ones(3),), (np.ones(3),)]))
    assert standin.counts.synchronisations == 0
    assert standin.counts.uploads == 2


def _stand_in() -> CUDA:
    standin.counts.reset()
    return CUDA(standin.cupy)


# ---- layout --------------------------------------------------------------------------------------


def test_elementwise_results_lie_as_their_operands_do(gpu: Device) -> None:
    image = gpu.asarray(numbers(np.float32, 2, 4, 5, 3)).transpose(0, 3, 1, 2)
    bias, plain = (
        gpu.asarray(numbers(np.float32, 3, 1, 1)),
        gpu.asarray(numbers(np.float32, 3, 4, 5)),
    )

    def f(x: Any, b: Any, p: Any, s: float) -> Any:
        return x * s + b - p

    out = in_memory_order(f, (image, bias, plain, 2.0))
    assert out.transpose(0, 2, 3, 1).flags.c_contiguous
    np.testing.assert_array_equal(gpu.to_numpy(out), gpu.to_numpy(f(image, bias, plain, 2.0)))
    both = in_memory_order(lambda x, p: (x + p, x - p), (image, plain))
    assert all(y.transpose(0, 2, 3, 1).flags.c_contiguous for y in both)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 1, 1), (2, 1, 4, 4)])
def test_what_lies_in_c_order_stays_so(gpu: Device, shape: tuple[int, ...]) -> None:
    x = gpu.asarray(numbers(np.float32, *shape))
    out = in_memory_order(lambda a, b: a + b, (x, x))
    assert out.flags.c_contiguous and out.shape == shape
    spread = gpu.xp.broadcast_to(x, (5, *shape))
    assert in_memory_order(lambda a: a * 2, (spread,)).flags.c_contiguous
