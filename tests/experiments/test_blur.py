"""The experiment blur: its controls have known answers, and it goes by what is measured."""

import numpy as np
import pytest

from demos.common.kept import Setting
from demos.experiments import blur
from minigrad import data
from models.measures.spectrum import blurred, radial, relative

pytestmark = pytest.mark.slow

TEST = data.load("glyphs", "test", limit=64)[:][0]


def test_a_blur_takes_the_high_frequencies_away():
    found = radial(blurred(TEST, 1.0)).power / radial(TEST).power
    assert found[0] > 0.9 and found[-1] < 0.01
    assert (np.diff(found) < 0).all()
    np.testing.assert_allclose(blurred(TEST, 0.0), TEST, atol=1e-6)
    # The mean brightness is that of before, at frequency 0.
    np.testing.assert_allclose(blurred(TEST, 2.0).mean((2, 3)), TEST.mean((2, 3)), atol=1e-6)


def test_relative_to_itself_is_1():
    assert set(relative(TEST, TEST, blur.CUTOFFS).values()) == {1.0}
    halved = relative(TEST / 2, TEST, blur.CUTOFFS)
    assert halved.pop("all power") == pytest.approx(0.25, rel=1e-5)
    assert list(halved.values()) == pytest.approx([1, 1, 1], rel=1e-5)


@pytest.mark.slow
def test_it_measures_both_models_and_its_controls(tmp_path):
    found = blur.run(
        Setting(0, tmp_path), n=64, limit=64, vae_epochs=1, epochs=1, width=8, batch=32
    )
    main = blur.MAIN
    assert list(found.numbers) == [blur.GAN, blur.MEANS, blur.DRAWS]
    # Pixels drawn from an untrained decoder are noise, which no data are.
    assert found.numbers[blur.DRAWS][main] > 2
    assert found.control["blurred data, 0.5 pixels"][main] < 0.6
    assert found.control[blur.HALF] == relative(TEST[::2], TEST[1::2], blur.CUTOFFS)
    assert f"VAE {found.numbers[blur.MEANS][main]:.2f}" in found.result
    assert f"DCGAN {found.numbers[blur.GAN][main]:.2f}" in found.result
    assert len(found.figure.axes) == 3
