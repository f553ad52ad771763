"""Data sets: what can be indexed by an int, a slice or an array of indices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Index = int | np.integer[Any] | slice | NDArray[Any]


@runtime_checkable
class Dataset(Protocol):
    """N samples; `dataset[index]` is a tuple of arrays, with a first axis unless index is an int.

    Unlike PyTorch's, it takes a slice or an array of indices too: a batch is one indexing
    operation, not a list of samples to be stacked.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> tuple[Any, ...]: ...


class TensorDataset:
    """Arrays of equal length side by side: sample i is the tuple of their rows i."""

    def __init__(self, *arrays: Array) -> None:
        """Raises ValueError if there is no array, or if their lengths differ."""
        if not arrays:
            raise ValueError("TensorDataset needs at least one array")
        self.arrays = tuple(np.asarray(array) for array in arrays)
        shapes = [array.shape for array in self.arrays]
        if len({shape[:1] for shape in shapes}) != 1 or shapes[0] == ():
            raise ValueError(f"TensorDataset: the arrays' first axes must agree, got {shapes}")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Index) -> tuple[Array, ...]:
        return tuple(array[index] for array in self.arrays)


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """Labelled images, kept as bytes and handed out as float32 in [0, 1].

    `images` is uint8 (N, C, H, W), `labels` int64 (N,), `classes` the labels' names, and `factors`
    maps the name of what was varied in drawing the images to its values (N,); real data have none.
    Raises ValueError where these disagree.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    name: str
    classes: tuple[str, ...]
    factors: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            got = f"{self.images.dtype} of shape {self.images.shape}"
            raise ValueError(f"ImageDataset: images must be uint8 (N, C, H, W), got {got}")
        columns = {"labels": self.labels, **self.factors}
        for name, column in columns.items():
            if column.shape != (len(self.images),):
                expected = f"one number for each of {len(self.images)} images"
                raise ValueError(f"ImageDataset: {name} needs {expected}, got {column.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Index) -> tuple[NDArray[np.float32], Any]:
        """The images, float32 (C, H, W) or (n, C, H, W) in [0, 1], and their labels."""
        return np.divide(self.images[index], 255, dtype=np.float32), self.labels[index]

    def __repr__(self) -> str:
        shape = "x".join(str(size) for size in self.images.shape[1:])
        factors = f", factors {', '.join(self.factors)}" if self.factors else ""
        return f"ImageDataset({self.name}: {len(self):,} images of {shape}{factors})"
