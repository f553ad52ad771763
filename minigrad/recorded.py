"""The nodes that ops leave on the tape: what they keep, and how their rules run."""

import linecache
import os
import sys
from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from . import clock
from .backend import device_of, in_memory_order
from .clock import tick
from .modes import mode
from .nodes import Node, Variable, line_of

if TYPE_CHECKING:
    from .op import Op

_PACKAGE = os.path.dirname(__file__)


class Plan:
    """What an op keeps and which rules run, for one choice of operands that need a gradient."""

    __slots__ = (
        *("beyond", "broadcasts", "keep", "kept", "only", "op", "origins", "parents", "rules"),
    )

    def __init__(self, op: "Op", needed: int, count: int) -> None:
        self.op = op
        self.parents = [i for i in range(count) if needed >> i & 1]
        self.only = self.parents[0] if len(self.parents) == 1 else None
        operands, rules = op.operands, op.rules
        if op.variadic:  # one rule for all of the operands, however many there are
            operands = [str(i) for i in range(count)]
            rules = [(tuple(operands), rule, reads) for _, rule, reads in rules]
        names = [operands[i] for i in self.parents]
        active: list[Any] = []
        missing = set(names)
        for exactly in (True, False):  # a rule for several operands first where all are needed
            for rule in sorted(rules, key=lambda rule: -len(rule[0])):
                if missing & set(rule[0]) and (not exactly or missing >= set(rule[0])):
                    active.append(rule)
                    missing -= set(rule[0])
        if missing:
            raise NotImplementedError(
                f"{op.name}: no gradient rule for operand {', '.join(sorted(missing))}"
            )
        kept = list(dict.fromkeys(name for _, _, reads in active for name in reads))
        # The values of a call are laid out as: operands, the output, and what lies beyond: settings
        # that are read, by name and default, and facts that are read, by operand.
        facts = {f"{x}_{fact}": (i, fact) for i, x in enumerate(operands) for fact in _FACTS}
        self.beyond: list[tuple[Any, Any]] = []
        layout = [*operands, "out"]
        for name in kept:
            if name in op.settings:
                self.beyond.append((name, op.settings[name]))
            elif name in facts:
                self.beyond.append(facts[name])
            elif name not in layout:
                readable = [*layout, *op.settings, *facts]
                raise TypeError(f"{op.name}: a rule reads {name!r}, which is none of {readable}")
            if name not in layout:
                layout.append(name)
        self.kept = kept
        self.keep = _getter([layout.index(name) for name in kept])
        # Where a kept value comes from: a parent's place, _OUT, or _FIXED.
        self.origins = [
            names.index(n) if n in names else _OUT if n == "out" else _FIXED for n in kept
        ]
        # For each rule: where its result goes, or where the several go that it returns; and what it
        # reads of what is kept (None for all).
        self.rules = []
        for targets, rule, reads in active:
            places = [names.index(n) if n in names else -1 for n in targets]
            target = None if op.variadic or len(places) > 1 else places[0]
            picked = None if reads == kept else _getter([kept.index(n) for n in reads])
            self.rules.append((target, places, rule, picked))
        self.broadcasts = op.broadcasts


def _getter(places: list[int]) -> Callable[[Any], Any]:
    """A function that takes these elements out of a sequence, as a sequence."""
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))


_OUT, _FIXED = -1, -2
_FACTS: dict[str, Callable[[Any], Any]] = {  # what a rule may read of an operand without keeping it
    "shape": lambda x: x.shape,
    "dtype": lambda x: x.dtype,
    "device": device_of,
}


