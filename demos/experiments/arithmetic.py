"""Vector arithmetic with faces: smiling woman - neutral woman + neutral man = smiling man (Radford
et al. 2016, section 6.3.2). Not one chosen example: a rate of success, with its controls."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from demos.common import datasets
from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments import attributes, dcgans
from demos.experiments.attributes import Person
from demos.experiments.finding import Finding
from demos.experiments.panels import show

CLAIM = (
    "arithmetic on averaged latents changes a smile, or glasses, and leaves the rest of the face"
)
TRIALS, EXEMPLARS, SAMPLES = 200, 3, 10_000
CHOICE = 30  # the clearest samples, of which each trial takes its exemplars
NUDGES = 8  # of a latent, to see whether its neighbours are the same person
# NOTE: with the usual recipe, of 24 channels, 45 % are smiling men, and 65 % after 24 epochs.
RECIPE = {"epochs": 10, "batch_size": 32, "width": 32, "lr": 2e-4, "falling": False}
LATENTS, RANDOM, PIXELS = "latents", "random vector", "pixels"
SHOWN = 16  # trials in the picture
Array = NDArray[Any]
Draw = Callable[[Array], Array]  # latents (N, noise) to images (N, 3, 32, 32) in [0, 1]
Read = Callable[[Array], attributes.Factors]  # such images to factors, arrays (N,)


class Equation(NamedTuple):
    """plus - minus + base = result."""

    plus: Person
    minus: Person
    base: Person
    result: Person
    names: tuple[str, str, str]  # of the first three


EQUATIONS = {
    "smiling man": Equation(
        Person(woman=True, smiling=True, glasses=False),
        Person(woman=True, smiling=False, glasses=False),
        Person(woman=False, smiling=False, glasses=False),
        Person(woman=False, smiling=True, glasses=False),
        ("smiling woman", "neutral woman", "neutral man"),
    ),
    "woman with glasses": Equation(
        Person(woman=False, glasses=True),
        Person(woman=False, glasses=False),
        Person(woman=True, glasses=False),
        Person(woman=True, glasses=True),
        ("man, glasses", "man, none", "woman, none"),
    ),
}


class Pool(NamedTuple):
    """Samples to take exemplars from: latents (N, noise), images and the factors read in them, and
    the mean of those that are read around each latent."""

    z: Array
    images: Array
    factors: attributes.Factors
    around: attributes.Factors


class Solution(NamedTuple):
    """An equation solved many times."""

    exemplars: list[Array]  # the images of the first trial, for each of the three terms
    means: Array  # the images of their mean latents
    ways: dict[str, "Way"]  # all trials


class Way(NamedTuple):
    """A way to the result of an equation: its images, what was read in them, which are right."""

    images: Array
    factors: attributes.Factors
    right: Array

    def numbers(self) -> dict[str, float]:
        return {
            "success": float(self.right.mean()),
            "strangeness": attributes.strangeness(self.images, self.factors),
        }


def run(
    setting: Setting, *, samples: int = SAMPLES, reader_epochs: int = attributes.EPOCHS,
    limit: int | None = None, **recipe: Any,
) -> Finding:  # fmt: skip
    """Both equations of the lecture with a DCGAN of `faces`, whose drawn factors teach a reader.

    It is always `faces`: other data have no factors to check by.
    """
    faces, test = datasets.load("faces", limit=limit)
    reader = attributes.trained_reader(setting, faces, epochs=reader_epochs)
    recipe = {**RECIPE, **recipe}
    gan = dcgans.trained(setting, "faces", limit=limit, **recipe)
    draw, read = partial(dcgans.decode, gan), partial(attributes.read, reader)
    rng = np.random.default_rng(setting.seed)
    pool = sampled(samples, gan.noise, draw, read, rng)
    solved = {n: solve(e, pool, draw, read, rng) for n, e in EQUATIONS.items()}
    single = {n: solve(e, pool, draw, read, rng, exemplars=1) for n, e in EQUATIONS.items()}

    numbers: dict[str, Any] = {n: s.ways[LATENTS].numbers() for n, s in solved.items()}
    controls = {
        way: {n: s.ways[way].numbers() for n, s in solved.items()} for way in (RANDOM, PIXELS)
    }
    numbers["samples"] = {"strangeness": attributes.strangeness(pool.images, pool.factors)}
    seconds = dcgans.core_seconds(setting, "faces", limit=limit, **recipe)
    numbers["core seconds of the GAN's training"] = sum(seconds)
    numbers["reader, on held-out faces"] = attributes.quality(reader, test)
    singles = {n: s.ways[LATENTS].numbers() for n, s in single.items()}
    result = "wanted attributes in " + ", ".join(
        f"{numbers[n]['success']:.0%} ({n})" for n in EQUATIONS
    )
    beside = "; ".join(
        f"{way} " + " and ".join(f"{found['success']:.0%}" for found in rates.values())
        for way, rates in {**controls, "single exemplars": singles}.items()
    )
    strange = {
        "samples": numbers["samples"]["strangeness"],
        **{way: np.mean([s.ways[way].numbers()["strangeness"] for s in solved.values()])
           for way in (LATENTS, PIXELS)},
    }  # fmt: skip
    beside += "; strangeness: " + ", ".join(f"{of} {value:.3f}" for of, value in strange.items())
    control = {**controls, "latents of single exemplars": singles}
    return Finding(CLAIM, result, beside, numbers, control, picture(solved))


# ---- the arithmetic ------------------------------------------------------------------------------


def solve(
    equation: Equation, pool: Pool, draw: Draw, read: Read, rng: np.random.Generator,
    trials: int = TRIALS, exemplars: int = EXEMPLARS,
) -> Solution:  # fmt: skip
    """Solves an equation `trials` times, by exemplars drawn anew.

    NOTE: the mean of three latents from N(0, I) has a third of their variance; plus, minus and base
    together have all of it again, and so look to the generator like any other latent.
    """
    chosen = [choose(pool, person, trials, exemplars, rng) for person in equation[:3]]
    plus, minus, base = (pool.z[indices].mean(1) for indices in chosen)
    images = {
        LATENTS: draw(base + plus - minus),
        RANDOM: draw(base + as_long(rng.standard_normal(plus.shape, np.float32), plus - minus)),
        PIXELS: np.clip(combined(*(pool.images[indices].mean(1) for indices in chosen)), 0, 1),
    }
    shown = [pool.images[indices[0]] for indices in chosen]
    means = draw(np.stack([plus[0], minus[0], base[0]]))
    ways = {name: judged(found, equation.result, read) for name, found in images.items()}
    return Solution(shown, means, ways)


def sampled(n: int, noise: int, draw: Draw, read: Read, rng: np.random.Generator) -> Pool:
    """n samples, and what is around them: latents at a distance of N(0, I)."""
    z = rng.standard_normal((n, noise), np.float32)
    images = draw(z)
    nudged = [read(draw(z + rng.standard_normal(z.shape, np.float32))) for _ in range(NUDGES)]
    around = {name: np.mean([factors[name] for factors in nudged], 0) for name in nudged[0]}
    return Pool(z, images, read(images), around)


def combined(plus: Array, minus: Array, base: Array) -> Array:
    return base + plus - minus


def as_long(x: Array, other: Array) -> Array:
    """Vectors x (N, D), each as long as the other (N, D)."""
    lengths = [np.linalg.norm(v, axis=1, keepdims=True) for v in (x, other)]
    scaled: Array = x * (lengths[1] / lengths[0])
    return scaled


def choose(
    pool: Pool, person: Person, trials: int, exemplars: int, rng: np.random.Generator
) -> Array:
    """Indices (trials, exemplars) of samples that surely show such a person, and whose neighbours
    do: of what a picture shows by chance, the mean of latents has nothing.

    Raises CommandError if there are too few.
    """
    fitting = np.flatnonzero(person.among(pool.factors, sure=True))
    if len(fitting) < exemplars:
        raise CommandError(
            f"arithmetic: {len(fitting)} of {len(pool.z):,} samples are surely a {person}, of "
            f"{exemplars} that are needed: the GAN has learned too little"
        )
    clearest = np.argsort(-person.clarity(pool.around)[fitting], kind="stable")[:CHOICE]
    fitting = fitting[clearest]
    return np.stack([rng.choice(fitting, exemplars, replace=False) for _ in range(trials)])


def judged(images: Array, wanted: Person, read: Read) -> Way:
    factors = read(images)
    return Way(images, factors, wanted.among(factors))


# ---- picture -------------------------------------------------------------------------------------


def picture(solved: Mapping[str, Solution]) -> Figure:
    """For each equation the exemplars of the first trial and the images of their mean latents, and
    the results of the first trials by each way."""
    figure = Figure((13.5, 3.9 * len(solved)), dpi=100, layout="constrained")
    grid = figure.subplots(len(solved), 4, squeeze=False, width_ratios=[3.6, 4, 4, 4])
    rows = [*(f"exemplar {i + 1}" for i in range(EXEMPLARS)), "mean z"]
    for line, (name, found) in zip(grid, solved.items(), strict=True):
        plus, minus, base = EQUATIONS[name].names
        columns = np.stack([*np.stack(found.exemplars, axis=1), found.means])
        title = f"{plus}\n\u2212 {minus} + {base}"
        show(line[0], columns.reshape(-1, *columns.shape[2:]), 3, title, row_labels=rows)
        for axes, (way, of) in zip(line[1:], found.ways.items(), strict=True):
            heading = f"= {name}" if way == LATENTS else way
            show(axes, of.images[:SHOWN], 4, f"{heading}\n{of.right.mean():.0%} as wanted")
    return figure
