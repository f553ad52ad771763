"""What CuPy has, and how its functions may be called: api.json, which make_api.py writes."""

import functools
import inspect
import json
from pathlib import Path
from typing import Any

API: dict[str, Any] = json.loads(Path(__file__).with_name("api.json").read_text("utf-8"))

UFUNC = "(*args, out=None, dtype=None, casting=None)"


@functools.cache
def _bound(signature: str) -> inspect.Signature:
    scope: dict[str, Any] = {}
    exec(f"def f{signature}: pass", scope)
    return inspect.signature(scope["f"])


def check_call(name: str, entry: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """TypeError if CuPy's function of that entry cannot be called with these arguments."""
    signature = UFUNC if entry.startswith("ufunc") else entry
    if not signature.startswith("("):
        return
    try:
        _bound(signature).bind(*args, **keywords)
    except TypeError as error:
        raise TypeError(f"cupy.{name}{signature}: {error}") from None


def ufunc_method(name: str, entry: str, method: str) -> None:
    """NotImplementedError if CuPy's ufunc lacks a method that NumPy's has."""
    has = {
        "at": entry.endswith(" at"),
        "outer": True,
        "reduce": name in ("add", "multiply"),
        "accumulate": name in ("add", "multiply"),
        "reduceat": name == "add",
    }
    if not has.get(method, False):
        raise NotImplementedError(f"cupy.{name}.{method} is not supported")
