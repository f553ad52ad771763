"""The CUDA device: its primitives against the CPU's, its launches, its random numbers, its no."""

import re
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.backend import Device, Geometry, cpu, cuda, devices, in_memory_order
from minigrad.backend.cuda import CUDA, try_out
from minigrad.backend.launch import Kernels, signatures
from tests import standin


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
        "sum_rows": (rows,),
        "batch_norm_statistics": (rows,),
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
        up = [None if x is None else gpu.asarray(x) for x in given]
        got = getattr(gpu, method)(*up)
        for a, b in zip(got, wanted, strict=True) if type(wanted) is tuple else [(got, wanted)]:
            a = gpu.to_numpy(a)
            assert (a.dtype, a.shape) == (dtype, b.shape)
            np.testing.assert_allclose(a, b, 0, 100 * np.finfo(dtype).eps * abs(b).max(initial=1))


def test_statistics_keep_their_digits_far_from_zero(gpu: Device) -> None:
    rows = numbers(np.float32, 5000, 3) + 3000
    mean, variance = gpu.batch_norm_statistics(gpu.asarray(rows))
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
    from minigrad.optim.updates import adam_step

    b1, b2, lr, step, decay = 0.9, 0.99, 1e-2, 3, 0.1
    arrays = [numbers(dtype, 5, 7, seed=s) for s in range(3)] + [numbers(dtype, 5, 7) ** 2]
    on_device = [gpu.asarray(x.copy()) for x in arrays]
    how = {"lr": lr, "betas": (b1, b2), "eps": 1e-8, "weight_decay": decay}
    adam_step(*arrays, step=step, **how, decoupled=decoupled)
    root = (1 - b2**step) ** 0.5
    rate, floor = lr * root / (1 - b1**step), 1e-8 * root
    keep, added = (1 - lr * decay, 0.0) if decoupled else (1.0, decay)
    numbers_of = {"beta1": b1, "rest1": 1 - b1, "beta2": b2, "rest2": 1 - b2}
    assert gpu.adam(*on_device, **numbers_of, rate=rate, floor=floor, decay=added, keep=keep)
    for got, wanted in zip(on_device, arrays, strict=True):
        np.testing.assert_allclose(gpu.to_numpy(got), wanted, 10 * np.finfo(dtype).eps)


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


# ---- launches ------------------------------------------------------------------------------------


def launch(**changed: Any) -> None:
    """A launch of `adam` on four numbers, with some arguments changed."""
    xp = standin.cupy
    arguments: dict[str, Any] = {name: xp.ones(4, np.float32) for name in "pgmv"}
    arguments |= dict.fromkeys(
        ("beta1", "rest1", "beta2", "rest2", "rate", "floor", "decay", "keep"), 0.5
    )
    arguments |= {"n": 4} | changed
    Kernels(xp).launch("adam", np.dtype(np.float32), (1,), (32,), *arguments.values())


