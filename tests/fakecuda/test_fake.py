"""The fake CUDA tells right from wrong: it finds planted faults, and refuses what CUDA refuses."""

import ctypes
from typing import Any

import numpy as np
import pytest

from tests import fakecuda

pytestmark = [pytest.mark.cuda, pytest.mark.slow, pytest.mark.usefixtures("planted")]


# ---- what CUDA refuses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "block"),
    [((1, 65536), (1,)), ((1,), (1025,)), ((1,), (1, 1, 65))],
)
def test_a_launch_beyond_the_limits_is_refused(grid: Any, block: Any, xp: Any) -> None:
    code = 'extern "C" __global__ void nothing() {\n}'
    kernel = xp.RawKernel(code, "nothing")
    kernel((1, 65535), (1, 1, 64), ())
    with pytest.raises(xp.cuda.driver.CUDADriverError, match="InvalidValue"):
        kernel(grid, block, ())


def test_parameters_of_more_than_4096_bytes_are_refused(xp: Any) -> None:
    code = """
struct Table { void* p[%d]; };
extern "C" __global__ void nothing(const Table table) {
}"""
    for size in (512, 513):
        kernel = xp.RawKernel(code % size, "nothing")
        table = np.zeros(size, np.uint64).view(np.dtype((np.void, 8 * size)))[0]
        if size == 512:
            kernel((1,), (1,), (table,))
        else:
            with pytest.raises(xp.cuda.driver.CUDADriverError, match="InvalidValue"):
                kernel((1,), (1,), (table,))


def test_what_does_not_compile_is_refused_with_the_compilers_words(xp: Any) -> None:
    with pytest.raises(xp.cuda.compiler.CompileException, match="speling"):
        xp.RawKernel('extern "C" __global__ void f() {\n speling;\n}', "f").compile()


def cublas() -> ctypes.CDLL:
    return ctypes.CDLL("libcublas.so.12")


def product(
    a: Any, b: Any, out: Any, stream: Any, steps: tuple[int, int, int] | None = None
) -> int:
    """out = a @ b for matrices of float64 by cublasDgemm, as row-major matrices: its status."""
    (m, k), n = a.shape, b.shape[1]
    handle, one, zero = ctypes.c_void_p(), ctypes.c_double(1), ctypes.c_double(0)
    cublas().cublasCreate_v2(ctypes.byref(handle))
    cublas().cublasSetStream_v2(handle, ctypes.c_void_p(stream.ptr))
    ldb, lda, ldc = steps or (n, k, n)
    pointers = [ctypes.c_void_p(x.data.ptr) for x in (b, a, out)]
    status = cublas().cublasDgemm_v2(
        handle, 0, 0, n, m, k, ctypes.byref(one), pointers[0], ldb, pointers[1], lda,
        ctypes.byref(zero), pointers[2], ldc,
    )  # fmt: skip
    cublas().cublasDestroy_v2(handle)
    return int(status)


def test_leading_dimensions_that_are_too_small_are_refused(xp: Any) -> None:
    a, b, out = xp.ones((2, 3)), xp.ones((3, 4)), xp.empty((2, 4))
    stream = xp.cuda.get_current_stream()
    assert product(a, b, out, stream) == 0
    assert (out.get() == 3).all()
    for steps in ((3, 3, 4), (4, 2, 4), (4, 3, 3)):
        assert product(a, b, out, stream, steps) == 7


# ---- what CUDA would not notice ------------------------------------------------------------------


def test_a_race_between_streams_is_found(xp: Any) -> None:
    x = xp.zeros(5)
    first, second = (xp.cuda.Stream(non_blocking=True) for _ in range(2))
    for ordered in (True, False):
        xp.cuda.Device().synchronize()
        fakecuda.reset()
        with first:
            x += 1
        if ordered:
            second.wait_event(first.record())
        with second:
            x += 1
        assert bool(fakecuda.faults()) is not ordered
    assert "race" in fakecuda.faults()[0]


def test_overwriting_what_another_stream_may_still_read_is_found(xp: Any) -> None:
    x = xp.zeros(5)
    reader = xp.cuda.Stream(non_blocking=True)
    reader.wait_event(xp.cuda.get_current_stream().record())
    with reader:
        y = x + 1
    assert fakecuda.faults() == []
    x.fill(3)
    assert "overwrites" in fakecuda.faults()[0]
    del y


