"""Which code follows which factor of variation, where the factors of the images are known.

Codes are matrices (n, d), a row for each image. Factors are arrays (n,): integers where they are
kinds (a digit; glasses or none), floats where they are amounts. Amounts, and codes, are cut into
bins with equally many images in each: what is measured need not be a straight line.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BINS = 20
FOLLOWED = 0.5  # the R^2 of a code from which on it follows a factor, and of all for it to be there


class Codes(NamedTuple):
    """What codes have of each factor; matrices are (factors, codes)."""

    names: tuple[str, ...]  # of the factors
    r2: Array
    together: Array  # R^2 of the linear regression on all codes, (factors,)
    gaps: Array  # (factors,)

    @property
    def mig(self) -> float:
        """The mutual information gap."""
        return float(self.gaps.mean())

    @property
    def followed(self) -> int:
        """How many factors are followed by a single code."""
        return int((self.r2.max(1) > FOLLOWED).sum())

    @property
    def order(self) -> list[int]:
        """The codes in the order of the factors that they have most of."""
        best = self.r2.argmax(0)
        return sorted(range(len(best)), key=lambda i: (best[i], -self.r2[best[i], i]))

    def by_factor(self) -> dict[str, dict[str, float]]:
        """All numbers of each factor."""
        columns = {"best R2": self.r2.max(1), "R2 of all together": self.together, "gap": self.gaps}
        return {
            name: {key: float(values[i]) for key, values in columns.items()}
            for i, name in enumerate(self.names)
        }

    def verdicts(self) -> dict[str, str]:
        """For each factor whether a single code follows it, and if not, whether all together do."""
        found = {}
        for name, row, together in zip(self.names, self.r2, self.together, strict=True):
            best, r2 = row.argmax(), row.max()
            where = "is spread over latents" if together > FOLLOWED else "is hardly there"
            missed = f"{where}: R2 {r2:.2f} in z{best + 1}, {together:.2f} in all together"
            found[name] = f"z{best + 1} follows it, R2 {r2:.2f}" if r2 > FOLLOWED else missed
        return found


def measure(codes: Array, factors: Mapping[str, Array]) -> Codes:
    """All of these measures."""
    values = list(factors.values())
    return Codes(
        tuple(factors),
        explained_variance(codes, values),
        linear_r2(codes, values),
        mutual_information_gap(codes, values),
    )


def turned(codes: Array, factors: Mapping[str, Array], times: int, seed: int) -> list[float]:
    """The MIG of codes turned by random orthogonal matrices, which z ~ N(0, I) is blind to."""
    rng, d = np.random.default_rng(seed), codes.shape[1]
    turns = [np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(times)]
    values = list(factors.values())
    return [float(mutual_information_gap(codes @ q, values).mean()) for q in turns]


def explained_variance(codes: Array, factors: Sequence[Array], bins: int = BINS) -> Array:
    """R^2: the share of each code's variance that each factor explains on its own, (factors, d).

    It is that of the code's means in the factor's bins, adjusted for their number: 0 on average
    where there is nothing to explain. Where factors are independent, a column adds up to at most 1
    (Sobol 1993: first-order indices). A code that does not vary has 0. ValueError where shapes
    disagree.
    """
    _need_factors("explained_variance", codes, factors)
    n = len(codes)
    centred = codes - codes.mean(0, dtype=np.float64)
    total = np.square(centred).sum(0)
    rows = []
    for factor in factors:
        which = discretize(factor, bins)
        members = which[:, None] == np.arange(which.max() + 1)  # (n, bins)
        between = (np.square(members.T @ centred) / members.sum(0)[:, None]).sum(0)
        within = np.divide(total - between, total, out=np.ones_like(total), where=total > 0)
        rows.append(1 - within * (n - 1) / (n - members.shape[1]))
    return np.where(total > 0, np.array(rows), 0.0)


def linear_r2(codes: Array, factors: Sequence[Array]) -> Array:
    """R^2 of each factor's linear regression on all codes together, (factors,), not adjusted.

    Kinds are regressed as their indicators. Near 1 with a low `explained_variance` in every code:
    the factor is there, but spread over codes. 0 for a factor that does not vary. ValueError where
    shapes disagree.
    """
    _need_factors("linear_r2", codes, factors)
    x = codes - codes.mean(0, dtype=np.float64)
    found = []
    for factor in factors:
        y = factor[:, None]
        if factor.dtype.kind != "f":
            y = y == np.unique(factor)
        y = y - y.mean(0, dtype=np.float64)
        rest = y - x @ np.linalg.lstsq(x, y)[0]
        total = np.square(y).sum()
        found.append(1 - np.square(rest).sum() / total if total > 0 else 0.0)
    return np.array(found)


def mutual_information(codes: Array, factors: Sequence[Array], bins: int = BINS) -> Array:
    """The mutual information in nats of each factor and each code, both in bins: (factors, d).

    The estimate from counts is too large by about (bins - 1)^2 / 2n. ValueError where shapes
    disagree.
    """
    _need_factors("mutual_information", codes, factors)
    columns = [discretize(code, bins) for code in codes.T]
    rows = [discretize(factor, bins) for factor in factors]
    return np.array([[_information(row, column) for column in columns] for row in rows])


def mutual_information_gap(codes: Array, factors: Sequence[Array], bins: int = BINS) -> Array:
    """MIG of each factor, (factors,), from 0 to 1: how much more the code that knows most of it
    knows than the next one, in entropies of the factor (Chen et al. 2018, equation 6, whose MIG is
    the mean), and 0 for a factor that does not vary. ValueError where shapes disagree, and with
    one code only.
    """
    if codes.ndim != 2 or codes.shape[1] < 2:
        raise ValueError(f"mutual_information_gap: needs codes (n, 2 or more), got {codes.shape}")
    information = np.sort(mutual_information(codes, factors, bins), axis=1)
    binned = [discretize(factor, bins) for factor in factors]
    entropies = np.array([_information(factor, factor) for factor in binned])
    gaps: Array = information[:, -1] - information[:, -2]
    gaps[entropies > 0] /= entropies[entropies > 0]  # a factor that does not vary has no gap either
    return gaps


def discretize(values: Array, bins: int = BINS) -> NDArray[np.intp]:
    """Integers from 0 on, none left out: those of kinds in their order, or the bins of floats."""
    if values.dtype.kind == "f":
        edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
        values = np.searchsorted(edges, values, side="right")
    return np.unique(values, return_inverse=True)[1]


def _information(a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    """The mutual information in nats of two columns of integers."""
    shape = (int(a.max()) + 1, int(b.max()) + 1)
    p = np.bincount(a * shape[1] + b, minlength=shape[0] * shape[1]).reshape(shape) / len(a)
    apart = p.sum(1, keepdims=True) * p.sum(0)
    some = p > 0
    return float((p[some] * np.log(p[some] / apart[some])).sum())


def _need_factors(name: str, codes: Array, factors: Sequence[Array]) -> None:
    if codes.ndim != 2 or not len(factors) or any(f.shape != codes.shape[:1] for f in factors):
        got = f"{list(codes.shape)} and {[list(f.shape) for f in factors]}"
        raise ValueError(f"{name}: needs codes (n, d) and factors (n,), got {got}")
