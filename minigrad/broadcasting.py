"""Ops of single elements: their operands broadcast, and are brought into one dtype."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import numpy as np

from .backend import Shape, device_of
from .op import Op, op

P = ParamSpec("P")


class Elementwise(Op[P]):
    """An op of single elements: each rule's result is summed over the axes along which its operand
    was broadcast."""

    def fitted(self, part: Any, shape: Shape) -> Any:
        return sum_to(part, shape=shape)

    def promoted(
        self, operands: tuple[Any, ...], arrays: list[Any], found: Any
    ) -> list[Any] | None:
        """The operands in the dtype that PyTorch would compute in, or None if they are in it, where
        `found` is what the arrays as they are gave.

        Floats outrank integers, tensors with axes those without, and NumPy's scalars count as
        Python's; where there are only integers, a floating result is float32, the default. An
        operand that is called `condition` keeps its dtype.
        """
        if found.kind not in "fiub":
            given = ", ".join(f"{x!r:.60}" for x in arrays)
            raise TypeError(f"{self.name}: made {found}, which is no tensor's dtype, of {given}")
        if found.kind != "f":
            return None
        floats = [x for x in arrays if hasattr(x, "dtype") and not isinstance(x, np.generic)]
        floats = [x for x in floats if x.dtype.kind == "f"]
        ranked = [x.dtype for x in floats if x.ndim] or [x.dtype for x in floats]
        wanted = np.result_type(*ranked) if ranked else np.dtype(np.float32)
        promoted = [
            x if name == "condition" else _in_dtype(x, array, wanted, found)
            for name, x, array in zip(self.operands, operands, arrays, strict=True)
        ]
        changed = any(a is not b for a, b in zip(promoted, operands, strict=True))
        return promoted if changed else None


def elementwise(forward: Callable[Concatenate[Any, P], Any]) -> Elementwise[P]:
    """As `op`, for functions of single elements: operands broadcast, and each rule's result is
    summed over the axes along which its operand was broadcast.

    >>> @mg.elementwise
    ... def cube(xp, x):
    ...     return x * x * x
    >>> @cube.gradient("x")
    ... def _(g, x):
    ...     return 3 * g * x * x
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    tensor([ 3., 12.])
    """
    if not hasattr(forward, "__code__"):
        raise TypeError(f"elementwise: needs a function, got {forward!r:.60}")
    return Elementwise(forward, broadcasts=True)


def arithmetic(forward: Callable[Concatenate[Any, P], Any]) -> Elementwise[P]:
    """As `elementwise`, for functions to whose rules a Python float is an array without axes."""
    return Elementwise(forward, broadcasts=True, converts=True)


def _in_dtype(x: Any, array: Any, wanted: Any, found: Any) -> Any:
    if isinstance(array, np.generic):
        return array.item()
    kind = array.dtype.kind if hasattr(array, "dtype") else ""
    if kind == "f":
        return x if array.dtype == wanted else cast(x, dtype=wanted)
    return cast(x, dtype=wanted) if kind and found != wanted else x


@op
def cast(xp: Any, x: Any, *, dtype: Any) -> Any:
    """x in another dtype."""
    return x.astype(dtype)


cast.gradient("x")(lambda g, x_dtype: cast(g, dtype=x_dtype))

# ---- the two ops that broadcasting needs, each the adjoint of the other --------------------------


@op
def expand(xp: Any, x: Any, *, shape: Any) -> Any:
    """x broadcast to `shape`: a view, which is never written to."""
    return xp.broadcast_to(x, shape)


@op
def sum_to(xp: Any, x: Any, *, shape: Any) -> Any:
    """x summed over the axes along which an operand of `shape` was broadcast."""
    lead = x.ndim - len(shape)
    axes = (
        *range(lead),
        *(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1),
    )
    return device_of(x).sum(x, axes).reshape(shape)


expand.gradient("x")(lambda g, x_shape: sum_to(g, shape=x_shape))
sum_to.gradient("x")(lambda g, x_shape: expand(g, shape=x_shape))
