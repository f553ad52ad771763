"""The data sets that are drawn instead of stored: `glyphs` and `faces`."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from minigrad.data import faces, glyphs
from minigrad.data.dataset import ImageDataset

SPLITS: Final = ("train", "test")


class Spec(NamedTuple):
    """A data set's splits' sizes, and how many images share a stream of random numbers."""

    sizes: dict[str, int]
    chunk: int
    classes: tuple[str, ...]


# The train splits take about four seconds on one core.
SPECS: Final = {
    "glyphs": Spec({"train": 40_000, "test": 10_000}, glyphs.CHUNK, tuple("0123456789")),
    "faces": Spec({"train": 20_000, "test": 4_000}, faces.CHUNK, faces.CLASSES),
}


def load_drawn(name: str, split: str, limit: int | None, seed: int) -> ImageDataset:
    """Draws a split, or its first `limit` images, in bounded memory beside the images themselves.

    Chunk i of a split is drawn from (seed, split, i): a limit leaves the images before it as they
    are, and the splits are independent. Two machines may differ by one grey level in a few pixels,
    where their processors round sines and exponentials differently.
    """
    spec = SPECS[name]
    total = spec.sizes[split]
    n = total if limit is None else min(limit, total)
    images, factors = _chunks(name, split, n, seed)
    labels = faces.labels(factors) if name == "faces" else factors["digit"].astype(np.int64)
    part = f" (first {n:,} of {total:,})" if n < total else ""
    return ImageDataset(images, labels, f"{name}/{split}{part}", spec.classes, factors)


def _chunks(name: str, split: str, n: int, seed: int) -> tuple[faces.Images, faces.Factors]:
    draw = faces.draw_faces if name == "faces" else glyphs.draw_glyphs
    chunk = SPECS[name].chunk
    # One chunk is drawn even for no images: the shapes and the factors' names are then known.
    for start in range(0, max(n, 1), chunk):
        rng = np.random.default_rng([seed, SPLITS.index(split), start // chunk])
        drawn, values = draw(rng, chunk)
        if start == 0:
            images = np.empty((n, *drawn.shape[1:]), np.uint8)
            factors = {key: np.empty(n, value.dtype) for key, value in values.items()}
        images[start : start + chunk] = drawn[: n - start]
        for key, value in values.items():
            factors[key][start : start + chunk] = value[: n - start]
    return images, factors
