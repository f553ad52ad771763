"""Pictures of what an autoencoder has learned: reconstructions, and the weights of a linear one."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from demos.common import pictures
from demos.common.evaluation import columns
from demos.common.training import random_numbers
from minigrad.data import ImageDataset
from models.autoencoder import Autoencoder

Images = NDArray[Any]


def save_reconstructions(path: Path, model: Autoencoder, images: ImageDataset, n: int = 12) -> None:
    """Writes the first images, and below each its reconstruction; for a denoising autoencoder, the
    input with noise between them."""
    x = mg.tensor(images[:n][0], device=model.encoder.code.weight.device)
    rows = {"image": x}
    if model.noise:
        with random_numbers(0, str(x.device)):
            rows["input"] = model.noisy(x)
    rows["output"] = model.reconstruct(list(rows.values())[-1])
    pictures.save_grid(
        path,
        np.concatenate([row.numpy(force=True) for row in rows.values()]),
        len(x),
        "test images and their reconstructions",
        scale=3,
        row_labels=list(rows),
    )


def save_weights(path: Path, model: Autoencoder, shape: tuple[int, ...], most: int = 16) -> None:
    """Writes a linear autoencoder's weights as images (C, H, W), a column for each number of the
    code: what it looks for, and what it draws."""
    reads = model.encoder.code.weight.numpy(force=True)[:most]
    draws = columns(model).T[:most]
    weights = np.concatenate([signed(rows.reshape(-1, *shape)) for rows in (reads, draws)])
    pictures.save_grid(
        path,
        weights,
        len(reads),
        "weights: red is positive, blue negative" if shape[0] == 1 else "weights: grey is 0",
        scale=3,
        row_labels=["encoder", "decoder"],
        column_labels=[f"z{i}" for i in range(1, len(reads) + 1)],
    )


def signed(images: Images) -> Images:
    """Images (N, C, H, W) of any numbers as colours (N, 3, H, W), each by its own largest: grey
    ones from blue over white (0) to red, those of three colours from dark over grey to bright."""
    largest = np.abs(images).max((1, 2, 3), keepdims=True)
    part: Images = images / np.maximum(largest, np.finfo(np.float32).tiny)
    if images.shape[1] == 3:
        return 0.5 + part / 2
    up, down = np.maximum(part, 0), np.maximum(-part, 0)
    return np.concatenate([1 - down, 1 - up - down, 1 - up], axis=1)
