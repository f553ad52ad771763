"""Making tensors.

Python's floats become float32, its ints int64, its bools bool; arrays keep their dtype.
"""

from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

from .backend import Device, DType, Shape, cpu, device_of, find_dtype
from .backend import device as find_device
from .dtypes import float32 as float32
from .dtypes import float64
from .dtypes import int64 as int64
from .ops.checks import shape_of
from .tensor import Tensor

__all__ = [
    "arange", "as_tensor", "empty", "empty_like", "eye", "from_dlpack", "from_numpy",
    "full", "full_like", "is_tensor", "linspace", "numel", "ones", "ones_like", "tensor", "zeros",
    "zeros_like",
]  # fmt: skip

Place: TypeAlias = str | Device | None  # None is the CPU, or where the data are
DTypeLike: TypeAlias = DType | type | str | None  # None is the function's own choice
Size: TypeAlias = SupportsIndex | Sequence[SupportsIndex]  # zeros(2, 3) or zeros((2, 3))


def _place(device: Place) -> Device:
    return cpu if device is None else find_device(device)


def _finished(array: Any, requires_grad: bool) -> Tensor:
    out = Tensor(array)
    if requires_grad:
        out.requires_grad_()
    return out


def _checked(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array, in the machine's byte order; TypeError for what is no number."""
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: cannot make a tensor of {array.dtype}; needs numbers or bools")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def tensor(
    data: Any, *, dtype: DTypeLike = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of `data`: a number, nested lists, an array, or a tensor."""
    if isinstance(data, Tensor):
        copied = data.detach().clone().to(device=device, dtype=dtype)
        return _finished(copied.array, requires_grad)
    kind = None if dtype is None else find_dtype("tensor", dtype)
    if device_of(data) is not cpu:
        return _finished(_as_array(data.copy(), kind, device or device_of(data)), requires_grad)
    host = np.array(np.asarray(data)) if hasattr(data, "dtype") else _from_python(data, kind)
    return _finished(_as_array(_checked("tensor", host), kind, device), requires_grad)


def _as_array(data: Any, dtype: DType | None, device: Place) -> Any:
    return _place(device).asarray(data, dtype)


def _from_python(data: Any, dtype: DType | None = None) -> np.ndarray[Any, Any]:
    """Python's numbers and lists of them as an array: by default float32, int64 or bool."""
    if isinstance(data, Sequence) and any(isinstance(x, Tensor) for x in data):
        data = [x.tolist() if isinstance(x, Tensor) else x for x in data]
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"tensor: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"tensor: cannot make a tensor of {type(data).__name__} {data!r:.60}")
    if dtype is not None:
        return array.astype(dtype)
    if array.dtype == np.uint64:
        raise ValueError("tensor: an integer is too large for int64")
    if array.dtype != np.float64:
        return array
    dtypes = (
        [x.dtype for x in data if hasattr(x, "dtype")] if isinstance(data, list | tuple) else []
    )
    return array.astype(np.result_type(*dtypes) if dtypes else np.float32)


def as_tensor(data: Any, *, dtype: DTypeLike = None, device: Place = None) -> Tensor:
    """As `tensor`, without a copy where none is needed."""
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)
    kind = None if dtype is None else find_dtype("as_tensor", dtype)
    if device_of(data) is not cpu:
        return Tensor(_as_array(data, kind, device or device_of(data)))
    host = np.asarray(data) if hasattr(data, "dtype") else _from_python(data, kind)
    return Tensor(_as_array(_checked("as_tensor", host), kind, device))


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the array's memory; TypeError for what is no array of numbers."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: needs a numpy.ndarray, got {type(array).__name__}")
    if not array.dtype.isnative:
        raise TypeError(f"from_numpy: {array.dtype} is not in this machine's byte order")
    return Tensor(np.asarray(_checked("from_numpy", array)))


