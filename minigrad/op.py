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

Where it pays, an op has a fused rule beside its plain ones: of arrays alone, for the first-order
backward, and free to read what the forward has kept for it:

    @op(keeps="patches")
    def convolve(xp, x, weight):
        ...
        return out, patches                                     # so does a call: the output first

    convolve.gradient("weight")(lambda g, x: ...)               # the mathematics, of any order
    convolve.fused("weight")(lambda g, patches: ...)            # the same numbers, sooner

A rule keeps no memory of its own between calls: what it returns is new, or is part of what it was
given, and the tape asks which before it writes into it.
"""

from collections.abc import Callable
from types import MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    overload,
)

import numpy as np
from numpy import ndarray

from . import messages
from .backend import Shape, elsewhere, in_memory_order, xp_of
from .plan import Plan, Rule
from .tape import Node, Variable, mode, observed

if TYPE_CHECKING:  # only types: a tensor's methods are ops
    from .tensor import Tensor

P = ParamSpec("P")
Q = ParamSpec("Q")
F = TypeVar("F", bound=Callable[..., Any])
_new = object.__new__
_NONE: dict[str, Any] = {}  # no settings
_NUMBERS = {float, int, bool, type(None)}  # operands that need no second look


class Op(Generic[P]):
    """A differentiable function: made by the decorator `op`, given its rules by `gradient` and
    `fused`. As a class's attribute it is a method."""

    def __init__(
        self,
        forward: Callable[Concatenate[Any, P], Any],
        *,
        records: bool = True,
        keeps: str = "",
        broadcasts: bool = False,
        converts: bool = False,
    ) -> None:
        positional, self.variadic, self.settings = _parameters(forward)
        self.operands = positional[1:]  # without xp
        self.defaults: tuple[Any, ...] = getattr(_unwrapped(forward), "__defaults__", None) or ()
        self._count = -1 if self.variadic else len(self.operands)
        self.keeps = keeps.split()
        self.records = records
        self.broadcasts = broadcasts
        self.converts = converts  # a Python float into an array of the others' dtype
        self.forward: Callable[..., Any] = forward
        self.rules: list[Rule] = []
        self._plans: dict[int, Plan] = {}
        self.name = self.__name__ = forward.__name__.strip("_")
        self.__doc__ = forward.__doc__
        self.__module__ = forward.__module__
        self.__wrapped__ = forward

    @property
    def __signature__(self) -> Any:
        """What help() shows: the forward's parameters without xp."""
        import inspect

        signature = inspect.signature(self.forward)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> "Op[P]": ...

    @overload
    def __get__(
        self: "Op[Concatenate[Any, Q]]", instance: object, owner: type | None = None
    ) -> "Callable[Q, Tensor]": ...

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    # ---- its rules -------------------------------------------------------------------------------

    def gradient(self, *operands: str) -> Callable[[F], F]:
        """Give the rule for an operand. With several named, the rule returns a tuple; if each also
        has a rule of its own, the common one runs where all of them need a gradient."""
        return self._register("gradient", operands)

    def fused(self, *operands: str) -> Callable[[F], F]:
        """Give a rule that takes the place of the plain ones while gradients are plain arrays."""
        return self._register("fused", operands)

    def _register(self, kind: str, operands: tuple[str, ...]) -> Callable[[F], F]:
        where = f"{self.name}.{kind}"
        for name in operands:
            if name not in self.operands:
                raise ValueError(f"{where}: no operand {name!r}; it has {self.operands}")
        if any(r.targets == operands and r.fused == (kind == "fused") for r in self.rules):
            raise ValueError(f"{where}: {', '.join(map(repr, operands))} has a rule already")

        def register(rule: F) -> F:
            reads = _parameters(rule)[0][1:]
            self.rules.append(Rule(operands, rule, reads, kind == "fused"))
            self._plans.clear()
            return rule

        return register

    # ---- calling it ------------------------------------------------------------------------------

    def __call__(self, *operands: P.args, **settings: P.kwargs) -> "Tensor":
        return self.apply(operands, settings)

    def apply(self, operands: tuple[Any, ...], settings: dict[str, Any] = _NONE) -> "Tensor":
        """The call, for operands that are a tuple already."""
        # This runs for every operation: each operand is looked at once, and what is rare goes by
        # `unusual` to where it is looked at again.
        if observed and mode.observer is not None:
            return self._observed(operands, settings)  # type: ignore[no-any-return]
        if len(operands) != self._count or settings:
            operands = self._checked(operands, settings)
        arrays: list[Any] = []
        parents: tuple[Node, ...] = ()
        needed = 0  # bit i is set if operand i needs a gradient
        bit = 1
        plain = True
        dtype = None
        unusual = False
        place = None  # of arrays that are not NumPy's
        for x in operands:
            if isinstance(x, Variable):
                plain = False
                if x.node is not None:
                    needed |= bit
                    parents += (x.node,)
                x = x.array
            kind = type(x)
            if kind is ndarray:
                if x.dtype is not dtype:
                    unusual |= dtype is not None
                    dtype = x.dtype
            elif kind is float:
                # NOTE: NumPy multiplies by an array in half the time, here and in the rules.
                if self.converts and dtype is not None and place is None and dtype.kind == "f":
                    x = np.asarray(x, dtype)
            elif kind in elsewhere:
                if x.dtype is not dtype:
                    unusual |= dtype is not None
                    dtype = x.dtype
                place = elsewhere[kind]
            elif kind not in _NUMBERS:
                unusual = True
            arrays.append(x)
            bit <<= 1
        try:
            if unusual or (place is not None and not self._as_they_lie(arrays)):
                unusual = True
                out = self._forward_elsewhere(arrays, settings)
            elif place is not None:
                out = self.forward(place.xp, *arrays, **settings)
            elif settings:
                out = self.forward(np, *arrays, **settings)
            elif bit == 4:  # NOTE: two operands are common, and a call without a star is faster
                forward = self.forward
                out = forward(np, arrays[0], arrays[1])
            else:
                out = self.forward(np, *arrays)
        except messages.KINDS as error:
            raise messages.explained(self, error, arrays) from error
        if plain:
            return out  # type: ignore[no-any-return]
        kept: Any = None
        if self.keeps:
            out, *kept = out
        if type(out) is not ndarray and place is None:
            out = self._as_array(out)
        found = out.dtype
        if self.broadcasts and (unusual or found is not dtype):
            promoted: Any = self.promoted(operands, arrays, found)
            if promoted is not None:
                return self(*promoted, **settings)
        made: Any = _new(Variable.made)  # without the checks of Tensor's own constructor
        made.array = out
        made.node = None
        if needed and mode.recording and self.records and found.kind == "f":
            plan = self._plans.get(needed | bit)  # the highest bit says how many operands there are
            if plan is None:
                plan = self._plans[needed | bit] = Plan(self, needed, len(operands))
            arrays.append(out)
            if kept:
                arrays += kept
            made.node = plan.record(parents, out, arrays, settings)
        return made if kept is None else (made, *kept)  # type: ignore[return-value]

    def _observed(self, operands: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """The same, watched, where there are tensors; an op within this one is not seen itself."""
        observer, mode.observer = mode.observer, None
        try:
            if observer is None or not any(isinstance(x, Variable) for x in operands):
                return self(*operands, **settings)
            kept: list[Any] = []

            def run() -> Any:
                out: Any = self(*operands, **settings)
                if self.keeps:
                    out, *kept[:] = out
                return out

            out = observer.forward(self, operands, run)
            return (out, *kept) if self.keeps else out
        finally:
            mode.observer = observer

    def _as_they_lie(self, arrays: list[Any]) -> bool:
        """Whether the forward can take arrays of one dtype as they lie: none of them is NumPy's,
        and where their order in memory is to be kept, it is C's."""
        for x in arrays:
            if type(x) is ndarray or (
                self.broadcasts and type(x) not in _NUMBERS and not x.flags.c_contiguous
            ):
                return False
        return True

    def _forward_elsewhere(self, arrays: list[Any], settings: dict[str, Any]) -> Any:
        """The forward for operands that are not all numbers and NumPy arrays of one dtype."""
        try:
            for x in arrays:
                if type(x) not in _NUMBERS and x.dtype.kind not in "fiub":
                    raise messages.not_an_operand(self, x)
        except AttributeError:
            raise messages.not_an_operand(self, x) from None
        xp = xp_of(*arrays)
        if self.broadcasts and xp is not np:
            return in_memory_order(lambda *xs: self.forward(xp, *xs, **settings), arrays)
        return self.forward(xp, *arrays, **settings)

    def promoted(
        self, operands: tuple[Any, ...], arrays: list[Any], found: Any
    ) -> list[Any] | None:
        """The operands in the dtype that the op computes in, or None if they are in it."""
        return None

    def fitted(self, part: Any, shape: Shape) -> Any:
        """A rule's result in the shape of its operand, as far as the op has a way to get there."""
        return part

    def _checked(self, operands: tuple[Any, ...], settings: dict[str, Any]) -> tuple[Any, ...]:
        """The operands, completed by defaults; TypeError for what the forward does not take."""
        if not settings.keys() <= self.settings.keys():
            raise messages.unknown_settings(self, settings)
        missing = len(self.operands) - len(operands)
        if self.variadic or not missing:
            return operands
        if not 0 < missing <= len(self.defaults):
            raise TypeError(f"{self.name}: needs operands {self.operands}, got {len(operands)}")
        return operands + self.defaults[-missing:]

    def _as_array(self, out: Any) -> Any:
        if isinstance(out, np.generic):
            return np.asarray(out)
        if not hasattr(out, "strides"):
            raise TypeError(f"{self.name}: its forward must return an array, got {out!r:.60}")
        return out

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.operands)})>"


