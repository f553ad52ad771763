"""Loads the published data sets from their files, and checks that they are what they should be."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minigrad.data.dataset import ImageDataset
from minigrad.data.files import find_files
from minigrad.data.formats import Bytes, CorruptFileError, read_amat, read_cifar, read_idx
from minigrad.data.sources import SOURCES, plain_name

Labels = NDArray[np.int64]


def load_real(
    name: str,
    split: str,
    data_dir: str | os.PathLike[str] | None,
    limit: int | None,
    download: bool,
    verify: bool,
) -> ImageDataset:
    """Reads a split, or its first `limit` images; raises as `minigrad.data.load` says."""
    source = SOURCES[name]
    paths = find_files(name, source, split, data_dir, download)
    size = source.sizes[split] if verify else None
    sums = [source.unpacked[plain_name(path.name)] if verify else None for path in paths]
    if name == "cifar-10":
        images, labels = _cifar(paths, size, sums, limit)
    elif name == "binarized-mnist":
        images = read_amat(paths[0], size, sums[0])
        labels = np.zeros(len(images), np.int64)
    else:
        images, labels = _idx(paths, size, sums, len(source.classes))
    total = size or len(images)
    images, labels = images[:limit], labels[:limit]
    part = f" (first {len(images):,} of {total:,})" if len(images) < total else ""
    return ImageDataset(images, labels, f"{name}/{split}{part}", source.classes)


def _idx(
    paths: Sequence[Path], size: int | None, sums: Sequence[str | None], classes: int
) -> tuple[Bytes, Labels]:
    """MNIST's pair of files: images (N, 1, 28, 28) and labels (N,)."""
    images = read_idx(paths[0], (size, 28, 28), sums[0])
    labels = read_idx(paths[1], (len(images),), sums[1])
    if labels.size and labels.max() >= classes:
        raise CorruptFileError(paths[1], f"the label {labels.max()} of {classes} classes")
    return images[:, None], labels.astype(np.int64)


def _cifar(
    paths: Sequence[Path], size: int | None, sums: Sequence[str | None], limit: int | None
) -> tuple[Bytes, Labels]:
    """CIFAR-10's batch files, joined; of the published ones, as many as the limit needs."""
    records, needed = None, len(paths)
    if size is not None:
        records = size // len(paths)
        if limit is not None:
            needed = max(1, -(-limit // records))
        if paths[0].name.startswith("test_batch_first1000."):
            records = 1000
    files = zip(paths[:needed], sums, strict=False)
    batches = [read_cifar(path, records, sha256) for path, sha256 in files]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return images, labels
