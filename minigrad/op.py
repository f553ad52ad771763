"""An op is its forward, and its gradient written in the same language.

The forward works on plain arrays; its positional parameters are the operands, its keyword-only ones
are settings. A gradient rule belongs to one operand and says by its parameters what it reads, and
so what the tape keeps alive:

    @op
    def multiply(xp, x, y):
        return xp.multiply(x, y)

    multiply.gradient("x")(lambda g, y: g * y)      # keeps y
    multiply.gradient("y")(lambda g, x: g * x)      # keeps x

Besides `g`, the gradient of the output, a rule may name operands, `out` (the output), settings, and
`x_shape`, `x_dtype` or `x_device` for that alone of an operand x. Called on plain arrays, an op
gives a plain array; so the first-order backward hands its rules arrays and runs at array speed, and
with create_graph=True the same rules get tensors, and are recorded themselves: second derivatives
cost no new code.
"""

import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from . import clock
from .autograd import Node, Variable, result
from .backend import device_of, on_same_device, xp_of
from .clock import tick
from .modes import mode

Rule = TypeVar("Rule", bound=Callable[..., Any])
_PACKAGE = str(Path(__file__).parent)


class Op:
    """A differentiable function: made by the decorator `op`, given its rules by `gradient`."""

    def __init__(
        self, forward: Callable[..., Any], *, broadcasts: bool = False, records: bool = True
    ) -> None:
        kinds = list(inspect.signature(forward).parameters.values())[1:]
        self.name = name = forward.__name__.strip("_")
        self.records = records
        self.forward = forward
        self.broadcasts = broadcasts
        self.operands = [p.name for p in kinds if p.kind is not p.KEYWORD_ONLY]
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in kinds)
        self.settings = {p.name: p.default for p in kinds if p.kind is p.KEYWORD_ONLY}
        self.rules: list[tuple[tuple[str, ...], Callable[..., Any], list[str]]] = []
        self._plans: dict[tuple[int, int], Plan] = {}
        self.__doc__ = forward.__doc__
        self.__name__ = name

    def gradient(self, *operands: str) -> Callable[[Rule], Rule]:
        """Give the rule for an operand; with several operands named, the rule returns a tuple."""
        for name in operands:
            if name not in self.operands:
                raise ValueError(
                    f"{self.name}.gradient: no operand {name!r}; it has {self.operands}"
                )

        def register(rule: Rule) -> Rule:
            reads = list(inspect.signature(rule).parameters)[1:]
            self.rules.append((operands, rule, reads))
            return rule

        return register

    def __call__(self, *operands: Any, **settings: Any) -> Any:
        arrays = []
        needed = 0  # bit i is set if operand i needs a gradient
        bit = 1
        plain = True
        for x in operands:
            if isinstance(x, Variable):
                plain = False
                if x.node is not None:
                    needed |= bit
                x = x.data
            arrays.append(x)
            bit <<= 1
        try:
            out = self.forward(xp_of(*arrays), *arrays, **settings)
        except (TypeError, ValueError, IndexError) as error:
            raise self._explained(error, arrays) from error
        if plain:
            return out
        if isinstance(out, np.generic):
            out = np.asarray(out)
        if self.broadcasts:
            dtype = out.dtype
            for x in arrays:
                if getattr(x, "dtype", dtype) is not dtype:
                    promoted = _promoted(operands, arrays, dtype)
                    if promoted is not None:
                        return self(*promoted, **settings)
                    break
        if not (needed and mode.recording and self.records):
            return result(out)
        plan = self._plans.get((needed, bit))
        if plan is None:
            plan = self._plans[needed, bit] = Plan(self, needed, len(operands))
        return result(out, Recorded(plan, operands, arrays, out, settings))

    def _explained(self, error: Exception, arrays: list[Any]) -> Exception:
        if not on_same_device(*arrays):
            kinds = ", ".join(
                type(x).__module__.split(".")[0] for x in arrays if hasattr(x, "shape")
            )
            return ValueError(
                f"{self.name}: operands live on different devices ({kinds}); use .to(device)"
            )
        what = ", ".join(
            f"{name} {x.dtype}{list(x.shape)}" if hasattr(x, "dtype") else f"{name} {x!r:.60}"
            for name, x in zip(self.operands, arrays, strict=False)
        )
        message = str(error)
        return type(error)(
            message if message.startswith(self.name) else f"{self.name}: {message} (given {what})"
        )

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Ops can be put into a class as methods."""
        return self if instance is None else lambda *a, **k: self(instance, *a, **k)

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.operands)})>"


def op(forward: Callable[..., Any]) -> Op:
    """Make an op of a forward function `(xp, operands..., *, settings...) -> array`."""
    return Op(forward)


def elementwise(forward: Callable[..., Any]) -> Op:
    """As `op`, for functions of single elements: operands broadcast, and each rule's result is
    summed over the axes along which its operand was broadcast."""
    return Op(forward, broadcasts=True)


def not_differentiable(forward: Callable[..., Any]) -> Op:
    """As `op`, for functions whose result is not on the tape: comparisons, places of extremes."""
    return Op(forward, records=False)


class Plan:
    """What an op keeps and which rules run, for one choice of operands that need a gradient."""

    __slots__ = ("facts", "keep", "op", "origins", "parents", "rules", "settings")

    def __init__(self, op: Op, needed: int, count: int) -> None:
        self.op = op
        self.parents = [i for i in range(count) if needed >> i & 1]
        operands, rules = op.operands, op.rules
        if op.variadic:  # one rule for all of the operands, however many there are
            operands = [str(i) for i in range(count)]
            rules = [(tuple(operands), rule, reads) for _, rule, reads in rules]
        names = [operands[i] for i in self.parents]
        active = [rule for rule in rules if set(rule[0]) & set(names)]
        missing = set(names) - {name for rule in active for name in rule[0]}
        if missing:
            raise NotImplementedError(
                f"{op.name}: no gradient rule for operand {', '.join(sorted(missing))}"
            )
        kept = list(dict.fromkeys(name for _, _, reads in active for name in reads))
        # The values of a call are laid out as: operands, the output, the settings and facts that
        # are read.
        self.settings = [name for name in op.settings if name in kept]
        facts = {f"{x}_{fact}": (i, fact) for i, x in enumerate(operands) for fact in _FACTS}
        self.facts = [facts[name] for name in kept if name in facts]
        layout = [*operands, "out", *self.settings, *(name for name in kept if name in facts)]
        for name in kept:
            if name not in layout:
                raise TypeError(
                    f"{op.name}: a gradient rule reads {name!r}, which is none of {layout}"
                )
        self.keep = [layout.index(name) for name in kept]
        # Where a kept value comes from: a parent's place, _OUT, or _FIXED.
        self.origins = [
            names.index(n) if n in names else _OUT if n == "out" else _FIXED for n in kept
        ]
        self.rules = [
            (
                [names.index(n) if n in names else -1 for n in targets],
                rule,
                [kept.index(n) for n in reads],
            )
            for targets, rule, reads in active
        ]


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
        self.name = plan.op.name
        self.shape = out.shape
        self.dtype = out.dtype
        self.parents = tuple([operands[i].node for i in plan.parents])
        self.extras = {"line": _line_of_caller()} if mode.anomaly else None
        self.stamp = tick()
        if plan.keep:
            facts = [_FACTS[fact](values[i]) for i, fact in plan.facts]
            values.append(out)
            if plan.settings:
                defaults = plan.op.settings
                values.extend([settings.get(name, defaults[name]) for name in plan.settings])
            values.extend(facts)
            self.saved = tuple([values[i] for i in plan.keep])
        else:
            self.saved = ()

    def gradients(self, g: Any, differentiable: bool, on_path: "set[Node] | None") -> list[Any]:
        plan, parents, saved = self.plan, self.parents, self.saved
        assert saved is not None
        if clock.last_mutation > self.stamp:
            self._check_unchanged(saved)
        if differentiable:
            saved = self._as_tensors(saved)
        parts: list[Any] = [None] * len(parents)
        for targets, rule, reads in plan.rules:
            if on_path is not None and not any(t >= 0 and parents[t] in on_path for t in targets):
                continue
            got = rule(g, *[saved[i] for i in reads])
            if len(targets) == 1:
                got = (got,)
            for t, part in zip(targets, got, strict=True):
                if t >= 0:
                    parts[t] = self._fitted(part, parents[t])
        return parts

    def _fitted(self, part: Any, parent: Node) -> Any:
        """`part`, summed to the parent's shape where the op broadcast it."""
        if part.shape != parent.shape:
            if not self.plan.op.broadcasts:
                raise ValueError(
                    f"{self.name}: a gradient rule gave shape {list(part.shape)} for an operand "
                    f"of shape {list(parent.shape)}"
                )
            part = sum_to(part, shape=parent.shape)
        if part.dtype is not parent.dtype and part.dtype != parent.dtype:
            raise TypeError(
                f"{self.name}: a gradient rule gave {part.dtype} for an operand of {parent.dtype}"
            )
        return part

    def _as_tensors(self, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        """What was saved, as tensors in their places on the tape."""
        places = (*self.parents, self)
        return tuple(
            [
                x if at == _FIXED else result(x, places[at])
                for x, at in zip(saved, self.plan.origins, strict=True)
            ]
        )

    def _check_unchanged(self, saved: tuple[Any, ...]) -> None:
        for x in saved:
            if hasattr(x, "strides") and clock.mutated_since(x, self.stamp):
                raise RuntimeError(
                    f"backward: an array that '{self.name}' saved for its gradient (shape "
                    f"{list(x.shape)}) has since "
                    "been changed in place (by an optimizer's step, an assignment or "
                    "load_state_dict); "
                    "call backward() before the change, or run the forward again after it"
                )


def _line_of_caller() -> str:
    """The innermost line of code outside of this package."""
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.startswith(_PACKAGE):
            return f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}"
    return "?"


