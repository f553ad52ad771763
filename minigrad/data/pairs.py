"""Images of two kinds that belong together, to learn to translate one into the other.

    paired(faces, "edges")          (x, y): what y is of x is shown
    unpaired(faces, "negative")     (x, y): of different faces; the pairs are hidden

A kind of pair is a function of images, uint8 (N, C, H, W) to uint8 (N, C', H, W): it draws nothing,
so that for every image there is a right answer. (`coloured` draws its colours from the image.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from minigrad.data.dataset import ImageDataset, TensorDataset

Images = NDArray[np.uint8]
AT_ONCE: Final = 1000  # images: as floats they are twelve megabytes
LOUD: Final = 96  # the step between neighbours, in grey levels, that is a black line


def negative(images: Images) -> Images:
    """The negative, with its colours exchanged: red to green, green to blue, blue to red."""
    return np.roll(255 - images, 1, axis=1)


def edges(images: Images) -> Images:
    """A drawing in black lines on white paper, (N, 1, H, W): the largest step of any colour from a
    pixel to the next one on the right or below."""
    padded = np.pad(images, [(0, 0), (0, 0), (0, 1), (0, 1)], "edge").astype(np.int16)
    across = np.abs(padded[:, :, :-1, 1:] - padded[:, :, :-1, :-1])
    down = np.abs(padded[:, :, 1:, :-1] - padded[:, :, :-1, :-1])
    steps = np.maximum(across, down).max(axis=1, keepdims=True)
    lines: Images = (255 - np.minimum(steps, LOUD) * 255 // LOUD).astype(np.uint8)
    return lines


def turned(images: Images) -> Images:
    """A quarter of a turn to the left."""
    return np.ascontiguousarray(np.rot90(images, axes=(2, 3)))


def coloured(images: Images) -> Images:
    """Grey images (N, 1, H, W) in colours, (N, 3, H, W): an ink on a paper, any two for each image.

    The colours are drawn from a seed that is the image's mean grey level: they look like chance,
    and an image always has the same. They cannot be learned, so a translation may choose.
    """
    seeds = images.reshape(len(images), -1).sum(axis=1, dtype=np.int64)
    drawn = [np.random.default_rng(seed).random((2, 3), np.float32) for seed in seeds]
    colours = np.reshape(drawn, (len(images), 2, 3, 1, 1)).astype(np.float32)
    paper, ink = 0.7 + 0.3 * colours[:, 0], 0.5 * colours[:, 1]
    share = images / np.float32(255)
    mixed: Images = np.rint(255 * (paper + (ink - paper) * share)).astype(np.uint8)
    return mixed


PAIRS: Final[dict[str, Callable[[Images], Images]]] = {
    "negative": negative,
    "edges": edges,
    "turned": turned,
    "coloured": coloured,
}


def partners(images: Images, kind: str) -> Images:
    """What belongs to images by a kind of PAIRS, in bounded memory beside the result.

    ValueError for a kind that there is not, and for colours that are to be coloured.
    """
    if kind not in PAIRS:
        raise ValueError(f"no pairs are called {kind!r}; there are: {', '.join(PAIRS)}")
    if kind == "coloured" and images.shape[1] != 1:
        raise ValueError(f"pairs {kind!r}: need grey images, got {images.shape[1]} colours")
    parts = range(0, max(len(images), 1), AT_ONCE)
    return np.concatenate([PAIRS[kind](images[i : i + AT_ONCE]) for i in parts])


def paired(data: ImageDataset, kind: str) -> TensorDataset:
    """Images and what belongs to them, as bytes."""
    return TensorDataset(data.images, partners(data.images, kind))


def unpaired(data: ImageDataset, kind: str) -> TensorDataset:
    """The first half of the images, and what belongs to those of the second half, as bytes: sample
    i is of two images that have nothing to do with each other. ValueError for less than two."""
    half = len(data) // 2
    if not half:
        raise ValueError(f"unpaired: needs two images or more, got {len(data)}")
    return TensorDataset(data.images[:half], partners(data.images[half : 2 * half], kind))


def pixels(images: Any) -> Any:
    """Bytes, an array or a tensor, as the networks see them: from -1 to 1, float32."""
    return images / np.float32(127.5) - 1
