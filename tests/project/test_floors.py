"""Imports go one way, in no circle, and name no package but the dependencies."""

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, module_name, parse, relative, sources

# Imports go one way: a file may import what is its own, and what stands on a row above.
LAYERS = (
    {"minigrad.backend", "minigrad.files", "minigrad.dtypes"},
    {"minigrad.messages"},
    {"minigrad.door", "minigrad.options"},
    {"minigrad.tape", "minigrad.random"},
    {"minigrad.plan", "minigrad.autograd"},
    {"minigrad.op"},
    {"minigrad.broadcasting"},
    {"minigrad.ops"},
    {"minigrad.methods"},
    {"minigrad.inplace"},
    {"minigrad.kinds"},
    {"minigrad.tensor"},
    {"minigrad.creation", "minigrad.serialization"},
    {"minigrad.legacy", "minigrad.sampling"},
    {"minigrad.nn", "minigrad.optim"},
    {"minigrad"},  # what `import minigrad` brings is above this line
    # Imported when asked for:
    {"minigrad.data", "minigrad.tools", "minigrad.cuda", "minigrad.distributions"},
    {"minigrad.utils"},
    {"minigrad.__main__"},
    {"models"},
    {"demos.common"},
    {
        *(f"demos.{name}" for name in ("autoencoder", "vae", "autoregressive", "gan", "dcgan")),
        *("demos.translation", "demos.experiments"),
    },
    {"demos.explore", "demos.internals"},
    {"demos"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# What a package may import besides the standard library and this project.
ALLOWED = {
    "minigrad": {"numpy", "safetensors"},
    "models": {"numpy"},
    "demos": {"numpy", "safetensors", "matplotlib", "tqdm", "PIL"},
}
# The same inside of functions: optional, and imported when it is asked for.
ALLOWED_LATE = {
    "minigrad": {"cupy", "cupyx", "cuda", "tqdm", "matplotlib", "PIL"},
    "models": {"tqdm"},
    "demos": set[str](),
}


def part(module: str) -> str:
    """The part of LAYERS that a module belongs to: its longest listed prefix."""
    while module not in RANK:
        module, _, _ = module.rpartition(".")
    return module


def is_typing_block(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@functools.cache
def imports(tree: ast.Module, module: str, package: bool) -> list[tuple[str, bool, int]]:
    """(absolute name, whether inside of a function, line) of everything imported at run time."""

    def walk(node: ast.AST, late: bool) -> Iterator[tuple[str, bool, int]]:
        for child in ast.iter_child_nodes(node):
            if is_typing_block(child):
                continue
            if isinstance(child, ast.Import):
                yield from ((a.name, late, child.lineno) for a in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    up = child.level - package
                    parts = module.split(".")
                    base = ".".join([*parts[: len(parts) - up], *filter(None, [base])])
                for a in child.names:  # `from .ops import conv` may name a module or a function
                    yield (f"{base}.{a.name}" if is_ours(base) else base), late, child.lineno
            yield from walk(child, late or isinstance(child, ast.FunctionDef | ast.Lambda))

    return list(walk(tree, False))


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def import_faults(path: Path, tree: ast.Module) -> list[str]:
    module = module_name(path)
    top = module.partition(".")[0]
    faults = []
    for name, late, line in imports(tree, module, path.name == "__init__.py"):
        root = name.partition(".")[0]
        where = f"{relative(path)}:{line}: imports {name}"
        if is_ours(name):
            here, there = part(module), part(name)
            if RANK[there] > RANK[here]:
                faults.append(f"{where}, which stands above it")
            elif RANK[there] == RANK[here] and there != here:
                faults.append(f"{where}, which stands beside it")
        elif root not in sys.stdlib_module_names | ALLOWED[top]:
            if not late:
                faults.append(f"{where}, which is not one of its dependencies")
            elif root not in ALLOWED_LATE[top]:
                faults.append(f"{where} inside of a function, which is not an optional dependency")
        elif root in ("pickle", "cPickle", "dill", "shelve", "marshal"):
            faults.append(f"{where}: never pickle")
    return faults


Trees = Mapping[str, tuple[ast.Module, bool]]  # by module: its source, and whether it is a package


def circles(trees: Trees, folder: str = "") -> list[list[str]]:
    """The modules that import each other; of a folder, the files and folders directly in it."""
    graph: dict[str, set[str]] = {}
    for module, (tree, package) in trees.items():
        found = (name for name, _, _ in imports(tree, module, package))
        known = {name if name in trees else name.rpartition(".")[0] for name in found} & {*trees}
        if here := child(module, folder):
            there = {child(name, folder) for name in known} - {"", here if folder else ""}
            graph.setdefault(here, set()).update(there)
    reached = {name: _reached(name, graph) for name in graph}
    joined = {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }
    return sorted(sorted(circle) for circle in joined)


def child(module: str, folder: str) -> str:
    """What is directly in a folder and has the module in it, "" if none has; without a folder, the
    module itself."""
    if not folder:
        return module
    inside = module.removeprefix(f"{folder}.")
    return "" if inside == module else f"{folder}.{inside.partition('.')[0]}"


def _reached(module: str, imported: Mapping[str, set[str]]) -> set[str]:
    """All that a module imports, and what these import, and so on."""
    seen: set[str] = set()
    left = [module]
    while left:
        new = imported[left.pop()] - seen
        seen |= new
        left += new
    return seen


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=relative)
def test_imports_go_one_way_and_need_only_the_dependencies(path: Path) -> None:
    assert import_faults(path, parse(path)) == []


@pytest.fixture(scope="module")
def trees() -> Trees:
    return {module_name(p): (parse(p), p.name == "__init__.py") for p in sources(*PACKAGES)}


def test_no_files_import_each_other_in_a_circle(trees: Trees) -> None:
    assert circles(trees) == []


def test_nor_do_files_and_folders_that_lie_side_by_side(trees: Trees) -> None:
    folders = [module for module, (_, package) in trees.items() if package]
    assert {"minigrad", "minigrad.nn", "demos"} <= {*folders}
    assert {folder: found for folder in folders if (found := circles(trees, folder))} == {}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("from ..backend import Array", None),
        ("from ..broadcasting import expand", None),
        ("from .reduce import sum", None),
        ("if TYPE_CHECKING:\n    from ..tensor import Tensor", None),
        ("from ..tensor import Tensor", "stands above it"),
        ("import math, numpy as np", None),
        ("def f():\n    import cupy", None),
        ("if TYPE_CHECKING:\n    from ..nn import Module", None),
        ("from ..nn import Module", "stands above it"),
        ("from .. import nn", "stands above it"),
        ("def f():\n    from minigrad import nn", "stands above it"),
        ("import models.vae", "stands above it"),
        ("import cupy", "not one of its dependencies"),
        ("from scipy.special import erf", "not one of its dependencies"),
        ("def f():\n    import torch", "not an optional dependency"),
        ("import pickle", "never pickle"),
    ],
)
def test_the_import_rule_finds_a_fault(source: str, fault: str | None) -> None:
    found = import_faults(ROOT / "minigrad" / "ops" / "planted.py", ast.parse(source))
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("minigrad/__init__.py", "from . import nn", None),
        ("minigrad/__init__.py", "from . import tools", "stands above it"),
        ("minigrad/data/loader.py", "def f():\n    import minigrad", None),
        ("minigrad/optim/optimizer.py", "from ..nn import Module", "stands beside it"),
        ("demos/vae.py", "from demos.common import cli", None),
        ("demos/experiments/blur.py", "from demos.experiments import vaes", None),
        ("demos/explore/api.py", "from demos import vae", None),
        ("demos/vae.py", "from demos.experiments import blur", "stands beside it"),
        ("demos/dcgan.py", "from demos import gan", "stands beside it"),
        ("demos/experiments/blur.py", "def f():\n    import demos.vae", "stands beside it"),
        ("demos/common/cli.py", "from demos.vae import main", "stands above it"),
        ("demos/experiments/blur.py", "from demos.explore import api", "stands above it"),
    ],
)
def test_the_import_rule_knows_every_floor(path: str, source: str, fault: str | None) -> None:
    found = import_faults(ROOT / path, ast.parse(source))
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]


def test_circles_are_found() -> None:
    files = {
        "models": "",
        "models.a": "from . import b",
        "models.b": "def f():\n    from .c import g",
        "models.c": "from models.a import h\nfrom .d import x",
        "models.d": "import numpy\nif TYPE_CHECKING:\n    from .a import x",
        "models.e": "from .a import x",
    }
    trees = {name: (ast.parse(source), name == "models") for name, source in files.items()}
    assert circles(trees) == [["models.a", "models.b", "models.c"]]


def test_circles_of_folders_are_found() -> None:
    """No file of these imports one that imports it."""
    files = {
        "models.nn": "from .a import x",
        "models.nn.a": "from models.optim.a import x",
        "models.nn.b": "",
        "models.optim": "",
        "models.optim.a": "",
        "models.optim.b": "from ..nn.b import x",
        "models.vae": "from models.nn import a",
    }
    packages = ("models.nn", "models.optim")
    trees = {name: (ast.parse(source), name in packages) for name, source in files.items()}
    assert circles(trees) == circles(trees, "models.nn") == []
    assert circles(trees, "models") == [["models.nn", "models.optim"]]
