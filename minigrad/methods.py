"""A tensor's operators and methods: they are the ops themselves, whose first operand it is."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import ops
from .ops.indexing import index
from .tape import Variable

if TYPE_CHECKING:
    from .tensor import Tensor


def _reflected(op: Callable[..., "Tensor"]) -> "Callable[[Any, Any], Tensor]":
    """The op with its operands exchanged: `2 - x` is x.__rsub__(2)."""

    def method(self: Any, other: Any) -> "Tensor":
        return op(other, self)

    return method


_NUMPYS = {  # NumPy's names for ops that have another name here
    "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt",
    "greater_equal": "ge", "invert": "bitwise_not", "absolute": "abs",
}  # fmt: skip


class Methods(Variable):
    """What Tensor inherits."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **how: Any) -> "Tensor":
        """What NumPy calls for `array * tensor` and np.sin(tensor): our op of that name."""
        name = _NUMPYS.get(ufunc.__name__, ufunc.__name__)
        op = getattr(ops, name, None)
        if op is None or method != "__call__" or how:
            what = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            raise TypeError(f"numpy.{what} does not take tensors; use x.numpy()")
        return op(*operands)  # type: ignore[no-any-return]

    # NOTE: the four that a step calls most are functions, which Python binds faster than an op:
    # 0.15 of 0.9 microseconds.
    def __add__(self, other: Any) -> "Tensor":
        return ops.add(self, other)

    def __sub__(self, other: Any) -> "Tensor":
        return ops.subtract(self, other)

    def __mul__(self, other: Any) -> "Tensor":
        return ops.multiply(self, other)

    def __truediv__(self, other: Any) -> "Tensor":
        return ops.divide(self, other)

    __radd__ = _reflected(ops.add)
    __rsub__ = _reflected(ops.subtract)
    __rmul__ = _reflected(ops.multiply)
    __rtruediv__ = _reflected(ops.divide)
    __pow__ = ops.power
    __rpow__ = _reflected(ops.power)
    __matmul__ = ops.matmul
    __rmatmul__ = _reflected(ops.matmul)
    __neg__ = ops.negative
    __abs__ = ops.abs
    __invert__ = ops.bitwise_not
    __and__ = __rand__ = ops.bitwise_and
    __or__ = __ror__ = ops.bitwise_or

    def __eq__(self, other: Any) -> "Tensor":  # type: ignore[override]  # object's gives a bool
        return ops.eq(self, other) if other is not None else False  # type: ignore[return-value]

    def __ne__(self, other: Any) -> "Tensor":  # type: ignore[override]
        return ops.ne(self, other) if other is not None else True  # type: ignore[return-value]

    __lt__ = ops.lt
    __le__ = ops.le
    __gt__ = ops.gt
    __ge__ = ops.ge
    __getitem__ = index

    abs = ops.abs
    all = ops.all
    amax = ops.amax
    amin = ops.amin
    any = ops.any
    argmax = ops.argmax
    argmin = ops.argmin
    chunk = ops.chunk
    clamp = ops.clamp
    clip = ops.clip
    clone = ops.clone
    cos = ops.cos
    exp = ops.exp
    expand = ops.expand
    expm1 = ops.expm1
    flatten = ops.flatten
    flip = ops.flip
    gather = ops.gather
    isfinite = ops.isfinite
    isnan = ops.isnan
    log = ops.log
    log1p = ops.log1p
    log_softmax = ops.log_softmax
    logsumexp = ops.logsumexp
    matmul = ops.matmul
    max = ops.max
    maximum = ops.maximum
    mean = ops.mean
    min = ops.min
    minimum = ops.minimum
    permute = ops.permute
    pow = ops.pow
    relu = ops.relu
    reshape = ops.reshape
    sigmoid = ops.sigmoid
    sign = ops.sign
    sin = ops.sin
    softmax = ops.softmax
    split = ops.split
    sqrt = ops.sqrt
    square = ops.square
    squeeze = ops.squeeze
    std = ops.std
    sum = ops.sum
    tanh = ops.tanh
    transpose = ops.transpose
    unsqueeze = ops.unsqueeze
    var = ops.var
    view = ops.reshape
