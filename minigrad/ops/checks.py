"""What ops ask of their operands before they run."""

import operator
from typing import Any

from ..backend import Shape


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


def shape_of(args: tuple[Any, ...]) -> Shape:
    """A shape given as one sequence or as several ints."""
    given = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
    try:
        return tuple([operator.index(n) for n in given])
    except TypeError:
        raise TypeError(f"a shape is made of ints, got {given!r}") from None
