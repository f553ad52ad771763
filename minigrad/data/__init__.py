"""Data: `load` gives an image data set by name, `DataLoader` its batches."""

from __future__ import annotations

import os

from minigrad.data.collate import default_collate, default_convert
from minigrad.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    ImageDataset,
    IterableDataset,
    Subset,
    TensorDataset,
)
from minigrad.data.loader import DataLoader
from minigrad.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    random_split,
)

__all__ = [
    "NAMES", "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset",
    "ImageDataset", "IterableDataset", "RandomSampler", "Sampler", "SequentialSampler", "Subset",
    "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler", "default_collate",
    "default_convert", "load", "random_split", "splits",
]  # fmt: skip

NAMES = ("glyphs", "faces", "mnist", "fashion-mnist", "cifar-10", "binarized-mnist")


def splits(name: str) -> tuple[str, ...]:
    """The splits of a data set; raises ValueError for an unknown name."""
    if name not in NAMES:
        raise ValueError(f"no data set is called {name!r}; there are: {', '.join(NAMES)}")
    if name == "binarized-mnist":
        return "train", "valid", "test"
    return "train", "test"


def load(
    name: str,
    split: str = "train",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    download: bool = True,
    verify: bool = True,
) -> ImageDataset:
    """Loads a split of a data set, or its first `limit` images.

    `glyphs` (digits, 28x28, grey) and `faces` (cartoons, 32x32, colour) are drawn from `seed` and
    need no files. The others are read from `data_dir`, else $MINIGRAD_DATA, else the user's cache
    folder, to which they are downloaded where all three lack them, unless `download` is False. Each
    must be the published file, byte for byte once unpacked, unless `verify` is False: then files of
    your own in these formats, with as many images as they have, are read too.

    Raises ValueError for an unknown name or split, or a negative limit or seed; FileNotFoundError
    where files are missing, which says which and why; and CorruptFileError, a ValueError, for a
    file with something wrong in it.
    """
    if split not in (known := splits(name)):
        raise ValueError(f"{name} has no split {split!r}; it has: {', '.join(known)}")
    for key, value in (("limit", limit), ("seed", seed)):
        if value is not None and value < 0:
            raise ValueError(f"load: {key} must not be negative, got {value}")
    # Imported late: readers, templates and urllib would slow down `import minigrad`.
    if name in ("glyphs", "faces"):
        from minigrad.data.drawn import load_drawn

        return load_drawn(name, split, limit, seed)
    from minigrad.data.real import load_real

    return load_real(name, split, data_dir, limit, download, verify)
