"""Equations of faces, plus - minus + base = result, solved by the latents of a generator."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .faces import Factors, Person, strangeness

TRIALS, EXEMPLARS = 200, 3
CHOICE = 30  # the clearest samples, of which each trial takes its exemplars
NUDGES = 8  # of a latent, to see whether its neighbours are the same person
LATENTS, RANDOM, PIXELS = "latents", "random vector", "pixels"
Array = NDArray[Any]
Draw = Callable[[Array], Array]  # latents (N, noise) to images (N, 3, 32, 32) in [0, 1]
Read = Callable[[Array], Factors]  # such images to factors, arrays (N,)


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
    factors: Factors
    around: Factors


class Way(NamedTuple):
    """A way to the result of an equation: its images, what was read in them, which are right."""

    images: Array
    factors: Factors
    right: Array

    def numbers(self) -> dict[str, float]:
        found = strangeness(self.images, self.factors)
        return {"success": float(self.right.mean()), "strangeness": found}


class Solution(NamedTuple):
    """An equation solved many times."""

    exemplars: list[Array]  # the images of the first trial, for each of the three terms
    means: Array  # the images of their mean latents
    ways: dict[str, Way]  # all trials


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
    with_, without, onto = (pool.images[indices].mean(1) for indices in chosen)
    images = {
        LATENTS: draw(base + plus - minus),
        RANDOM: draw(base + as_long(rng.standard_normal(plus.shape, np.float32), plus - minus)),
        PIXELS: np.clip(onto + with_ - without, 0, 1),
    }
    shown = [pool.images[indices[0]] for indices in chosen]
    means = draw(np.stack([plus[0], minus[0], base[0]]))
    ways = {}
    for name, some in images.items():
        factors = read(some)
        ways[name] = Way(some, factors, equation.result.among(factors))
    return Solution(shown, means, ways)


def sampled(n: int, noise: int, draw: Draw, read: Read, rng: np.random.Generator) -> Pool:
    """n samples, and what is around them: latents at a distance of N(0, I)."""
    z = rng.standard_normal((n, noise), np.float32)
    images = draw(z)
    nudged = [read(draw(z + rng.standard_normal(z.shape, np.float32))) for _ in range(NUDGES)]
    around = {name: np.mean([factors[name] for factors in nudged], 0) for name in nudged[0]}
    return Pool(z, images, read(images), around)


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

    ValueError if there are too few.
    """
    fitting = np.flatnonzero(person.among(pool.factors, sure=True))
    if len(fitting) < exemplars:
        raise ValueError(
            f"{len(fitting)} of {len(pool.z):,} samples are surely a {person}, of {exemplars} that "
            "are needed"
        )
    clearest = np.argsort(-person.clarity(pool.around)[fitting], kind="stable")[:CHOICE]
    fitting = fitting[clearest]
    return np.stack([rng.choice(fitting, exemplars, replace=False) for _ in range(trials)])
