"""Loads the published data sets from their files, and checks that they are what they should be."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.data.dataset import ImageDataset
from minigrad.data.files import find_files
from minigrad.data.formats import (
    Bytes,
    CorruptFileError,
    read_amat,
    read_cifar,
    read_idx,
)
from minigrad.data.sources import SOURCES

Labels = NDArray[np.int64]
Counts = tuple[int, ...]


def load_real(
    name: str,
    split: str,
    data_dir: str | os.PathLike[str] | None,
    limit: int | None,
    download: bool,
) -> ImageDataset:
    """Reads a split, or its first `limit` images; raises as `minigrad.data.load` says."""
    source = SOURCES[name]
    paths = find_files(name, source, split, data_dir, download)
    counts = source.counts[split]
    if name == "cifar-10":
        images, labels = _cifar(paths, counts, limit)
    elif name == "binarized-mnist":
        images = read_amat(paths[0], counts[0])
        labels = np.zeros(len(images), np.int64)
    else:
        images, labels = _idx(paths, counts)
    images, labels, total = images[:limit], labels[:limit], sum(counts)
    part = f" (first {len(images):,} of {total:,})" if len(images) < total else ""
    return ImageDataset(images, labels, f"{name}/{split}{part}", source.classes)


def _idx(paths: Sequence[Path], counts: Counts) -> tuple[Bytes, Labels]:
    """MNIST's pair of files: images (N, 1, 28, 28) and labels (N,)."""
    images, labels = read_idx(paths[0], ndim=3), read_idx(paths[1], ndim=1)
    if images.shape != (sum(counts), 28, 28):
        what = f"wrong count or size: {images.shape}, expected {(sum(counts), 28, 28)}"
        raise CorruptFileError(paths[0], what)
    _check_counts(paths[1], labels, counts)
    return images[:, None], labels.astype(np.int64)


def _cifar(paths: Sequence[Path], counts: Counts, limit: int | None) -> tuple[Bytes, Labels]:
    """As many of CIFAR-10's batch files as the limit needs, joined."""
    records = sum(counts) // len(paths)
    if paths[0].name.startswith("test_batch_first1000."):
        records = 1000
    needed = paths if limit is None else paths[: max(1, -(-limit // records))]
    batches = [read_cifar(path, records) for path in needed]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    if len(labels) == sum(counts):
        _check_counts(paths[0].parent, labels, counts)
    return images, labels


def _check_counts(path: Path, labels: NDArray[Any], counts: Counts) -> None:
    """The published number of images of each class: another set's labels do not have it."""
    if len(labels) != sum(counts):
        raise CorruptFileError(path, f"wrong count: {len(labels):,} labels, not {sum(counts):,}")
    got = tuple(np.bincount(labels, minlength=len(counts)).tolist())
    if got != counts:
        what = f"the labels of another set or split: {got} images per class, expected {counts}"
        raise CorruptFileError(path, what)
