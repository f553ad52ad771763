"""A tensor's operators and methods, one line each: the work is in ops/."""

from typing import Any

from . import ops
from .nodes import Variable


class Methods(Variable):
    """What Tensor inherits."""

    __slots__ = ()
    __array_ufunc__ = None  # so that numpy_array * tensor is ours, and not an array of tensors

    def __add__(self, other: Any) -> Any:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return ops.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return ops.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return ops.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return ops.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return ops.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return ops.divide(other, self)

    def __pow__(self, other: Any) -> Any:
        return ops.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return ops.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return ops.matmul(other, self)

    def __neg__(self) -> Any:
        return ops.negative(self)

    def __abs__(self) -> Any:
        return ops.abs_(self)

    def __invert__(self) -> Any:
        return ops.bitwise_not(self)

    def __and__(self, other: Any) -> Any:
        return ops.bitwise_and(self, other)

    def __or__(self, other: Any) -> Any:
        return ops.bitwise_or(self, other)

    __rand__ = __and__
    __ror__ = __or__

    def __eq__(self, other: Any) -> Any:
        return ops.eq(self, other)

    def __ne__(self, other: Any) -> Any:
        return ops.ne(self, other)

    def __lt__(self, other: Any) -> Any:
        return ops.lt(self, other)

    def __le__(self, other: Any) -> Any:
        return ops.le(self, other)

    def __gt__(self, other: Any) -> Any:
        return ops.gt(self, other)

    def __ge__(self, other: Any) -> Any:
        return ops.ge(self, other)

    def __getitem__(self, key: Any) -> Any:
        return ops.index(self, key)

    # ---- methods ---------------------------------------------------------------------------------

    @property
    def T(self) -> Any:
        return ops.permute(self, tuple(range(self.data.ndim))[::-1])

    def exp(self) -> Any:
        return ops.exp(self)

    def expm1(self) -> Any:
        return ops.expm1(self)

    def log(self) -> Any:
        return ops.log(self)

    def log1p(self) -> Any:
        return ops.log1p(self)

    def sqrt(self) -> Any:
        return ops.sqrt(self)

    def sin(self) -> Any:
        return ops.sin(self)

    def cos(self) -> Any:
        return ops.cos(self)

    def tanh(self) -> Any:
        return ops.tanh(self)

    def sigmoid(self) -> Any:
        return ops.sigmoid(self)

    def relu(self) -> Any:
        return ops.relu(self)

    def sign(self) -> Any:
        return ops.sign(self)

    def isnan(self) -> Any:
        return ops.isnan(self)

    def isfinite(self) -> Any:
        return ops.isfinite(self)

    def abs(self) -> Any:
        return ops.abs_(self)

    def square(self) -> Any:
        return ops.multiply(self, self)

    def pow(self, exponent: Any) -> Any:
        return ops.power(self, exponent)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        return ops.clip(self, min, max)

    clamp = clip

    def maximum(self, other: Any) -> Any:
        return ops.maximum(self, other)

    def minimum(self, other: Any) -> Any:
        return ops.minimum(self, other)

    def matmul(self, other: Any) -> Any:
        return ops.matmul(self, other)

    def any(self, dim: Any = None, keepdim: Any = False) -> Any:
        return ops.any(self, dim, keepdim)

    def all(self, dim: Any = None, keepdim: Any = False) -> Any:
        return ops.all(self, dim, keepdim)

    def sum(self, dim: Any = None, keepdim: Any = False, **numpy_spelling: Any) -> Any:
        return ops.sum(self, dim, keepdim, **numpy_spelling)

    def mean(self, dim: Any = None, keepdim: Any = False, **numpy_spelling: Any) -> Any:
        return ops.mean(self, dim, keepdim, **numpy_spelling)

    def var(
        self, dim: Any = None, keepdim: Any = False, *, correction: Any = 1, **numpy_spelling: Any
    ) -> Any:
        return ops.var(self, dim, keepdim, correction=correction, **numpy_spelling)

    def std(
        self, dim: Any = None, keepdim: Any = False, *, correction: Any = 1, **numpy_spelling: Any
    ) -> Any:
        return ops.std(self, dim, keepdim, correction=correction, **numpy_spelling)

    def amax(self, dim: Any = None, keepdim: Any = False, **numpy_spelling: Any) -> Any:
        return ops.amax(self, dim, keepdim, **numpy_spelling)

    def amin(self, dim: Any = None, keepdim: Any = False, **numpy_spelling: Any) -> Any:
        return ops.amin(self, dim, keepdim, **numpy_spelling)

    def max(self, dim: Any = None, keepdim: Any = False, **numpy_spelling: Any) -> Any:
        return ops.max(self, dim, keepdim, **numpy_spelling)

    def min(self, dim: Any = None, keepdim: Any = False, **numpy_spelling: Any) -> Any:
        return ops.min(self, dim, keepdim, **numpy_spelling)

    def argmax(self, dim: int | None = None, keepdim: Any = False) -> Any:
        return ops.argmax(self, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: Any = False) -> Any:
        return ops.argmin(self, dim, keepdim)

    def logsumexp(self, dim: Any = None, keepdim: Any = False, **numpy_spelling: Any) -> Any:
        return ops.logsumexp(self, dim, keepdim, **numpy_spelling)

    def softmax(self, dim: Any = None, **numpy_spelling: Any) -> Any:
        return ops.softmax(self, dim, **numpy_spelling)

    def log_softmax(self, dim: Any = None, **numpy_spelling: Any) -> Any:
        return ops.log_softmax(self, dim, **numpy_spelling)

    def reshape(self, *shape: Any) -> Any:
        return ops.reshape(self, *shape)

    view = reshape

    def permute(self, *dims: Any) -> Any:
        return ops.permute(self, *dims)

    def transpose(self, dim0: int, dim1: int) -> Any:
        return ops.transpose(self, dim0, dim1)

    def expand(self, *sizes: Any) -> Any:
        return ops.expand(self, *sizes)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        return ops.flatten(self, start_dim, end_dim)

    def squeeze(self, dim: int | None = None) -> Any:
        return ops.squeeze(self, dim)

    def unsqueeze(self, dim: int) -> Any:
        return ops.unsqueeze(self, dim)

    def flip(self, *dims: Any) -> Any:
        return ops.flip(self, *dims)

    def split(self, split_size_or_sections: Any, dim: int = 0) -> Any:
        return ops.split(self, split_size_or_sections, dim)

    def chunk(self, chunks: int, dim: int = 0) -> Any:
        return ops.chunk(self, chunks, dim)

    def gather(self, dim: int, index: Any) -> Any:
        return ops.gather(self, dim, index)