class Recorded(Node):
    """A node made by an op."""

    __slots__ = ("plan",)

    def __init__(
        self,
        plan: Plan,
        operands: tuple[Any, ...],
        values: list[Any],
        out: Any,
        settings: dict[str, Any],
    ) -> None:
        self.plan = plan
        self.shape = out.shape
        self.dtype = out.dtype
        if plan.only is None:
            self.parents = tuple([operands[i].node for i in plan.parents])
        else:
            self.parents = (operands[plan.only].node,)
        self.extras = {"line": _line_of_caller()} if mode.anomaly else None
        self.stamp = tick()
        beyond = plan.beyond
        if beyond:
            read = [
                settings.get(name, default) if type(name) is str else _FACTS[default](values[name])
                for name, default in beyond
            ]
            self.saved = plan.keep([*values, out, *read])
        else:
            values.append(out)
            self.saved = plan.keep(values)

    @property
    def name(self) -> str:
        return self.plan.op.name

    def gradients(self, g: Any, differentiable: bool, on_path: "set[Node] | None") -> list[Any]:
        plan, parents, saved = self.plan, self.parents, self.saved
        assert saved is not None, "the walk does not come here"
        if clock.last_mutation > self.stamp:
            self._check_unchanged(saved)
        if differentiable:
            saved = self._as_tensors(saved)
        here = type(g) is np.ndarray or differentiable or not plan.broadcasts
        parts: list[Any] = [None] * len(parents)
        for target, targets, rule, reads in plan.rules:
            if on_path is not None and not any(t >= 0 and parents[t] in on_path for t in targets):
                continue
            values = saved if reads is None else reads(saved)
            got = rule(g, *values) if here else in_memory_order(rule, (g, *values))
            if target is None:
                self._share_out(got, targets, parts)
                continue
            parent = parents[target]
            try:
                fits = got.shape == parent.shape and got.dtype is parent.dtype
            except AttributeError:
                fits = False
            parts[target] = got if fits else self._fitted(got, parent)
        return parts

    def _share_out(self, got: Any, targets: list[int], parts: list[Any]) -> None:
        """Put what a rule for several operands gave where it belongs."""
        if not isinstance(got, tuple | list) or len(got) != len(targets):
            raise TypeError(
                f"{self.name}: a gradient rule for {len(targets)} operands must return as many "
                f"gradients, got {got!r:.60}"
            )
        for t, part in zip(targets, got, strict=True):
            if t >= 0:
                parts[t] = self._fitted(part, self.parents[t])

    def _fitted(self, part: Any, parent: Node) -> Any:
        """`part`, summed to the parent's shape where the op broadcast it."""
        if not hasattr(part, "dtype"):
            raise TypeError(f"{self.name}: a gradient rule gave {part!r:.60}, not an array")
        if part.shape != parent.shape:
            if not self.plan.broadcasts:
                raise ValueError(
                    f"{self.name}: a gradient rule gave shape {list(part.shape)} for an operand "
                    f"of shape {list(parent.shape)}"
                )
            part = self.plan.op.sum_to(part, shape=parent.shape)
        if part.dtype != parent.dtype:
            raise TypeError(
                f"{self.name}: a gradient rule gave {part.dtype} for an operand of {parent.dtype}"
            )
        return part

    def _as_tensors(self, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        """What was saved, as tensors in their places on the tape."""
        places = (*self.parents, self)
        return tuple(
            [
                x if at == _FIXED else Variable.made(x, places[at])
                for x, at in zip(saved, self.plan.origins, strict=True)
            ]
        )

    def _check_unchanged(self, saved: tuple[Any, ...]) -> None:
        for x in saved:
            if hasattr(x, "strides") and clock.mutated_since(x, self.stamp):
                raise RuntimeError(
                    f"backward: an array that '{self.name}' saved for its gradient (shape "
                    f"{list(x.shape)}) has since been changed in place (by an optimizer's step, an "
                    "assignment or load_state_dict); call backward() before the change, or run the "
                    f"forward again after it. '{self.name}' was called at\n  {line_of(self)}"
                )


def _line_of_caller() -> str:
    """The innermost line of code outside of this package."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    code, number = frame.f_code, frame.f_lineno
    text = linecache.getline(code.co_filename, number).strip()
    return f"{code.co_filename}:{number} in {code.co_name}: {text}"
