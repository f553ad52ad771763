"""Write api.json: the names and signatures of the CuPy that is installed. Needs no GPU.

    python tests/standin/make_api.py     with the lowest CuPy that minigrad supports

An entry is a signature, "ufunc inputs outputs" (with "at" if it has that method), "same" for what
NumPy has under that name too, or "value".
"""

import inspect
import json
import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


def signature(thing: Any) -> str | None:
    """'(a, axis=None, *, out=None)' with every default written as None, or None if unknown."""
    documented = re.match(r"[\w.]+\((.*?)\)(?: ->.*)?$", (thing.__doc__ or "").partition("\n")[0])
    try:
        found = inspect.signature(thing)
        if "**kwargs" in str(found) and documented:
            raise ValueError("the docstring says which keywords there are, as for einsum")
    except (ValueError, TypeError):
        if documented is None:
            return None
        text = documented[1].replace("\\*", "*")
        text = re.sub(r"=[^,]+", "=None", text)  # no defaults
        text = re.sub(r"\b\w+ (?=\w)", "", text)  # no C types
        scope: dict[str, Any] = {}
        try:
            exec(f"def f({text}): pass", scope)
        except SyntaxError:
            return None
        found = inspect.signature(scope["f"])
    empty = inspect.Parameter.empty
    parameters = [
        p.replace(annotation=empty, default=empty if p.default is empty else None)
        for p in found.parameters.values()
    ]
    return str(found.replace(parameters=parameters, return_annotation=empty))


def table(module: ModuleType, like: ModuleType | None = None) -> dict[str, str]:
    from cupy._core._kernel import ufunc

    entries = {}
    for name in dir(module):
        thing = getattr(module, name)
        if name.startswith("_") or name == "annotations" or inspect.ismodule(thing):
            continue
        if isinstance(thing, ufunc):
            entries[name] = f"ufunc {thing.nin} {thing.nout}" + " at" * bool(thing._scatter_op)
        elif like is not None and thing is getattr(like, name, None):
            entries[name] = "same"
        elif callable(thing):
            entries[name] = signature(thing) or "value"
        else:
            entries[name] = "value"
    return entries


def methods(kind: type) -> dict[str, str]:
    return {
        name: (signature(getattr(kind, name)) or "value")
        if callable(getattr(kind, name))
        else "value"
        for name in dir(kind)
        if not name.startswith("_")
    }


def main() -> None:
    warnings.simplefilter("ignore")
    import cupy
    import cupyx

    api = {
        "version": cupy.__version__,
        "cupy": table(cupy, np) | dict.fromkeys(("cuda", "random", "linalg", "lib"), "value"),
        "cupy.random": table(cupy.random),
        "cupy.linalg": table(cupy.linalg, np.linalg),
        "cupy.lib.stride_tricks": table(cupy.lib.stride_tricks),
        "cupy.cuda": {n: "value" for n in dir(cupy.cuda) if not n.startswith("_")},
        "cupyx": table(cupyx),
        "ndarray": methods(cupy.ndarray),
        "Generator": methods(cupy.random.Generator),
        "Stream": methods(cupy.cuda.Stream),
        "Event": methods(cupy.cuda.Event),
        "operators": sorted(
            n
            for n in dir(cupy.ndarray)
            if n.startswith("__") and hasattr(np.ndarray, n) and n not in dir(object)
        )
        + ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"],
    }
    path = Path(__file__).with_name("api.json")
    path.write_text(json.dumps(api, indent=0, sort_keys=True) + "\n", "utf-8")
    print(f"{path}: CuPy {api['version']}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
