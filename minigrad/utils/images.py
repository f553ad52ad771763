"""A batch of images as one picture."""

import io
import math
import os
from typing import IO, Any

import numpy as np

import minigrad as mg
from minigrad.files import replacing
from minigrad.tensor import Tensor


def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images (N, C, H, W), or a list of (C, H, W), as one (3, H', W') with `nrow` in a row.

    Grey images are repeated for the three colours. `normalize` maps `value_range`, or else the
    range of all values, or of each image's with `scale_each`, to [0, 1].
    """
    images = _images(tensor)
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError(f"make_grid: value_range must be a tuple (min, max), got {value_range!r}")
    if normalize:
        images = _normalized(images, value_range, scale_each)
    if len(images) == 1:
        return mg.tensor(images[0])
    n, c, h, w = images.shape
    columns = min(nrow, n)
    rows = math.ceil(n / columns)
    height, width = h + padding, w + padding
    grid = np.full((c, rows * height + padding, columns * width + padding), pad_value, images.dtype)
    for i, image in enumerate(images):
        top, left = (i // columns) * height + padding, (i % columns) * width + padding
        grid[:, top : top + h, left : left + w] = image
    return mg.tensor(grid)


def save_image(
    tensor: Any, fp: str | os.PathLike[str] | IO[bytes], format: str | None = None, **grid: Any
) -> None:
    """Write images with values in [0, 1] to a file, in a grid as `make_grid` has it.

    The format follows the file's name unless given. It needs Pillow: ImportError where that is
    missing.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("save_image needs Pillow: pip install pillow") from None
    values = make_grid(tensor, **grid).numpy()
    pixels = np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    picture = Image.fromarray(pixels)
    if not isinstance(fp, str | os.PathLike):
        picture.save(fp, format=format)
        return
    kind = format or Image.registered_extensions().get(os.path.splitext(fp)[1].lower())
    if kind is None:
        raise ValueError(f"save_image: no format is known for the file name {os.fspath(fp)!r}")
    content = io.BytesIO()
    picture.save(content, format=kind)
    with replacing(fp) as file:
        file.write(content.getvalue())


def _images(tensor: Any) -> np.ndarray[Any, Any]:
    """What was given as an array (N, C, H, W) of floats with three colours, or more channels."""
    if isinstance(tensor, list | tuple):
        tensor = mg.stack([image.detach() for image in tensor])
    if not isinstance(tensor, Tensor):
        raise TypeError(f"make_grid: needs a tensor or a list of them, got {type(tensor).__name__}")
    images = tensor.numpy(force=True)
    if images.ndim == 2:
        images = images[None]
    if images.ndim == 3:
        images = images[None]
    if images.ndim != 4 or not len(images):
        raise ValueError(f"make_grid: needs images (N, C, H, W), got {list(tensor.shape)}")
    return np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images


def _normalized(
    images: np.ndarray[Any, Any], value_range: tuple[float, float] | None, scale_each: bool
) -> np.ndarray[Any, Any]:
    """The images with their values clipped to a range, and that mapped to [0, 1]."""
    axes = (1, 2, 3) if scale_each else None
    low, high = value_range or (images.min(axes, keepdims=True), images.max(axes, keepdims=True))
    mapped: np.ndarray[Any, Any] = np.clip(images, low, high) - low
    mapped /= np.maximum(np.subtract(high, low), 1e-5)
    return mapped
