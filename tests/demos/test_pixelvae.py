"""The program of VAEs with a decoder that draws pixel by pixel: numbers, files, errors."""

import numpy as np
import pytest

import minigrad as mg
from demos import vae
from models.autoregressive import Autoregressive
from tests.demo_runs import contents, summary

pytestmark = pytest.mark.slow

TINY = [
    *("--model", "pixel", "--limit", "50", "--batch-size", "16", "--epochs", "1", "--hidden", "8"),
    *("--latent", "3", "--iwae-k", "2"),
]


def test_pixels_that_depend_on_each_other(tmp_path, monkeypatch):
    # 784 passes for each picture take seconds: here what is drawn is noise.
    noise = lambda model, n, context: mg.rand(n, *model.image_shape)
    monkeypatch.setattr(Autoregressive, "sample", noise)
    argv = ("--binarize", "--free", "0.1", "--blocks", "0", "--out", str(tmp_path))
    assert vae.main([*TINY, *argv]) == 0
    found = summary(tmp_path)
    assert 0 <= found["test_active"] <= 3 and np.isfinite(found["test_lost"])
    assert {"samples.png", "traversal.png"} <= contents(tmp_path).keys()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "--model pixel is told pixels as it draws them, 0 or 1: add --binarize"),
        (
            ("--binarize", "--free", "1", "--posterior", "iaf"),
            "--free is for a Gaussian posterior, whose KL has a closed form",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(argv, message, tmp_path, capsys):
    assert vae.main([*TINY, *argv, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
