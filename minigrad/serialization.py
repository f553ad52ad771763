"""Weights and checkpoints in safetensors files, which other frameworks read, and which run no code.

A state dict gives a file whose tensors have its very names. What is nested, and what is no tensor,
is described as JSON in the file's metadata, together with a checksum of the whole file.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .backend import Device, cpu
from .backend import device as find_device
from .files import File, replacing
from .tensor import Tensor

# The one entry of the metadata is CHECKED, the checksum, a space and the tree. The checksum is the
# SHA-256 of the file as it is with UNKNOWN in its place.
_KEY = "minigrad"
_CHECKED = "minigrad:sha256:"
_UNKNOWN = "0" * 64
_A_PICKLE = (
    "; it looks like a pickle, which can run code: safetensors.torch.save_file(state_dict, path) "
    "writes what PyTorch has for here"
)
# NumPy has no bfloat16; float32 has all its values.
_DTYPES = {
    **{f"F{8 * size}": f"float{8 * size}" for size in (2, 4, 8)},
    **{f"I{8 * size}": f"int{8 * size}" for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": f"uint{8 * size}" for size in (1, 2, 4, 8)},
    "BOOL": "bool",
    "BF16": "uint16",
}


def save(obj: dict[Any, Any], path: File) -> None:
    """Write a dict of tensors, arrays, numbers, strings, None, lists, tuples and dicts to a
    safetensors file. NumPy's numbers are written as Python's.

    The file appears at once, or not at all: a crash while writing leaves the old one whole, and
    `load` finds any bit of it that changes later. TypeError for anything else, with its place in
    `obj`.

    >>> mg.save({"weight": mg.ones(2), "epoch": 3}, "run.safetensors")
    >>> mg.load("run.safetensors")
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    import json  # here, as all that only files need: the import of minigrad stays light

    if not isinstance(obj, dict):
        raise TypeError(f"save: needs a dict, as .state_dict() gives, got {type(obj).__name__}")
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    tree = json.dumps(_described(obj, "", tensors))
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"save: there is no folder {folder}")
    from safetensors.numpy import save as serialized

    content = serialized(tensors, {_KEY: f"{_CHECKED}{_UNKNOWN} {tree}"})
    before, checksum, after = _parts(content, _UNKNOWN)
    with replacing(path) as file:
        file.write(before)
        file.write(checksum)
        file.write(after)


def load(
    path: File,
    map_location: Any = None,
    *,
    device: str | Device | None = None,
    weights_only: bool = True,
) -> dict[Any, Any]:
    """Read what `save` wrote, or any other safetensors file as a flat dict of tensors.

    The tensors are put on `device`, else where PyTorch's `map_location` says of the CPU's, else on
    the CPU. Whatever `weights_only` is, no code is run. bfloat16, which NumPy lacks, becomes
    float32, value for value. FileNotFoundError or ValueError names the file if it is missing,
    damaged (in what `save` wrote, by a single bit), of another kind, or has numbers that NumPy
    lacks (float8).
    """
    import json

    from safetensors import SafetensorError, deserialize

    place = _place(map_location) if device is None else find_device(device)
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (FileNotFoundError, IsADirectoryError):
        raise FileNotFoundError(f"load: there is no file {name}") from None
    errors = (SafetensorError, ValueError, KeyError, TypeError, RecursionError)
    with _told_of(name, errors, content):
        found = dict(deserialize(content))  # type: ignore[no-untyped-call]
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = header.pop("__metadata__", None) or {}
        for value in metadata.values():  # under whatever name: a bit of that may have changed too
            if value.startswith(_CHECKED):
                _check(content, value)
    for key in header:
        if (dtype := found[key]["dtype"]) not in _DTYPES:
            raise ValueError(f"load: {name}: {key!r} is of type {dtype}, which cannot be read here")
    with _told_of(name, errors, content):
        arrays = {key: _array(**found[key]) for key in header}
        if (tree := metadata.get(_KEY)) is not None:
            if tree.startswith(_CHECKED):
                _, _, tree = tree.partition(" ")
            restored: dict[Any, Any] = _restored(json.loads(tree), arrays, place)
            return restored
    return {key: Tensor(place.asarray(array)) for key, array in arrays.items()}


def _place(map_location: Any) -> Device:
    """The device that PyTorch's argument names: by a device, a dict of devices, or a function of a
    tensor and its device. What a file holds counts as the CPU's."""
    if callable(map_location):
        moved = map_location(Tensor(np.empty(0)), "cpu")
        return moved.device if isinstance(moved, Tensor) else cpu
    if isinstance(map_location, dict):
        map_location = map_location.get("cpu")
    return cpu if map_location is None else find_device(map_location)


@contextmanager
def _told_of(name: str, errors: tuple[type[Exception], ...], content: bytes) -> Iterator[None]:
    """What goes wrong inside is told of the file."""
    try:
        yield
    except errors as error:
        pickled = content.startswith((b"PK\3\4", b"\x80\2", b"\x80\4"))
        raise ValueError(
            f"load: {name} is damaged, or no safetensors file that can be read here "
            f"({type(error).__name__}: {error}){_A_PICKLE if pickled else ''}"
        ) from error


# ---- the tree ------------------------------------------------------------------------------------


def _described(value: Any, name: str, tensors: dict[str, np.ndarray[Any, Any]]) -> Any:
    """`value` as JSON, its tensors put aside under the names of their places."""
    if isinstance(value, Tensor):
        return {"tensor": _put_aside(value.device.to_numpy(value.array), name, tensors)}
    if isinstance(value, np.ndarray):
        return {"array": _put_aside(value, name, tensors)}
    if isinstance(value, np.generic):  # the mean of a list, a rate out of np.logspace
        value = value.item()
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


def _array(data: bytes | bytearray, dtype: str, shape: list[int]) -> np.ndarray[Any, Any]:
    """What the file has of one tensor, as an array that may be written to."""
    array = np.frombuffer(data, _DTYPES[dtype]).reshape(shape)
    if dtype == "BF16":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    return np.require(array, requirements=["ALIGNED", "WRITEABLE"])


def _parts(content: bytes, checksum: str) -> tuple[memoryview, bytes, memoryview]:
    """What a file has before its checksum, what that must be, and what comes after it."""
    from hashlib import sha256

    start = content.index((_CHECKED + checksum).encode()) + len(_CHECKED)
    before, after = memoryview(content)[:start], memoryview(content)[start + len(_UNKNOWN) :]
    digest = sha256(before)
    digest.update(_UNKNOWN.encode())
    digest.update(after)
    return before, digest.hexdigest().encode(), after


def _check(content: bytes, value: str) -> None:
    """Raises ValueError if the checksum in a value of the metadata is not that of the file."""
    found = value[len(_CHECKED) : len(_CHECKED) + len(_UNKNOWN)]
    _, checksum, _ = _parts(content, found)
    if found.encode() != checksum:
        raise ValueError(f"its SHA-256 is {checksum.decode()}, and should be {found}")
