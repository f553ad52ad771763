"""The four energies at points where they can be said by hand, and integrals that are known."""

import math

import numpy as np
import pytest

import minigrad as mg
from models.measures import energies
from models.measures.energies import ENERGIES, log_density, log_z


def at(name: str, *points: tuple[float, float]) -> np.ndarray:
    return ENERGIES[name](mg.tensor(np.array(points))).numpy()


def either(a, b):
    return -np.logaddexp(-a, -b)


def test_the_energies_by_their_formulas():
    z1, z2 = z = np.random.default_rng(0).uniform(-3, 3, (2, 50))
    points = list(zip(*z, strict=True))
    radius, wave = np.hypot(z1, z2), np.sin(math.pi * z1 / 2)
    left, right = (((z1 + side) / 0.6) ** 2 / 2 for side in (2, -2))
    bump = 3 * np.exp(-(((z1 - 1) / 0.6) ** 2) / 2)
    slope = 3 / (1 + np.exp(-(z1 - 1) / 0.3))
    expected = {
        "U1": ((radius - 2) / 0.4) ** 2 / 2 + either(left, right),
        "U2": ((z2 - wave) / 0.4) ** 2 / 2,
        "U3": either(((z2 - wave) / 0.35) ** 2 / 2, ((z2 - wave + bump) / 0.35) ** 2 / 2),
        "U4": either(((z2 - wave) / 0.4) ** 2 / 2, ((z2 - wave + slope) / 0.35) ** 2 / 2),
    }
    assert list(ENERGIES) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(at(name, *points), values, err_msg=name, rtol=1e-9)


def test_the_wall_begins_at_4():
    # Along the middle of the band nothing but the wall is left.
    inside, outside = at("U2", (4, 0), (4.4, math.sin(4.4 * math.pi / 2)))
    assert inside == pytest.approx(0, abs=1e-12)
    assert outside == pytest.approx(2**2 / 2)  # 0.4 is two units of 0.2
    assert at("U2", (-4.2, math.sin(-4.2 * math.pi / 2)))[0] == pytest.approx(0.5)


def test_the_ring_has_a_gradient_in_its_middle():
    z = mg.zeros(2, dtype=mg.float64).requires_grad_()
    (g,) = mg.grad(ENERGIES["U1"](z), [z])
    assert np.isfinite(g.numpy()).all()


def test_a_gaussians_integral(monkeypatch):
    def bowl(z):
        return 0.5 * (z[..., 0] - 1).square() / 0.25 + 0.5 * (z[..., 1] + 2).square()

    assert log_z(bowl) == pytest.approx(math.log(2 * math.pi * 0.5), abs=1e-5)
    monkeypatch.setattr(energies, "ROWS", 100)
    values = log_density(bowl, 29, 7.0)
    assert np.unravel_index(values.argmax(), values.shape) == (10, 16)  # z2 = -2, z1 = 1
    assert values.max() == 0
    assert values[0, 16] == pytest.approx(-(5**2) / 2)
    assert log_z(bowl, 141, 7.0) == pytest.approx(math.log(math.pi), abs=1e-5)


def test_the_lattice_holds_all_of_an_energy():
    assert log_density(lambda z: z[..., 0]).shape == (701, 701)
    assert log_density(lambda z: z[..., 0])[5, [0, -1]].tolist() == [7, -7]
