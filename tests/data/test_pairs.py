"""Pairs of images: each kind is the right function, in bounded memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.data import ImageDataset, pairs

RNG = np.random.default_rng(0)


def images(n: int, channels: int = 3, height: int = 5, width: int = 4) -> np.ndarray:
    return RNG.integers(0, 256, (n, channels, height, width), np.uint8)


def dataset(n: int) -> ImageDataset:
    return ImageDataset(images(n), np.zeros(n, np.int64), "some", ("one",))


def test_a_negative_exchanges_colours():
    x = np.array([10, 20, 30], np.uint8).reshape(1, 3, 1, 1)
    assert pairs.negative(x).ravel().tolist() == [225, 245, 235]
    back = x
    for _ in range(6):  # three turns of the colours, two negatives each
        back = pairs.negative(back)
    np.testing.assert_array_equal(back, x)


def test_edges_are_where_a_neighbour_differs():
    x = np.zeros((1, 3, 4, 4), np.uint8)
    x[:, 1, :, 2:] = 200  # a step in one colour, from column 1 to column 2
    drawn = pairs.edges(x)
    assert drawn.shape == (1, 1, 4, 4)
    np.testing.assert_array_equal(drawn[0, 0], [[255, 0, 255, 255]] * 4)
    x[:, 1, :, 2:] = pairs.LOUD // 2
    assert set(np.unique(pairs.edges(x))) == {255 - 127, 255}


@given(st.integers(0, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_edges_do_not_see_brightness_or_the_order_of_colours(n, channels, height, width):
    x = images(n, channels, height, width) // 2
    np.testing.assert_array_equal(pairs.edges(x), pairs.edges(x + np.uint8(100)))
    np.testing.assert_array_equal(pairs.edges(x), pairs.edges(x[:, ::-1]))


def test_edges_do_not_see_which_side_is_the_bright_one():
    x = images(4)
    np.testing.assert_array_equal(pairs.edges(x), pairs.edges(255 - x))


def test_ink_is_laid_on_by_the_grey_level():
    grey = np.stack([np.full((1, 1, 3), (0, 51, 255), np.uint8)] * 2)
    bare, fifth, full = pairs.coloured(grey).astype(float).transpose(3, 0, 1, 2)
    np.testing.assert_allclose(fifth, bare + (full - bare) / 5, atol=1)
    seed = 306
    paper, ink = np.random.default_rng(seed).random((2, 3), np.float32)
    np.testing.assert_array_equal(bare[0, :, 0], np.rint(255 * (0.7 + 0.3 * paper)))
    np.testing.assert_array_equal(full[0, :, 0], np.rint(255 * 0.5 * ink))


def test_paper_and_ink_have_colours_of_their_own():
    grey = np.zeros((200, 1, 2, 10), np.uint8)
    grey[:, :, 0] = 255  # ink above, paper below
    grey[:, 0, 0, 9] = np.arange(200)  # so that each has another mean
    found = pairs.coloured(grey)[..., 0] / 255
    ink, paper = found[:, :, 0], found[:, :, 1]
    assert 0.69 < paper.min() < 0.75 and 0.95 < paper.max() <= 1
    assert 0 <= ink.min() < 0.05 and 0.45 < ink.max() < 0.51
    assert abs(np.corrcoef(paper.ravel(), ink.ravel())[0, 1]) < 0.2


def test_four_turns_are_none():
    x = images(2)
    once = pairs.turned(x)
    np.testing.assert_array_equal(once[0, 0, :, 0], x[0, 0, 0, ::-1])  # the upper row is left now
    np.testing.assert_array_equal(pairs.turned(pairs.turned(pairs.turned(once))), x)


def test_colours_are_of_the_image_whatever_is_beside_it():
    x = np.stack([np.zeros((1, 2, 2)), np.full((1, 2, 2), 255), np.eye(2)[None] * 255])
    x = x.astype(np.uint8)
    drawn = pairs.partners(x, "coloured")
    assert drawn.shape == (3, 3, 2, 2)
    np.testing.assert_array_equal(pairs.partners(x[1:], "coloured"), drawn[1:])
    assert drawn[0].min() >= 178 and drawn[1].max() <= 128  # paper is pale, ink is dark
    assert len(np.unique(drawn[2].reshape(3, 4), axis=1).T) == 2


@given(st.sampled_from(["negative", "edges", "turned"]), st.integers(0, 7), st.integers(1, 4))
def test_partners_do_not_depend_on_how_many_are_made_at_once(kind, n, at_once):
    x = images(n, 3, 4, 4)
    whole = pairs.PAIRS[kind](x)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pairs, "AT_ONCE", at_once)
        np.testing.assert_array_equal(pairs.partners(x, kind), whole)


def test_pairs_are_hidden_in_halves():
    data = dataset(7)
    x, y = pairs.paired(data, "negative")[:]
    np.testing.assert_array_equal(y, pairs.negative(x))
    x, y = pairs.unpaired(data, "negative")[:]
    np.testing.assert_array_equal(x, data.images[:3])
    np.testing.assert_array_equal(y, pairs.negative(data.images[3:6]))


def test_pixels_are_from_minus_1_to_1():
    x = pairs.pixels(np.array([0, 255], np.uint8))
    assert x.dtype == np.float32 and x.tolist() == [-1, 1]


def test_what_there_is_not():
    with pytest.raises(ValueError, match="no pairs are called 'mirrored'; there are: negative"):
        pairs.partners(images(1), "mirrored")
    with pytest.raises(ValueError, match="'coloured': need grey images, got 3 colours"):
        pairs.partners(images(1), "coloured")
    with pytest.raises(ValueError, match="needs two images or more, got 1"):
        pairs.unpaired(dataset(1), "edges")