# By DLPack's numbers; pinned memory (3) is the host's.
_DLPACK = {1: "cpu", 2: "cuda", 3: "cpu"}


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of another library's array (PyTorch's, CuPy's, ...).

    TypeError for memory that is neither the CPU's nor that of the first GPU.
    """
    if not hasattr(source, "__dlpack_device__"):
        raise TypeError(f"from_dlpack: {type(source).__name__} has no __dlpack__ method")
    kind, number = source.__dlpack_device__()
    if kind not in _DLPACK or (kind == 2 and number != 0):
        raise TypeError(f"from_dlpack: memory of DLPack's device {kind}, number {number}")
    place = find_device(_DLPACK[kind])
    try:
        return Tensor(place.xp.from_dlpack(source))
    except BufferError as error:
        raise TypeError(f"from_dlpack: {error}") from error


def full(
    size: Size,
    fill_value: float | np.generic,
    *,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one value; its dtype is that of the value unless given."""
    if not isinstance(fill_value, int | float) and not hasattr(fill_value, "dtype"):
        given = type(fill_value).__name__
        raise TypeError(f"full: the value must be a number, got {given} {fill_value!r:.60}")
    kind = _from_python(fill_value).dtype if dtype is None else find_dtype("full", dtype)
    return _finished(_place(device).xp.full(shape_of((size,)), fill_value, kind), requires_grad)


def shape_for(args: tuple[Any, ...], size: Size | None) -> Shape:
    """The shape that a function was given as numbers, as a sequence, or by `size=`."""
    shape = shape_of(args if size is None else (size,))
    if any(n < 0 for n in shape):
        raise ValueError(f"a shape has no negative sizes, got {list(shape)}")
    return shape


def zeros(
    *sizes: Size,
    size: Size | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros, float32 unless another dtype is given."""
    kind = find_dtype("zeros", dtype or float32)
    return _finished(_place(device).xp.zeros(shape_for(sizes, size), kind), requires_grad)


def ones(
    *sizes: Size,
    size: Size | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones, float32 unless another dtype is given."""
    kind = find_dtype("ones", dtype or float32)
    return _finished(_place(device).xp.ones(shape_for(sizes, size), kind), requires_grad)


def empty(
    *sizes: Size,
    size: Size | None = None,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor whose elements are not set, float32 unless another dtype is given."""
    kind = find_dtype("empty", dtype or float32)
    return _finished(_place(device).xp.empty(shape_for(sizes, size), kind), requires_grad)


def zeros_like(
    x: Tensor, *, dtype: DTypeLike = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of the shape, dtype and device of x."""
    return zeros(
        x.shape, dtype=dtype or x.dtype, device=device or x.device, requires_grad=requires_grad
    )


def ones_like(
    x: Tensor, *, dtype: DTypeLike = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """Ones of the shape, dtype and device of x."""
    return ones(
        x.shape, dtype=dtype or x.dtype, device=device or x.device, requires_grad=requires_grad
    )


def empty_like(
    x: Tensor, *, dtype: DTypeLike = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of the shape, dtype and device of x whose elements are not set."""
    return empty(
        x.shape, dtype=dtype or x.dtype, device=device or x.device, requires_grad=requires_grad
    )


def full_like(
    x: Tensor,
    fill_value: float | np.generic,
    *,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """One value in the shape, dtype and device of x."""
    return full(
        x.shape,
        fill_value,
        dtype=dtype or x.dtype,
        device=device or x.device,
        requires_grad=requires_grad,
    )


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... below end; `arange(end)` starts at 0.

    ValueError for a step that is 0, or does not lead from start to end.
    """
    start, end = (0, start) if end is None else (start, end)
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange: steps of {step} do not lead from {start} to {end}")
    floats = any(isinstance(n, float | np.floating) for n in (start, end, step))
    kind = find_dtype("arange", dtype or (float32 if floats else int64))
    if floats and kind.kind != "f" and any(n != int(n) for n in (start, end, step)):
        raise ValueError(f"arange: {start}, {end} and {step} are no limits and steps of {kind}")
    xp = _place(device).xp
    made = xp.arange(start, end, step, dtype=float64 if kind.kind == "f" else None).astype(kind)
    return _finished(made, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DTypeLike = float32,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from start to end, both included; TypeError for a dtype of integers."""
    if steps < 0:
        raise ValueError(f"linspace: needs a number of steps that is not negative, got {steps}")
    kind = find_dtype("linspace", dtype or float32)
    if kind.kind != "f":
        raise TypeError(f"linspace: makes floating numbers, not {kind}; round them as you mean it")
    ends = float(start), float(end)  # of tensors too, which would be counted from in their dtype
    return _finished(_place(device).xp.linspace(*ends, steps, dtype=kind), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DTypeLike = None,
    device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    kind = find_dtype("eye", dtype or float32)
    return _finished(_place(device).xp.eye(n, m, dtype=kind), requires_grad)


def is_tensor(x: object) -> bool:
    """Whether x is a Tensor."""
    return isinstance(x, Tensor)


def numel(x: Tensor) -> int:
    """How many elements there are."""
    return x.numel()
