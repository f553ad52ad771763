"""The fake CUDA finds planted faults, and is stricter than a chip: it stands for the older ones."""

from typing import Any

import numpy as np
import pytest

from tests import fakecuda

pytestmark = [pytest.mark.cuda, pytest.mark.slow, pytest.mark.usefixtures("planted")]


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
    memory = xp.cuda.memory
    new = memory.MemoryPointer(memory.Memory(16), 0)  # not of the pool, which has used memory
    assert np.isnan(xp.ndarray(4, np.float32, new).get()).all()


def test_pageable_memory_cannot_be_captured(xp: Any) -> None:
    """It may have changed, or be gone, when the graph is launched."""
    x, host, stream = xp.zeros(5), np.zeros(5), xp.cuda.Stream(non_blocking=True)
    runtime = xp.cuda.runtime
    with stream:
        stream.begin_capture()
        with pytest.raises(runtime.CUDARuntimeError, match="CaptureUnsupported"):
            runtime.memcpyAsync(x.data.ptr, host.ctypes.data, 40, 1, stream.ptr)
        with pytest.raises(runtime.CUDARuntimeError, match="Invalidated"):
            stream.end_capture()