# ---- dtypes --------------------------------------------------------------------------------------


def _promoted(operands: tuple[Any, ...], arrays: list[Any], found: Any) -> list[Any] | None:
    """The operands in the dtype that PyTorch would compute in, or None if they are in it already.

    Tensors with axes outrank those without, and integers meet floats in the default dtype, float32.
    """
    floats = [x for x in arrays if hasattr(x, "dtype") and x.dtype.kind == "f"]
    ranked = [x for x in floats if x.ndim] or floats
    if found.kind != "f":
        return None
    wanted = np.result_type(*[x.dtype for x in ranked]) if ranked else np.dtype(np.float32)
    changed = [
        hasattr(x, "dtype") and x.dtype != wanted and (x.dtype.kind == "f" or not floats)
        for x in arrays
    ]
    if wanted == found or not any(changed):
        return None
    return [cast(x, dtype=wanted) if c else x for x, c in zip(operands, changed, strict=True)]


@op
def cast(xp: Any, x: Any, *, dtype: Any) -> Any:
    """x in another dtype."""
    return x.astype(dtype)


@cast.gradient("x")
def _(g: Any, x_dtype: Any) -> Any:
    return cast(g, dtype=x_dtype)


# ---- the two ops that broadcasting needs, each the adjoint of the other --------------------------


@op
def expand(xp: Any, x: Any, *, shape: Any) -> Any:
    """x broadcast to `shape`: a view, which is never written to."""
    return xp.broadcast_to(x, shape)


@op
def sum_to(xp: Any, x: Any, *, shape: Any) -> Any:
    """x summed over the axes along which an operand of `shape` was broadcast."""
    lead = x.ndim - len(shape)
    axes = (
        *range(lead),
        *(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1),
    )
    return x.sum(axis=axes, keepdims=True).reshape(shape)


expand.gradient("x")(lambda g, x_shape: sum_to(g, shape=x_shape))
sum_to.gradient("x")(lambda g, x_shape: expand(g, shape=x_shape))
