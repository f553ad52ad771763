"""The experiments with autoregressive models: tiny runs."""

from functools import partial

import pytest

from demos.common.kept import Setting
from demos.experiments import autoregressives, pixelcnn, taxonomy
from demos.experiments.finding import perform
from demos.experiments.tables import read
from models.autoregressive import Autoregressive
from models.likelihoods import binarize

pytestmark = pytest.mark.slow

TINY = {"epochs": 1, "train_on": 20, "channels": 6, "layers": 1, "first": 3, "hidden": (9,)}


@pytest.fixture
def tiny(monkeypatch) -> None:
    """Small networks, which draw noise: their own drawing takes 784 passes."""
    monkeypatch.setattr(Autoregressive, "complete", lambda self, x, *_: binarize(0 * x + 0.5))
    for how in autoregressives.MODELS.values():
        for name, value in TINY.items():
            monkeypatch.setitem(how, name, value)


@pytest.mark.usefixtures("tiny")
def test_pixelcnn(tmp_path):
    how = {"VAE": {"epochs": 1}}
    tiny = {"limit": 20, "how": how, "images": 3, "samples": 4, "few": 2, "drawn": 2}
    perform("pixelcnn", partial(pixelcnn.run, **tiny), Setting(0, tmp_path, "glyphs"))
    found = read(tmp_path / "pixelcnn.json")
    sums = found["numbers"]["sum of p(x) over all 3x3 images, less 1"]
    assert len(sums) == 3 and max(map(abs, sums.values())) < 1e-12
    control = found["control"]
    assert abs(control["first layer with mask B: sum of p(x)"] - 1) > 1e-3
    assert control["of 60 earlier pixels are seen by"] == {"one stack": 50, "two stacks": 60}
    assert found["numbers"]["nats"]["MADE"] > 0
    assert (tmp_path / "pixelcnn.png").stat().st_size > 10_000


@pytest.mark.usefixtures("tiny")
def test_taxonomy(tmp_path):
    how = {"VAE": {"epochs": 1}, "GAN": {"width": 4}, "AAE": {"epochs": 1}}
    tiny = {"n": 20, "limit": 40, "images": 3, "samples": 3, "how": how}
    perform("taxonomy", partial(taxonomy.run, **tiny), Setting(0, tmp_path, "glyphs"))
    found = read(tmp_path / "taxonomy.json")["numbers"]
    assert found["PixelCNN"]["p(x)"] == "exact" and found["PixelCNN"]["passes"] == 784
    assert found["VAE"]["p(x)"] == "a bound" and found["VAE"]["p(z|x)"] == "q(z|x)"
    assert found["VAE"]["nats"]["-L"] < found["VAE"]["nats"]["-ELBO"]
    assert found["PixelVAE"]["passes"] == 785 and found["PixelVAE"]["nats"]["-ELBO"] > 0
    assert found["GAN"]["nats"] == found["AAE"]["nats"] == {}
    leaves = [name for stem in taxonomy.TREE.values() for some in stem.values() for name in some]
    assert set(found) <= set(leaves)
    assert (tmp_path / "taxonomy.png").stat().st_size > 10_000
