"""Every CUDA kernel's source, run on the CPU by g++, against its twin in NumPy.

Arrays lie between guard zones of NaN: a kernel that reads beyond one spoils its result, and one
that writes there is caught. Threads run forwards and backwards: the bits must be the same.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.backend import device
from minigrad.backend.launch import KERNELS, MANY, SOURCE, signatures
from tests.standin import twins
from tests.standin.kernels import (
    COMPILER,
    NO_COMPILER,
    REALS,
    TABLES,
    check_sizes,
    compiled,
    twin,
)

pytestmark = pytest.mark.slow

CODE = SOURCE.read_text("utf-8")
DECLARED = signatures(CODE)
Draw = Callable[[st.SearchStrategy[Any]], Any]
Array = np.ndarray[Any, Any]
Case = tuple[tuple[int, ...], tuple[int, ...], list[Any]]  # grid, block, arguments

needs_compiler = pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)


def between_guards(values: Array, shift: int) -> tuple[Array, Array]:
    """A copy of `values`, `shift` elements past a 64-byte boundary, and all of the memory."""
    guard = 64 + shift * values.itemsize
    memory = np.zeros(guard + values.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 64 + guard
    memory[:] = 0xFF  # NaN in every floating dtype, and -1 in integers
    inside = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    inside[...] = values
    return inside, memory


def run(name: str, real: str, case: Case, backwards: bool, shift: int) -> list[Any]:
    """The arguments after the kernel has run; whatever it wrote lies inside of its arrays."""
    grid, block, values = case
    check_sizes(grid, block)
    guarded: list[tuple[Array, Array]] = []

    def guard(values: Array) -> Array:
        guarded.append(between_guards(values, shift))
        return guarded[-1][0]

    given_ = mapped(guard, values)
    compiled(CODE, real, name, backwards)(grid, block, given_)
    for inside, memory in guarded:
        outside = memory.copy()
        start = inside.ctypes.data - memory.ctypes.data
        outside[start : start + inside.nbytes] = 0xFF
        assert (outside == 0xFF).all(), f"{name} wrote outside of its array"
    return given_


def mapped(function: Callable[[Array], Any], values: list[Any]) -> list[Any]:
    """The arguments, with function(x) in the place of each array x; those of tables too."""
    return [
        function(v) if isinstance(v, np.ndarray)
        else mapped(function, v) if isinstance(v, list)
        else v
        for v in values
    ]  # fmt: skip


def arrays_of(values: list[Any]) -> list[Any]:
    """The arrays among the arguments, and None for one that is missing."""
    found: list[Any] = []
    for v in values:
        if v is None or isinstance(v, np.ndarray):
            found.append(v)
        elif isinstance(v, list):
            found += arrays_of(v)
    return found


def check(name: str, real: str, case: Case, shift: int, tolerance: float) -> None:
    forwards = run(name, real, case, False, shift)
    backwards = run(name, real, case, True, shift)
    expected = mapped(np.copy, case[2])
    twin(name)(expected)
    for got, other, wanted in zip(*map(arrays_of, (forwards, backwards, expected)), strict=True):
        if got is not None:
            np.testing.assert_array_equal(got, other, "the order of threads matters")
            close(got, wanted, tolerance)


def close(got: Array, wanted: Array, tolerance: float) -> None:
    if tolerance == 0:
        np.testing.assert_array_equal(got, wanted)
        return
    size = np.abs(wanted).max(initial=1)
    np.testing.assert_allclose(got, wanted, tolerance, tolerance * size)


def floats(draw: Draw, real: Any, *shape: int, scale: float = 1, shift: float = 0) -> Array:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return (rng.standard_normal(shape) * scale + shift).astype(real)


def unset(real: Any, *shape: int) -> Array:
    return np.full(shape, np.nan, real)


def small(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most)


# ---- arguments for each kernel -------------------------------------------------------------------


def patches_and_image(draw: Draw) -> tuple[int, list[int], list[int], list[int]]:
    """(n, [h, w, c], [oh, ow, kh, kw], [sh, sw, ph, pw, dh, dw]) of a convolution that fits."""
    kh, kw = draw(small(1, 3)), draw(small(1, 3))
    sh, sw, dh, dw = (draw(small(1, 3)) for _ in range(4))
    ph, pw = draw(small(0, 2)), draw(small(0, 2))
    oh, ow = draw(small(1, 3)), draw(small(1, 3))
    # Pixels beyond the last patch, as where the stride does not divide the image.
    h = max((oh - 1) * sh + dh * (kh - 1) + 1 + draw(small(0, sh - 1)) - 2 * ph, 1)
    w = max((ow - 1) * sw + dw * (kw - 1) + 1 + draw(small(0, sw - 1)) - 2 * pw, 1)
    oh, ow = (
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in ((h, ph, dh, kh, sh), (w, pw, dw, kw, sw))
    )
    c = draw(st.sampled_from([1, 2, 3, 4, 8, 12]))
    return draw(small(1, 3)), [h, w, c], [oh, ow, kh, kw], [sh, sw, ph, pw, dh, dw]


def gather_patches(draw: Draw, real: Any) -> Case:
    n, image, places, steps = patches_and_image(draw)
    x, y = draw(st.sampled_from([(32, 8), (2, 4), (1, 16)]))
    values = [floats(draw, real, n, *image), unset(real, n, *places, image[2])]
    return (draw(small(1, 3)),), (x, y), [*values, n, *image, *places, *steps]


def collect_patches(draw: Draw, real: Any) -> Case:
    n, image, places, steps = patches_and_image(draw)
    x, y = draw(st.sampled_from([(32, 8), (2, 4), (1, 16)]))
    values = [floats(draw, real, n, *places, image[2]), unset(real, n, *image)]
    return (draw(small(1, 3)),), (x, y), [*values, n, *image, *places, *steps]


def matrix(draw: Draw) -> tuple[int, int, int, int]:
    """Rows, columns, rows in a chunk, chunks."""
    m, c = draw(small(1, 70)), draw(st.sampled_from([1, 3, 32, 33, 65]))
    chunk = max(draw(small(1, m + 3)), -(-m // 4))
    return m, c, chunk, -(-m // chunk)


def column_moments(draw: Draw, real: Any) -> Case:
    m, c, chunk, chunks = matrix(draw)
    rows = floats(draw, real, m, c, shift=draw(st.sampled_from([0, 100])))
    outs = [unset(real, chunks, c), unset(real, chunks, c)]
    return (-(-c // 32), chunks), (32, 8), [rows, *outs, m, c, chunk]


def join_moments(draw: Draw, real: Any) -> Case:
    m, c, chunk, chunks = matrix(draw)
    means, m2s = floats(draw, real, chunks, c, shift=10), floats(draw, real, chunks, c) ** 2
    outs = [unset(real, c) for _ in range(3)]
    return (-(-c // 32), 1), (32, 8), [means, m2s, *outs, m, c, chunk, 1e-5]


def move_running(draw: Draw, real: Any) -> Case:
    n, grid, block = flat(draw)
    arrays = [floats(draw, real, n) for _ in range(4)]
    share = draw(st.floats(0, 1))
    return grid, block, [*arrays, 1 - share, share, draw(st.floats(1, 2)), n]


def leaky(draw: Draw, real: Any) -> Case:
    n, grid, block = flat(draw)
    slope = draw(st.sampled_from([0.0, 0.2, 1.5, -1.0]))
    return grid, block, [floats(draw, real, n), floats(draw, real, n), unset(real, n), slope, n]


def column_sums(draw: Draw, real: Any) -> Case:
    m, c, chunk, chunks = matrix(draw)
    a, both = floats(draw, real, m, c), draw(st.booleans())
    b, centre = (floats(draw, real, m, c), floats(draw, real, c)) if both else (None, None)
    out = unset(real, chunks, (1 + both) * c)
    return (-(-c // 32), chunks), (32, 8), [a, b, centre, out, m, c, chunk]


def per_column(draw: Draw, real: Any, c: int, optional: bool = False) -> Array | None:
    return None if optional and draw(st.booleans()) else floats(draw, real, c)


def normalize_rows(draw: Draw, real: Any) -> Case:
    m, c, _, _ = matrix(draw)
    columns = [per_column(draw, real, c, i > 1) for i in range(4)]
    values = [floats(draw, real, m, c), *columns, unset(real, m, c), m, c]
    return (-(-c // 32), draw(small(1, 3))), (32, 8), values


def normalize_rows_gradient(draw: Draw, real: Any) -> Case:
    m, c, _, _ = matrix(draw)
    columns = [per_column(draw, real, c, i > 1) for i in range(3)]
    given_ = [floats(draw, real, m, c), floats(draw, real, m, c), *columns]
    values = [*given_, floats(draw, real, 2 * c), unset(real, m, c), unset(real, c), m, c]
    return (-(-c // 32), draw(small(1, 3))), (32, 8), values


def flat(draw: Draw) -> tuple[int, tuple[int], tuple[int]]:
    return draw(small(0, 200)), (draw(small(1, 3)),), (draw(st.sampled_from([1, 7, 32])),)


def add_runs(draw: Draw, real: Any) -> Case:
    n, grid, block = flat(draw)
    rng = np.random.default_rng(draw(small(0, 1000)))
    places = rng.integers(0, draw(small(1, 50)), n)
    order = np.argsort(places, kind="stable")
    values = [floats(draw, real, n), order, places[order], floats(draw, real, 50), n]
    return grid, block, values


def bce_terms(draw: Draw, real: Any) -> Case:
    n, grid, block = flat(draw)
    x, target = floats(draw, real, n, scale=draw(st.sampled_from([1, 30]))), floats(draw, real, n)
    return grid, block, [x, target, unset(real, n), unset(real, n), n]


def bce_slope(draw: Draw, real: Any) -> Case:
    n, grid, block = flat(draw)
    x, target = floats(draw, real, n), floats(draw, real, n)
    return grid, block, [x, target, np.exp(-abs(floats(draw, real, n))), unset(real, n), n]


def adam(draw: Draw, real: Any) -> Case:
    sizes, grid, block = [draw(small(0, 90)) for _ in range(draw(small(1, MANY)))], *flat(draw)[1:]
    tables = [[floats(draw, real, n) for n in sizes] for _ in range(3)]
    tables.append([floats(draw, real, n) ** 2 for n in sizes])
    beta1, beta2 = draw(st.floats(0, 0.999)), draw(st.floats(0, 0.999))
    decay, keep = draw(st.sampled_from([0.0, 0.01])), draw(st.sampled_from([1.0, 0.99]))
    numbers = [beta1, 1 - beta1, beta2, 1 - beta2, 1e-3, 1e-8, decay, keep]
    live = draw(st.sampled_from([None, np.array(numbers, real)]))
    plain = numbers if live is None else [0.5] * 8
    return (*grid, len(sizes)), block, [*tables, sizes, *plain, live]


def write_words(draw: Draw, real: Any) -> Case:
    n = draw(small(1, MANY))
    words = [draw(st.integers(0, 2**64 - 1)) for _ in range(n)]
    return (1,), (draw(st.sampled_from([1, 7, 32])),), [words, np.zeros(n, np.uint64), n]


def drawn(draw: Draw, dtype: Any) -> Case:
    n, grid, block = flat(draw)
    state = [np.uint64(draw(st.integers(0, top))) for top in (2**64 - 1, 2**64 - 200)]
    live = draw(st.sampled_from([None, np.array(state, np.uint64)]))
    plain = state if live is None else [np.uint64(1), np.uint64(2)]
    return grid, block, [np.zeros(n, dtype), n, *plain, live]


def random_words(draw: Draw, real: Any) -> Case:
    return drawn(draw, np.uint64)


random_uniform = random_normal = drawn

EXACT = 0.0
ROUNDING = {np.dtype(np.float32): 3e-6, np.dtype(np.float64): 1e-14}
INEXACT = {"bce_terms", "column_moments", "join_moments", "column_sums", "random_normal"}


def in_their_types(name: str, real: Any, values: list[Any]) -> list[Any]:
    return [
        v if p.array or p.kind in TABLES else p.dtype(real).type(v)
        for p, v in zip(DECLARED[name], values, strict=True)
    ]


@needs_compiler
@pytest.mark.parametrize("real", sorted(REALS))
@pytest.mark.parametrize("name", list(KERNELS))
def test_a_kernel_computes_what_its_twin_does(name: str, real: str) -> None:
    @given(data=st.data())
    def check_one(data: st.DataObject) -> None:
        grid, block, values = globals()[name](data.draw, REALS[real])
        typed = in_their_types(name, REALS[real], values)
        tolerance = ROUNDING[REALS[real]] if name in INEXACT else EXACT
        check(name, real, (grid, block, typed), data.draw(small(0, 1)), tolerance)

    check_one()


@pytest.mark.cuda
@pytest.mark.parametrize("real", sorted(REALS))
@pytest.mark.parametrize("name", list(KERNELS))
def test_a_kernel_computes_on_the_chip_what_its_twin_does(name: str, real: str) -> None:
    """Up to rounding: the chip fuses multiplications with additions."""
    gpu, dtype = device("cuda"), REALS[real]

    @given(data=st.data())
    def check_one(data: st.DataObject) -> None:
        grid, block, values = globals()[name](data.draw, dtype)
        up: list[Any] = []

        def upload(x: Array) -> Any:
            up.append(gpu.asarray(x))
            return up[-1]

        gpu.kernels.launch(name, dtype, grid, block, *mapped(upload, values))
        numbers = in_their_types(name, dtype, values)
        twin(name)(numbers)
        expected = [x for x in arrays_of(numbers) if x is not None]
        for got, wanted in zip(up, expected, strict=True):
            close(gpu.to_numpy(got), wanted, ROUNDING[dtype])

    check_one()


def test_the_list_names_every_kernel_and_every_array_that_may_be_missing() -> None:
    assert set(DECLARED) == set(KERNELS)
    assert CODE.count("__global__") == 1, "a kernel is declared by the macro KERNEL"
    for name, optional in KERNELS.items():
        assert set(optional) <= {p.name for p in DECLARED[name] if p.array}
        assert hasattr(twins, name)


def test_no_kernel_adds_floats_atomically() -> None:
    assert "atomic" not in CODE.replace("no atomics", "")


def test_philox_gives_the_numbers_of_its_authors() -> None:
    """Random123's known answers, for the counters that have zeros in their upper half."""
    assert [int(x) for x in twins.philox(0, np.array([0]))[0]] == [
        0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8,
    ]  # fmt: skip


