"""A plane of latents as a map of data: what places in it look like, and where the data are."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .judge import Judge
from .linear import nearest_neighbour_error

CONFIDENT = 0.9
Array = NDArray[Any]


class Plane(NamedTuple):
    """Two numbers for an image, and what the places between them look like."""

    cells: Array  # (n n, C, H, W): rows from above, as a picture has them
    readings: Array  # (n n, classes): probabilities
    codes: Array  # (N, 2), of test images
    error: float  # the share of test images whose nearest training image has another label

    @property
    def numbers(self) -> dict[str, Any]:
        confident = self.readings.max(1) > CONFIDENT
        found = np.bincount(self.readings.argmax(1)[confident], minlength=self.readings.shape[1])
        return {
            "share of cells read with confidence": confident.mean(),
            "classes among these": int((found > 0).sum()),
            "cells of each class": found.tolist(),
            "1-NN accuracy of the codes": 1 - self.error,
        }

    def __str__(self) -> str:
        share, classes, _, accuracy = self.numbers.values()
        return (
            f"{share:.1%} of {len(self.cells)} cells above {CONFIDENT}, {classes} of "
            f"{self.readings.shape[1]} classes; 1-NN {accuracy:.1%}"
        )


def plane(
    cells: Array, train: Array, test: Array, labels: Array, test_labels: Array, judge: Judge
) -> Plane:
    """The plane of decoded cells, and of the codes of training and of test images."""
    # float64: neighbours among many codes in a plane are nearer than float32 tells apart.
    train, test = (codes.astype(np.float64) for codes in (train, test))
    error = nearest_neighbour_error(train, labels, test, test_labels, rows=256)
    return Plane(cells, judge.probabilities(cells.astype(np.float32)), test, error)
