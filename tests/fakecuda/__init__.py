"""CuPy itself, unmodified, on a fake CUDA: see `start`.

The driver, the runtime, NVRTC and cuBLAS are small libraries of our own (driver/). Device memory is
host memory; every kernel that CuPy or the project compiles is compiled by g++ and run at once,
with fused multiply-add and flush-to-zero, as on a chip. Beyond that:

- what CUDA refuses is an error: too large a grid, a leading dimension that is too small, waiting
  for a stream that is being captured;
- what CUDA would not notice is a fault (`faults()`): a race between streams, memory that is freed;
- launches, copies, waits and allocations are counted (`counts()`);
- streams can be captured as graphs, and graphs be launched.

What it does not have: concurrency, the order of blocks, weak memory, float16, CUB, a chip's speed.
It needs Linux on x86-64, g++, and CuPy 14.2 for CUDA 12 (`make test-cupy` fetches that).
"""

import ctypes
import functools
import os
import platform
import shutil
from importlib import util
from pathlib import Path
from typing import Any

from . import build

_libraries: dict[str, ctypes.CDLL] = {}
_compile = ctypes.CFUNCTYPE(
    ctypes.c_bool, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
)


def started() -> bool:
    return bool(_libraries)


def missing() -> str | None:
    """Why CuPy cannot run on the fake here."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "the fake CUDA needs Linux on x86-64"
    if not (shutil.which("g++") and shutil.which("nm")):
        return "the fake CUDA needs g++ and nm"
    if util.find_spec("cupy") is None:
        return "CuPy is not installed"
    return None


def start() -> None:
    """Let CuPy, which must not have been imported, find the fake libraries.

    CuPy's library for the runtime has NVIDIA's linked in; in memory, the beginning of each of its
    functions becomes a jump to the fake's.
    """
    if started():
        return
    if why := missing():
        raise RuntimeError(why)
    # CUB's kernels are compiled into CuPy and cannot be run; and CuPy's cache is for real chips.
    os.environ["CUPY_ACCELERATORS"], os.environ["CUPY_CACHE_IN_MEMORY"] = "", "1"
    folder = Path(str(util.find_spec("cupy_backends").submodule_search_locations[0]))
    (runtime,) = (folder / "cuda" / "api").glob("runtime.*.so")
    (cublas,) = (folder / "cuda" / "libs").glob("cublas.*.so")
    names = [_plain(n) for _, n in build.defined(runtime, "cuda")]
    asked = [n for n in build.undefined(cublas) if n.startswith("cublas")]
    driver = ("memory.cpp", "streams.cpp", "device.cpp", "kernels.cpp", "sort.cpp")
    for soname, files, wanted in (
        ("libcuda.so.1", driver, names),
        ("libnvrtc.so.12", ("nvrtc.cpp",), ()),
        ("libcublasLt.so.12", (), ()),
        ("libcublas.so.12", ("cublas.cpp",), asked),
    ):
        path = build.fake(soname, files, wanted)
        _libraries[soname] = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    _libraries["libcuda.so.1"].fake_report.restype = ctypes.c_char_p
    _libraries["libnvrtc.so.12"].fake_compiler(_compiled)
    import cupy_backends.cuda.api.runtime  # noqa: F401

    _redirect(runtime)
    import cupy.cuda.thrust

    cupy.cuda.thrust.argsort = _argsort


def _plain(name: str) -> str:
    """A function without what says which default stream it means."""
    return name.removesuffix("_ptsz").removesuffix("_ptds")


def _redirect(runtime: Path) -> None:
    libc, target = ctypes.CDLL(None, use_errno=True), _libraries["libcuda.so.1"]
    maps = Path("/proc/self/maps").read_text("utf-8").splitlines()
    base = min(int(line.split("-")[0], 16) for line in maps if line.endswith(str(runtime)))
    for offset, name in build.defined(runtime, "cuda"):
        to = ctypes.cast(getattr(target, _plain(name)), ctypes.c_void_p).value
        assert to is not None
        page = (base + offset) & ~4095
        if libc.mprotect(ctypes.c_void_p(page), 8192, 7):  # readable, writable, executable
            raise OSError(ctypes.get_errno(), "mprotect")
        jump = b"\x48\xb8" + to.to_bytes(8, "little") + b"\xff\xe0"  # mov rax, to; jmp rax
        ctypes.memmove(base + offset, jump, len(jump))


@_compile
def _compiled(source: bytes, options: bytes, made: int, size: int) -> bool:
    """What NVRTC asks: the path of the compiled kernels, or errors, is written to `made`."""
    defines = [o for o in options.decode().splitlines() if o.startswith("-D")]
    try:
        good, text = True, str(build.kernels(source.decode(), defines))
    except Exception as error:
        good, text = False, f"{type(error).__name__}: {error}"
    ctypes.memmove(made, text.encode()[: size - 1] + b"\0", min(len(text.encode()) + 1, size))
    return good


def _argsort(dtype: Any, order: int, data: int, keys: int, shape: tuple[int, ...]) -> None:
    """cupy.cuda.thrust.argsort, whose kernels are compiled into CuPy."""
    import cupy

    columns = shape[-1]
    rows = functools.reduce(int.__mul__, shape[:-1], 1)
    stream = cupy.cuda.get_current_stream().ptr
    arguments = [ctypes.c_void_p(order), ctypes.c_void_p(data)]
    sizes = [ctypes.c_size_t(rows), ctypes.c_size_t(columns), ctypes.c_void_p(stream)]
    kind = ctypes.c_char(dtype.char.encode())
    _libraries["libcuda.so.1"].fake_argsort(kind, *arguments, *sizes)


# ---- what has been seen --------------------------------------------------------------------------


def reset() -> None:
    """Forget what was counted, and the faults."""
    _libraries["libcuda.so.1"].fake_reset()


def counts() -> dict[str, int]:
    """How often things were asked for: "upload", "synchronize", "launch NAME" and others."""
    lines = _libraries["libcuda.so.1"].fake_report(0).decode().splitlines()
    return {name: int(n) for n, _, name in (line.partition(" ") for line in lines)}


def launches() -> int:
    """How many kernels and matrix products were launched, other than by graphs."""
    return sum(n for name, n in counts().items() if name.startswith("launch "))


def faults() -> list[str]:
    return _libraries["libcuda.so.1"].fake_report(1).decode().splitlines()


def run_kernels(on: bool) -> None:
    """Whether kernels are run, or only launched: for the time that the host takes."""
    _libraries["libcuda.so.1"].fake_running(int(on))
