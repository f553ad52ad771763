"""Linear yardsticks: PCA, angles between subspaces, and how well labels can be read off features.

Features are matrices (n, d), a row for each sample; labels are integers (n,) from 0 on.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ROWS = 4096  # that are worked on at once: memory does not grow with n
PENALTIES = (1e-4, 1e-3, 1e-2)  # among which the linear probe chooses
FOLDS = 5
STEPS = 20_000  # of the linear probe, at most


# ---- principal components ------------------------------------------------------------------------


class PCA(NamedTuple):
    """The k directions of most variance: no linear map to k numbers and back loses less."""

    mean: Array  # (d,)
    components: Array  # (k, d): orthonormal rows, most variance first
    variances: Array  # (d,), of all directions: those left out are the mean squared error, summed

    def encode(self, x: Array) -> Array:
        """Codes (n, k) of samples (n, d)."""
        codes: Array = (x - self.mean) @ self.components.T
        return codes

    def decode(self, codes: Array) -> Array:
        """Samples (n, d) that codes (n, k) stand for."""
        x: Array = codes @ self.components + self.mean
        return x

    def error(self, x: Array) -> float:
        """The mean squared error of samples (n, d) coded and decoded, per number."""
        squares = 0.0
        for rows in _chunks(x):
            lost = rows - self.decode(self.encode(rows))
            squares += float(np.square(lost).sum(dtype=np.float64))
        return squares / x.size


def pca(x: Array, k: int) -> PCA:
    """The principal components of samples (n, d), computed in float64, given in the dtype of x.

    ValueError unless x is a matrix with 1 <= k <= d.
    """
    _need_matrix("pca", x)
    if not 1 <= k <= x.shape[1]:
        raise ValueError(f"pca: k must be from 1 to the {x.shape[1]} features, got {k}")
    n, d = x.shape
    mean = x.mean(0, dtype=np.float64)
    if k <= n < d:  # few samples: d x d numbers are too many
        _, singular, directions = np.linalg.svd(x - mean, full_matrices=False)
        variances = np.concatenate([singular**2 / n, np.zeros(d - n)])
    else:
        covariance = sum((rows - mean).T @ (rows - mean) for rows in _chunks(x)) / n
        rising, columns = np.linalg.eigh(covariance)
        variances, directions = np.maximum(rising[::-1], 0), columns.T[::-1]
    components = np.ascontiguousarray(directions[:k])
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    return PCA(mean.astype(dtype), components.astype(dtype), variances)


def principal_angles(a: Array, b: Array) -> Array:
    """The angles in degrees, smallest first, between the spans of columns a (d, p) and b (d, q).

    There are min(p, q) of them (Björck and Golub 1973): all 0 where one span holds the other.
    ValueError where the columns differ in length, or do not span as many dimensions as they are.
    """
    for name, columns in (("a", a), ("b", b)):
        _need_matrix("principal_angles", columns)
        if np.linalg.matrix_rank(columns) < columns.shape[1]:
            raise ValueError(f"principal_angles: the columns of {name} are linearly dependent")
    if a.shape[0] != b.shape[0]:
        raise ValueError(
            f"principal_angles: needs columns of one length, got {a.shape[0]} and {b.shape[0]}"
        )
    if a.shape[1] < b.shape[1]:
        a, b = b, a
    p, q = (np.linalg.qr(columns.astype(np.float64))[0] for columns in (a, b))
    inside = p.T @ q
    cosines = np.linalg.svd(inside, compute_uv=False)
    # An arc cosine would take rounding for an angle of 1e-6 degrees: hence sines too.
    sines = np.linalg.svd(q - p @ inside, compute_uv=False)[::-1]
    return np.degrees(np.arctan2(sines, cosines))


# ---- what labels can be read off -----------------------------------------------------------------


def balanced(labels: Array, n: int, rng: np.random.Generator) -> Array:
    """The indices of n samples, equally many of each class (n being a multiple of their number)."""
    classes = np.unique(labels)
    each = n // len(classes)
    chosen = [rng.choice(np.flatnonzero(labels == c), each, replace=False) for c in classes]
    return np.concatenate(chosen)


def nearest_neighbour_error(
    train: Array, labels: Array, test: Array, test_labels: Array, rows: int = ROWS
) -> float:
    """The share of test samples (m, d) whose nearest training sample (n, d) has another label.

    Near is by Euclidean distance. ValueError where shapes disagree.
    """
    _need_labelled("nearest_neighbour_error", train, labels, test, test_labels)
    mean = train.mean(0)  # large common numbers would leave few digits for the differences
    train = train - mean
    squares = np.square(train).sum(1)
    wrong = 0
    for first in range(0, len(test), rows):
        some = test[first : first + rows] - mean
        nearest = (squares - 2 * some @ train.T).argmin(1)
        wrong += int((labels[nearest] != test_labels[first : first + rows]).sum())
    return wrong / len(test)


def class_means(images: Array, labels: Array) -> tuple[Array, Array]:
    """One image for each class, and its label."""
    classes = np.unique(labels)
    return np.stack([images[labels == c].mean(0) for c in classes]), classes


def linear_probe_error(
    train: Array,
    labels: Array,
    test: Array,
    test_labels: Array,
    penalties: Sequence[float] = PENALTIES,
) -> float:
    """The share of test samples (m, d) that a linear classifier of the features gets wrong.

    It is multinomial logistic regression on the training samples (n, d). Features are shifted to
    mean 0 and divided by one number, so that the mean squared norm is 1; to the mean cross entropy
    in nats is added penalty/2 times the squared weights. Of several penalties that one is taken
    with the least cross entropy in a cross-validation of the training samples. ValueError where
    shapes disagree, and for penalties that are not positive.
    """
    _need_labelled("linear_probe_error", train, labels, test, test_labels)
    if not penalties or min(penalties) <= 0:
        raise ValueError(f"linear_probe_error: penalties must be positive, got {list(penalties)}")
    mean = train.mean(0, dtype=np.float64)
    scale = math.sqrt(np.square(train - mean).sum(1).mean()) or 1.0
    x, held = ((features - mean) / scale for features in (train, test))
    if x.shape[1] > len(x):  # the weights are sums of samples: no more numbers are needed
        basis = np.linalg.qr(x.T)[0]
        x, held = x @ basis, held @ basis
    y = np.eye(int(labels.max()) + 1)[labels]
    penalty = penalties[0] if len(penalties) == 1 else _best_penalty(x, y, penalties)
    weights = logistic_regression(x, y, penalty)
    found = (_with_ones(held) @ weights).argmax(1)
    return float((found != test_labels).mean())


def logistic_regression(
    x: Array, y: Array, penalty: float, tolerance: float = 1e-6, start: Array | None = None
) -> Array:
    """The weights (d + 1, K), biases last, that minimise the mean cross entropy in nats of logits
    [x 1] @ weights to one-hot labels y (n, K), plus penalty/2 times the squares but the biases'.

    Newton's method with the matrix that bounds the Hessian everywhere, [x 1]' [x 1] / 2n (Böhning
    1992): inverted once, with no step size to choose. It is sped up by Nesterov's momentum, which
    begins anew where it leads uphill. Ends when no entry of the gradient is above `tolerance`;
    RuntimeError if that takes more than STEPS.
    """
    x = _with_ones(x)
    decay = np.full((x.shape[1], 1), penalty)
    decay[-1] = 0
    # The 1e-9: so that features may be linearly dependent.
    bound = np.linalg.inv(x.T @ x / (2 * len(x)) + np.diag(decay[:, 0] + 1e-9))
    weights = np.zeros((x.shape[1], y.shape[1])) if start is None else start
    ahead, t = weights, 1.0
    for _ in range(STEPS):
        gradient = x.T @ (_softmax(x @ ahead) - y) / len(x) + decay * ahead
        if np.abs(gradient).max() <= tolerance:
            return ahead
        step = ahead - bound @ gradient - weights
        if (gradient * step).sum() > 0:
            t = 1.0
        t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
        weights = weights + step
        ahead = weights + (t - 1) / t_next * step
        t = t_next
    raise RuntimeError(f"logistic_regression: not done after {STEPS:,} steps (penalty {penalty:g})")


def _best_penalty(x: Array, y: Array, penalties: Sequence[float]) -> float:
    """That with the least cross entropy over FOLDS parts, each predicted from the others."""
    fold = np.empty(len(x), int)
    # Sorted by label and dealt out in turn: every part has its share of every class.
    fold[np.argsort(y.argmax(1), kind="stable")] = np.arange(len(x)) % FOLDS
    losses = np.zeros(len(penalties))
    for part in range(FOLDS):
        mine, others = fold == part, fold != part
        weights = None
        for i in np.argsort(penalties)[::-1]:
            weights = logistic_regression(x[others], y[others], penalties[i], 1e-4, weights)
            p = _softmax(_with_ones(x[mine]) @ weights)
            losses[i] -= (y[mine] * np.log(np.maximum(p, 1e-300))).sum()
    return penalties[int(losses.argmin())]


def _softmax(logits: Array) -> Array:
    exps = np.exp(logits - logits.max(1, keepdims=True))
    share: Array = exps / exps.sum(1, keepdims=True)
    return share


def _with_ones(x: Array) -> Array:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def _chunks(x: Array) -> list[Array]:
    return [x[first : first + ROWS] for first in range(0, len(x), ROWS)]


# ---- checks --------------------------------------------------------------------------------------


def _need_matrix(name: str, x: Array) -> None:
    if x.ndim != 2 or not x.size:
        raise ValueError(f"{name}: needs a matrix that is not empty, got shape {list(x.shape)}")


def _need_labelled(name: str, train: Array, labels: Array, test: Array, test_labels: Array) -> None:
    for x in (train, test):
        _need_matrix(name, x)
    got = [list(a.shape) for a in (train, labels, test, test_labels)]
    if train.shape[1] != test.shape[1] or [len(train)] != got[1] or [len(test)] != got[3]:
        raise ValueError(
            f"{name}: needs features (n, d), labels (n,), features (m, d), labels (m,), got {got}"
        )
