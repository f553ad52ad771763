"""No measure changes what it measures, and a number is Python's: a table of them is JSON."""

import dataclasses

import numpy as np
import pytest

import minigrad as mg
from models.measures import (
    distances,
    energies,
    equations,
    factors,
    frechet,
    linear,
    mmd,
    modes,
    neighbours,
    paths,
    spectrum,
    translations,
)

RNG = np.random.default_rng(0)
ROWS, OTHERS, MORE = (RNG.standard_normal((40, 6)) for _ in range(3))
X, Y = (RNG.random((5, 3, 12, 12)) for _ in range(2))
LABELS = np.arange(40) % 4
P, Q = (RNG.dirichlet(np.ones(6), 40) for _ in range(2))
CODES, KNOWN = RNG.standard_normal((200, 3)), {"a": RNG.random(200), "b": np.arange(200) % 3}
COVARIANCES = [np.cov(rows, rowvar=False) for rows in (ROWS, OTHERS)]
T = np.linspace(0, 1, 5)

MEASURES = {
    "wasserstein_1d": (distances.wasserstein_1d, ROWS[0], OTHERS[0]),
    "jensen_shannon": (distances.jensen_shannon, P[0], Q[0], np.arange(6.0)),
    **{
        f"energies.{name}": (lambda z, u=u: u(mg.from_numpy(z)).numpy(), ROWS[:, :2])
        for name, u in energies.ENERGIES.items()
    },
    "equations.as_long": (equations.as_long, ROWS, OTHERS),
    "factors.measure": (factors.measure, CODES, KNOWN),
    "factors.turned": (factors.turned, CODES, KNOWN, 2, 0),
    "frechet_distance": (frechet.frechet_distance, ROWS, OTHERS),
    "gaussian_distance": (
        frechet.gaussian_distance, ROWS[0], COVARIANCES[0], OTHERS[0], COVARIANCES[1],
    ),
    "kernel_distance": (lambda a, b: frechet.kernel_distance(a, b, 3, 20), ROWS, OTHERS),
    "classifier_score": (frechet.classifier_score, P),
    "pca": (lambda x: linear.pca(x, 3).error(x), ROWS),
    "pca of few samples": (lambda x: linear.pca(x, 3).error(x), ROWS[:5]),
    "principal_angles": (linear.principal_angles, ROWS[:, :2], OTHERS[:, :3]),
    "nearest_neighbour_error": (
        linear.nearest_neighbour_error, ROWS, LABELS, OTHERS, LABELS,
    ),
    "class_means": (linear.class_means, ROWS, LABELS),
    "linear_probe_error": (linear.linear_probe_error, ROWS, LABELS, OTHERS, LABELS),
    "logistic_regression": (linear.logistic_regression, ROWS, np.eye(4)[LABELS], 1e-2),
    "logistic_regression that goes on": (
        linear.logistic_regression, ROWS, np.eye(4)[LABELS], 1e-2, 1e-6, np.ones((7, 4)),
    ),
    "mmd.to_normal": (mmd.to_normal, ROWS),
    "mmd.moments": (mmd.moments, ROWS),
    "mmd.whitened": (mmd.whitened, ROWS),
    "squared_mmd": (mmd.squared_mmd, ROWS, OTHERS),
    "modes.coverage": (lambda x: modes.coverage(x, modes.ring()), ROWS[:, :2]),
    "kl_to_uniform": (modes.kl_to_uniform, LABELS),
    "nearest": (neighbours.nearest, ROWS, OTHERS),
    "memorisation": (neighbours.memorisation, ROWS, OTHERS, MORE),
    "memoriser": (lambda x: neighbours.memoriser(x, 5, 0.1), X),
    "paths.linear": (paths.linear, ROWS, OTHERS, T),
    "paths.spherical": (paths.spherical, ROWS, OTHERS, T),
    "paths.movement": (paths.movement, ROWS.reshape(4, 10, 6)),
    "spectrum.power": (spectrum.power, X),
    "spectrum.relative": (lambda x, y: spectrum.relative(x, y, (0.1, 0.25)), X, Y),
    "spectrum.radial": (spectrum.radial, X),
    "spectrum.blurred": (lambda x: spectrum.blurred(x, 1.0), X),
    "translations.squared_error": (translations.squared_error, X, Y),
    "translations.absolute_error": (translations.absolute_error, X, Y),
    "translations.controls": (translations.controls, X, Y),
    "translations.spread_of_backgrounds": (translations.spread_of_backgrounds, X),
}  # fmt: skip


def locked(value):
    """A copy that cannot be written to; of a dict, one of such."""
    if isinstance(value, dict):
        return {name: locked(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    return value


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_leaves_its_arguments_as_they_are(name):
    measure, *arguments = MEASURES[name]
    arguments = [locked(each) for each in arguments]
    np.testing.assert_equal(measure(*arguments), measure(*arguments))


def numbers(value):
    """What a result is made of that is no array."""
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict | tuple | list):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers(part)]
    return [] if isinstance(value, np.ndarray) else [value]


@pytest.mark.parametrize("name", MEASURES)
def test_a_number_that_is_measured_is_pythons(name):
    measure, *arguments = MEASURES[name]
    assert {type(number) for number in numbers(measure(*arguments))} <= {int, float, bool, str}
