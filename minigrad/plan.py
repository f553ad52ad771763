"""The plan of an op's call: what is kept for backward, which rules run, and how."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from numpy import ndarray

from . import messages
from .backend import device_of, in_memory_order
from .tape import Node, Variable, mode, observed, tick

_Read = Callable[[list[Any], dict[str, Any]], Any]  # of a call's values and settings


class Rule(NamedTuple):
    """A gradient rule: for which operands, by which function, and what that reads besides g."""

    targets: tuple[str, ...]
    function: Callable[..., Any]
    reads: list[str]
    fused: bool


class Plan:
    """What is kept of an op's call and which rules run, for one choice of the operands that need a
    gradient. The values of a call are laid out as: operands, the output, what the forward kept, and
    what lies beyond: settings and facts that are read."""

    def __init__(self, op: Any, needed: int, count: int) -> None:
        self.op = op
        operands, rules = op.operands, op.rules
        if op.variadic:  # one rule for all of the operands, however many there are
            operands = [str(i) for i in range(count)]
            rules = [rule._replace(targets=tuple(operands)) for rule in rules]
        self.parents = [name for i, name in enumerate(operands) if needed >> i & 1]
        plain = self._chosen([rule for rule in rules if not rule.fused])
        fused = self._chosen(rules)
        kept = list(dict.fromkeys(name for rule in plain + fused for name in rule.reads))
        layout = [*operands, "out", *op.keeps]
        self.beyond = self._lay_out(layout, operands, kept)
        self.kept = kept
        self.keep = _getter([layout.index(name) for name in kept])
        # Where on the tape a kept value is: a parent's place, _OUT, or nowhere.
        places = {name: i for i, name in enumerate(self.parents)} | {"out": _OUT}
        self.origins = [places.get(name) for name in kept]
        self.plain = [self._prepared(rule) for rule in plain]
        self.fused = [self._prepared(rule) for rule in fused]

    def _chosen(self, rules: list[Rule]) -> list[Rule]:
        """The rules that give all of the gradients that are needed: those for several operands
        first where all are needed, fused ones before others."""
        chosen = []
        missing = set(self.parents)
        ordered = sorted(rules, key=lambda rule: (-len(rule.targets), not rule.fused))
        for exactly in (True, False):
            for rule in ordered:
                targets = set(rule.targets)
                if missing & targets and (not exactly or missing >= targets):
                    chosen.append(rule)
                    missing -= targets
        if missing:
            raise NotImplementedError(
                f"{self.op.name}: no gradient rule for operand {', '.join(sorted(missing))}"
            )
        return chosen

    def _lay_out(self, layout: list[str], operands: list[str], kept: list[str]) -> list[_Read]:
        """Append to the layout what rules read of settings and facts; and how it is read."""
        known = {name: _setting(name, default) for name, default in self.op.settings.items()}
        for place, operand in enumerate(operands):
            known |= {f"{operand}_{fact}": _fact(place, of) for fact, of in _FACTS.items()}
        beyond = [name for name in kept if name not in layout]
        for name in beyond:
            if name not in known:
                raise messages.unreadable(self.op, name, [*layout, *known])
        layout += beyond
        return [known[name] for name in beyond]

    def _prepared(self, rule: Rule) -> tuple[Any, ...]:
        """Where a rule's result goes, or where the several go that it returns; and what it reads of
        what is kept (None for all)."""
        for name in () if rule.fused else rule.reads:
            if name in self.op.keeps:
                raise messages.unreadable(self.op, name, [])
        names = self.parents
        places = [names.index(n) if n in names else -1 for n in rule.targets]
        target = None if self.op.variadic or len(places) > 1 else places[0]
        picked = None if rule.reads == self.kept else _getter([*map(self.kept.index, rule.reads)])
        return target, places, rule.function, picked

    def record(
        self, parents: tuple[Node, ...], out: Any, values: list[Any], settings: dict[str, Any]
    ) -> Node:
        """The node of a call: of its values, what the rules read is kept."""
        node = Node()  # NOTE: it has no __init__, which would cost 0.2 us
        node.plan = self
        node.parents = parents
        node.shape = out.shape
        node.dtype = out.dtype
        node.extras = {"line": messages.line_of_caller()} if observed and mode.anomaly else None
        node.stamp = tick()
        if self.beyond:
            values += [read(values, settings) for read in self.beyond]
        node.saved = self.keep(values)
        return node

    def gradients(
        self, node: Node, g: Any, differentiable: bool, on_path: set[Node] | None
    ) -> list[Any]:
        """What reaches each parent of a node when `g` reaches it; None for parents that are not
        `on_path`.

        `g` is an array, and so are the results; if they are to be differentiable, all are tensors.
        """
        parents = node.parents
        saved: Any = node.saved
        if differentiable:
            places = (*parents, node)  # _OUT is the last
            saved = tuple(
                [
                    x if at is None else Variable.made(x, places[at])
                    for x, at in zip(saved, self.origins)
                ]
            )
        here = type(g) is ndarray or differentiable or not self.op.broadcasts
        parts: list[Any] = [None] * len(parents)
        for target, targets, rule, reads in self.plain if differentiable else self.fused:
            if on_path is not None and not any(t >= 0 and parents[t] in on_path for t in targets):
                continue
            values = saved if reads is None else reads(saved)
            if not here:
                got = in_memory_order(rule, (g, *values))
            elif len(values) == 1:  # NOTE: mostly; a call without a star is faster
                got = rule(g, values[0])
            else:
                got = rule(g, *values) if values else rule(g)
            if target is None:
                self._share_out(got, targets, parents, parts)
                continue
            parent = parents[target]
            try:
                fits = got.shape == parent.shape and got.dtype is parent.dtype
            except AttributeError:
                fits = False
            parts[target] = got if fits else self._fitted(got, parent)
        return parts

    def _share_out(
        self, got: Any, targets: list[int], parents: tuple[Node, ...], parts: list[Any]
    ) -> None:
        """Put what a rule for several operands gave where it belongs."""
        if not isinstance(got, tuple | list) or len(got) != len(targets):
            raise messages.not_as_many(self.op, len(targets), got)
        for t, part in zip(targets, got, strict=True):
            if t >= 0:
                parts[t] = self._fitted(part, parents[t])

    def _fitted(self, part: Any, parent: Node) -> Any:
        """`part` in the parent's shape; TypeError or ValueError if it does not get there."""
        if hasattr(part, "dtype") and part.shape != parent.shape:
            part = self.op.fitted(part, parent.shape)
        if not hasattr(part, "dtype") or (part.shape, part.dtype) != (parent.shape, parent.dtype):
            raise messages.wrong_gradient(self.op, part, parent)
        return part


def _getter(places: list[int]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that takes these elements out of a sequence, as a tuple."""
    if not places:
        return lambda values: ()
    if len(places) == 1:
        (place,) = places
        return lambda values: (values[place],)
    return itemgetter(*places)


def _setting(name: str, default: Any) -> _Read:
    return lambda values, settings: settings.get(name, default)


def _fact(place: int, of: Callable[[Any], Any]) -> _Read:
    return lambda values, settings: of(values[place])


_OUT = -1
_FACTS: dict[str, Callable[[Any], Any]] = {  # what a rule may read of an operand without keeping it
    "shape": lambda x: x.shape,
    "dtype": lambda x: x.dtype,
    "device": device_of,
}