def test_memory_that_was_freed_is_found(xp: Any) -> None:
    runtime, x = xp.cuda.runtime, xp.zeros(4)
    freed = runtime.malloc(512)
    runtime.free(freed)
    with pytest.raises(runtime.CUDARuntimeError, match="InvalidValue"):
        runtime.free(freed)
    runtime.memcpyAsync(freed, x.data.ptr, 32, runtime.memcpyDeviceToDevice, 0)
    assert "no device memory" in fakecuda.faults()[0]


def test_a_barrier_that_some_threads_never_reach_is_found(xp: Any) -> None:
    code = """extern "C" __global__ void deserted() {
    __shared__ int shared[64];
    if (threadIdx.x > %s) return;
    shared[threadIdx.x] = 1;
    __syncthreads();
}"""
    for last, found in ((63, False), (50, True)):
        xp.RawKernel(code % last, "deserted")((1,), (64,), ())
        assert bool(fakecuda.faults()) is found


def test_new_memory_holds_no_zeros(xp: Any) -> None:
    assert np.isnan(xp.ndarray(4, np.float32, xp.cuda.memory.alloc(1 << 21)).get()).all()


# ---- graphs --------------------------------------------------------------------------------------


def test_a_graph_does_again_what_was_captured(xp: Any) -> None:
    x, w, out = xp.arange(6.0).reshape(2, 3), xp.ones((3, 3)), xp.zeros((2, 3))
    kept = []
    stream = xp.cuda.Stream(non_blocking=True)
    xp.cuda.Device().synchronize()
    with stream:
        stream.begin_capture()
        kept += [x + 1, xp.empty((2, 3))]
        assert product(kept[0], w, kept[1], stream) == 0
        xp.add(out, kept[1].sum(axis=0), out=out)
        graph = stream.end_capture()
        assert (out.get() == 0).all(), "nothing was done yet"
        for times in (1, 2):
            graph.launch()
            stream.synchronize()
            np.testing.assert_array_equal(out.get(), np.full((2, 3), 21.0 * times))
        x += 1  # the graph reads what is there when it is launched
        graph.launch()
        stream.synchronize()
        np.testing.assert_array_equal(out.get(), np.full((2, 3), 42.0 + 27))


FORBIDDEN = {
    "waiting for the stream": lambda xp, s, x: s.synchronize(),
    "waiting for the device": lambda xp, s, x: xp.cuda.Device().synchronize(),
    "asking the stream": lambda xp, s, x: s.done or xp.cuda.runtime.streamSynchronize(s.ptr),
    "pageable memory": lambda xp, s, x: xp.cuda.runtime.memcpyAsync(
        x.data.ptr, np.zeros(5).ctypes.data, 40, xp.cuda.runtime.memcpyHostToDevice, s.ptr
    ),
    "an event from outside": lambda xp, s, x: s.wait_event(xp.cuda.Stream.null.record()),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_a_capture_forbids_ends_it(what: str, xp: Any) -> None:
    x, stream = xp.zeros(5), xp.cuda.Stream(non_blocking=True)
    xp.cuda.Device().synchronize()
    with stream:
        stream.begin_capture()
        with pytest.raises((RuntimeError, xp.cuda.runtime.CUDARuntimeError), match="apture"):
            FORBIDDEN[what](xp, stream, x)
        with pytest.raises(xp.cuda.runtime.CUDARuntimeError, match="Invalidated"):
            stream.end_capture()
        x += 1
        stream.synchronize()


def test_work_on_the_legacy_stream_ends_the_capture_of_a_blocking_one(xp: Any) -> None:
    x, stream = xp.zeros(5), xp.cuda.Stream()
    with stream:
        stream.begin_capture()
    with pytest.raises(xp.cuda.driver.CUDADriverError, match="Implicit"):
        x += 1
    with pytest.raises(xp.cuda.runtime.CUDARuntimeError, match="Invalidated"):
        stream.end_capture()


def test_cupys_own_products_cannot_be_captured(xp: Any) -> None:
    x, stream = xp.ones((2, 2)), xp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        with pytest.raises(NotImplementedError):
            x @ x
        stream.end_capture()
