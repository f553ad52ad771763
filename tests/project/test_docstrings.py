"""Whatever `help()` can be asked about says in a sentence what it is, and its examples are true."""

import doctest
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import minigrad as mg

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


def docs(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The public names of a module, and of the methods of its classes, and what they say."""
    for name in dir(module):
        value = getattr(module, name)
        if name.startswith("_") or not is_ours(value):
            continue
        yield name, (inspect.getdoc(value) or "").strip()
        if inspect.isclass(value):
            for method, part in methods(value):
                yield f"{name}.{method}", (inspect.getdoc(part) or "").strip()


def without_docs(module: ModuleType) -> list[str]:
    """Those that say nothing."""
    return [name for name, said in docs(module) if not said]


def examples(module: ModuleType) -> dict[str, doctest.DocTest]:
    """The examples in those, in which `mg` is minigrad."""
    parse = doctest.DocTestParser().get_doctest
    made = {n: parse(said, {"mg": mg}, n, None, 0) for n, said in docs(module) if ">>>" in said}
    return {name: test for name, test in made.items() if test.examples}


def failures(tests: dict[str, doctest.DocTest]) -> list[str]:
    """What examples print that they do not show."""
    said: list[str] = []
    for test in tests.values():
        doctest.DocTestRunner().run(test, out=said.append)
    return said


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


EXAMPLES = {
    "minigrad": "Tensor.backward draw elementwise grad gradcheck graphed no_grad profile save",
    "minigrad.data": "DataLoader",
    "minigrad.nn": "BatchNorm2d Conv2d ConvTranspose2d",
    "minigrad.nn.functional": "cross_entropy",
    "minigrad.optim": "Adam",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_the_examples_print_what_they_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = examples(import_module(name))
    assert set(EXAMPLES.get(name, "").split()) <= set(found)
    assert failures(found) == []


def test_an_example_that_lies_is_found() -> None:
    module = ModuleType("minigrad.planted")
    source = 'def one():\n    """Say it.\n\n    >>> mg.ones(1).item()\n    {}\n    """'
    for shown, faults in (("1.0", 0), ("2.0", 1)):
        exec(source.format(shown), module.__dict__)
        assert len(failures(examples(module))) == faults
