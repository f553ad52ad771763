"""The drawn data sets: deterministic by seed, and drawn in bounded memory."""

import hashlib
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minigrad.data import drawn, load

pytestmark = pytest.mark.slow

DRAWN = ["glyphs", "faces"]


def digest(name: str, seed: int, n: int) -> str:
    data = load(name, limit=n, seed=seed)
    parts = [data.images, data.labels, *data.factors.values()]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_draws_the_same_everywhere(name):
    here = digest(name, 5, 300)
    assert digest(name, 5, 300) == here
    assert digest(name, 6, 300) != here
    code = f"import tests.data.test_drawn as t; print(t.digest({name!r}, 5, 300))"
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == here


# Of seed 0: the first labels and mean grey levels, and some factors of the first image. Not a hash:
# processors may differ in the last bit of a sine, and so by one in a grey level.
PUBLISHED = {
    "glyphs": (
        [6, 2, 0, 0],
        [34.399, 40.499, 30.536, 31.471],
        {"slant": 0.112621, "thickness": 2.691721, "dx": -0.024427, "wobble": 0.039606},
    ),
    "faces": (
        [1, 2, 0, 0],
        [162.155, 140.095, 132.527, 124.121],
        {"smile": 0.273923, "pose": -0.750891, "skin": 0.258274, "background": 0.499009},
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_first_images_stay_what_they_are(name):
    labels, grey, factors = PUBLISHED[name]
    data = load(name, limit=4)
    assert data.labels.tolist() == labels
    np.testing.assert_allclose(data.images.mean((1, 2, 3)), grey, atol=0.02)
    for factor, value in factors.items():
        assert data.factors[factor][0] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", DRAWN)
def test_a_limit_is_a_prefix(name):
    whole = load(name, limit=600)
    for n in (0, 1, 128, 256, 257, 599):
        part = load(name, limit=n)
        assert len(part) == n
        np.testing.assert_array_equal(part.images, whole.images[:n])
        np.testing.assert_array_equal(part.labels, whole.labels[:n])
        assert list(part.factors) == list(whole.factors)
        for key, values in whole.factors.items():
            assert part.factors[key].dtype == values.dtype
            np.testing.assert_array_equal(part.factors[key], values[:n])


@pytest.mark.parametrize("name", DRAWN)
def test_sizes_and_names(name, monkeypatch):
    spec = drawn.SPECS[name]._replace(sizes={"train": 300, "test": 10})
    monkeypatch.setitem(drawn.SPECS, name, spec)
    train, test = load(name), load(name, "test")
    assert (len(train), train.name) == (300, f"{name}/train")
    assert (len(test), test.name) == (10, f"{name}/test")
    assert len(load(name, limit=1000)) == 300
    assert load(name, limit=7).name == f"{name}/train (first 7 of 300)"
    shape = {"glyphs": (1, 28, 28), "faces": (3, 32, 32)}[name]
    assert train.images.shape[1:] == shape and train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64 and train.labels.max() == len(train.classes) - 1


@pytest.mark.parametrize("name", DRAWN)
def test_train_and_test_have_no_image_in_common(name):
    seen = set()
    for seed in (0, 1):
        for split in ("train", "test"):
            images = load(name, split, limit=700, seed=seed).images
            drawn_now = {image.tobytes() for image in images}
            assert len(drawn_now) == len(images)
            assert not seen & drawn_now
            seen |= drawn_now


@pytest.mark.parametrize("name", DRAWN)
def test_drawing_needs_little_memory_beside_the_images(name):
    def beside(n: int) -> int:
        tracemalloc.start()
        data = load(name, limit=n)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - data.images.nbytes - sum(f.nbytes for f in data.factors.values())

    load(name, limit=1)  # imports and tables
    few, many = beside(256), beside(2048)
    assert few < 40e6
    assert many < few + 1e6


@pytest.mark.parametrize("name", DRAWN)
def test_drawing_raises_no_floating_point_error(name):
    with np.errstate(all="raise"):
        load(name, limit=2000)
