"""The drawn faces: each factor drives its part of the picture."""

import itertools

import numpy as np
import pytest

from minigrad.data import faces, load
from minigrad.data.canvas import Canvas, ellipse


@pytest.fixture
def draw():
    """draw(smile=1, ...) is 32 faces that differ in all factors but these, as int images."""
    rng = np.random.default_rng(0)
    base = faces.draw_factors(rng, 32) | {"dx": np.zeros(32), "dy": np.zeros(32)}

    def render(**fixed: float) -> np.ndarray:
        chosen = {name: np.full(32, value) for name, value in fixed.items()}
        return faces.render(base | {"size": np.ones(32)} | chosen).astype(int)

    return render


def test_a_label_is_of_the_gender_and_the_smile():
    factors = {"gender": np.array([0.0, 0, 1, 1]), "smile": np.array([-0.1, 0.1, 0.0, 0.1])}
    assert faces.labels(factors).tolist() == [0, 1, 2, 3]


def test_a_part_is_drawn_on_rows_enough(draw, monkeypatch):
    """Each is drawn on a few rows only: on all of them nothing more is seen."""
    extremes = [
        {"smile": smile, "pose": pose, "glasses": glasses, "gender": gender, "hair": hair}
        for smile, pose, glasses, gender, hair in itertools.product((-1, 1), (-1, 1), *[(0, 1)] * 3)
    ]
    few = [draw(**each) for each in extremes]
    monkeypatch.setattr(Canvas, "span", lambda canvas, first, last: slice(None))
    for each, images in zip(extremes, few, strict=True):
        np.testing.assert_array_equal(draw(**each), images)


@pytest.mark.slow
def test_labels():
    data = load("faces", limit=500)
    woman, smiling = data.factors["gender"] == 1, data.factors["smile"] > 0
    for label, name in enumerate(data.classes):
        of = data.labels == label
        assert of.sum() > 80
        assert (woman[of] == ("woman" in name)).all()
        assert (smiling[of] == ("smiling" in name)).all()


@pytest.mark.slow
def test_factors_are_independent():
    factors = np.stack(list(load("faces", limit=4000).factors.values()))
    others = np.corrcoef(factors) - np.eye(len(factors))
    assert np.abs(others).max() < 0.07


@pytest.mark.parametrize(
    ("factor", "low", "high", "rows", "columns"),
    [
        ("glasses", 0, 1, (10, 21), (0, 32)),
        ("smile", -1, 1, (8, 28), (0, 32)),
        ("smile", 0.2, 1, (8, 28), (0, 32)),
        ("hair", 0, 1, (1, 31), (0, 32)),
    ],
)
def test_a_factor_changes_its_part_only(draw, factor, low, high, rows, columns):
    changed = (draw(**{factor: low}) != draw(**{factor: high})).any(1)
    assert changed.any((1, 2)).all()
    changed[:, slice(*rows), slice(*columns)] = False
    assert not changed.any()


def test_glasses_darken_the_rims_round_the_eyes(draw):
    without, with_ = draw(glasses=0, pose=0, skin=0), draw(glasses=1, pose=0, skin=0)
    dark = [(x.max(1) < 90)[:, 11:20, 6:26].sum((1, 2)) for x in (without, with_)]
    assert (dark[1] > dark[0] + 10).all()


def test_smiling_lifts_the_corners_of_the_mouth(draw):
    """Red lips: the corners are below the middle when sad, above it when happy."""
    heights = []
    for smile in (-1, -0.5, 0, 0.5):
        image = draw(smile=smile, gender=1, pose=0, skin=0)
        red = np.clip(image[:, 0] - image[:, 1] - 60, 0, None)[:, 18:27]
        rows = np.arange(9)[None, :, None]
        height = (red * rows).sum(1) / np.maximum(red.sum(1), 1)
        heights.append(height[:, 15:17].mean() - height[:, [12, 19]].mean())
    assert (np.diff(heights) > 0.5).all()
    assert heights[0] < -0.5 < 0.5 < heights[3]


