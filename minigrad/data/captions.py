"""Sentences about drawn faces: their factors in words, with synonyms, in free order.

    a cheerful long-haired lady with glasses and red hair on a blue background

What can be said of a face are its SLOTS. A caption names the gender and some of the others; no word
is of two meanings, so that the words tell all, whatever their order. Words are data: `encode` gives
their numbers in the vocabulary, 0 for none.

`held_out` are combinations to be kept from training, to ask for later what was never shown. None of
them tells the value of a slot with two values: with each face that is held out, so is the one that
differs in that slot alone. (Otherwise all that is shown with its other values has the same value in
that slot, and a network may take the word from the rest of the sentence.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from minigrad.data.dataset import Dataset, ImageDataset, Index
from minigrad.data.faces import draw_factors

Slots = NDArray[np.int64]  # (N, len(SLOTS)): the value in each, -1 where nothing is said
Words = NDArray[np.int64]  # (N, LENGTH)

# What each slot's values are called.
SLOTS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "gender": (("man", "gentleman", "guy"), ("woman", "lady", "girl")),
    "smile": (("serious", "sad", "grave"), ("smiling", "happy", "cheerful")),
    "glasses": (
        ("without glasses", "without spectacles"),
        ("with glasses", "with spectacles", "bespectacled"),
    ),
    "hair": (("short-haired", "with short hair"), ("long-haired", "with long hair")),
    "hair_colour": (
        ("black-haired", "with black hair", "with dark hair"),
        ("brown-haired", "with brown hair", "with chestnut hair"),
        ("red-haired", "with red hair", "with ginger hair"),
        ("blond", "with blond hair", "with fair hair"),
    ),
    "background": (
        ("on a yellow background", "before a sandy wall"),
        ("on a green background", "before a mint wall"),
        ("on a blue background", "before an azure wall"),
        ("on a violet background", "before a purple wall"),
    ),
}
NAMES: Final = tuple(SLOTS)
SIZES: Final = tuple(len(values) for values in SLOTS.values())
MOUTH: Final = 0.15  # the smile at which the drawing opens the mouth
# Of each colour of hair the background that it is never shown on.
APART: Final = (1, 3, 0, 2)


def _vocabulary() -> tuple[str, ...]:
    said = (words for values in SLOTS.values() for value in values for words in value)
    found = {word: None for words in said for word in words.split()}
    return ("", "a", *(word for word in found if word != "a"))


VOCABULARY: Final = _vocabulary()
_NUMBER: Final = {word: i for i, word in enumerate(VOCABULARY)}
LENGTH: Final = 20  # words; the longest that is drawn has 15


def slots_of(factors: Mapping[str, NDArray[Any]]) -> Slots:
    """What can be said of faces with these factors, drawn or read: all slots (N, 6).

    A colour is the nearest of its palette's four; who does not open the mouth does not smile.
    """
    of = {
        "gender": factors["gender"] > 0.5,
        "smile": factors["smile"] > MOUTH,
        "glasses": factors["glasses"] > 0.5,
        "hair": factors["hair"] > 0.5,
        "hair_colour": np.rint(3 * factors["hair_colour"]),
        "background": np.rint(3 * factors["background"]),
    }
    return np.stack([of[name] for name in NAMES], axis=1).astype(np.int64)


def held_out(slots: Slots) -> NDArray[np.bool_]:
    """Which of the faces (...) are of a combination that is kept from training: a colour of hair on
    the background that it is never shown on."""
    hair, background = (slots[..., NAMES.index(name)] for name in ("hair_colour", "background"))
    apart: NDArray[np.bool_] = (np.array(APART)[hair] == background) & (hair >= 0)
    return apart


def some_of(rng: np.random.Generator, slots: Slots, share: float) -> Slots:
    """The slots of which something is said: the gender, and each other one with probability
    `share`; -1 in the rest."""
    named = rng.random(slots.shape) < share
    named[:, NAMES.index("gender")] = True
    return np.where(named, slots, -1)


def changed(rng: np.random.Generator, slots: Slots) -> Slots:
    """Slots that are wrong: one that something is said of has another value, all others are as they
    were. No combination that is held out comes of one that is not."""
    # One row for each change that there is: (slot, by how much), all rows for each face.
    slot, step = np.array([(i, by) for i, size in enumerate(SIZES) for by in range(1, size)]).T
    every = np.repeat(slots[:, None], len(slot), axis=1)
    at = np.arange(len(slot))
    every[:, at, slot] = (every[:, at, slot] + step) % np.array(SIZES)[slot]
    allowed = (slots[:, slot] >= 0) & (held_out(slots)[:, None] | ~held_out(every))
    # Each slot alike, then each of its other values: the largest of random numbers.
    weight = rng.random(slots.shape)[:, slot] + 1 + 1e-9 * rng.random((len(slots), len(slot)))
    best: Slots = every[np.arange(len(slots)), (weight * allowed).argmax(axis=1)]
    return best


def sentences(rng: np.random.Generator, slots: Slots) -> list[str]:
    """A sentence for each row of slots (N, 6), by synonyms and in an order that are drawn."""
    # A row of random numbers for each: what is drawn of one does not hang on the others.
    chance = rng.random((len(slots), 2 * len(SIZES)))
    return [_sentence(row, drawn) for row, drawn in zip(slots.tolist(), chance.tolist())]


def _sentence(row: Sequence[int], chance: Sequence[float]) -> str:
    said = []
    for slot, values in enumerate(SLOTS.values()):
        if row[slot] >= 0:
            synonyms = values[row[slot]]
            said.append((chance[slot], synonyms[int(chance[len(SIZES) + slot] * len(synonyms))]))
    (_, noun), *rest = said
    rest.sort()
    before = [words for _, words in rest if " " not in words]
    after = [words for _, words in rest if " " in words]
    return " ".join(["a", *before, noun, *after])


def encode(captions: Iterable[str]) -> Words:
    """The numbers of the words of captions, (N, LENGTH), 0 behind the last one.

    ValueError for a word that is not in the vocabulary, and for too many of them.
    """
    listed = [caption.lower().replace(",", " ").rstrip(". ").split() for caption in captions]
    words = np.zeros((len(listed), LENGTH), np.int64)
    for row, caption in zip(words, listed, strict=True):
        if unknown := [word for word in caption if word not in _NUMBER]:
            known = ", ".join(VOCABULARY[1:])
            raise ValueError(f"no word of a caption: {', '.join(unknown)}; there are: {known}")
        if len(caption) > LENGTH:
            raise ValueError(f"a caption has at most {LENGTH} words, got {len(caption)}")
        row[: len(caption)] = [_NUMBER[word] for word in caption]
    return words


def decode(words: Words) -> list[str]:
    """The captions (N,) whose words have these numbers."""
    return [" ".join(VOCABULARY[i] for i in row if i) for row in words.tolist()]


# ---- faces with captions -------------------------------------------------------------------------

CHUNK: Final = 128  # faces whose captions are drawn together
WRONG: Final = ("changed", "another's")


class Captioned(Dataset):
    """Faces with captions: sample i is face i % N, as bytes (3, 32, 32), with caption i, which is
    true of it, and another one, which is not; (LENGTH,) both."""

    def __init__(self, images: NDArray[np.uint8], right: Words, wrong: Words) -> None:
        self.images, self.right, self.wrong = images, right, wrong

    def __len__(self) -> int:
        return len(self.right)

    def __getitem__(self, index: Index) -> tuple[NDArray[np.uint8], Words, Words]:
        face = np.arange(len(self))[index] % max(1, len(self.images))
        return self.images[face], self.right[index], self.wrong[index]

    def __getbatch__(self, indices: NDArray[np.int64]) -> list[Any]:
        return list(self[indices])


def captioned(
    faces: ImageDataset, *, seed: int = 0, times: int = 4, share: float = 0.8,
    wrong: str = "changed",
) -> Captioned:  # fmt: skip
    """Faces with `times` captions each, and as many wrong ones; those that are `held_out` are left
    out.

    A wrong one is "changed" in one slot, so that each of them has to be learned; or, as in Reed et
    al. 2016, it is "another's", of a face of which something else is true. With one caption each, a
    network learns them by heart. Chunk i is drawn from (seed, time, i): a limit leaves the captions
    before it as they are. ValueError for data without a face's factors.
    """
    if wrong not in WRONG:
        raise ValueError(f"captioned: wrong must be one of {', '.join(WRONG)}, got {wrong!r}")
    if missing := {*NAMES} - {*faces.factors}:
        raise ValueError(f"captioned: {faces.name} has no factor {', '.join(sorted(missing))}")
    true = slots_of(faces.factors)
    words = np.empty((2, times, len(true), LENGTH), np.int64)
    for time, (i, start) in product(range(times), enumerate(range(0, len(true), CHUNK))):
        rng = np.random.default_rng([seed, time, i])
        rows = slice(start, start + CHUNK)
        # As many as a whole chunk has, so that the last one's are those of a longer data set.
        own = np.resize(true[rows], (CHUNK, len(NAMES)))
        said = some_of(rng, own, share)
        other = changed(rng, said) if wrong == "changed" else anothers(rng, said, own)
        for part, slots in zip(words, (said, other)):
            part[time, rows] = encode(sentences(rng, slots))[: len(true[rows])]
    shown = ~held_out(true)
    right, refused = words[:, :, shown].reshape(2, -1, LENGTH)
    return Captioned(faces.images[shown], right, refused)


def anothers(rng: np.random.Generator, said: Slots, true: Slots) -> Slots:
    """The same slots of other faces, which are drawn until something of it is not true: 16 times;
    then it is `changed`."""
    drawn = slots_of(draw_factors(rng, 16 * len(said))).reshape(len(said), 16, -1)
    wrong = np.where(said[:, None] >= 0, drawn, -1)
    fits = contradicts(wrong, true[:, None]) & ~held_out(wrong)
    first = wrong[np.arange(len(said)), fits.argmax(axis=1)]
    return np.where(fits.any(axis=1, keepdims=True), first, changed(rng, said))


def contradicts(said: Slots, true: Slots) -> NDArray[np.bool_]:
    """Whether something that is said (..., 6) is not true (...)."""
    wrong: NDArray[np.bool_] = ((said >= 0) & (said != true)).any(axis=-1)
    return wrong
