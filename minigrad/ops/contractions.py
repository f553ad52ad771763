"""Einstein's sums, made of what is there: axes in another order, sums and one matrix product for
each operand; so their gradients need no rules of their own, and the products are the BLAS's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..backend import xp_of
from .checks import need_arrays
from .indexing import _index
from .linalg import matmul
from .reduce import _sum, in_dtype
from .shape import common_dtype, permute, reshape

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["einsum"]


def einsum(equation: str, *operands: Any) -> Tensor:
    """Products of elements, summed over the axes whose letters are not behind the arrow.

    `einsum("bij,bjk->bik", x, y)` is a batch of matrix products; "..." stands for axes without
    letters, and without an arrow the letters that appear once are kept, in their order. ValueError
    for an equation that does not fit.
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    need_arrays("einsum", *operands)
    inputs, output = _parsed(equation, operands)
    dtype = common_dtype(operands)
    xs = [_diagonals(in_dtype(x, dtype), names) for x, names in zip(operands, inputs, strict=True)]
    sizes: dict[str, int] = {}
    for x, names in xs:
        for name, n in zip(names, x.shape, strict=True):
            if sizes.setdefault(name, n) not in (n, 1) and n != 1:
                raise ValueError(f"einsum: {name!r} in {equation!r} is both {sizes[name]} and {n}")
            sizes[name] = n if sizes[name] == 1 else sizes[name]
    x, names = xs[0]
    for i, (y, more) in enumerate(xs[1:], 2):
        later = output + "".join(other for _, other in xs[i:])
        x, names = _pair(x, names, y, more, later)
    x, names = _summed(x, names, output)
    return permute(x, [names.index(name) for name in output]) if output else x


def _parsed(equation: str, operands: tuple[Any, ...]) -> tuple[list[str], str]:
    """The axes' names, a letter for each: those of each operand, and those of the result."""
    text = equation.replace(" ", "")
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        raise ValueError(f"einsum: {equation!r} is for {len(inputs)} operands, got {len(operands)}")
    hidden = 0
    named = []
    for names, x in zip(inputs, operands, strict=True):
        rest = x.ndim - len(names.replace("...", ""))
        if rest < 0 or (rest and "..." not in names):
            raise ValueError(f"einsum: {names!r} of {equation!r} does not fit {list(x.shape)}")
        hidden = max(hidden, rest)
        named.append(names.replace("...", _dots(rest)))
    if not arrow:
        once = [c for c in sorted(set(left) - set(",.")) if left.count(c) == 1]
        output = "..." + "".join(once)
    output = output.replace("...", _dots(hidden))
    unknown = set(output) - set("".join(named))
    if unknown or len(set(output)) < len(output) or "." in "".join(named) + output:
        raise ValueError(f"einsum: the result of {equation!r} repeats a name, or has its own")
    return named, output


def _dots(n: int) -> str:
    """Names for the n axes that "..." stands for, counted from the last, which is "0"."""
    return "".join(chr(ord("0") + i) for i in range(n - 1, -1, -1))


def _diagonals(x: Any, names: str) -> tuple[Any, str]:
    """x without axes of the same name: what lies on their diagonal."""
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            a = names.index(name)
            b = names.index(name, a + 1)
            if x.shape[a] != x.shape[b]:
                raise ValueError(f"einsum: {name!r} is both {x.shape[a]} and {x.shape[b]}")
            order = [a, b, *[i for i in range(x.ndim) if i not in (a, b)]]
            along = xp_of(getattr(x, "array", x)).arange(x.shape[a])
            x = _index(permute(x, order), key=(along, along))
            names = name + "".join(names[i] for i in order[2:])
    return x, names


def _summed(x: Any, names: str, kept: str) -> tuple[Any, str]:
    """x summed over the axes whose names nobody needs any more."""
    dim = tuple([i for i, name in enumerate(names) if name not in kept])
    if dim:
        x = _sum(x, dim=dim, keepdim=False)
    return x, "".join(name for name in names if name in kept)


def _pair(x: Any, a: str, y: Any, b: str, later: str) -> tuple[Any, str]:
    """The product of two operands, summed over what neither the result nor an operand that follows
    needs: one batch of matrix products."""
    x, a = _summed(x, a, b + later)
    y, b = _summed(y, b, a + later)
    # Names on both sides with one size are a batch, or summed; others are multiplied out.
    shared = [c for c in a if c in b and x.shape[a.index(c)] == y.shape[b.index(c)]]
    stretched = [c for c in a if c in b and c not in shared]
    if stretched:
        return _by_elements(x, a, y, b, later)
    batch = [c for c in shared if c in later]
    inner = [c for c in shared if c not in later]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    left = _as_matrices(x, a, batch, rows, inner)
    right = _as_matrices(y, b, batch, inner, columns)
    shape = [x.shape[a.index(c)] for c in batch + rows] + [y.shape[b.index(c)] for c in columns]
    return reshape(matmul(left, right), tuple(shape)), "".join(batch + rows + columns)


def _as_matrices(x: Any, names: str, *groups: list[str]) -> Any:
    """x with the axes of each group joined into one."""
    order = [names.index(c) for group in groups for c in group]
    sizes = [math.prod([x.shape[names.index(c)] for c in group]) for group in groups]
    return reshape(permute(x, order) if order else x, tuple(sizes))


def _by_elements(x: Any, a: str, y: Any, b: str, later: str) -> tuple[Any, str]:
    """The same where an axis of size 1 meets a longer one."""
    every = a + "".join(c for c in b if c not in a)

    def spread(x: Any, names: str) -> Any:
        order = [names.index(c) for c in every if c in names]
        shape = [x.shape[names.index(c)] if c in names else 1 for c in every]
        return reshape(permute(x, order) if order else x, tuple(shape))

    return _summed(spread(x, a) * spread(y, b), every, later)
