"""Text to image: faces of sentences, read by a reader that knows faces; attributes that were shown
in other combinations only; what the wrong captions are good for."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
from demos.common.figures import Array, Figure, bars, sheet, strips
from demos.common.kept import Kept, Recipe, kept
from demos.common.training import random_numbers
from demos.common.translation import Fading
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.finding import Finding, Setting
from demos.experiments.translations import FOUR, READER, Faces, faces_of
from minigrad import Tensor
from minigrad.data.captions import (
    NAMES,
    VOCABULARY,
    captioned,
    encode,
    held_out,
    sentences,
    slots_of,
)
from minigrad.data.pairs import pixels
from models.measures.faces import read, strangeness
from models.measures.parts import in_parts
from models.model import Losses
from models.text_to_image import TextGAN, text_gan

CLAIM = "text to image: a GAN draws what a sentence says, in new combinations too"
TESTED = 2000
VARIANTS: dict[str, dict[str, Any]] = {
    "GAN-CLS": {},
    "no wrong captions": {"matching": False},
}
ASKED = (
    "a smiling woman with glasses",
    "a serious man with short hair without glasses",
    "a happy blond long-haired man on a violet background",
    "a grave girl with red hair before an azure wall",
)
BETWEEN = (
    "a serious man with short black hair without glasses on a green background",
    "a smiling woman with long blond hair with glasses on a violet background",
)
AT_ONCE = 250  # images
PARTS = 8  # of the way from one caption to another


@dataclass(frozen=True, kw_only=True)
class TextRecipe(Recipe):
    """How a GAN of captions is trained."""

    kind: ClassVar[str] = "text"
    dataset: str = "faces"
    epochs: int = 1
    batch: int = 32
    lr: float = 5e-4
    width: int = 16
    wrong: str = "changed"
    matching: bool = True
    between: bool = False


def run(
    setting: Setting, *, tested: int = TESTED, reader: ReaderRecipe = READER, **how: Any
) -> Finding:
    """GAN-CLS, its wrong captions being true but for one word; and, for as many steps, with none.

    Captions name all that can be said of a face of the test set; for the control they are dealt out
    anew. Four attributes have two values each: gender, smile, glasses, length of hair.
    """
    faces = faces_of(setting, reader)
    true = slots_of(faces.test.factors)
    asked = {
        "seen": true[~held_out(true)][:tested],
        "held out": true[held_out(true)][:tested],
    }
    found: dict[str, dict[str, Any]] = {}
    trained = {name: text(setting, **{**changes, **how}) for name, changes in VARIANTS.items()}
    for name, model in trained.items():
        found[name] = {s: rates(faces, drawn(model.model, a), a) for s, a in asked.items()}
        found[name]["core seconds"] = model.core_seconds
    first = next(iter(trained.values())).model
    images = drawn(first, asked["seen"])
    shuffled = np.random.default_rng(setting.seed).permutation(asked["seen"])
    control = {
        "captions of others": rates(faces, images, shuffled),
        "real faces": rates(faces, faces.test[:][0], true),
    }
    ours = found["GAN-CLS"]
    ours["looks"] = looks(faces, images, first)
    result = "; ".join(f"{name}: {said(ours[name])}" for name in asked)
    result += (
        f"; faces of a caption differ {ours['looks']['spread']:.2f} times as much as all faces"
    )
    beside = "; ".join(f"{n}: {said(found[n]['seen'])}" for n in list(VARIANTS)[1:])
    beside += "; " + "; ".join(f"{name}: {said(rate)}" for name, rate in control.items())
    figure = draw(first, found, control)
    return Finding(CLAIM, result, beside, found, control, figure)


def text(setting: Setting, **how: Any) -> Kept:
    """The GAN of a recipe, without the rates that its training had besides."""
    recipe = setting.lengthened(TextRecipe(**how))
    train, _ = recipe.images(setting)

    def build(steps: int) -> Fading:
        gan = text_gan(
            train.images.shape[1:], len(VOCABULARY), width=recipe.width, lr=recipe.lr,
            matching=recipe.matching, between=recipe.between,
        )  # fmt: skip
        return Fading(gan, steps)

    def step(model: Fading, x: Tensor, right: Tensor, wrong: Tensor) -> Losses:
        return model.train_step(pixels(x), right, wrong)

    data = captioned(train, wrong=recipe.wrong)
    found = kept(setting, recipe, data, build, step, drop_last=True)
    return found._replace(model=found.model.game)


def drawn(gan: TextGAN, slots: Array) -> Array:
    """A face (N, 3, 32, 32) in [0, 1] for each row of slots, said in drawn words."""
    return of_words(gan, encode(sentences(np.random.default_rng(0), slots)))


def of_words(gan: TextGAN, *captions: Array) -> Array:
    """A face for each caption (N, L), or for what is between captions; of the same noise in each
    call."""
    with random_numbers(0):
        z = gan.draw_noise(len(captions[0]))

    def some(rows: slice) -> Tensor:
        return gan.generate(z[rows], *(mg.tensor(words[rows]) for words in captions))

    return (in_parts(len(z), AT_ONCE, some) + 1) / 2


def rates(faces: Faces, images: Array, slots: Array) -> dict[str, float]:
    """How often what is read in images is what was asked for: each slot, the four attributes of two
    values together, and all six."""
    right = faces.right(images, slots)
    found = {name: float(column.mean()) for name, column in zip(NAMES, right.T)}
    found["four"] = float(right[:, FOUR].all(axis=1).mean())
    return {**found, "all": float(right.all(axis=1).mean())}


def looks(faces: Faces, images: Array, gan: TextGAN) -> dict[str, float]:
    """How far samples are from the faces that are read in them; how much the faces of one caption
    differ, by the deviation of a pixel, that of all drawn faces being 1."""
    one = [of_words(gan, encode([caption] * 50)).std(axis=0).mean() for caption in ASKED]
    return {
        "strangeness": strangeness(images, read(faces.reader, images)),
        "spread": float(np.mean(one) / faces.test[:TESTED][0].std(axis=0).mean()),
    }


def said(found: Mapping[str, float]) -> str:
    """The four attributes together, and what is hard among them."""
    hard = ", ".join(f"{name} {found[name]:.0%}" for name in ("gender", "smile", "glasses", "hair"))
    return f"all four right in {found['four']:.1%} ({hard})"


def between(gan: TextGAN, rows: int = 3) -> Array:
    """One caption that becomes another in equal steps of the code, of some noises: the mean of so
    many codes of the one and so many of the other."""
    a, b = (np.repeat(words[None], rows, axis=0) for words in encode(BETWEEN))
    columns = [of_words(gan, *[a] * (PARTS - i), *[b] * i) for i in range(PARTS + 1)]
    return np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:])


def draw(
    gan: TextGAN, found: Mapping[str, Any], control: Mapping[str, Mapping[str, float]]
) -> Figure:
    """Faces of some captions, one that changes into another, and how often each slot is right."""
    figure, (first, second, third) = sheet("aab;aac", (15, 7.5))
    rows = {"\n".join(wrap(c, 24)): of_words(gan, encode([c] * 10)) for c in ASKED}
    strips(first, rows, "faces of four captions", scale=3)
    names = "from: {}\nto: {}".format(*BETWEEN)
    strips(second, between(gan), names, columns=PARTS + 1, scale=2)
    slots = {name: found[name]["seen"] for name in found}
    slots["GAN-CLS, held out"] = found["GAN-CLS"]["held out"]
    slots["captions of others"] = control["captions of others"]
    heights = {name: {key: rate[key] for key in (*NAMES, "four")} for name, rate in slots.items()}
    bars(third, heights, "read as asked", legend="beside")
    return figure
