"""The project's kernels without a GPU: compiled by g++, or where there is none as NumPy twins."""

import ctypes
import functools
import platform
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.backend.launch import MANY, Parameter, signatures

from . import twins
from .array import ndarray
from .counts import counts
from .gcc import library

EMULATOR = Path(__file__).with_name("emulator.h")
COMPILER = shutil.which("g++")
NO_COMPILER = "g++ is not installed: the kernels' source cannot be run here"
Sizes = tuple[int, ...]
TABLES = ("Arrays", "Words")
_signatures = functools.cache(signatures)
REALS = {"float": np.dtype(np.float32), "double": np.dtype(np.float64)}


class RawModule:
    """cupy.RawModule, as far as the launch helper uses it."""

    def __init__(self, code: str, *, options: tuple[str, ...] = ()) -> None:
        (real,) = [o.removeprefix("-DREAL=") for o in options if o.startswith("-DREAL=")]
        self._code, self._real = code, real

    def get_function(self, name: str) -> "RawKernel":
        return RawKernel(self._code, self._real, name)


class RawKernel:
    """cupy.RawKernel: takes a grid, a block and arguments, and refuses what CUDA would misread."""

    def __init__(self, code: str, real: str, name: str) -> None:
        self._name, self._real = name, REALS[real]
        self._parameters = _signatures(code)[name]
        self._compiled = compiled(code, real, name) if COMPILER else None

    def __call__(self, grid: Sizes, block: Sizes, args: tuple[Any, ...]) -> None:
        check_sizes(grid, block)
        host = [_checked(p, self._real, x) for p, x in zip(self._parameters, args, strict=True)]
        counts.launches[self._name] = counts.launches.get(self._name, 0) + 1
        if self._compiled is not None:
            self._compiled(grid, block, host)
        else:
            twin(self._name)(_pointed_at(self._parameters, self._real, host))


def _checked(parameter: Parameter, real: Any, value: Any) -> Any:
    dtype = parameter.dtype(real)
    if parameter.kind in TABLES:  # CuPy passes a NumPy array by value
        if not (isinstance(value, np.ndarray) and value.size == 1 and value.nbytes == 8 * MANY):
            raise TypeError(f"{parameter.name}: CUDA would misread {value!r:.60} as a table")
        return value["at"]
    if parameter.array and isinstance(value, np.uintp) and value == 0:
        return None  # a null pointer
    if not isinstance(value, ndarray if parameter.array else np.generic):
        raise TypeError(f"{parameter.name}: CUDA would misread a {type(value).__name__}")
    if value.dtype != dtype:
        raise TypeError(f"{parameter.name}: CUDA would read {value.dtype} as {dtype}")
    if not parameter.array:
        return value
    if not value.flags.c_contiguous:
        raise TypeError(f"{parameter.name}: CUDA would read the memory in C order")
    return value.host


def _pointed_at(parameters: list[Parameter], real: Any, values: list[Any]) -> list[Any]:
    """The arguments with arrays in the place of tables of addresses; the one table of words among
    them has their sizes."""
    if not any(p.kind == "Arrays" for p in parameters):
        return values
    (sizes,) = [v.tolist() for p, v in zip(parameters, values) if p.kind == "Words"]
    kind = np.ctypeslib.as_ctypes_type(real)

    def arrays(table: Any) -> list[Any]:
        return [
            np.ctypeslib.as_array((kind * n).from_address(at))
            for at, n in zip(table.tolist(), sizes)
            if at
        ]

    return [arrays(v) if p.kind == "Arrays" else v for p, v in zip(parameters, values)]


def twin(name: str) -> Callable[[list[Any]], None]:
    """A kernel's twin as a function of its arguments; NumPy's integer scalars become Python's,
    which leave float32 what it is, as C's do."""
    function = getattr(twins, name)
    return lambda values: function(*[int(v) if isinstance(v, np.integer) else v for v in values])


