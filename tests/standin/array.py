"""An array that behaves as cupy.ndarray does, on top of a NumPy array that it hides.

It is no subclass of numpy.ndarray, since that would mix with host arrays silently; CuPy refuses.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from .api import API, check_call, ufunc_method
from .counts import counts

# What keeps the order of its operand in memory; every other result that is no view is C-ordered.
KEEPS_ORDER = {"copy", "astype", "empty_like", "zeros_like", "ones_like", "full_like", "array"}


class ndarray:
    """cupy.ndarray; `host` is the NumPy array inside, `base` the array whose memory it views."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: np.ndarray[Any, Any], base: "ndarray | None" = None) -> None:
        self.host = host
        self.base = base

    # ---- what can be known without waiting -------------------------------------------------------

    shape = property(lambda self: self.host.shape)
    strides = property(lambda self: self.host.strides)
    dtype = property(lambda self: self.host.dtype)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    nbytes = property(lambda self: self.host.nbytes)
    itemsize = property(lambda self: self.host.itemsize)
    data = property(lambda self: SimpleNamespace(ptr=self.host.ctypes.data))
    T = property(lambda self: wrapped(self.host.T, self))
    mT = property(lambda self: wrapped(self.host.mT, self))

    @property
    def flags(self) -> SimpleNamespace:
        flags = self.host.flags  # CuPy's have no `writeable`
        return SimpleNamespace(
            c_contiguous=flags.c_contiguous,
            f_contiguous=flags.f_contiguous,
            owndata=self.base is None,
        )

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Iterator["ndarray"]:
        return (self[i] for i in range(len(self)))

    # ---- what waits for the device ---------------------------------------------------------------

    def get(
        self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True
    ) -> np.ndarray[Any, Any]:
        copy = np.array(downloaded(self), order=order)  # type: ignore[call-overload]
        if out is None:
            return copy  # type: ignore[no-any-return]
        np.copyto(out, copy)
        return out  # type: ignore[no-any-return]

    def set(self, arr: Any, stream: Any = None) -> None:
        if type(arr) is not np.ndarray or (arr.dtype, arr.shape) != (self.dtype, self.shape):
            raise TypeError("cupy.ndarray.set: needs a NumPy array of the same dtype and shape")
        counts.uploads += 1
        self.host[...] = arr

    def __float__(self) -> float:
        return float(downloaded(self))

    def __int__(self) -> int:
        return int(downloaded(self))

    def __bool__(self) -> bool:
        return bool(downloaded(self))

    def __repr__(self) -> str:
        return repr(downloaded(self))

    # ---- NumPy's functions called on it run on the device ----------------------------------------

    def __array__(self, dtype: Any = None, copy: Any = None) -> None:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to "
            "construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **keywords: Any) -> Any:
        if isinstance(keywords.get("out"), tuple) and len(keywords["out"]) == 1:
            keywords["out"] = keywords["out"][0]
        if method != "__call__":
            ufunc_method(ufunc.__name__, API["cupy"][ufunc.__name__], method)
        return call(ufunc.__name__, API["cupy"][ufunc.__name__], ufunc, args, keywords)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        module, name = function.__module__.replace("numpy", "cupy"), function.__name__
        if name not in API.get(module, {}):
            return NotImplemented
        return call(name, API[module][name], function, args, keywords)

    # ---- indexing --------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> "ndarray":
        return wrapped(self.host[_around(_key(key), self.host.shape)], self)  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        parts = key if isinstance(key, tuple) else (key,)
        if isinstance(value, np.ndarray | list | tuple) and np.ndim(value):
            if not any(isinstance(k, ndarray | np.ndarray | list) for k in parts):
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            counts.uploads += 1
            self.host[_key(key)] = value
        else:
            self.host[_key(key)] = unwrapped(value)


def downloaded(array: ndarray) -> np.ndarray[Any, Any]:
    counts.downloads += 1
    counts.synchronisations += 1
    return array.host


