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

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from .backend import in_memory_order, on_same_device, xp_of
from .modes import mode
from .nodes import Variable
from .recorded import Plan, Recorded

Rule = TypeVar("Rule", bound=Callable[..., Any])
_new = object.__new__
_NUMBERS = {float, int, bool, type(None)}  # operands that need no second look


class Op:
    """A differentiable function: made by the decorator `op`, given its rules by `gradient`."""

    sum_to: "ClassVar[Op]"  # the adjoint of broadcasting; an op itself, defined below

    def __init__(
        self, forward: Callable[..., Any], *, broadcasts: bool = False, records: bool = True
    ) -> None:
        positional, self.variadic, self.settings = _parameters(forward)
        self.operands = positional[1:]  # without xp
        self.defaults = _unwrapped(forward).__defaults__ or ()
        self._count = -1 if self.variadic else len(self.operands)
        self.name = name = forward.__name__.strip("_")
        self.records = records
        self.forward = forward
        self.broadcasts = broadcasts
        self.rules: list[tuple[tuple[str, ...], Callable[..., Any], list[str]]] = []
        self._plans: dict[int, Plan] = {}
        self.__doc__ = forward.__doc__
        self.__name__ = name

    def gradient(self, *operands: str) -> Callable[[Rule], Rule]:
        """Give the rule for an operand. With several named, the rule returns a tuple; if each also
        has a rule of its own, the common one runs where all of them need a gradient."""
        for name in operands:
            if name not in self.operands:
                raise ValueError(
                    f"{self.name}.gradient: no operand {name!r}; it has {self.operands}"
                )

        if any(targets == operands for targets, _, _ in self.rules):
            raise ValueError(
                f"{self.name}.gradient: {', '.join(map(repr, operands))} has a rule already"
            )

        def register(rule: Rule) -> Rule:
            self.rules.append((operands, rule, _parameters(rule)[0][1:]))
            self._plans.clear()
            return rule

        return register

    def __call__(self, *operands: Any, **settings: Any) -> Any:
        # This runs for every operation: each operand is looked at once, and what is rare goes by
        # `unusual` to where it is looked at again.
        if mode.observer is not None:
            return self._observed(operands, settings)
        if len(operands) != self._count or settings:
            operands = self._checked(operands, settings)
        arrays = []
        needed = 0  # bit i is set if operand i needs a gradient
        bit = 1
        plain = True
        dtype = None
        unusual = False
        for x in operands:
            if isinstance(x, Variable):
                plain = False
                if x.node is not None:
                    needed |= bit
                x = x.data
            kind = type(x)
            if kind is np.ndarray:
                if x.dtype is not dtype:
                    unusual |= dtype is not None
                    dtype = x.dtype
            elif kind not in _NUMBERS:
                unusual = True
            arrays.append(x)
            bit <<= 1
        try:
            if unusual:
                out = self._forward_elsewhere(arrays, settings)
            else:
                out = self.forward(np, *arrays, **settings)
        except (TypeError, ValueError, IndexError) as error:
            raise self._explained(error, arrays) from error
        if plain:
            return out
        if type(out) is not np.ndarray:
            out = self._as_array(out)
        if self.broadcasts and (unusual or out.dtype is not dtype):
            promoted = self._promoted(operands, arrays, out.dtype)
            if promoted is not None:
                return self(*promoted, **settings)
        if not (needed and mode.recording and self.records) or out.dtype.kind != "f":
            return Variable.made(out)
        plan = self._plans.get(needed | bit)  # the highest bit says how many operands there are
        if plan is None:
            plan = self._plans[needed | bit] = Plan(self, needed, len(operands))
        made = _new(Variable.made)  # without the checks of Tensor's own constructor
        made.data = out
        made.node = Recorded(plan, operands, arrays, out, settings)
        return made

    def _observed(self, operands: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """The same, watched, where there are tensors; an op within this one is not seen itself."""
        observer, mode.observer = mode.observer, None
        try:
            if observer is None or not any(isinstance(x, Variable) for x in operands):
                return self(*operands, **settings)
            return observer.forward(self, operands, lambda: self(*operands, **settings))
        finally:
            mode.observer = observer

    def _forward_elsewhere(self, arrays: list[Any], settings: dict[str, Any]) -> Any:
        """The forward for operands that are not all numbers and NumPy arrays of one dtype."""
        for x in arrays:
            if type(x) not in _NUMBERS and not hasattr(x, "dtype"):
                raise TypeError(
                    f"{self.name}: operands are tensors, arrays and numbers, not "
                    f"{type(x).__name__}; use minigrad.tensor(...)"
                )
        xp = xp_of(*arrays)
        if self.broadcasts and xp is not np:
            return in_memory_order(lambda *xs: self.forward(xp, *xs, **settings), arrays)
        return self.forward(xp, *arrays, **settings)

    def _promoted(
        self, operands: tuple[Any, ...], arrays: list[Any], found: Any
    ) -> list[Any] | None:
        """The operands in the dtype that PyTorch would compute in, or None if they are in it.

        Floats outrank integers, tensors with axes those without, and NumPy's scalars count as
        Python's; where there are only integers, a floating result is float32, the default. An
        operand that is called `condition` keeps its dtype.
        """
        if found.kind != "f":
            return None
        floats = [x for x in arrays if hasattr(x, "dtype") and not isinstance(x, np.generic)]
        floats = [x for x in floats if x.dtype.kind == "f"]
        ranked = [x.dtype for x in floats if x.ndim] or [x.dtype for x in floats]
        wanted = np.result_type(*ranked) if ranked else np.dtype(np.float32)
        promoted = [
            x if name == "condition" else _in_dtype(x, array, wanted, found)
            for name, x, array in zip(self.operands, operands, arrays, strict=True)
        ]
        changed = any(a is not b for a, b in zip(promoted, operands, strict=True))
        return promoted if changed else None

    def _checked(self, operands: tuple[Any, ...], settings: dict[str, Any]) -> tuple[Any, ...]:
        """The operands, completed by defaults; TypeError for what the forward does not take."""
        if not settings.keys() <= self.settings.keys():
            raise TypeError(
                f"{self.name}: unexpected {sorted(settings.keys() - self.settings.keys())}; its "
                f"settings are {list(self.settings)}, and operands are passed by position"
            )
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

    def _explained(self, error: Exception, arrays: list[Any]) -> Exception:
        """The same error, with the op's name and what it was given."""
        if not on_same_device(*arrays):
            kinds = [type(x).__module__.split(".")[0] for x in arrays if hasattr(x, "shape")]
            return ValueError(
                f"{self.name}: operands live on different devices ({', '.join(kinds)}); "
                "use .to(device)"
            )
        what = ", ".join(
            f"{name} {x.dtype}{list(x.shape)}" if hasattr(x, "dtype") else f"{name} {x!r:.60}"
            for name, x in zip(self.operands, arrays, strict=False)
        )
        kind = next(k for k in (TypeError, IndexError, ValueError) if isinstance(error, k))
        message = str(error)
        named = message.startswith(self.name)
        return kind(message if named else f"{self.name}: {message} (given {what})")

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


def need_arrays(name: str, *operands: Any) -> None:
    """TypeError if an operand has no shape: for ops that look at shapes before they run."""
    for x in operands:
        if not hasattr(x, "shape"):
            raise TypeError(f"{name}: needs tensors, got {type(x).__name__}")


def need_one_dtype(name: str, **operands: Any) -> None:
    """TypeError if operands that a product needs in one dtype are not; None does not count."""
    dtypes = {key: x.dtype for key, x in operands.items() if x is not None}
    if len(set(dtypes.values())) > 1:
        what = " and ".join(f"{key} {dtype}" for key, dtype in dtypes.items())
        raise TypeError(f"{name}: got {what}; use .to(dtype) to make them one dtype")


# ---- dtypes --------------------------------------------------------------------------------------


def _in_dtype(x: Any, array: Any, wanted: Any, found: Any) -> Any:
    """An operand in the dtype that is wanted, where `found` is what the arrays as they are gave."""
    if isinstance(array, np.generic):
        return array.item()
    kind = array.dtype.kind if hasattr(array, "dtype") else ""
    if kind == "f":
        return x if array.dtype == wanted else cast(x, dtype=wanted)
    return cast(x, dtype=wanted) if kind and found != wanted else x


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


Op.sum_to = sum_to
expand.gradient("x")(lambda g, x_shape: sum_to(g, shape=x_shape))
sum_to.gradient("x")(lambda g, x_shape: expand(g, shape=x_shape))
