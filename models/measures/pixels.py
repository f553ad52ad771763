"""Models of pixels without a network: what others must at least be better than."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.data import ImageDataset

from ..likelihoods import bits_per_dimension


def gaussian_bits(train: ImageDataset, test: ImageDataset, seed: int) -> float:
    """Bits per dimension of test images by a Gaussian with the training set's mean and covariance.

    A byte stands for the interval of length 1 that is rounded to it: with uniform noise of that
    length added, the density's mean logarithm bounds that of the bytes' probability (Theis et al.
    2016, section 3.1).
    """
    images = train.images.reshape(len(train), -1)
    size = images.shape[1]
    mean = images.mean(0, dtype=np.float64) - 128
    covariance = -np.outer(mean, mean)
    # Whole numbers from -128 to 127: float32 adds a thousand of their products without rounding.
    for i in range(0, len(images), 1000):
        part = images[i : i + 1000].astype(np.float32) - 128
        covariance += (part.T @ part).astype(np.float64) / len(images)
    covariance[np.diag_indices(size)] += 1 / 12  # the noise's variance
    noise = np.random.default_rng(seed).random((len(test), size)) - 0.5
    centred = test.images.reshape(len(test), -1) + noise - 128 - mean
    root: NDArray[Any] = np.linalg.cholesky(covariance)
    white = np.linalg.solve(root, centred.T)
    log_p = -0.5 * (white**2).sum(0) - np.log(np.diag(root)).sum()
    nats = -log_p.mean() + 0.5 * size * math.log(2 * math.pi)
    return bits_per_dimension(float(nats), size)


def pixels_alone(train: ImageDataset, test: ImageDataset) -> float:
    """-log p(x) in nats of black and white images where every pixel is drawn by itself, by its
    mean over the training images."""
    p = np.clip(train.images.mean(0) / 255, 1e-3, 1 - 1e-3)
    q = test.images.mean(0) / 255
    return -float((q * np.log(p) + (1 - q) * np.log1p(-p)).sum())
