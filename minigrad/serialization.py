"""Weights and checkpoints in safetensors files, which other frameworks read, and which run no code.

A state dict gives a file whose tensors have its very names. What is nested, and what is no tensor,
is described as JSON in the file's metadata.
"""

import os
from contextlib import suppress
from typing import Any

import numpy as np

from .backend import Device, cpu
from .backend import device as find_device
from .tensor import Tensor

_KEY = "minigrad"
File = str | os.PathLike[str]


def save(obj: dict[Any, Any], path: File) -> None:
    """Write a dict of tensors, arrays, numbers, strings, None, lists, tuples and dicts to a
    safetensors file.

    The file appears at once, or not at all: a crash while writing leaves the old one whole.
    TypeError for anything else, with its place in `obj`.
    """
    import json  # here, as all that only files need: the import of minigrad stays light

    if not isinstance(obj, dict):
        raise TypeError(f"save: needs a dict, got {type(obj).__name__}")
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    tree = json.dumps(_described(obj, "", tensors))
    _replace(os.fspath(path), tensors, {_KEY: tree})


def load(path: File, device: str | Device | None = None) -> dict[Any, Any]:
    """Read what `save` wrote, or any other safetensors file as a flat dict of tensors.

    The tensors are put on `device` (the CPU if None). FileNotFoundError or ValueError names the
    file if it is missing, damaged or of another kind.
    """
    import json

    from safetensors import SafetensorError, safe_open

    place = cpu if device is None else find_device(device)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"load: there is no file {os.fspath(path)}")
    try:
        with safe_open(os.fspath(path), framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: _own(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        if _KEY in metadata:
            found: dict[Any, Any] = _restored(json.loads(metadata[_KEY]), arrays, place)
            return found
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"load: {os.fspath(path)} is damaged, or no safetensors file that can be read here "
            f"({type(error).__name__}: {error})"
        ) from error
    return {name: Tensor(place.asarray(array)) for name, array in arrays.items()}


# ---- the tree ------------------------------------------------------------------------------------


def _described(value: Any, name: str, tensors: dict[str, np.ndarray[Any, Any]]) -> Any:
    """`value` as JSON, its tensors put aside under the names of their places."""
    if isinstance(value, Tensor):
        return {"tensor": _put_aside(value.device.to_numpy(value.data), name, tensors)}
    if isinstance(value, np.ndarray):
        return {"array": _put_aside(value, name, tensors)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, dict):
        for key in value:
            if type(key) not in (str, int):
                raise TypeError(f"save: a key must be a str or an int, got {key!r} in {name!r}")
        return {"dict": [[k, _described(v, _join(name, k), tensors)] for k, v in value.items()]}
    if type(value) in (list, tuple):
        items = [_described(v, _join(name, i), tensors) for i, v in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    raise TypeError(f"save: {name!r} is of type {type(value).__name__}, which cannot be saved")


def _put_aside(
    array: np.ndarray[Any, Any], name: str, tensors: dict[str, np.ndarray[Any, Any]]
) -> str:
    if array.dtype.kind not in "fiub":
        raise TypeError(f"save: {name!r} has dtype {array.dtype}, which cannot be saved")
    while name in tensors or name == "__metadata__":  # {"a.b": x, "a": {"b": y}}
        name += "_"
    tensors[name] = np.asarray(array, order="C")
    return name


def _own(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array, or a copy if it may not be written to (which depends on safetensors' version)."""
    return np.require(array, requirements=["ALIGNED", "WRITEABLE"])


def _join(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _restored(tree: Any, arrays: dict[str, np.ndarray[Any, Any]], place: Device) -> Any:
    """The inverse of _described."""
    if isinstance(tree, list):
        return [_restored(item, arrays, place) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "tensor":
        return Tensor(place.asarray(arrays[content]))
    if kind == "array":
        return arrays[content]
    if kind == "tuple":
        return tuple(_restored(content, arrays, place))
    if kind == "dict":
        return {key: _restored(value, arrays, place) for key, value in content}
    raise ValueError(f"unknown kind {kind!r} in its metadata")


# ---- the file ------------------------------------------------------------------------------------


def _replace(path: str, tensors: dict[str, np.ndarray[Any, Any]], metadata: dict[str, str]) -> None:
    """Write beside the file, and take its place when all is on the disk.

    The name of the temporary file is always the same, so that what a killed process left behind is
    gone after the next save.
    """
    from safetensors.numpy import save as serialized

    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"save: there is no folder {folder}")
    temporary = os.path.join(folder, f".{name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(serialized(tensors, metadata))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
