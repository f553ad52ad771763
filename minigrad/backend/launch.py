"""Launching the kernels of kernels.cu: the one place that hands arguments to CUDA."""

import re
from collections.abc import Mapping
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
    "bce_terms": (),
    "bce_slope": (),
    "adam": (),
    "random_uniform": (),
    "random_normal": (),
    "random_words": (),
}

_REALS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
# A null pointer is passed as a number: what CuPy makes of None has differed between its versions.
_NULL = np.uintp(0)
_FIXED = {"int": np.int32, "int64": np.int64, "uint32": np.uint32, "uint64": np.uint64}


class Parameter(NamedTuple):
    """One parameter of a kernel: its C type without const, and whether it is an array."""

    name: str
    kind: str
    array: bool

    def dtype(self, real: DType) -> DType:
        """The dtype to pass where the kernel is compiled for `real`."""
        return real if self.kind == "real" else np.dtype(_FIXED[self.kind])


def signatures(source: str) -> dict[str, list[Parameter]]:
    """The parameters of every kernel in a source, read off its declarations."""
    found = {}
    for name, text in re.findall(r"^KERNEL (\w+)\(([^)]*)\)", source, re.MULTILINE):
        found[name] = [_parameter(name, part) for part in text.split(",")]
    return found


def _parameter(kernel: str, text: str) -> Parameter:
    match = re.fullmatch(r"(?:const )?(\w+)(\*?)(?: __restrict__)? (\w+)", text.strip())
    if match is None or match[1] not in ("real", *_FIXED):
        raise ValueError(f"{SOURCE.name}: {kernel} has a parameter of another form: {text.strip()}")
    return Parameter(match[3], match[1], bool(match[2]))


class Kernels:
    """The kernels, compiled for the chip when the first of them is launched."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._source = SOURCE.read_text("utf-8")
        self._parameters = signatures(self._source)
        self._functions: dict[tuple[str, DType], Any] = {}
        self._modules: dict[DType, Any] = {}

    def launch(
        self, name: str, real: DType, grid: tuple[int, ...], block: tuple[int, ...], *values: Any
    ) -> None:
        """Run a kernel, compiled for `real` numbers; nothing runs on an empty grid.

        TypeError or ValueError for an argument that is not what the kernel declares. NOTE: CUDA
        itself checks nothing: it would read a Python float's 8 bytes as a float, and a transposed
        array in the wrong order.
        """
        parameters = self._parameters[name]
        if len(values) != len(parameters):
            raise TypeError(f"{name}: takes {len(parameters)} arguments, got {len(values)}")
        passed = tuple(
            [
                self._array(name, p, p.dtype(real), v) if p.array else _number(name, p, real, v)
                for p, v in zip(parameters, values, strict=True)
            ]
        )
        if 0 not in grid:
            self._function(name, real)(grid, block, passed)

    def _array(self, kernel: str, parameter: Parameter, dtype: DType, value: Any) -> Any:
        if value is None and parameter.name in KERNELS[kernel]:
            return _NULL
        if not isinstance(value, self._cupy.ndarray):
            raise TypeError(
                f"{kernel}: {parameter.name} must be an array on the device, got "
                f"{type(value).__module__}.{type(value).__name__}"
            )
        if value.dtype != dtype:
            raise TypeError(f"{kernel}: {parameter.name} must be {dtype}, got {value.dtype}")
        if not value.flags.c_contiguous:
            raise ValueError(
                f"{kernel}: {parameter.name} of shape {list(value.shape)} must be contiguous"
            )
        return value

    def _function(self, name: str, real: DType) -> Any:
        function = self._functions.get((name, real))
        if function is None:
            if real not in self._modules:
                self._modules[real] = self._cupy.RawModule(
                    code=self._source, options=(f"-DREAL={_REALS[real]}",)
                )
            function = self._functions[name, real] = self._modules[real].get_function(name)
        return function


def _number(kernel: str, parameter: Parameter, real: DType, value: Any) -> Any:
    dtype = parameter.dtype(real)
    if dtype.kind != "f" and not isinstance(value, int | np.integer):
        raise TypeError(f"{kernel}: {parameter.name} must be an integer, got {value!r}")
    return dtype.type(value)


def blocks_of(items: int, threads: int = 256) -> int:
    """How many blocks a grid-stride kernel gets for so many items: enough to fill any chip."""
    return min(-(-items // threads), 8192)


def has_kernels(real: DType) -> bool:
    """Whether the kernels can be compiled for this dtype: float32 and float64."""
    return real in _REALS
