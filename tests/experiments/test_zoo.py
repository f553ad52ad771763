"""The experiments of the GAN zoo, each at a small size."""

import numpy as np
import pytest

from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments import began, f_gan
from demos.experiments.arithmetic import ReaderRecipe
from models.zoo.fgan import DIVERGENCES

pytestmark = pytest.mark.slow
READER = ReaderRecipe(limit=100, epochs=1)


def test_each_divergence_comes_to_a_gaussian_of_its_own(tmp_path):
    found = f_gan.run(Setting(0, tmp_path), steps=20)
    exact = found.control["exact minimisers"]
    assert set(exact) == set(DIVERGENCES)
    assert exact["KL"]["mean"] == pytest.approx(0.2, abs=1e-3)
    assert exact["KL"]["std"] == pytest.approx(np.sqrt(0.36 + 0.24 * 9), abs=1e-3)
    assert min(found.control["distances between them"].values()) > 0.02
    assert all(error > 0 for error in found.numbers["largest error of mean and deviation"].values())


def test_began_beside_a_fixed_k_and_a_margin(tmp_path):
    found = began.run(Setting(0, tmp_path), steps=10, samples=40, reader=READER)
    (table,) = found.numbers["tables"].values()
    assert set(table) == set(began.ROWS)
    assert table["k = 0"]["k"]["mean"] == 0
    assert all(row["frechet"]["mean"] > 0 and row["spread"]["mean"] > 0 for row in table.values())
    assert "M" not in table["EBGAN"] and "M" in table["gamma 0.3"]
    with pytest.raises(CommandError, match="began: it is about faces, not glyphs"):
        began.run(Setting(0, tmp_path, "glyphs"))