def test_a_launch_passes_numbers_in_the_kernels_types() -> None:
    launch()  # the stand-in refuses Python's numbers


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"g": np.ones(4, np.float32)}, r"adam: g must be an array on the device, got numpy"),
        ({"g": None}, "adam: g must be an array on the device, got builtins.NoneType"),
        ({"g": standin.cupy.ones(4)}, "adam: g must be float32, got float64"),
        (
            {"g": standin.cupy.ones((4, 2), np.float32)[:, 0]},
            r"adam: g of shape \[4\] must be cont",
        ),
        ({"n": 4.0}, "adam: n must be an integer, got 4.0"),
        ({"more": 1}, "adam: takes 13 arguments, got 14"),
    ],
)
def test_a_launch_refuses(changed: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        launch(**changed)


def test_a_number_too_large_for_the_kernel_is_refused() -> None:
    xp = standin.cupy
    arrays = [xp.ones((4, 4), np.float32), xp.ones(4, np.float32), xp.ones(4, np.float32)]
    arguments = (*arrays, None, None, xp.ones((4, 4), np.float32), 2**31, 4)
    with pytest.raises(OverflowError):
        Kernels(xp).launch("normalize_rows", np.dtype(np.float32), (1,), (32, 8), *arguments)


def test_nothing_runs_on_an_empty_grid(gpu: Device) -> None:
    empty = gpu.xp.empty((0, 3), np.float32)
    assert gpu.sum_rows(empty).shape == (3,)
    gpu.generator(0).normal((0,), np.dtype(np.float32))
    gpu.add_at(gpu.xp.zeros(3, np.float32), (gpu.xp.zeros(0, np.int64),), gpu.xp.zeros(0, "f4"))


def test_a_declaration_that_cannot_be_checked_is_an_error() -> None:
    with pytest.raises(ValueError, match="k has a parameter of another form: float x"):
        signatures("KERNEL k(float x) {")


# ---- random numbers ------------------------------------------------------------------------------


def test_random_numbers_have_the_moments_that_they_should(gpu: Device) -> None:
    random, n = gpu.generator(7), 40_000
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        z, u = (gpu.to_numpy(draw((n,), dtype)) for draw in (random.normal, random.uniform))
        assert z.dtype == u.dtype == dtype
        # Each moment within five of its standard errors.
        assert abs(z.mean()) < 5 / n**0.5
        assert abs((z**2).mean() - 1) < 5 * (2 / n) ** 0.5
        assert abs((z**4).mean() - 3) < 5 * (96 / n) ** 0.5
        assert abs(np.corrcoef(z[::2], z[1::2])[0, 1]) < 5 / (n / 2) ** 0.5
        assert 0 <= u.min() and u.max() < 1
        assert abs(u.mean() - 0.5) < 5 / (12 * n) ** 0.5


def test_integers_and_permutations(gpu: Device) -> None:
    random = gpu.generator(1)
    drawn = gpu.to_numpy(random.integers(-3, 4, (7000,)))
    assert drawn.dtype == np.int64
    counted = np.bincount(drawn + 3, minlength=7)
    assert len(counted) == 7 and (abs(counted - 1000) < 5 * 1000**0.5).all()
    assert gpu.to_numpy(random.integers(0, 2**32, (500,))).max() > 2**31
    assert gpu.to_numpy(random.integers(5, 6, (3,))).tolist() == [5, 5, 5]
    order = gpu.to_numpy(random.permutation(1000))
    assert order.dtype == np.int64
    assert sorted(order) == list(range(1000)) and order.tolist() != sorted(order)
    for low, high in ((3, 3), (4, 3), (0, 2**32 + 1)):
        with pytest.raises(ValueError, match="integers: needs low < high"):
            random.integers(low, high, (1,))


def test_a_stream_goes_on_from_its_state_to_the_bit(gpu: Device) -> None:
    mg.manual_seed(3)
    mg.randn(5, device=gpu)
    state = mg.get_rng_state(gpu)
    first = [f(3, 3, device=gpu).numpy(force=True) for f in (mg.randn, mg.rand)]
    mg.randperm(5, device=gpu)
    mg.set_rng_state(state, gpu)
    again = [f(3, 3, device=gpu).numpy(force=True) for f in (mg.randn, mg.rand)]
    np.testing.assert_array_equal(first, again)
    assert state.tolist() == [3, 2]
    with pytest.raises(ValueError, match=r"needs uint64\[2\] as get_rng_state gives"):
        mg.set_rng_state(mg.get_rng_state("cpu"), gpu)


def test_seeds_and_draws_differ(gpu: Device) -> None:
    f4 = np.dtype(np.float32)
    a, b = gpu.generator(1), gpu.generator(2)
    drawn = [tuple(gpu.to_numpy(g.uniform((4,), f4))) for g in (a, a, b)]
    assert len(set(drawn)) == 3
    with pytest.raises(TypeError, match="draws float32 or float64, got float16"):
        a.normal((1,), np.dtype(np.float16))


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


# ---- finding one ---------------------------------------------------------------------------------


def fake_cupy(version: str = "14.0.0", count: Any = 1, product: Any = None) -> Any:
    """The stand-in with another version, number of GPUs, or matrix product."""

    def getDeviceCount() -> int:
        if isinstance(count, Exception):
            raise count
        return int(count)

    runtime = types.SimpleNamespace(
        getDeviceCount=getDeviceCount, getDeviceProperties=lambda device: {"name": b"a chip"}
    )
    changed: dict[str, Any] = {
        "__version__": version,
        "cuda": types.SimpleNamespace(runtime=runtime),
    }
    if product is not None:
        changed["matmul"] = product
    real = standin.cupy
    return type(
        "fake", (), {"__getattr__": lambda self, name: changed.get(name) or getattr(real, name)}
    )()


def failing(*operands: Any) -> Any:
    raise RuntimeError("libcublas.so.13: cannot open shared object file")


@pytest.mark.parametrize(
    ("cupy", "reason"),
    [
        (fake_cupy(version="13.6.0"), "CuPy 13.6.0 is installed, minigrad needs 14"),
        (
            fake_cupy(count=RuntimeError("cudaErrorInsufficientDriver")),
            "driver is missing or too old",
        ),
        (fake_cupy(count=0), "the driver finds no GPU"),
        (
            fake_cupy(product=failing),
            r"a kernel failed: RuntimeError: libcublas.* \[cuda12\]|cuda13",
        ),
        (
            fake_cupy(product=lambda x, y: x * 0),
            "computes wrongly on this GPU: 1.0 instead of 1.80",
        ),
    ],
    ids=["an old CuPy", "no driver", "no GPU", "no cuBLAS", "a wrong result"],
)
def test_a_device_that_does_not_work_says_why(cupy: Any, reason: str) -> None:
    found = try_out(cupy)
    assert isinstance(found, str)
    assert re.search(reason, found), found


def test_a_device_that_works_is_described() -> None:
    found = try_out(fake_cupy())
    assert isinstance(found, CUDA)
    assert found.description == "a chip, by CuPy 14.0.0"


@pytest.fixture
def asked_anew() -> Any:
    """The question whether there is a GPU, not yet answered."""
    known = dict(devices._by_array_type)
    cuda._probed.cache_clear()
    yield
    cuda._probed.cache_clear()
    devices._by_array_type.clear()
    devices._by_array_type.update(known)


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (False, "cuda: no NVIDIA driver on this machine"),
        (True, r"cuda: CuPy cannot be imported \(.*\); in a clone of minigrad: pip install"),
    ],
)
def test_cuda_says_what_is_missing(
    asked_anew: None, monkeypatch: pytest.MonkeyPatch, driver: bool, message: str
) -> None:
    monkeypatch.setattr(cuda, "_has_driver", lambda: driver)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError, match=message):
        mg.device("cuda")


def test_cuda_gives_the_device_once_it_has_worked(
    asked_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "_has_driver", lambda: True)
    monkeypatch.setitem(sys.modules, "cupy", standin.cupy)
    cuda.allow_tf32(True)
    found = mg.device("cuda")
    assert found is mg.device("cuda") is mg.ones(2, device="cuda").device
    assert standin.compute_types == {np.dtype(np.float32): 7}
    cuda.allow_tf32(False)
    assert standin.compute_types == {np.dtype(np.float32): 1}
