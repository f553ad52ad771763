"""Launching the kernels of kernels.cu: the one place that hands arguments to CUDA."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .base import DType

SOURCE = Path(__file__).with_name("kernels.cu")

# Every kernel, with those of its arrays that may be missing (None).
KERNELS: Mapping[str, tuple[str, ...]] = {
    "gather_patches": (),
    "collect_patches": (),
    "column_moments": (),
    "join_moments": (),
    "column_sums": ("b", "centre"),
    "normalize_rows": ("weight", "bias"),
    "normalize_rows_gradient": ("weight",),
    "add_runs": (),
    "move_running": (),
    "leaky": (),
    "bce_terms": (),
    "bce_slope": (),
    "adam": ("live",),
    "write_words": (),
    "random_uniform": ("live",),
    "random_normal": ("live",),
    "random_words": ("live",),
}
MANY = 32  # as in kernels.cu: the length of a table that is passed by value

_REALS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
# A null pointer is passed as a number: what CuPy makes of None has differed between its versions.
_NULL = np.uintp(0)
_FIXED = {
    "int": np.int32, "int64": np.int64, "uint32": np.uint32, "uint64": np.uint64,
    "Words": np.uint64,
}  # fmt: skip
_TABLE = np.dtype([("at", np.uint64, MANY)])
Convert = Callable[[Any], Any]  # from an argument of `launch` to one of CuPy's kernel


class Parameter(NamedTuple):
    """One parameter of a kernel: its C type without const, and whether it is an array.

    Of the kinds Arrays and Words, which are tables of MANY, a launch takes lists.
    """

    name: str
    kind: str
    array: bool

    def dtype(self, real: DType) -> DType:
        """The dtype to pass where the kernel is compiled for `real`."""
        return real if self.kind in ("real", "Arrays") else np.dtype(_FIXED[self.kind])


def signatures(source: str) -> dict[str, list[Parameter]]:
    """The parameters of every kernel in a source, read off its declarations."""
    found = {}
    for name, text in re.findall(r"^KERNEL (\w+)\(([^)]*)\)", source, re.MULTILINE):
        found[name] = [_parameter(name, part) for part in text.split(",")]
    return found


def _parameter(kernel: str, text: str) -> Parameter:
    match = re.fullmatch(r"(?:const )?(\w+)(\*?)(?: __restrict__)? (\w+)", text.strip())
    if match is None or match[1] not in ("real", "Arrays", *_FIXED):
        raise ValueError(f"{SOURCE.name}: {kernel} has a parameter of another form: {text.strip()}")
    return Parameter(match[3], match[1], bool(match[2]))


class Kernels:
    """The kernels, compiled for the chip when the first of them is launched."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._source = SOURCE.read_text("utf-8")
        self._parameters = signatures(self._source)
        self._ready: dict[tuple[str, DType], tuple[Any, list[Convert]]] = {}
        self._modules: dict[DType, Any] = {}

    def launch(
        self, name: str, real: DType, grid: tuple[int, ...], block: tuple[int, ...], *values: Any
    ) -> None:
        """Run a kernel, compiled for `real` numbers; nothing runs on an empty grid.

        TypeError or ValueError for an argument that is not what the kernel declares. NOTE: CUDA
        itself checks nothing: it would read a Python float's 8 bytes as a float, and a transposed
        array in the wrong order.
        """
        ready = self._ready.get((name, real))
        if ready is None:
            ready = self._ready[name, real] = self._prepared(name, real)
        function, converts = ready
        if len(values) != len(converts):
            raise TypeError(f"{name}: takes {len(converts)} arguments, got {len(values)}")
        passed = tuple([convert(value) for convert, value in zip(converts, values)])
        if 0 not in grid:
            function(grid, block, passed)

    def _prepared(self, name: str, real: DType) -> tuple[Any, list[Convert]]:
        """The compiled kernel, and what each of its arguments has to go through."""
        if real not in self._modules:
            self._modules[real] = self._cupy.RawModule(
                code=self._source, options=(f"-DREAL={_REALS[real]}",)
            )
        converts = [self._convert(name, p, p.dtype(real)) for p in self._parameters[name]]
        return self._modules[real].get_function(name), converts

    def _convert(self, kernel: str, parameter: Parameter, dtype: DType) -> Convert:
        what = f"{kernel}: {parameter.name}"
        if parameter.array:
            return self._array(what, dtype, parameter.name in KERNELS[kernel])
        if parameter.kind == "Arrays":
            check = self._array(what, dtype, False)
            return lambda arrays: _table(what, [check(x).data.ptr for x in arrays])
        if parameter.kind == "Words":
            return partial(_table, what)
        if dtype.kind == "f":
            return dtype.type
        return _integer(what, dtype)

    def _array(self, what: str, dtype: DType, may_miss: bool) -> Convert:
        kind = self._cupy.ndarray

        def convert(value: Any) -> Any:
            if value is None and may_miss:
                return _NULL
            if not isinstance(value, kind):
                raise TypeError(
                    f"{what} must be an array on the device, got "
                    f"{type(value).__module__}.{type(value).__name__}"
                )
            if value.dtype != dtype:
                raise TypeError(f"{what} must be {dtype}, got {value.dtype}")
            if not value.flags.c_contiguous:
                raise ValueError(f"{what} of shape {list(value.shape)} must be contiguous")
            return value

        return convert


def _integer(what: str, dtype: DType) -> Convert:
    make = dtype.type

    def convert(value: Any) -> Any:
        if not isinstance(value, int | np.integer):
            raise TypeError(f"{what} must be an integer, got {value!r}")
        return make(value)

    return convert


def _table(what: str, values: list[int]) -> Any:
    """Up to MANY words, as CuPy passes a struct by value: a NumPy array with one element."""
    if len(values) > MANY:
        raise ValueError(f"{what} takes up to {MANY}, got {len(values)}")
    table = np.zeros((), _TABLE)
    table["at"][: len(values)] = values
    return table


def blocks_of(items: int, threads: int = 256) -> int:
    """How many blocks a grid-stride kernel gets for so many items: enough to fill any chip."""
    return min(-(-items // threads), 8192)


def has_kernels(real: DType) -> bool:
    """Whether the kernels can be compiled for this dtype: float32 and float64."""
    return real in _REALS
