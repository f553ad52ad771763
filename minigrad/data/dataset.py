"""Data sets: samples that are found by their numbers, or that come in a stream."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.backend import Device
from minigrad.data.collate import default_collate
from minigrad.tensor import Tensor

Array = NDArray[Any]
Index = int | np.integer[Any] | slice | NDArray[Any]


class Dataset:
    """N samples: a subclass has `__getitem__(index)` and `__len__()`.

    A sample is whatever `default_collate` can put into a batch, or a `collate_fn` of your own.
    """

    def __getitem__(self, index: Any, /) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a __getitem__(index)")

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])

    def __getbatch__(self, indices: NDArray[np.int64]) -> Any:
        """The batch of these samples, where `default_collate` would make it.

        A data set of arrays may be faster than one sample after the other.
        """
        return default_collate([self[int(index)] for index in indices])


class IterableDataset(Dataset):
    """Samples in a stream: a subclass has `__iter__()`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} needs an __iter__()")

    def __add__(self, other: Any) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Tensors or arrays of equal length side by side: sample i is the tuple of their rows i."""

    def __init__(self, *tensors: Any) -> None:
        """Raises ValueError if there is none, or if their lengths differ."""
        if not tensors:
            raise ValueError("TensorDataset needs at least one array")
        self.tensors = tuple(t if isinstance(t, Tensor) else np.asarray(t) for t in tensors)
        shapes = [tuple(tensor.shape) for tensor in self.tensors]
        if len({shape[:1] for shape in shapes}) != 1 or shapes[0] == ():
            raise ValueError(f"TensorDataset: the arrays' first axes must agree, got {shapes}")

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Index) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getbatch__(self, indices: NDArray[np.int64]) -> list[Any]:
        return list(self[indices])


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset(Dataset):
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

    def __getbatch__(self, indices: NDArray[np.int64]) -> list[Any]:
        return list(self[indices])

    def on(self, place: Device) -> ImageDataset:
        """The same images and labels in the memory of a device."""
        images, labels = place.asarray(self.images), place.asarray(self.labels)
        return ImageDataset(images, labels, self.name, self.classes)

    def __repr__(self) -> str:
        shape = "x".join(str(size) for size in self.images.shape[1:])
        factors = f", factors {', '.join(self.factors)}" if self.factors else ""
        return f"ImageDataset({self.name}: {len(self):,} images of {shape}{factors})"


# ---- data sets made of others --------------------------------------------------------------------


class Subset(Dataset):
    """Some of the samples of a data set, by their numbers there."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list | np.ndarray):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getbatch__(self, indices: NDArray[np.int64]) -> Any:
        chosen = np.array([self.indices[i] for i in indices], np.int64)
        return batch_of(self.dataset, chosen)


class ConcatDataset(Dataset):
    """Data sets one after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset needs at least one data set")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise ValueError("ConcatDataset: a stream has no numbered samples; use ChainDataset")
        self.cumulative_sizes = [*itertools.accumulate(len(dataset) for dataset in self.datasets)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"ConcatDataset: there is no sample {index} of {len(self)}")
        which = bisect.bisect_right(self.cumulative_sizes, place)
        return self.datasets[which][place - ([0] + self.cumulative_sizes)[which]]


class ChainDataset(IterableDataset):
    """Streams one after the other."""

    def __init__(self, datasets: Iterable[Iterable[Any]]) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)


def batch_of(dataset: Any, indices: NDArray[np.int64]) -> Any:
    """The batch of these samples of anything that has numbered ones: a list or an array, too."""
    if isinstance(dataset, Dataset):
        return dataset.__getbatch__(indices)
    if isinstance(dataset, np.ndarray | Tensor):
        return dataset[indices]
    return default_collate([dataset[int(index)] for index in indices])
