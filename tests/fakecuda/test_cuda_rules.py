"""CUDA's rules, as a chip keeps them and the fake does: these tests run on both."""

import ctypes
from typing import Any

import pytest

from minigrad.backend import cublas, device

pytestmark = [pytest.mark.cuda, pytest.mark.slow]


@pytest.fixture
def xp() -> Any:
    found = device("cuda").xp
    found.cuda.Device().synchronize()
    return found


# ---- what CUDA refuses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "block"),
    [((1, 65536), (1,)), ((1,), (1025,)), ((1,), (1, 1, 65))],
)
def test_a_launch_beyond_the_limits_is_refused(grid: Any, block: Any, xp: Any) -> None:
    code = 'extern "C" __global__ void nothing() {\n}'
    kernel = xp.RawKernel(code, "nothing")
    kernel((1, 65535), (1, 1, 64), ())
    with pytest.raises(xp.cuda.driver.CUDADriverError, match=r"(?i)invalid_?value"):
        kernel(grid, block, ())


def test_what_does_not_compile_is_refused_with_the_compilers_words(xp: Any) -> None:
    with pytest.raises(xp.cuda.compiler.CompileException, match="speling"):
        xp.RawKernel('extern "C" __global__ void f() {\n speling;\n}', "f").compile()


class Products:
    """cublasDgemm for matrices in C order, on a stream."""

    def __init__(self, xp: Any, stream: Any) -> None:
        library = cublas.load(xp)
        assert library is not None
        self._library, self._handle = library, ctypes.c_void_p()
        library.cublasCreate_v2(ctypes.byref(self._handle))
        library.cublasSetStream_v2(self._handle, ctypes.c_void_p(stream.ptr))

    def status(self, a: Any, b: Any, out: Any, steps: Any = None) -> int:
        """What cuBLAS says to out = a @ b, with `steps` as leading dimensions of b, a and out."""
        (m, k), n = a.shape, b.shape[1]
        one, zero = ctypes.c_double(1), ctypes.c_double(0)
        pointers = [ctypes.c_void_p(x.data.ptr) for x in (b, a, out)]
        ldb, lda, ldc = steps or (n, k, n)
        found = self._library.cublasDgemm_v2(
            self._handle, 0, 0, n, m, k, ctypes.byref(one), pointers[0], ldb, pointers[1], lda,
            ctypes.byref(zero), pointers[2], ldc,
        )  # fmt: skip
        return int(found)


def test_leading_dimensions_that_are_too_small_are_refused(xp: Any) -> None:
    a, b, out = xp.ones((2, 3)), xp.ones((3, 4)), xp.empty((2, 4))
    products = Products(xp, xp.cuda.get_current_stream())
    assert products.status(a, b, out) == 0
    assert (out.get() == 3).all()
    for steps in ((3, 3, 4), (4, 2, 4), (4, 3, 3)):
        assert products.status(a, b, out, steps) == 7


# ---- graphs --------------------------------------------------------------------------------------


def test_a_graph_does_again_what_was_captured(xp: Any) -> None:
    x, w, out = xp.arange(6.0).reshape(2, 3), xp.ones((3, 3)), xp.zeros((2, 3))
    stream = xp.cuda.Stream(non_blocking=True)
    products, kept = Products(xp, stream), []

    def step() -> None:
        kept.append((x + 1, xp.empty((2, 3))))
        assert products.status(kept[-1][0], w, kept[-1][1]) == 0
        xp.add(out, kept[-1][1].sum(axis=0), out=out)

    xp.cuda.Device().synchronize()
    with stream:
        step()
        stream.begin_capture()
        step()
        graph = stream.end_capture()
        assert (out.get() == 21).all(), "what was captured has not been done yet"
        for times in (2, 3):
            graph.launch()
            assert (out.get() == 21 * times).all()
        x += 1  # the graph reads what is there when it is launched
        graph.launch()
        assert (out.get() == 63 + 27).all()
        stream.synchronize()


FORBIDDEN = {
    "waiting for the stream": lambda xp, s, x: s.synchronize(),
    "waiting for the device": lambda xp, s, x: xp.cuda.Device().synchronize(),
    "asking the stream": lambda xp, s, x: s.done or xp.cuda.runtime.streamSynchronize(s.ptr),
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
    with pytest.raises(xp.cuda.driver.CUDADriverError, match=r"(?i)implicit"):
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
