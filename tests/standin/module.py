"""The module that the stand-in's `import cupy` gives: NumPy's functions under CuPy's names."""

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from .api import API, ufunc_method
from .array import call, ndarray, uploaded, wrapped
from .counts import counts
from .kernels import RawModule

_FROM_THE_HOST = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray")
_WAITS = ("nonzero", "argwhere", "flatnonzero", "unique", "extract", "compress", "array_equal")


class Function:
    """One of CuPy's functions."""

    def __init__(self, name: str, entry: str, function: Callable[..., Any]) -> None:
        self.__name__, self._entry, self._function = name, entry, function

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        name = self.__name__
        counts.synchronisations += name in _WAITS or (name == "where" and len(args) == 1)
        if name == "sliding_window_view":  # it uploads the window's shape and asks for its sign
            counts.uploads += 1
            counts.synchronisations += 1
        if name in _FROM_THE_HOST and args and not isinstance(args[0], ndarray):
            args = (wrapped(np.array(uploaded(args[0]))), *args[1:])
            if args[0].dtype.kind not in "fiubc":
                raise ValueError(f"Unsupported dtype {args[0].dtype}")
        return call(name, self._entry, self._function, args, keywords)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if not self._entry.startswith("ufunc"):
            raise AttributeError(f"cupy.{self.__name__} has no attribute {method!r}")
        ufunc_method(self.__name__, self._entry, method)
        function = getattr(self._function, method)
        return lambda *args, **keywords: call(self.__name__, "method", function, args, keywords)


class Module(types.ModuleType):
    """A module with the names of one of CuPy's; what NumPy lacks under such a name is given."""

    def __init__(self, name: str, like: Any, **given: Any) -> None:
        super().__init__(name)
        self.__dict__.update(given, _like=like)

    def __getattr__(self, name: str) -> Any:
        entry = API[self.__name__].get(name)
        if entry is None:
            raise AttributeError(
                f"module {self.__name__!r} (CuPy {API['version']}) has no attribute {name!r}"
            )
        thing = getattr(self._like, name, None)
        if thing is None:
            raise NotImplementedError(f"the stand-in lacks {self.__name__}.{name}")
        if entry not in ("same", "value"):
            thing = Function(name, entry, thing)
        self.__dict__[name] = thing
        return thing


class Event:
    """cupy.cuda.Event: in the stand-in everything has happened already."""

    done = True

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ) -> None:
        pass

    def synchronize(self) -> None:
        counts.synchronisations += 1


class Stream:
    """cupy.cuda.Stream: in the stand-in there is one order of things."""

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False) -> None:
        pass

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def record(self, event: Event | None = None) -> Event:
        return event or Event()

    def wait_event(self, event: Event) -> None:
        if not isinstance(event, Event):
            raise TypeError("wait_event: needs an event")

    def synchronize(self) -> None:
        counts.synchronisations += 1


def _asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None) -> Any:
    return a.get(order=order, out=out) if isinstance(a, ndarray) else np.asarray(a)


def _compute_type(dtype: Any, kind: int) -> None:
    compute_types[np.dtype(dtype)] = kind


compute_types: dict[Any, int] = {}  # what was said of products: 7 is TF32

cupy = Module(
    "cupy",
    np,
    __version__=API["version"],
    ndarray=ndarray,
    asnumpy=_asnumpy,
    RawModule=RawModule,
    get_default_memory_pool=lambda: types.SimpleNamespace(free_all_blocks=lambda: None),
    linalg=Module("cupy.linalg", np.linalg),
    lib=types.SimpleNamespace(stride_tricks=Module("cupy.lib.stride_tricks", np.lib.stride_tricks)),
    cuda=Module(
        "cupy.cuda",
        None,
        Stream=Stream,
        Event=Event,
        get_current_stream=Stream,
        runtime=types.SimpleNamespace(
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda device: {"name": b"a stand-in"},
            deviceSynchronize=lambda: None,
            memGetInfo=lambda: (2**30, 2**31),
        ),
    ),
    _core=types.SimpleNamespace(set_compute_type=_compute_type),
)