def _parameters(function: Any) -> tuple[list[str], bool, dict[str, Any]]:
    """Names of the positional parameters, whether one is *variadic, and the keyword-only ones.

    NOTE: read off the code object, since inspect.signature would cost 25 ms of `import minigrad`.
    """
    function = _unwrapped(function)
    code = function.__code__
    positional, keyword = code.co_argcount, code.co_kwonlyargcount
    variadic = bool(code.co_flags & _VARIADIC)
    names = list(code.co_varnames)
    extra = names[positional + keyword : positional + keyword + variadic]
    defaults = function.__kwdefaults__ or {}
    settings = {name: defaults.get(name) for name in names[positional : positional + keyword]}
    return names[:positional] + extra, variadic, settings


def _unwrapped(function: Any) -> Any:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


_VARIADIC = 0x04  # inspect.CO_VARARGS


# ---- making ops ----------------------------------------------------------------------------------


@overload
def op(forward: Callable[Concatenate[Any, P], Any]) -> Op[P]: ...


@overload
def op(*, keeps: str) -> Callable[[Callable[Concatenate[Any, P], Any]], Op[P]]: ...


def op(forward: Any = None, *, keeps: str = "") -> Any:
    """Make an op of a forward function `(xp, operands..., *, settings...) -> array`.

    With `keeps`, the names of what it keeps for fused rules, it returns these after the array.
    """
    if not (forward is None or hasattr(_unwrapped(forward), "__code__")):
        raise TypeError(f"op: needs a function, got {forward!r:.60}")
    return Op(forward) if forward is not None else lambda function: Op(function, keeps=keeps)


def not_differentiable(forward: Callable[Concatenate[Any, P], Any]) -> Op[P]:
    """As `op`, for functions whose result is not on the tape: comparisons, places of extremes."""
    return Op(forward, records=False)
