"""What ops ask of their operands before they run."""

import operator
from typing import Any

import numpy as np

from ..backend import Shape

Dim = int | tuple[int, ...] | list[int] | None


def need_arrays(name: str, *operands: Any) -> None:
    """TypeError if an operand has no shape: for ops that look at shapes before they run."""
    for x in operands:
        if not hasattr(x, "shape"):
            raise TypeError(f"{name}: needs tensors, got {type(x).__name__}")


def need_one_dtype(name: str, **operands: Any) -> None:
    """TypeError if operands that a product needs in one dtype are not; None does not count."""
    dtypes = {key: x.dtype for key, x in operands.items() if x is not None}
    if len(set(dtypes.values())) > 1:
        what = " and ".join(f"{key} {dtype}" for key, dtype in dtypes.items())
        raise TypeError(f"{name}: got {what}; use .to(dtype) to make them one dtype")


def axis(name: str, ndim: int, dim: int) -> int:
    """`dim` as a non-negative number; IndexError if there is no such axis."""
    if not -ndim <= dim < ndim:
        raise IndexError(f"{name}: dim {dim} is out of range for a tensor with {ndim} dimensions")
    return dim % ndim


def axes(name: str, ndim: int, dim: Dim) -> tuple[int, ...]:
    """`dim` as sorted non-negative numbers; TypeError, IndexError or ValueError if it names no axes
    of such a tensor."""
    if dim is None:
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, int | np.integer) else tuple(dim)
    for d in given:
        if isinstance(d, bool) or not hasattr(d, "__index__"):
            raise TypeError(f"{name}: dim must be an int or several, got {dim!r}")
        if not -(ndim or 1) <= d < (ndim or 1):
            raise IndexError(f"{name}: dim {d} is out of range for a tensor with {ndim} dimensions")
    if ndim and not given:
        raise ValueError(f"{name}: dim names no axis; leave it out, or give None, for all of them")
    found = sorted({d % ndim for d in given}) if ndim else []
    if ndim and len(found) != len(given):
        raise ValueError(f"{name}: dim {given} names an axis twice")
    return tuple(found)


def reduction(
    name: str, x: Any, dim: Dim, keepdim: bool, numpy_spelling: dict[str, Any]
) -> dict[str, Any]:
    """The settings of a reduction; TypeError for what is none."""
    dim = numpy_spelling.pop("axis", dim)
    keepdim = numpy_spelling.pop("keepdims", keepdim)
    if numpy_spelling:
        way_out = f"; numpy.{name} is for x.numpy()" if "out" in numpy_spelling else ""
        raise TypeError(f"{name}: unexpected arguments {sorted(numpy_spelling)}{way_out}")
    if not isinstance(keepdim, bool | np.bool_):
        raise TypeError(
            f"{name}: keepdim must be True or False, got {keepdim!r}; several dims are one tuple"
        )
    return {"dim": axes(name, x.ndim, dim), "keepdim": bool(keepdim)}


def shape_of(args: tuple[Any, ...]) -> Shape:
    """A shape given as one sequence or as several ints."""
    given = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
    try:
        return tuple([operator.index(n) for n in given])
    except TypeError:
        raise TypeError(f"a shape is made of ints, got {given!r}") from None
