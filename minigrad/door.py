"""The door of a listing: what goes wrong inside a public function names it and what it was given.

Ops name themselves (see op.py). Functions around them look at shapes and settings first, and what
they were given may be anything: without this, `sum(None)` says that NoneType has no ndim.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache, wraps
from types import FunctionType
from typing import Any

from .messages import KINDS, is_array, kind_of, kind_of_error


def name_errors(listing: dict[str, Any], names: Iterable[str]) -> None:
    """Replace the functions of these names by ones whose errors name them.

    NOTE: 0.1 microseconds a call, so not for functions that do no more than call an op.
    """
    for name in names:
        if isinstance(listing[name], FunctionType):
            listing[name] = _naming(listing[name])


@cache  # two names of one function stay two names of one function
def _naming(function: Callable[..., Any]) -> Callable[..., Any]:
    if hasattr(function, "names_errors"):
        return function

    @wraps(function)
    def naming(*args: Any, **settings: Any) -> Any:
        try:
            return function(*args, **settings) if settings else function(*args)
        except (*KINDS, KeyError, RuntimeError) as error:
            if names(error, function.__name__):
                raise
            raise _explained(error, function.__name__, args, settings) from error

    naming.names_errors = True  # type: ignore[attr-defined]
    return naming


def names(error: Exception, name: str) -> bool:
    """Whether an error's message begins with a function's name."""
    return re.match(rf"([\w.]+\.)?_?{name}\b", str(error)) is not None


def _explained(
    error: Exception, name: str, args: tuple[Any, ...], settings: dict[str, Any]
) -> Exception:
    given = [_shown(x) for x in args] + [f"{key}={_shown(x)}" for key, x in settings.items()]
    kind = RuntimeError if isinstance(error, RuntimeError) else kind_of_error(error)
    return kind(f"{name}: {error} (given {', '.join(given) or 'nothing'})")


def _shown(x: Any) -> str:
    return kind_of(x) if is_array(x) else f"{x!r:.60}"
