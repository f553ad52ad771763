"""Grids of images: where each is, its values, and what a file of them has."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigrad as mg
from minigrad.utils import make_grid, save_image


def images(n: int, c: int = 1) -> mg.Tensor:
    """Image i is i everywhere."""
    return mg.arange(float(n)).reshape(n, 1, 1, 1) * mg.ones(n, c, 2, 3)


def test_each_image_is_in_its_place() -> None:
    grid = make_grid(images(5) + 1, nrow=3, padding=1, pad_value=0.5).numpy()
    assert grid.shape == (3, 2 * 3 + 1, 3 * 4 + 1)
    for i in range(5):
        top, left = 1 + i // 3 * 3, 1 + i % 3 * 4
        assert (grid[:, top : top + 2, left : left + 3] == i + 1).all()
    inside = sum((grid == i + 1).sum() for i in range(5))
    assert inside == 5 * 3 * 2 * 3
    assert (grid == 0.5).sum() == grid.size - inside


def test_fewer_images_than_a_row_and_one_alone() -> None:
    assert make_grid(images(2)).shape == (3, 6, 12)
    assert make_grid(images(1, 3)).shape == (3, 2, 3)
    assert make_grid(mg.ones(2, 3)).shape == make_grid(mg.ones(1, 2, 3)).shape == (3, 2, 3)
    assert make_grid([mg.ones(3, 2, 3)] * 2, padding=0).shape == (3, 2, 6)
    assert make_grid(images(4, 2), padding=0).shape == (2, 2, 12)


def test_normalizing() -> None:
    x = images(3) * 2 - 1  # -1, 1, 3
    whole = make_grid(x, padding=0, normalize=True).numpy()
    assert sorted({*whole.ravel().tolist()}) == [0.0, 0.5, 1.0]
    cut = make_grid(x, padding=0, normalize=True, value_range=(-1, 1)).numpy()
    assert sorted({*cut.ravel().tolist()}) == [0.0, 1.0]
    ramp = mg.arange(12.0).reshape(2, 1, 2, 3)
    each = make_grid(ramp, padding=0, normalize=True, scale_each=True).numpy()
    np.testing.assert_allclose(each[0, :, :3], np.arange(6).reshape(2, 3) / 5, rtol=1e-6)
    np.testing.assert_allclose(each[0, :, 3:], each[0, :, :3], rtol=1e-6)
    assert ramp.numpy().max() == 11  # what was given stays as it is
    assert not make_grid(mg.ones(1, 1, 2, 2), normalize=True).numpy().any()  # no range: no NaN


def test_a_file_has_the_rounded_pixels(tmp_path: Path) -> None:
    x = mg.tensor([[0.0, 0.5, 1.0], [-1.0, 2.0, 0.1]], requires_grad=True)
    save_image(x, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        pixels = np.asarray(picture)
    assert pixels[..., 0].tolist() == [[0, 128, 255], [0, 255, 26]]
    assert pixels.shape == (2, 3, 3)
    save_image(images(4), str(tmp_path / "grid.jpg"), nrow=2, normalize=True)
    with Image.open(tmp_path / "grid.jpg") as grid:
        assert grid.size == (12, 10)
    buffer = io.BytesIO()
    save_image(x, buffer, format="png")
    assert np.array_equal(np.asarray(Image.open(buffer)), pixels)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["grid.jpg", "x.png"]


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"needs images \(N, C, H, W\), got \[2\]"):
        make_grid(mg.ones(2))
    with pytest.raises(TypeError, match="needs a tensor or a list of them, got str"):
        make_grid("x")
    with pytest.raises(TypeError, match="value_range must be a tuple"):
        make_grid(images(2), normalize=True, value_range=1)
    with pytest.raises(ValueError, match=r"no format is known for the file name 'x\.nothing'"):
        save_image(images(2), "x.nothing")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="save_image needs Pillow"):
        save_image(images(2), tmp_path / "x.png")
