"""Pages of all that is public, from its docstrings, by pdoc: `make docs`.

An op is an object that is called, and a tensor's methods are ops. For these pages, in this process
only, functions take their places, which pdoc can show with their parameters.
"""

import inspect
import sys
from pathlib import Path
from typing import Any

import pdoc

import minigrad as mg
from minigrad.op import Op

PAGES = [
    *("minigrad", "minigrad.cuda", "minigrad.data", "minigrad.distributions", "minigrad.utils"),
    *(f"minigrad.nn{part}" for part in ("", ".functional", ".init", ".utils")),
    *("minigrad.optim", "minigrad.optim.lr_scheduler", "minigrad.tools"),
]


def function_of(op: Op[Any], owner: str) -> Any:
    """A function with an op's name, parameters and docstring."""

    def function(*operands: Any, **settings: Any) -> Any:
        return op(*operands, **settings)

    function.__name__, function.__doc__ = op.name, op.__doc__
    function.__qualname__, function.__module__ = f"{owner}{op.name}", "minigrad"
    function.__signature__ = inspect.signature(op)  # type: ignore[attr-defined]
    return function


def show(page: str) -> None:
    """Has pdoc show what a module offers, wherever it is defined, and no modules beside it."""
    module = sys.modules[page]
    names = []
    for name in dir(module):
        value = getattr(module, name)
        setattr(module, name, function_of(value, "") if isinstance(value, Op) else value)
        ours = (getattr(value, "__module__", None) or "").startswith("minigrad")
        if not name.startswith("_") and ours and not inspect.ismodule(value):
            names.append(name)
    module.__all__ = names


def gather(kind: type) -> None:
    """Gives a class all that it inherits from ours as its own, so that one page has it."""
    for base in kind.__mro__[1:-1]:
        for name, value in vars(base).items():
            if not name.startswith("_") and name not in vars(kind):
                taken = function_of(value, f"{kind.__name__}.") if isinstance(value, Op) else value
                setattr(kind, name, taken)


class Words(str):
    """A type as its annotation spells it: no quotes around it."""

    __repr__ = str.__str__


def spelled(annotation: Any, *_: Any) -> Any:
    """What pdoc takes for an annotation's value: Tensor has methods called int and float."""
    return Words(annotation) if isinstance(annotation, str) else annotation


def main(folder: str) -> None:
    pdoc.doc.safe_eval_type = spelled
    gather(mg.Tensor)
    for page in PAGES:
        __import__(page)
    for page in PAGES:
        show(page)
    pdoc.render.configure(show_source=False)
    pdoc.pdoc(*PAGES, output_directory=Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
