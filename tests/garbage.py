"""Drawn nonsense for every public function, and what must become of it."""

import inspect
import random
import re
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.nn import functional
from minigrad.op import Op

# Made anew for each call: a function may change what it is given.
SENSE: tuple[Callable[[], Any], ...] = (
    lambda: mg.tensor([1.0, 2.0, 3.0, 4.0]),
    lambda: mg.ones(2, 3, requires_grad=True),
    lambda: mg.arange(3),
    lambda: mg.tensor(True),
    lambda: 1,
    lambda: 0,
)
NONSENSE: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: "x",
    lambda: b"x",
    list,
    lambda: ["a", "b"],
    dict,
    lambda: {"a": 1},
    lambda: {1, 2},
    lambda: (None,),
    lambda: [None],
    lambda: 1j,
    lambda: np.array(["a"]),
    lambda: np.array([None]),
    lambda: np.array([1j]),
    lambda: abs,
    lambda: int,
    lambda: object(),
    lambda: np.int64,
    lambda: float("nan"),
    lambda: -1,
    lambda: 0.5,
    lambda: 2**70,
    lambda: True,
    lambda: slice(None),
    lambda: range(2),
    lambda: ...,
)


def functions() -> Iterator[tuple[str, Any]]:
    """Every public function by its name, but one that calls what it is given."""
    for listing in (mg, functional):
        for name, found in sorted(vars(listing).items()):
            ours = isinstance(found, Op | FunctionType) and not name.startswith("_")
            if ours and name != "each_step" and found.__module__.startswith("minigrad"):
                yield name, found


def arguments(draw: random.Random, function: Any) -> list[Any]:
    """As many as the function takes, a third of them sensible."""
    parameters = list(inspect.signature(function).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is p.empty for p in positional)
    most = len(positional) + 2 * any(p.kind == p.VAR_POSITIONAL for p in parameters)
    return [
        draw.choice(SENSE if draw.random() < 0.35 else NONSENSE)()
        for _ in range(draw.randint(least, most))
    ]


def fault(name: str, function: Any, given: list[Any]) -> str | None:
    """What is wrong with how a function answers, or None.

    It may take what it is given; a tensor that it makes is one of numbers. Else its error begins
    with its name.
    """
    before = mg.get_rng_state()
    try:
        out = function(*given)
    except Exception as error:
        told = re.match(rf"_?({name}|{function.__name__.strip('_')})\b", str(error))
        return None if told else f"{name}({given!r:.200}): {type(error).__name__}: {error}"
    finally:
        mg.set_rng_state(before)
    if isinstance(out, mg.Tensor) and out.dtype.kind not in "fiub":
        return f"{name}({given!r:.200}) made a tensor of {out.dtype}"
    return None