def uploaded(data: Any) -> Any:
    """What the functions that take host data (array, index arrays) make of it."""
    if isinstance(data, ndarray):
        return data.host
    if isinstance(data, list | tuple) and any(isinstance(x, ndarray) for x in data):
        return [uploaded(x) for x in data]
    counts.uploads += isinstance(data, np.ndarray | list | tuple)
    return data


def unwrapped(x: Any) -> Any:
    """The operand as NumPy takes it; a host array is refused."""
    if isinstance(x, ndarray):
        return x.host
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    if type(x) in (list, tuple):
        return type(x)(unwrapped(i) for i in x)
    return x


def wrapped(result: Any, *given: Any, name: str = "") -> Any:
    """A result as a device array: the operand itself, a view of one, or new memory in C order."""
    if type(result) in (list, tuple):
        return type(result)(wrapped(r, *given, name=name) for r in result)
    if not isinstance(result, np.ndarray | np.generic):
        return result
    array = np.asarray(result)
    for x in given:
        if isinstance(x, ndarray):
            if x.host is array:
                return x
            if _root(array) is _root(x.host):
                return ndarray(array, x if x.base is None else x.base)
    return ndarray(array if name in KEEPS_ORDER else np.asarray(array, order="C"))


def _root(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _key(key: Any) -> Any:
    parts = key if isinstance(key, tuple) else (key,)
    parts = tuple([uploaded(k) if isinstance(k, ndarray | np.ndarray | list) else k for k in parts])
    # A mask's result has as many elements as it has Trues: CuPy fetches the number.
    counts.synchronisations += any(getattr(k, "dtype", None) == np.bool_ for k in parts)
    return parts if isinstance(key, tuple) else parts[0]


def _around(key: Any, shape: tuple[int, ...]) -> Any:
    """The key with index arrays modulo their axis, as CuPy takes them."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(k is None or k is Ellipsis or getattr(k, "dtype", None) == np.bool_ for k in parts):
        return key
    return tuple(
        [k % n if isinstance(k, np.ndarray) and k.ndim else k for k, n in zip(parts, shape)]
    )


def call(
    name: str,
    entry: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    keywords: dict[str, Any],
) -> Any:
    """function(*args), as CuPy's function of that name would take and answer it."""
    check_call(name, entry, args, keywords)
    if entry.startswith("ufunc") and any(isinstance(x, list | tuple) for x in args):
        raise TypeError("Unsupported type <class 'list'>")
    keywords = {k: v for k, v in keywords.items() if k != "blocking"}
    if name in ("argsort", "sort"):
        keywords["kind"] = "stable"  # CuPy has no other
    out = function(*[unwrapped(x) for x in args], **{k: unwrapped(v) for k, v in keywords.items()})
    return wrapped(out, *args, *keywords.values(), name=name)


def _method(name: str) -> Callable[..., Any]:
    entry = API["ndarray"][name]

    def method(self: ndarray, *args: Any, **keywords: Any) -> Any:
        if name in ("item", "tolist", "tobytes", "tofile", "dump", "dumps"):
            check_call(name, entry, (self, *args), keywords)
            return getattr(downloaded(self), name)(*args, **keywords)
        counts.synchronisations += name in ("nonzero", "compress")
        function = getattr(np.ndarray, name)
        return call(name, entry, function, (self, *args), keywords)

    return method


def _operator(name: str) -> Callable[..., Any]:
    def operator(self: ndarray, *others: Any) -> Any:
        if any(isinstance(x, list | tuple) for x in others):
            raise TypeError("Unsupported type <class 'list'>")
        result = getattr(self.host, name)(*[unwrapped(x) for x in others])
        return result if result is NotImplemented else wrapped(result, self)

    return operator


for _name, _entry in API["ndarray"].items():
    if _entry != "value" and not hasattr(ndarray, _name) and hasattr(np.ndarray, _name):
        setattr(ndarray, _name, _method(_name))
for _name in API["operators"]:
    _special = _name.startswith(("__array", "__dlpack", "__class", "__module", "__copy", "__deep"))
    if not _special and (_name not in vars(ndarray)):
        setattr(ndarray, _name, _operator(_name))
