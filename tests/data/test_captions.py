"""Captions of faces: what they say is true, or wrong, as asked; nothing held out gets in."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.data import captions, faces, load
from minigrad.data.captions import (
    APART,
    NAMES,
    SIZES,
    SLOTS,
    VOCABULARY,
    changed,
    contradicts,
    encode,
    held_out,
    sentences,
    slots_of,
    some_of,
)

EVERY = np.array(list(product(*map(range, SIZES))))  # all 256 combinations


def understood(caption: str) -> list[int]:
    """What is said, found by the words alone, in any order: -1 where nothing is."""
    words, found = set(caption.split()), []
    for values in SLOTS.values():
        said = [i for i, v in enumerate(values) if any(words >= {*s.split()} for s in v)]
        found.append(
            said[0] if said else -1
        )  # "with glasses" is in "without glasses with red hair"
        assert len(said) <= 1 or "without" in words
    return found


def test_the_words_tell_all_whatever_their_order():
    rng = np.random.default_rng(0)
    said = some_of(rng, np.tile(EVERY, (4, 1)), 0.7)
    drawn = sentences(rng, said)
    np.testing.assert_array_equal([understood(caption) for caption in drawn], said)
    assert len(set(drawn)) > 0.9 * len(drawn)
    assert max(len(caption.split()) for caption in drawn) <= 15


def test_words_come_in_every_order():
    """Of two things before the noun, and of two behind it: either is first, as often."""
    drawn = sentences(np.random.default_rng(0), np.zeros((2000, len(SIZES)), int))
    for a, b in (("sad", "black-haired"), ("spectacles", "wall")):
        first = [
            caption.index(a) < caption.index(b)
            for caption in drawn
            if a in caption and b in caption
        ]
        assert 0.4 < np.mean(first) < 0.6


def test_every_word_is_used_and_every_synonym():
    rng = np.random.default_rng(0)
    drawn = " | ".join(sentences(rng, np.tile(EVERY, (4, 1))))
    for values in SLOTS.values():
        for synonyms in values:
            assert all(synonym in drawn for synonym in synonyms)
    assert set(drawn.replace("|", "").split()) == set(VOCABULARY[1:])


def test_a_caption_goes_into_numbers_and_back():
    drawn = sentences(np.random.default_rng(1), EVERY)
    assert captions.decode(encode(drawn)) == drawn
    typed = encode(["A smiling woman, with glasses.", "a smiling woman with glasses"])
    np.testing.assert_array_equal(*typed)
    assert typed.dtype == np.int64 and (typed[0, 5:] == 0).all()
    with pytest.raises(ValueError, match="no word of a caption: purring, cat; there are: a, man"):
        encode(["a purring cat"])
    with pytest.raises(ValueError, match="at most 20 words, got 21"):
        encode(["a " * 21])


def test_slots_are_what_is_drawn():
    rng = np.random.default_rng(0)
    factors = faces.draw_factors(rng, 500)
    slots = dict(zip(NAMES, slots_of(factors).T))
    for name in ("gender", "glasses", "hair"):
        np.testing.assert_array_equal(slots[name], factors[name])
    np.testing.assert_array_equal(slots["smile"] == 1, factors["smile"] > 0.15)
    for name in ("hair_colour", "background"):
        stops = np.linspace(0, 1, 4)
        nearest = np.abs(factors[name][:, None] - stops).argmin(1)
        np.testing.assert_array_equal(slots[name], nearest)


def test_what_is_held_out_tells_no_slot_of_two_values():
    """With a face that is held out, so is that which differs in such a slot alone: the rest of a
    caption leaves both values possible, or none. And each value of every slot is shown."""
    out = {tuple(row) for row in EVERY[held_out(EVERY)].tolist()}
    assert 0 < len(out) == 64 < len(EVERY)
    for row in out:
        for slot in range(4):
            other = list(row)
            other[slot] = 1 - other[slot]
            assert tuple(other) in out
    shown = EVERY[~held_out(EVERY)]
    for slot, size in enumerate(SIZES):
        assert set(shown[:, slot]) == set(range(size))
    assert sorted(APART) == [0, 1, 2, 3]  # each colour has three backgrounds left


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_changed_caption_is_wrong_in_one_slot(seed, share):
    rng = np.random.default_rng(seed)
    shown = EVERY[~held_out(EVERY)]
    said = some_of(rng, shown, share)
    wrong = changed(rng, said)
    assert ((wrong != said).sum(1) == 1).all()
    assert ((wrong < 0) == (said < 0)).all()
    assert contradicts(wrong, shown).all() and not contradicts(said, shown).any()
    assert not held_out(wrong).any()
    assert (said[:, 0] >= 0).all()


def test_all_slots_are_changed_equally_often():
    rng = np.random.default_rng(0)
    shown = np.tile(EVERY[~held_out(EVERY)], (20, 1))
    counts = (changed(rng, shown) != shown).sum(0)
    np.testing.assert_allclose(counts, len(shown) / len(SIZES), rtol=0.1)


def test_what_is_not_said_of_captions():
    data = load("faces", limit=40)
    usual, spelt = (
        captions.captioned(data, **how)
        for how in ({}, {"seed": 0, "times": 4, "share": 0.8, "wrong": "changed"})
    )
    for a, b in zip(usual[:], spelt[:]):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", captions.WRONG)
def test_captions_are_true_of_their_faces_and_wrong_ones_are_not(wrong):
    data = load("faces", limit=300)
    shown = captions.captioned(data, wrong=wrong, times=2)
    true = slots_of(data.factors)
    kept = ~held_out(true)
    true = np.tile(true[kept], (2, 1))
    images, right, others = shown[:]
    assert len(shown) == len(true) == 2 * kept.sum() < 600
    np.testing.assert_array_equal(images, np.tile(data.images[kept], (2, 1, 1, 1)))
    one = shown[int(kept.sum())]  # the first face again, with another caption
    np.testing.assert_array_equal(one[0], images[0])
    assert (one[1] != right[0]).any()
    said, refused = (
        np.array([understood(caption) for caption in captions.decode(words)])
        for words in (right, others)
    )
    assert not contradicts(said, true).any()
    assert contradicts(refused, true).all()
    named = (refused >= 0).all(1)
    assert not held_out(refused[named]).any()
    fewer = captions.captioned(load("faces", limit=200), wrong=wrong, times=1)
    for a, b in zip(fewer[:], shown[:]):
        np.testing.assert_array_equal(a, b[: len(fewer)])
    other = captions.captioned(data, wrong=wrong, times=2, seed=1)
    assert (other.right != shown.right).any()


def test_what_has_no_captions():
    with pytest.raises(ValueError, match="wrong must be one of changed, another's, got 'none'"):
        captions.captioned(load("faces", limit=0), wrong="none")
    with pytest.raises(ValueError, match=r"glyphs/train .* has no factor background, gender"):
        captions.captioned(load("glyphs", limit=1))


@pytest.mark.parametrize(
    ("how", "right", "wrong"),
    [
        ({"wrong": "changed"}, 103_268_024, 102_941_451),
        ({"wrong": "another's"}, 102_994_977, 103_082_188),
        ({"share": 0.3, "seed": 1, "times": 2}, 19_389_949, 19_485_745),
    ],
)
def test_captions_are_the_same_as_ever(how, right, wrong):
    """Sums of the words' numbers, each by its place."""
    found = captions.captioned(load("faces", limit=300), **how)
    for words, expected in ((found.right, right), (found.wrong, wrong)):
        assert (words.ravel() * (np.arange(words.size) % 1009)).sum() == expected
