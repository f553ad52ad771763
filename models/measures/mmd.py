"""How far codes are from the distribution that they are to have: the maximum mean discrepancy.

    found, floor = to_normal(codes)

Moments can match long before the shape does. This is 0 for equal distributions only (Gretton et al.
2012), but that finite sets of the same one are never equal: hence the floor.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]
PART = 2000  # codes that are compared at once
ROWS = 1000  # of the kernel's matrix that are made at once


class Distance(NamedTuple):
    """A squared MMD, and what it would be on the average if the distributions were the same."""

    found: float
    floor: float


def to_normal(z: Codes, seed: int = 0) -> Distance:
    """How far codes z (N, D) are from draws of N(0, I), as many: the mean over parts of 2,000.

    Parts are drawn at random. Data may be in an order, MNIST's is by writer, and codes of
    neighbours are then no draws of the whole: 14 floors where there are 2.
    """
    n = min(PART, len(z))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(z))
    parts = (z[order[first : first + n]] for first in range(0, len(z) - n + 1, n))
    found = [squared_mmd(part, rng.standard_normal(part.shape)) for part in parts]
    return Distance(float(np.mean(found)), floor(n, z.shape[1]))


def floor(n: int, d: int) -> float:
    """The mean squared MMD of n draws of N(0, I) in d dimensions to n others, in which each of them
    is its own neighbour once: 2 (1 - E k) / n. 0.00059 for 2,000 draws in 8 dimensions."""
    return 2 * float(1 - (1 + 2 / d) ** (-d / 2)) / n


def moments(z: Codes) -> dict[str, float]:
    """The extreme moments among the D numbers of codes z (N, D), and the codes' mean norm.

    Of N(0, I) means and correlations are 0, standard deviations 1, kurtoses 3, and the norm is
    `norm_of_normal`.
    """
    centred = z.astype(np.float64) - z.mean(0)
    variances = np.square(centred).mean(0)
    kurtosis = (centred**4).mean(0) / variances**2
    correlation = np.corrcoef(centred.T).reshape(z.shape[1], -1) - np.eye(z.shape[1])
    found = {
        "|mean|": np.abs(z.mean(0)).max(),
        "least std": np.sqrt(variances.min()),
        "largest std": np.sqrt(variances.max()),
        "|correlation|": np.abs(correlation).max(),
        "least kurtosis": kurtosis.min(),
        "largest kurtosis": kurtosis.max(),
        "mean norm": np.linalg.norm(z, axis=1).mean(),
    }
    return {name: float(value) for name, value in found.items()}


def whitened(z: Codes) -> Codes:
    """Codes z (N, D) moved and turned to mean 0 and covariance I: what is left of their distance to
    N(0, I) is shape."""
    centred = z.astype(np.float64) - z.mean(0)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(centred.T)))
    turned: Codes = np.linalg.solve(root, centred.T).T
    return turned


def norm_of_normal(d: int) -> float:
    """E|z| of z ~ N(0, I) in d dimensions: the mean of the chi distribution."""
    return math.sqrt(2) * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))


def squared_mmd(x: Codes, y: Codes) -> float:
    """The squared maximum mean discrepancy of x (N, D) and y (M, D), by all pairs (equation 5).

    The kernel is exp(-|x - y|^2 / 2D): as wide as N(0, I) in D dimensions. ValueError for sets
    without rows, or of different widths.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not (x.size and y.size):
        raise ValueError(
            f"squared_mmd: needs rows (N, D) and (M, D), got {list(x.shape)} and {list(y.shape)}"
        )
    found = _mean_kernel(x, x) + _mean_kernel(y, y) - 2 * _mean_kernel(x, y)
    return max(0.0, found)


def _mean_kernel(x: Codes, y: Codes) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    norms, total = np.square(y).sum(1), 0.0
    for first in range(0, len(x), ROWS):
        rows = x[first : first + ROWS]
        squares = np.square(rows).sum(1)[:, None] + norms - 2 * rows @ y.T
        total += float(np.exp(squares / (-2 * x.shape[1])).sum())
    return total / (len(x) * len(y))