# ---- the emulator tells right from wrong ---------------------------------------------------------

SUM = """
KERNEL total(const real* x, real* out, int n) {
    __shared__ real shared[64];
    shared[threadIdx.x] = threadIdx.x < n ? x[threadIdx.x] : 0;
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    if (threadIdx.x == 0) out[0] = shared[0];
}
"""
FAULTS = {
    "total": ("", ""),
    "unsynchronised": ("__syncthreads();", ""),
    "unchecked": ("threadIdx.x < n ?", "true ?"),  # reads the guard zone
    "deserted": ("__shared__", "if (threadIdx.x > 50) return; __shared__"),
}
PLANTED = 'typedef REAL real;\n#define KERNEL extern "C" __global__ void' + "".join(
    [SUM.replace("total", name).replace(old, new) for name, (old, new) in FAULTS.items()]
)


@needs_compiler
@pytest.mark.parametrize("name", ["total", "unsynchronised", "unchecked"])
def test_the_emulator_finds_a_planted_fault(name: str) -> None:
    x, _ = between_guards(np.arange(40.0, dtype=np.float32), 0)
    sums = []
    for backwards in (False, True):
        out = np.zeros(1, np.float32)
        compiled(PLANTED, "float", name, backwards)((1,), (64,), [x, out, np.int32(40)])
        sums.append(out[0])
    assert (sums == [780, 780]) is (name == "total")


@needs_compiler
def test_the_emulator_finds_a_barrier_that_some_threads_never_reach() -> None:
    arguments = [np.zeros(64, np.float32), np.zeros(1, np.float32), np.int32(64)]
    with pytest.raises(RuntimeError, match="wait at __syncthreads"):
        compiled(PLANTED, "float", "deserted")((1,), (64,), arguments)
