"""Whatever `help()` can be asked about says in a sentence what it is."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

PUBLIC = [
    "minigrad",
    *(f"minigrad.{name}" for name in ("cuda", "data", "distributions", "tools", "utils")),
    *(f"minigrad.nn{part}" for part in ("", ".functional", ".init", ".utils")),
    *("minigrad.optim", "minigrad.optim.lr_scheduler"),
]
NO_DOCS = {"array", "node"}  # Tensor's two fields, of which its module tells


def is_ours(found: Any) -> bool:
    """A function, a class or an op of minigrad's: no module, and no dtype of NumPy's."""
    module = getattr(found, "__module__", None) or type(found).__module__
    return not isinstance(found, ModuleType) and module.partition(".")[0] == "minigrad"


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class, or one of ours that it is a kind of, has."""
    for name in dir(kind):
        if not name.startswith("_") and name not in NO_DOCS:
            found = inspect.getattr_static(kind, name)
            if callable(found) or isinstance(found, property | classmethod | staticmethod):
                yield name, getattr(kind, name)


def without_docs(module: ModuleType) -> list[str]:
    """The public names of a module, and the methods of its classes, that say nothing."""
    found = []
    for name in dir(module):
        value = getattr(module, name)
        if name.startswith("_") or not is_ours(value):
            continue
        named = [(name, value)]
        if inspect.isclass(value):
            named += [(f"{name}.{method}", part) for method, part in methods(value)]
        found += [name for name, part in named if not (inspect.getdoc(part) or "").strip()]
    return found


@pytest.mark.parametrize("name", PUBLIC)
def test_all_that_is_public_has_a_docstring(name: str) -> None:
    assert without_docs(import_module(name)) == []


def test_what_has_none_is_found() -> None:
    module = ModuleType("minigrad.planted")
    exec(
        "def silent(x): return x\n"
        "class Kind:\n"
        "    'Says what it is.'\n"
        "    def told(self): 'Says it.'\n"
        "    def silent(self): ...\n"
        "    @property\n"
        "    def size(self): return 1\n"
        "def _private(): ...\n",
        module.__dict__,
    )
    assert without_docs(module) == ["Kind.silent", "Kind.size", "silent"]
