"""Changes in place. They are never recorded: a tensor that is on the tape refuses them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import ops, random
from .backend import device_of
from .methods import Methods
from .op import Op
from .ops.indexing import in_parts, plain_key
from .tape import Leaf, Variable, mode, mutated

if TYPE_CHECKING:
    from typing import Self

    from .tensor import Tensor


def _data(x: Any) -> Any:
    return x.array if isinstance(x, Variable) else x


def _changing(name: str, op: Callable[..., Any]) -> "Callable[..., Tensor]":
    """The method that puts the op's result in the place of its first operand."""

    def change(self: Any, *others: Any, **settings: Any) -> Any:
        arrays = [_data(x) for x in others]
        settings = {key: _data(x) for key, x in settings.items()}
        return self._become(name, op(self.array, *arrays, **settings))

    change.__name__ = name
    change.__doc__ = f"`{op.__name__}`, whose result takes the place of this tensor's elements."
    return change


class InPlace(Methods):
    """What Tensor inherits."""

    __slots__ = ()

    def _check_writable(self, name: str) -> None:
        if self.node is not None and mode.recording:
            raise RuntimeError(
                f"{name}: this tensor is on the tape, and cannot be changed in place; "
                "use minigrad.where or concat to make a new one, or minigrad.no_grad() to change "
                "a parameter"
            )

    def _need_floats(self, name: str) -> None:
        if self.array.dtype.kind != "f":
            raise TypeError(f"{name}: needs a floating tensor, this one is {self.array.dtype}")

    def _become(self, name: str, value: Any) -> "Self":
        """Take over the elements of an array or number, which is broadcast, in this dtype."""
        self._check_writable(name)
        device = device_of(self.array)
        try:
            if not isinstance(value, int | float | bool):
                value = device.asarray(value)
            device.xp.copyto(self.array, value, casting="same_kind")
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
        mutated(self.array)
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check_writable("__setitem__")
        if isinstance(value, Variable) and value.node is not None and mode.recording:
            raise RuntimeError(
                "__setitem__: the value is on the tape, and assignments are not recorded; "
                "use .detach()"
            )
        device, value = device_of(self.array), _data(value)
        if not isinstance(value, int | float | bool):
            value = device.asarray(value, self.array.dtype)
        *first, last = in_parts(plain_key(key, device))
        target = self.array[first[0]] if first else self.array
        target[last] = value
        mutated(self.array)

    def __iadd__(self, other: Any) -> Any:
        return self._in_place("__iadd__", ops.elementwise._add, other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place("__isub__", ops.elementwise._subtract, other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place("__imul__", ops.multiply, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place("__itruediv__", ops.divide, other)

    def _in_place(self, name: str, op: Op[Any], other: Any) -> Any:
        """`x += y` changes x, unless it has to be recorded: then the name x gets a new tensor."""
        recorded = self.node is not None or getattr(other, "node", None) is not None
        if mode.recording and recorded and not isinstance(self.node, Leaf):
            return op(self, other)
        return self._become(name, op(self.array, _data(other)))

    def copy_(self, source: Any) -> "Self":
        """Take over the elements of `source`, which is broadcast, in this tensor's dtype."""
        return self._become("copy_", _data(source))

    def fill_(self, value: Any) -> "Self":
        """Set every element to `value`."""
        return self._become("fill_", value)

    def zero_(self) -> "Self":
        """Set every element to 0."""
        return self._become("zero_", False)

    add_ = _changing("add_", ops.add)
    sub_ = _changing("sub_", ops.sub)
    mul_ = _changing("mul_", ops.mul)
    div_ = _changing("div_", ops.div)
    pow_ = _changing("pow_", ops.pow)
    neg_ = _changing("neg_", ops.neg)
    abs_ = _changing("abs_", ops.abs)
    exp_ = _changing("exp_", ops.exp)
    sqrt_ = _changing("sqrt_", ops.sqrt)
    floor_ = _changing("floor_", ops.floor)
    round_ = _changing("round_", ops.round)
    clamp_ = _changing("clamp_", ops.clamp)
    clip_ = _changing("clip_", ops.clip)
    lerp_ = _changing("lerp_", ops.lerp)
    addcmul_ = _changing("addcmul_", ops.addcmul)
    addcdiv_ = _changing("addcdiv_", ops.addcdiv)
    masked_fill_ = _changing("masked_fill_", ops.masked_fill)
    scatter_ = _changing("scatter_", ops.scatter)
    scatter_add_ = _changing("scatter_add_", ops.scatter_add)

    def normal_(self, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None) -> "Self":
        """Fill with normal random numbers."""
        self._need_floats("normal_")
        draw = random.normal(self.array.shape, self.array.dtype, device_of(self.array), generator)
        return self._become("normal_", draw * std + mean)

    def uniform_(self, a: Any = 0.0, b: Any = 1.0, *, generator: Any = None) -> "Self":
        """Fill with random numbers, uniform from [a, b)."""
        self._need_floats("uniform_")
        draw = random.uniform(self.array.shape, self.array.dtype, device_of(self.array), generator)
        return self._become("uniform_", draw * (b - a) + a)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> "Self":
        """Fill with 1 with probability p, else 0."""
        return self._become("bernoulli_", random.bernoulli(_data(p), self.array, generator))
