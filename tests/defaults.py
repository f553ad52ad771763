"""What a call means that says little: tables of defaults, and whether a table has them all."""

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Defaults = dict[str, Any]


def parsed(line: str) -> tuple[str, Defaults]:
    """Of "place.name(keyword=default, ...)" the name with its place, and a dict of the defaults."""
    call = ast.parse(line, mode="eval").body
    assert isinstance(call, ast.Call)
    defaults = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    return ast.unparse(call.func), defaults


def lines(table: str) -> list[str]:
    """The calls of a table, of which long ones go on in lines that are indented."""
    return table.strip().replace("\n    ", " ").splitlines()


def check(function: Callable[..., Any], expected: Defaults) -> None:
    found = inspect.signature(function).parameters
    for keyword, value in expected.items():
        assert found[keyword].default == value, keyword
        assert type(found[keyword].default) is type(value), keyword


def numbers(function: Callable[..., Any]) -> Defaults:
    """The defaults of a function that are numbers, True or False."""
    found = inspect.signature(function).parameters.items()
    return {name: p.default for name, p in found if isinstance(p.default, int | float)}


def unlisted(place: Any, listed: Iterable[tuple[Any, Defaults]]) -> set[str]:
    """The functions of a place, the classes and their methods with such a default unlisted."""
    known: dict[Any, set[str]] = {}
    for function, defaults in listed:
        known.setdefault(function, set()).update(defaults)
    return {
        f"{thing.__module__}: {thing.__qualname__}({keyword})"
        for thing in public(place)
        for keyword in numbers(thing).keys() - known.get(thing, set())
    }


def public(place: Any) -> Iterator[Any]:
    """The functions and classes of this project that have a name there, and their methods."""
    for thing in members(place):
        yield thing
        if inspect.isclass(thing):
            yield from filter(inspect.isroutine, members(thing))


def members(place: Any) -> Iterator[Any]:
    for name in dir(place):
        thing = getattr(place, name)
        ours = str(getattr(thing, "__module__", "")).startswith(("minigrad", "models"))
        error = inspect.isclass(thing) and issubclass(thing, Exception)
        if callable(thing) and ours and not error and not name.startswith("_"):
            yield thing
