"""The experiments of the GAN zoo, each at a small size."""

import numpy as np
import pytest

from demos.common.games import until
from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments import (
    acgan,
    began,
    bigan,
    cogan,
    f_gan,
    infogan,
    lapgan,
    mode_collapse,
    vaegan,
)  # fmt: skip
from demos.experiments.arithmetic import ReaderRecipe
from models.zoo.fgan import DIVERGENCES

pytestmark = pytest.mark.slow
READER = ReaderRecipe(limit=40, epochs=1)


def test_each_divergence_comes_to_a_gaussian_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(f_gan, "PLACES", f_gan.PLACES[::10])
    found = f_gan.run(Setting(0, tmp_path), steps=20)
    exact = found.control["exact minimisers"]
    assert set(exact) == set(DIVERGENCES)
    assert exact["KL"]["mean"] == pytest.approx(0.2, abs=1e-3)
    assert exact["KL"]["std"] == pytest.approx(np.sqrt(0.36 + 0.24 * 9), abs=1e-3)
    assert min(found.control["distances between them"].values()) > 0.02
    assert all(error > 0 for error in found.numbers["largest error of mean and deviation"].values())


def test_began_beside_a_fixed_k_and_a_margin(tmp_path, monkeypatch):
    for size in ("WIDTH", "BATCH"):
        monkeypatch.setattr(began, size, 2)
    found = began.run(Setting(0, tmp_path), steps=10, samples=20, reader=READER)
    (table,) = found.numbers["tables"].values()
    assert set(table) == set(began.ROWS)
    assert table["k = 0"]["k"]["mean"] == 0
    assert all(row["frechet"]["mean"] > 0 and row["spread"]["mean"] > 0 for row in table.values())
    assert "M" not in table["EBGAN"] and "M" in table["gamma 0.3"]
    with pytest.raises(CommandError, match="began: it is about faces, not glyphs"):
        began.run(Setting(0, tmp_path, "glyphs"))


def test_games_against_collapse(tmp_path):
    found = mode_collapse.run(Setting(0, tmp_path), steps=3, seeds=1)
    (table,) = found.numbers["tables"].values()
    assert set(table) == set(mode_collapse.GAMES)
    assert 0 < found.numbers["largest distance of SNGAN's singular values from 1"] < 0.7
    assert found.control["data"]["modes_20"] == 8


def test_purity_is_the_share_of_the_most_frequent_digit():
    category, digits = np.array([0, 0, 0, 1, 1, 1]), np.array([7, 7, 2, 3, 3, 3])
    assert infogan.purity(category, digits) == pytest.approx(5 / 6)
    assert infogan.information(category, digits) == pytest.approx(np.log(2))
    assert infogan.information(category, 0 * digits) == 0


def test_spread_within_classes():
    x = np.array([[0.0, 0], [2, 0], [5, 5], [5, 9]])
    assert acgan.within(x, np.array([0, 0, 1, 1])) == pytest.approx(np.sqrt((1 + 1 + 4 + 4) / 4))


def test_a_ratio_of_1_is_no_inference():
    x = np.random.default_rng(0).random((4, 1, 2, 2))
    assert bigan.ratio(x, x) == 0
    assert bigan.ratio(x, np.zeros_like(x)) == 1


@pytest.mark.parametrize("experiment", [infogan, acgan, cogan, bigan])
def test_games_of_digits(tmp_path, experiment, monkeypatch):
    for size in {"SAMPLES", "SOUGHT"} & {*vars(experiment)}:
        monkeypatch.setattr(experiment, size, 20)
    found = experiment.run(Setting(0, tmp_path), steps=3, limit=100)
    (table,) = found.numbers["tables"].values()
    assert all(0 <= row[experiment.MEASURES[0]]["mean"] <= 2.4 for row in table.values())
    with pytest.raises(CommandError, match="needs grey images"):
        experiment.run(Setting(0, tmp_path, "faces"), steps=3, limit=100)


@pytest.mark.parametrize("experiment", [lapgan, vaegan])
def test_faces_in_equal_time(tmp_path, experiment):
    found = experiment.run(Setting(0, tmp_path), seconds=0.1, samples=20, reader=READER)
    (table,) = found.numbers["tables"].values()
    assert all(row["steps"]["mean"] > 0 and row["frechet"]["mean"] > 0 for row in table.values())
    assert len(list(until(0.05))) > 0
