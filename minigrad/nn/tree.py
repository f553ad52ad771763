"""Modules made of modules, as a tree: a walk through it, and its text. Neither recurses, since
modules may be nested deeper than Python's stack."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .hooks import Hooked

if TYPE_CHECKING:
    from .module import Module

Block = list[tuple[int, str]]  # lines, each with how far in it stands


def own_children(module: "Module") -> "Iterator[tuple[str, Module]]":
    """(name, module) of each attribute that is a module."""
    found: Any = ((n, v) for n, v in vars(module).items() if isinstance(v, Hooked))
    return found  # type: ignore[no-any-return]


def join(path: str, name: str) -> str:
    """The path of what is called so, and lies at `path`."""
    return f"{path}.{name}" if path else name


def visits(path: str, module: "Module") -> "Iterator[tuple[bool, str, Module]]":
    """Each module twice, with its path: (False, ...) before all below it, (True, ...) after them.

    What is shared comes under each of its paths. RecursionError for a module inside of itself.
    """
    above: set[Module] = set()
    waiting = [(False, path, module)]
    while waiting:
        last, path, module = waiting.pop()
        if last:
            above.remove(module)
        elif module in above:
            raise RecursionError(f"{type(module).__name__}: a module is inside of itself: {path!r}")
        else:
            above.add(module)
            waiting.append((True, path, module))
            inner = [(False, join(path, name), child) for name, child in own_children(module)]
            waiting += reversed(inner)
        yield last, path, module


# ---- text ----------------------------------------------------------------------------------------


def text(root: "Module", usual: Any) -> str:
    """The tree below a module in lines; what has another __repr__ than the usual one writes its
    own."""
    blocks: list[list[Block]] = [[]]  # for each module above, those of its children so far
    for last, _, module in visits("", root):
        if not last:
            blocks.append([])
            continue
        inner, depth = blocks.pop(), len(blocks) - 1
        if module is root or type(module).__repr__ is usual:
            blocks[-1].append(_block(module, inner, depth))
        else:
            blocks[-1].append([(depth, line) for line in repr(module).splitlines()])
    return "\n".join("  " * depth + line for depth, line in blocks[0][0])


def _block(module: "Module", inner: list[Block], depth: int) -> Block:
    name, extra = type(module).__name__, module.extra_repr()
    if not inner and "\n" not in extra:
        return [(depth, f"{name}({extra})")]
    lines = [(depth, f"{name}("), *((depth + 1, line) for line in extra.splitlines())]
    names = [child for child, _ in own_children(module)]
    for label, block in _runs(inner) if module.as_list else zip(names, inner, strict=True):
        lines += [(depth + 1, f"({label}): {block[0][1]}"), *block[1:]]
    return [*lines, (depth, ")")]


def _runs(blocks: list[Block]) -> "Iterator[tuple[str, Block]]":
    """Runs of children that read alike as one, as in PyTorch: (0-3): 4 x Linear(...)."""
    at = 0
    for block, run in groupby(blocks):
        n = len(list(run))
        (depth, first), *rest = block
        if n > 1:
            first = f"{n} x {first}"
        yield f"{at}-{at + n - 1}" if n > 1 else f"{at}", [(depth, first), *rest]
        at += n
