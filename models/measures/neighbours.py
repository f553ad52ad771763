"""Whether a generative model has learned its training images by heart: their nearest neighbours.

    nearest(samples, train)                         the nearest training images, and how near
    memorisation(samples, test, train).ratio        about 1, or near 0 for copies of training images

Rows may be pixels or features; with images flattened to (N, C H W), distances are of pixels.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
BLOCK = 2_000  # rows of each side at a time: 32 MB of distances in float64


class Nearest(NamedTuple):
    """For each row (N,): which is the nearest row of the other set, and at what distance."""

    row: NDArray[np.int64]
    distance: NDArray[np.float64]


def nearest(queries: Rows, train: Rows) -> Nearest:
    """The nearest of rows train (M, ...) to each of queries (N, ...), by Euclidean distance.

    ValueError if they are not of one shape, or if there are none.
    """
    if queries.shape[1:] != train.shape[1:] or not len(queries) or not len(train):
        raise ValueError(
            f"nearest: needs rows (N, ...) and (M, ...), got {list(queries.shape)} "
            f"and {list(train.shape)}"
        )
    parts = [
        _nearest_of_block(_flat(queries[i : i + BLOCK]), train)
        for i in range(0, len(queries), BLOCK)
    ]
    row = np.concatenate(parts)
    # NOTE: |q|^2 - 2 q.t + |t|^2 finds the nearest, but cancels where they almost agree: of float32
    # images 0.01 apart it may say 0. The distance itself is therefore of the difference.
    distance = np.concatenate(
        [
            np.linalg.norm(
                _flat(queries[i : i + BLOCK]).astype(np.float64) - _flat(train[row[i : i + BLOCK]]),
                axis=1,
            )
            for i in range(0, len(queries), BLOCK)
        ]
    )
    return Nearest(row, distance)


def _nearest_of_block(queries: Rows, train: Rows) -> NDArray[np.int64]:
    best = np.full(len(queries), np.inf)
    row = np.zeros(len(queries), np.int64)
    for start in range(0, len(train), BLOCK):
        block = _flat(train[start : start + BLOCK])
        # |q|^2 is the same for all of them.
        squares = (block * block).sum(1) - 2 * (queries @ block.T)
        nearest = squares.argmin(1)
        least = squares[np.arange(len(queries)), nearest]
        nearer = least < best
        best[nearer] = least[nearer]
        row[nearer] = start + nearest[nearer]
    return row


def _flat(rows: Rows) -> Rows:
    """(n, features), floating."""
    flat = rows.reshape(len(rows), -1)
    return flat if flat.dtype.kind == "f" else flat.astype(np.float32)


class Memorisation(NamedTuple):
    """Median distances to the nearest training image, of samples and of test images."""

    samples: float
    test: float

    @property
    def ratio(self) -> float:
        """Samples' over test images': near 0 where samples are copies. Well above 1 they are far
        from all data; about 1 is what new data would have."""
        return self.samples / self.test


def memorisation(samples: Rows, test: Rows, train: Rows) -> Memorisation:
    """How near samples (N, ...) are to train (M, ...), against test (K, ...), which is new data.

    ValueError if the test rows are all in `train`: their distance is then no measure.
    """
    measured = Memorisation(
        float(np.median(nearest(samples, train).distance)),
        float(np.median(nearest(test, train).distance)),
    )
    if measured.test == 0:
        raise ValueError("memorisation: most test rows are training rows")
    return measured


def memoriser(train: Rows, n: int, noise: float, seed: int = 0) -> Rows:
    """A model that has learned by heart, as a control: n rows of train (M, ...), float32 in [0, 1],
    with noise N(0, noise) cut to [0, 1]."""
    rng = np.random.default_rng(seed)
    rows = train[rng.integers(len(train), size=n)]
    planted: Rows = np.clip(rows + noise * rng.standard_normal(rows.shape), 0, 1).astype(np.float32)
    return planted
