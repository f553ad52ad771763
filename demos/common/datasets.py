"""Image data sets as the programs ask for them: what cannot be read is said in one line."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from demos.common.run import CommandError
from minigrad import data
from minigrad.data import ImageDataset


@lru_cache(2)  # experiments ask for the same again and again, and to draw them takes seconds
def load(
    name: str, data_dir: str | None = None, limit: int | None = None, verify: bool = True
) -> tuple[ImageDataset, ImageDataset]:
    """The train and test splits of a data set, or the first `limit` images of each.

    Their files must be the published ones unless `verify` is False.
    """
    try:
        train, test = (
            data.load(name, split, data_dir=data_dir, limit=limit, verify=verify)
            for split in ("train", "test")
        )
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from error
    return train, test


def binarized(images: ImageDataset, seed: int) -> ImageDataset:
    """Black and white images drawn once from grey ones, as `models.likelihoods.binarize` does."""
    on = np.random.default_rng(seed).random(images.images.shape) < images.images / 255
    return replace(images, images=on * np.uint8(255))