def test_laughing_shows_teeth(draw):
    white = [
        (draw(smile=s, pose=0)[:, :, 18:27, 10:22].min(1) > 215).sum((1, 2)) for s in (0, 0.6, 1)
    ]
    assert white[0].max() == 0
    assert (white[1] > white[0]).all() and (white[2] > white[1]).all()


def test_pose_turns_left_and_right(draw):
    """The mouth's lips move with the pose, and poses of opposite sign mirror its place."""
    places = []
    for pose in (-1, -0.5, 0, 0.5, 1):
        image = draw(pose=pose, gender=1, smile=0, skin=0)
        red = np.clip(image[:, 0] - image[:, 1] - 80, 0, None)[:, 20:24]
        places.append((red.sum((0, 1)) @ np.arange(32)) / red.sum())
    assert (np.diff(places) > 1).all()
    np.testing.assert_allclose(np.add(places, places[::-1]), 31, atol=0.3)


def test_colours_follow_their_palettes(draw):
    def near(image: np.ndarray, colour: tuple[int, int, int], tolerance: float) -> None:
        assert np.abs(image - np.array(colour)).max() < tolerance

    for at in range(4):
        position = at / 3
        near(draw(background=position)[:, :, 0, 0], faces.BACKGROUND[at], 3)
        cheek = draw(skin=position, pose=0, glasses=0, gender=1, hair=0)[:, :, 17:19, 9]
        near(cheek.mean(2), faces.SKIN[at], 12)
        near(draw(hair_colour=position)[:, :, 5, 15], faces.HAIR[at], 3)


def test_long_hair_falls_beside_the_neck(draw):
    short, long = (draw(hair=h, hair_colour=0, pose=0)[:, :, 24, 5] for h in (0, 1))
    assert (long.max(1) < 40).all() and (short.max(1) > 100).all()


@pytest.mark.slow
def test_every_factor_can_be_read_off_the_pixels():
    """Ridge regression on pixels finds each factor: none is drawn too faintly."""
    train, test = load("faces", limit=2000), load("faces", "test", limit=400)
    a, b = (d[:][0].reshape(len(d), -1) for d in (train, test))
    mean = a.mean(0)
    kernel = (a - mean) @ (a - mean).T + 20 * np.eye(len(a))
    columns = np.stack(list(train.factors.values()), 1)
    centre = columns.mean(0)
    read = (b - mean) @ ((a - mean).T @ np.linalg.solve(kernel, columns - centre)) + centre
    for i, (name, wanted) in enumerate(test.factors.items()):
        explained = 1 - ((read[:, i] - wanted) ** 2).mean() / wanted.var()
        assert explained > 0.7, name
        if name in ("glasses", "gender", "hair"):
            assert ((read[:, i] > 0.5) == wanted).mean() > 0.99, name


def test_larger_faces_are_the_same_faces() -> None:
    factors = faces.draw_factors(np.random.default_rng(0), faces.CHUNK + 3)
    small, large = faces.render(factors), faces.larger(factors, 2)
    assert large.shape == (len(small), 3, 64, 64) and large.dtype == np.uint8
    means = large.reshape(-1, 3, 32, 2, 32, 2).mean((3, 5))
    # Lines of half a pixel are not rounded alike: mean differences are of a few grey levels.
    assert np.abs(means - small).mean() < 4
    repeated = small.repeat(2, 2).repeat(2, 3).astype(int)
    assert np.abs(large - repeated).mean() > 1.5 * np.abs(means - small).mean()


def test_an_ellipses_centre_is_inside_and_its_edge_at_distance_0():
    at = np.float32([0, 2, 0, 4])
    distance = ellipse(at, np.float32([0, 0, 3, 0]), 2.0, 3.0)
    assert (distance[:3] <= 0).all() and distance[3] > 1
    np.testing.assert_allclose(distance[1:3], 0, atol=1e-6)
