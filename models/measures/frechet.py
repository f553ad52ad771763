"""How far samples are from data: distances of two sets of features, and the classifier score.

    frechet_distance(features(model, data), features(model, samples))
    kernel_distance(features(model, data), features(model, samples)).mean
    classifier_score(probabilities(model, samples))

The Fréchet distance needs as many samples on both sides in all comparisons: with fewer it is
larger, for the same distribution too. The kernel distance does not depend on their number.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Features = NDArray[Any]


def frechet_distance(a: Features, b: Features) -> float:
    """|mu_a - mu_b|^2 + tr(A + B - 2 (A B)^(1/2)) of features (N, D), (M, D) with means mu and
    covariances A, B: the squared Wasserstein-2 distance of normal distributions that have these
    (Dowson and Landau 1982; Heusel et al. 2017). At least two rows each, else ValueError.
    """
    _check("frechet_distance", a, b)
    a, b = a.astype(np.float64), b.astype(np.float64)
    return gaussian_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))


def gaussian_distance(mu_a: Features, cov_a: Features, mu_b: Features, cov_b: Features) -> float:
    """The distance of N(mu_a, cov_a) and N(mu_b, cov_b), (D,) and (D, D); singular ones too."""
    cov_a, cov_b = np.atleast_2d(cov_a), np.atleast_2d(cov_b)
    # (A B)^(1/2) has the trace of (A^(1/2) B A^(1/2))^(1/2), which is symmetric: no general matrix
    # square root, no complex numbers, and nothing special about singular A.
    root = _root(cov_a)
    middle = root @ cov_b @ root
    eigenvalues = np.linalg.eigvalsh((middle + middle.T) / 2)
    trace_of_root = np.sqrt(np.maximum(eigenvalues, 0)).sum()
    squares = ((mu_a - mu_b) ** 2).sum()
    distance = squares + np.trace(cov_a) + np.trace(cov_b) - 2 * trace_of_root
    return max(0.0, float(distance))


def _root(matrix: Features) -> Features:
    """The square root of a symmetric matrix without negative eigenvalues (but for rounding)."""
    values, vectors = np.linalg.eigh(matrix)
    root: Features = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


class KernelDistance(NamedTuple):
    """The mean over subsets, and the standard deviation over them."""

    mean: float
    std: float


def kernel_distance(
    a: Features, b: Features, subsets: int = 50, size: int = 1000, seed: int = 0
) -> KernelDistance:
    """The squared maximum mean discrepancy of features (N, D), (M, D) under the kernel
    (x.y / D + 1)^3, unbiased, on random subsets of at most `size` (Binkowski et al. 2018, KID).

    Around 0, and as often below, for equal distributions. At least two rows each, else ValueError.
    """
    _check("kernel_distance", a, b)
    rng = np.random.default_rng(seed)
    size = min(size, len(a), len(b))
    values = [
        _mmd(
            a[rng.choice(len(a), size, replace=False)].astype(np.float64),
            b[rng.choice(len(b), size, replace=False)].astype(np.float64),
        )
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def _mmd(x: Features, y: Features) -> float:
    n = len(x)
    within = sum(k.sum() - k.trace() for k in (_kernel(x, x), _kernel(y, y))) / (n * (n - 1))
    return float(within - 2 * _kernel(x, y).mean())


def _kernel(x: Features, y: Features) -> Features:
    k: Features = x @ y.T / x.shape[1] + 1
    return k * k * k  # not k ** 3, which takes 40 times as long


def classifier_score(p: Features) -> float:
    """exp(E KL(p(y|x) || p(y))) of probabilities p(y|x) (N, classes), p(y) being their mean: from 1
    to the number of classes, for samples that are all clear, of all classes alike (Salimans et al.
    2016, the Inception score). It sees no difference between one sample per class and many.
    """
    if p.ndim != 2 or not len(p):
        raise ValueError(f"classifier_score: needs probabilities (N, classes), got {list(p.shape)}")
    p = p.astype(np.float64)
    marginal = p.mean(0)
    # p log p is 0 at 0, and so is p log marginal where the marginal is 0.
    ratio = np.divide(p, marginal, out=np.ones_like(p), where=p > 0)
    return float(np.exp((p * np.log(ratio)).sum(1).mean()))


def _check(name: str, a: Features, b: Features) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"{name}: needs features (N, D) and (M, D) of two rows or more, "
            f"got {list(a.shape)} and {list(b.shape)}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"{name}: features that are infinite or NaN")
