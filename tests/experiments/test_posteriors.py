"""The experiments on posteriors and objectives of VAEs, each at a small size."""

import math

import numpy as np
import pytest

import minigrad as mg
from demos.common.kept import Setting
from demos.common.run import CommandError, read_table
from demos.experiments import energies, posterior_time, posteriors, total_correlation
from models.measures.energies import ENERGIES, log_density, log_z

pytestmark = pytest.mark.slow


# ---- energies ------------------------------------------------------------------------------------


def test_log_z_is_that_of_the_papers_formulas():
    """U1 and U2 as they are written in table 1, on a grid of another step."""
    line = np.linspace(-7, 7, 281)
    z1, z2 = np.meshgrid(line, line)
    wall = 0.5 * (np.maximum(np.abs(z1) - 4, 0) / 0.2) ** 2
    both = np.exp(-0.5 * ((z1 - 2) / 0.6) ** 2) + np.exp(-0.5 * ((z1 + 2) / 0.6) ** 2)
    u1 = 0.5 * ((np.hypot(z1, z2) - 2) / 0.4) ** 2 - np.log(both)
    u2 = 0.5 * ((z2 - np.sin(2 * math.pi * z1 / 4)) / 0.4) ** 2
    for name, energy in (("U1", u1), ("U2", u2)):
        log_sum = np.log(np.exp(-energy - wall).sum() * (line[1] - line[0]) ** 2)
        assert log_z(ENERGIES[name], 281) == pytest.approx(log_sum, abs=1e-6)
        assert log_density(ENERGIES[name], 281) == pytest.approx(-energy - wall, abs=1e-4)


def test_a_density_that_is_fitted_has_the_kl_of_a_grid():
    """Of a Gaussian without maps, log q is known everywhere, and so is its KL."""
    q = energies.Fitted(0).double()
    with mg.no_grad():
        q.mu.copy_(mg.tensor([[0.3, -0.2]]))
        q.logvar.copy_(mg.tensor([[0.4, -0.6]]))
        z, log_q = q.draw(200_000)
    excess = (log_q + ENERGIES["U1"](z)).numpy()
    line = np.linspace(-7, 7, 701)
    at = np.stack(np.meshgrid(line, line), -1)
    squares = (at - [0.3, -0.2]) ** 2 / np.exp([0.4, -0.6])
    log_p = -0.5 * (squares + [0.4, -0.6]).sum(-1) - math.log(2 * math.pi)
    cells = np.exp(log_p) * 0.02**2
    exact = (cells * (log_p - log_density(ENERGIES["U1"], 701))).sum()
    assert excess.mean() == pytest.approx(exact, abs=5 * excess.std() / math.sqrt(200_000))


def test_energies_with_few_maps(tmp_path):
    found = energies.run(Setting(0, tmp_path), maps=(0, 2), steps=10, samples=500, jobs=1)
    kl = found.numbers["KL(q || p) by number of maps"]
    assert set(kl) == set(ENERGIES) and all(set(of) == {0, 2} for of in kl.values())
    assert all(value > 0 for of in kl.values() for value in of.values())


# ---- posteriors ----------------------------------------------------------------------------------


def test_the_gap_of_each_posterior(tmp_path):
    sizes = {
        "images": 9,
        "fitted": 6,
        "points": 61,
        "epochs": 1,
        "more": 1,
        "fitting": 15,
        "limit": 100,
    }
    found = posteriors.run(Setting(0, tmp_path, longer=2), **sizes)
    tables = found.numbers["nats, mean of the images"]
    assert all(set(posteriors.POSTERIORS) == set(rows) for rows in tables.values())
    every = [row for rows in tables.values() for row in rows.values()]
    for rows in tables.values():
        assert len({row["log p"] for row in rows.values()}) == 1  # one decoder
    for row in every:
        assert row["gap"] > -4 * row["its standard error"]
        assert row["gap"] == pytest.approx(row["log p"] - row["ELBO"])
    epochs = [len(read_table(path)) for path in sorted(tmp_path.glob("*/metrics.csv"))]
    assert epochs == 4 * [2] + [1]  # the encoders', and the decoder's, which is not lengthened
    exact = found.control["the Gaussian's ELBO without samples"]
    general, alone = tables.values()
    assert all(alone[name]["gap"] < general[name]["gap"] for name in posteriors.POSTERIORS)
    error = alone["gaussian"]["its standard error"]
    assert alone["gaussian"]["ELBO"] == pytest.approx(exact, abs=5 * error)
    with pytest.raises(CommandError, match="needs grey images"):
        posteriors.run(Setting(0, tmp_path, "faces"), limit=8)


def test_posteriors_with_equal_time(tmp_path):
    sizes = {"seconds": 0.1, "images": 4, "samples": 60, "limit": 50}
    found = posterior_time.run(Setting(0, tmp_path, "glyphs"), **sizes)
    (table,) = found.numbers["tables"].values()
    assert set(table) == set(posterior_time.POSTERIORS)
    assert all(row["steps"]["mean"] > 0 for row in table.values())
    assert all(row["-L"]["mean"] < row["-ELBO"]["mean"] for row in table.values())


def test_objectives_on_faces(tmp_path):
    found = total_correlation.run(Setting(0, tmp_path), steps=2, seeds=2, limit=60)
    (table,) = found.numbers["tables"].values()
    assert set(table) == set(total_correlation.OBJECTIVES)
    assert all(len(row["each seed"]) == 2 for row in table.values())
    with pytest.raises(CommandError, match="about faces, not glyphs"):
        total_correlation.run(Setting(0, tmp_path, "glyphs"))
