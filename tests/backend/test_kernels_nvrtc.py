"""Every kernel compiles for real chips, by NVIDIA's compiler, without a GPU and without a driver.

Needs two wheels: pip install ".[nvrtc]" in a clone.
"""

import ctypes
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from minigrad.backend.launch import KERNELS, SOURCE

pytestmark = pytest.mark.slow

CHIPS = ("sm_75", "sm_80", "sm_90")  # T4, A100, H100
CODE = SOURCE.read_text("utf-8")
PRELUDE = CODE.partition("// ----")[0]


@cache
def nvrtc() -> tuple[ctypes.CDLL, Path] | None:
    """The compiler's library and CUDA's headers, from NVIDIA's wheels or the dynamic linker."""
    spec = importlib.util.find_spec("nvidia")
    for root in map(Path, (spec.submodule_search_locations or []) if spec else []):
        for library in sorted(root.glob("*/lib/libnvrtc.so.*")):
            headers = [p.parent for p in root.glob("*/include/cuda_runtime.h")]
            if headers and "builtins" not in library.name and ".alt." not in library.name:
                return ctypes.CDLL(str(library)), headers[0]
    return None


needs_nvrtc = pytest.mark.skipif(
    nvrtc() is None,
    reason="NVRTC is not installed: pip install nvidia-cuda-nvrtc nvidia-cuda-runtime",
)


def compile_for(chip: str, code: str, real: str) -> tuple[bytes, str]:
    """The machine code and the compiler's log, with CuPy's options; RuntimeError with the log."""
    found = nvrtc()
    assert found is not None
    library, headers = found
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    library.nvrtcCreateProgram(
        ctypes.byref(program), code.encode(), SOURCE.name.encode(), 0, None, None
    )
    options = [
        *(f"-arch={chip}", f"-DREAL={real}", "-std=c++17", "-ftz=true"),
        *("--device-as-default-execution-space", f"-I{headers}", "--ptxas-options=-v"),
    ]
    passed = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
    failed = library.nvrtcCompileProgram(program, len(options), passed)

    def fetch(what: str) -> bytes:
        getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        getattr(library, f"nvrtcGet{what}")(program, buffer)
        return buffer.raw

    log = fetch("ProgramLog").decode().rstrip("\0")
    cubin = b"" if failed else fetch("CUBIN")
    library.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        raise RuntimeError(log)
    return cubin, log


def spills(log: str) -> dict[str, tuple[int, ...]]:
    """By kernel the bytes of its stack frame, of spilled stores and of spilled loads."""
    found = re.findall(
        r"Function properties for (\w+)\s+(\d+) bytes stack frame, (\d+) bytes spill stores, "
        r"(\d+) bytes spill loads",
        log.replace("ptxas info    :", "").replace("ptxas         .", ""),
    )
    return {name: (int(a), int(b), int(c)) for name, a, b, c in found}


@needs_nvrtc
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("real", ["float", "double"])
def test_every_kernel_compiles_without_spills_or_warnings(real: str, chip: str) -> None:
    cubin, log = compile_for(chip, CODE, real)
    assert cubin.startswith(b"\x7fELF")
    assert spills(log) == dict.fromkeys(KERNELS, (0, 0, 0)), log
    assert "warning" not in log, log


@needs_nvrtc
def test_a_mistake_is_an_error_with_its_line() -> None:
    with pytest.raises(RuntimeError, match=r'kernels.cu\(\d+\): error: identifier "oops"'):
        compile_for("sm_90", PRELUDE + "KERNEL bad(real* x) { x[0] = oops; }", "float")


@needs_nvrtc
def test_a_spill_is_found() -> None:
    greedy = """
    KERNEL greedy(real* x, int n) {
        real kept[64];
        for (int i = 0; i < 64; i++) kept[i] = x[i * n];
        for (int k = 0; k < n; k++) x[k] = kept[(k * 7 + n) % 64];
    }"""
    _, log = compile_for("sm_90", PRELUDE + greedy, "float")
    assert spills(log)["greedy"] != (0, 0, 0)
