"""The four energies of Rezende & Mohamed 2015 (table 1): densities exp(-U) / Z in the plane with
two modes, bends and forks, whose Z a grid knows.

U2 to U4 are as low everywhere along z1: exp(-U) has no finite integral. Here all four rise beyond
|z1| = 4, where the paper's pictures end.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor

Energy = Callable[[Tensor], Tensor]
EDGE, WALL = 4.0, 0.2  # where the energies begin to rise, and in how many units of z1 by 1/2
REACH, POINTS = 7.0, 701  # of the grid
ROWS = 100_000  # places at once


def _bowl(z: Tensor, width: float) -> Tensor:
    """Half the square of z / width."""
    return 0.5 * (z / width).square()


def _either(*energies: Tensor) -> Tensor:
    """-log sum exp(-energy): low where one of them is."""
    return -mg.stack([-energy for energy in energies]).logsumexp(0)


def _wave(z1: Tensor) -> Tensor:
    return (2 * math.pi / 4 * z1).sin()


def _bump(z1: Tensor) -> Tensor:
    return 3 * (-_bowl(z1 - 1, 0.6)).exp()


def _slope(z1: Tensor) -> Tensor:
    return 3 * ((z1 - 1) / 0.3).sigmoid()


def _ring(z1: Tensor, z2: Tensor) -> Tensor:
    """Two arcs of a circle of radius 2."""
    radius = (z1.square() + z2.square() + 1e-12).sqrt()
    return _bowl(radius - 2, 0.4) + _either(_bowl(z1 - 2, 0.6), _bowl(z1 + 2, 0.6))


def _band(z1: Tensor, z2: Tensor) -> Tensor:
    return _bowl(z2 - _wave(z1), 0.4)


def _parting(z1: Tensor, z2: Tensor) -> Tensor:
    """Two bands, one of which goes round."""
    return _either(_bowl(z2 - _wave(z1), 0.35), _bowl(z2 - _wave(z1) + _bump(z1), 0.35))


def _fork(z1: Tensor, z2: Tensor) -> Tensor:
    return _either(_bowl(z2 - _wave(z1), 0.4), _bowl(z2 - _wave(z1) + _slope(z1), 0.35))


def _walled(energy: Callable[[Tensor, Tensor], Tensor]) -> Energy:
    def of_points(z: Tensor) -> Tensor:
        z1, z2 = z[..., 0], z[..., 1]
        beyond = (z1.abs() - EDGE).clip(min=0)
        return energy(z1, z2) + _bowl(beyond, WALL)

    return of_points


# U(z) of points z (..., 2), in nats: (...).
ENERGIES: dict[str, Energy] = {
    "U1": _walled(_ring),
    "U2": _walled(_band),
    "U3": _walled(_parting),
    "U4": _walled(_fork),
}


@mg.no_grad()
def log_density(energy: Energy, points: int = POINTS, reach: float = REACH) -> NDArray[Any]:
    """-U on a square lattice from -reach to reach, (points, points), z2 downwards."""
    line = np.linspace(-reach, reach, points)
    z = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    parts = [energy(mg.tensor(z[i : i + ROWS])).numpy() for i in range(0, len(z), ROWS)]
    return -np.concatenate(parts).reshape(points, points)


def log_z(energy: Energy, points: int = POINTS, reach: float = REACH) -> float:
    """log Z, the logarithm of the integral of exp(-U), by the sum over a lattice."""
    area = (2 * reach / (points - 1)) ** 2
    values = log_density(energy, points, reach)
    return float(np.logaddexp.reduce(values, axis=None) + math.log(area))
