"""A batch out of samples: what has one kind is stacked, containers keep their form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """A batch of samples: of tensors, arrays and numbers a tensor with a first axis more, of tuples
    and lists a list, of dicts a dict; strings stay side by side. Python's floats become float64.

    TypeError for samples of another kind, ValueError for samples that differ in length or shape.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return mg.stack(list(batch))
    if isinstance(first, np.ndarray | np.generic):
        return mg.tensor(_stacked(batch))
    if isinstance(first, bool | int | float):
        return mg.tensor(np.array(batch))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, Sequence):
        if len({len(sample) for sample in batch}) != 1:
            lengths = [len(sample) for sample in batch]
            raise ValueError(f"default_collate: the samples differ in length: {lengths}")
        return _of_kind(first, [default_collate(column) for column in zip(*batch)])
    raise TypeError(
        "default_collate: a sample must consist of tensors, arrays, numbers, strings, dicts, "
        f"tuples and lists, got {type(first).__name__}; give the DataLoader a collate_fn"
    )


def _stacked(batch: Sequence[Any]) -> Any:
    try:
        return np.stack(batch)
    except ValueError:
        shapes = [np.shape(sample) for sample in batch]
        raise ValueError(f"default_collate: the samples differ in shape: {shapes}") from None


def _of_kind(sample: Sequence[Any], columns: list[Any]) -> Any:
    """The columns as a named tuple where the samples were, else as a list."""
    return type(sample)(*columns) if hasattr(sample, "_fields") else columns


def default_convert(data: Any) -> Any:
    """A sample with its arrays and NumPy's numbers as tensors, and its tuples as lists."""
    return converted(data, lambda x: mg.as_tensor(x) if _is_of_numpy(x) else x, of_tuple=list)


def _is_of_numpy(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "fiub"


def converted(tree: Any, change: Callable[[Any], Any], of_tuple: type = tuple) -> Any:
    """What dicts, lists and tuples hold, each leaf changed."""
    if isinstance(tree, Mapping):
        return {key: converted(value, change, of_tuple) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        items = [converted(item, change, of_tuple) for item in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*items)
        return items if isinstance(tree, list) else of_tuple(items)
    return change(tree)


def leaves_of(tree: Any) -> list[Any]:
    """What dicts, lists and tuples hold, in the order in which `converted` meets it."""
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [leaf for item in tree for leaf in leaves_of(item)]
    return [tree]