def check_sizes(grid: Sizes, block: Sizes) -> None:
    """ValueError for a launch that CUDA would refuse."""
    gx, gy, gz = (*grid, 1, 1)[:3]
    bx, by, bz = (*block, 1, 1)[:3]
    if not (0 < bx * by * bz <= 1024 and bz <= 64):
        raise ValueError(f"CUDA_ERROR_INVALID_VALUE: block {block}")
    if not (0 < gx < 2**31 and 0 < gy < 2**16 and 0 < gz < 2**16):
        raise ValueError(f"CUDA_ERROR_INVALID_VALUE: grid {grid}")


def compiled(
    code: str, real: str, name: str, backwards: bool = False, as_a_chip: bool = False
) -> Callable[[Sizes, Sizes, list[Any]], None]:
    """A kernel as a function of grid, block and arguments, whose threads run one after another.

    `as_a_chip`: multiplications are fused with additions, and subnormal floats are zeros.
    """
    function = getattr(_library(code, real, as_a_chip), f"run_{name}")
    parameters = _signatures(code)[name]

    def run(grid: Sizes, block: Sizes, values: list[Any]) -> None:
        three = ctypes.c_int * 3
        passed = [_as_c(p, REALS[real], v) for p, v in zip(parameters, values, strict=True)]
        sizes = [three(*(*size, 1, 1)[:3]) for size in (grid, block)]
        if function(*sizes, int(backwards), *passed):
            raise RuntimeError(f"{name}: some threads of a block wait at __syncthreads for others")

    return run


class Table(ctypes.Structure):
    """A table of words that C takes by value."""

    _fields_ = (("at", ctypes.c_uint64 * MANY),)


def _as_c(parameter: Parameter, real: Any, value: Any) -> Any:
    if parameter.kind in TABLES:
        words = [x.ctypes.data if isinstance(x, np.ndarray) else int(x) for x in value]
        return Table((ctypes.c_uint64 * MANY)(*words))
    if parameter.array:
        return ctypes.c_void_p(None if value is None else value.ctypes.data)
    return np.ctypeslib.as_ctypes_type(parameter.dtype(real))(value.item())


FUSED = ["-mfma", "-ffp-contract=fast", "-fexpensive-optimizations"]
# While one is alive, what is subnormal is read and written as 0.
_FLUSH = """#include <xmmintrin.h>
struct Flush {
    unsigned before = _mm_getcsr();
    Flush() { _mm_setcsr(before | 0x8040); }
    ~Flush() { _mm_setcsr(before); }
};
"""


def has_fma() -> bool:
    """Whether g++ can fuse a multiplication with an addition for this processor."""
    listed = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not listed.exists():
        return False
    return " fma " in listed.read_text("utf-8")


@functools.cache
def _library(code: str, real: str, as_a_chip: bool) -> ctypes.CDLL:
    """The kernels as a shared library."""
    flush = as_a_chip and real == "float"
    text = f'#include "{EMULATOR}"\n{_FLUSH * flush}{code}\n{_entrances(code, flush)}'
    fused = FUSED if as_a_chip else ["-ffp-contract=off"]
    flags = ["-O1", *fused, f"-DREAL={real}"]
    return ctypes.CDLL(str(library("kernels.so", text, [EMULATOR], *flags)))


def _entrances(code: str, flush: bool) -> str:
    """For each kernel a C function that runs it over a grid."""
    lines = []
    for name, parameters in signatures(code).items():
        body = re.search(rf"^KERNEL {name}\(.*?^}}", code, re.MULTILINE | re.DOTALL)
        assert body is not None, name
        shares = "true" if "__shared__" in body[0] else "false"
        taken = ", ".join(f"{p.kind}{'*' if p.array else ''} {p.name}" for p in parameters)
        given = ", ".join(p.name for p in parameters)
        lines.append(
            f'extern "C" int run_{name}(const int* grid_, const int* block_, int backwards_, '
            f"{taken}) {{ {'Flush flush; ' * flush}"
            f"return emulator::launch(grid_, block_, backwards_, {shares}, "
            f"[=] {{ {name}({given}); }}); }}"
        )
    return "\n".join(lines)
