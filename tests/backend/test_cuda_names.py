"""Every name of the array module that the source uses, and every keyword, exists in CuPy 14.

Read off the source: `xp.name(keyword=...)` and `self.xp.name`, `device.xp.name` and so on.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standin.api import API, check_call, ufunc_method

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TABLES = {"": "cupy", "random": "cupy.random", "linalg": "cupy.linalg"} | {
    "lib.stride_tricks": "cupy.lib.stride_tricks",
    "cuda": "cupy.cuda",
}


def path_of(node: ast.expr) -> list[str]:
    """a.b.c as ["a", "b", "c"]; what is no name in front of it as ""."""
    if isinstance(node, ast.Attribute):
        return [*path_of(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else [""]


def used(tree: ast.AST) -> Iterator[tuple[list[str], ast.Call | None, int]]:
    """What is taken from an array module: the path below it, its call if it is called, the line."""
    calls = {id(n.func): n for n in ast.walk(tree) if isinstance(n, ast.Call)}
    inner = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            path = path_of(node)
            for module in ("xp", "cupy", "cp"):
                if module in path[:-1]:
                    yield path[path.index(module) + 1 :], calls.get(id(node)), node.lineno


def fault(path: list[str], call: ast.Call | None) -> str | None:
    """Why CuPy has not this, or None."""
    if path[0] in ("ndarray", "__version__", "_core"):  # _core: tests/backend/test_cuda_device.py
        return None
    depth = max(k for k in range(len(path)) if ".".join(path[:k]) in TABLES)
    module, rest = TABLES[".".join(path[:depth])], path[depth:]
    entry = API[module].get(rest[0])
    if entry is None:
        return f"{module} has no {rest[0]}"
    try:
        if len(rest) == 2 and entry.startswith("ufunc"):
            ufunc_method(rest[0], entry, rest[1])
        elif len(rest) == 1 and call is not None and not unknown_arguments(call):
            keywords = {str(k.arg): None for k in call.keywords}
            check_call(rest[0], entry, tuple(call.args), keywords)
    except (TypeError, NotImplementedError) as error:
        return str(error)
    return None


def unknown_arguments(call: ast.Call) -> bool:
    starred = any(isinstance(a, ast.Starred) for a in call.args)
    return starred or any(k.arg is None for k in call.keywords)


def faults(source: str) -> list[str]:
    found = ((line, fault(path, call)) for path, call, line in used(ast.parse(source)))
    return [f"line {line}: {why}" for line, why in found if why]


@pytest.mark.parametrize(
    "path",
    [
        p
        for folder in ("minigrad", "models", "demos")
        for p in sorted((ROOT / folder).rglob("*.py"))
    ],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_cupy_has_every_name_and_keyword(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("xp.zeros((3,), dtype=xp.float32)", False),
        ("xp.exp(x, out=y)", False),
        ("self.xp.add.at(a, i, 1)", False),
        ("device_of(x).xp.lib.stride_tricks.as_strided(x, (2,), (4,))", False),
        ("xp.exp(x, where=mask)", True),
        ("xp.max(x, initial=0.0)", True),
        ("place.xp.clip(x, min=0)", True),
        ("xp.lib.stride_tricks.as_strided(x, (2,), (4,), writeable=False)", True),
        ("xp.errstate(all='ignore')", True),
        ("xp.block([a])", True),
        ("xp.maximum.reduce(x)", True),
        ("self.xp.multiply.at(a, i, 2)", True),
        ("xp.scatter_add(a, i, 2)", True),
        ("xp.random.nothing()", True),
        ("cupy.cuda.Streams()", True),
        ("xp.empty((3,), like=a)", True),
    ],
)
def test_the_check_finds_a_fault(source: str, found: bool) -> None:
    assert bool(faults(source)) is found
