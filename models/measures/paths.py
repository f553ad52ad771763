"""Paths between latents, and how evenly images change along them.

Latents and features of N paths with T points each are arrays (N, T, D); a decoder takes latents
(N, D) to images (N, C, H, W).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frechet import frechet_distance
from .judge import Judge
from .neighbours import nearest

POINTS = 33
KNOWN = 10_000  # training images that the memoriser knows
STRIP = 4  # every fourth of a path's 33 points is in its strip of 9
TINY = 1e-9  # added to lengths, so that what does not move has no 0 / 0
Array = NDArray[Any]
Decoder = Callable[[Array], Array]


def linear(a: Array, b: Array, t: Array) -> Array:
    """Points (N, T, D) on the lines from a to b (N, D), at t (T,) from 0 to 1."""
    t = t[:, None]
    points: Array = a[:, None] * (1 - t) + b[:, None] * t
    return points


def spherical(a: Array, b: Array, t: Array) -> Array:
    """Points (N, T, D) on the arcs from a to b (N, D), at t (T,) from 0 to 1 (Shoemake 1985).

    NOTE: random latents of length D lie at right angles and sqrt(D) from 0, where the middle of the
    line between them is sqrt(D/2): a place that the generator was hardly ever trained at. The
    middle of the arc is as far out as its ends.
    """
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    # At parallel ends the formula is 0 / 0; near them its weights are those of the line.
    cosine = np.clip((a * b).sum(1) / lengths, -1 + 1e-6, 1 - 1e-6)
    angle = np.arccos(cosine)[:, None, None]
    t = t[:, None]
    points = a[:, None] * np.sin((1 - t) * angle) + b[:, None] * np.sin(t * angle)
    scaled: Array = points / np.sin(angle)
    return scaled


def movement(features: Array) -> dict[str, float]:
    """How evenly features (paths, points, D) change along paths; medians over the paths.

    A jump is a largest step many times the mean one; between neighbours of a strip of 9, and
    between those of all points. The last number compares the largest step of a strip with the
    mean distance of the ends of different paths, which have nothing in common.
    """
    strip = features[:, ::STRIP]
    largest = float(np.median(steps(strip).max(1)))
    unrelated = np.linalg.norm(features[:, 0] - np.roll(features[:, -1], 1, axis=0), axis=1).mean()
    return {
        "largest of 8 steps over the mean": unevenness(strip),
        "largest of 32 steps over the mean": unevenness(features),
        "largest of 8 steps over a distance": largest / (float(unrelated) + TINY),
    }


def steps(features: Array) -> Array:
    """The lengths (paths, points - 1) of the steps along paths of features (paths, points, D)."""
    lengths: Array = np.linalg.norm(np.diff(features, axis=1), axis=2)
    return lengths


def unevenness(features: Array) -> float:
    """The largest step over the mean step: the median over paths, 1 being that of those that do not
    move at all."""
    lengths = steps(features) + TINY
    return float(np.median(lengths.max(1) / lengths.mean(1)))


def share_done(features: Array) -> Array:
    """The share of its way that a path (T, D) has done at each of its points: from 0 to 1."""
    done = np.cumsum(np.append(0, steps(features[None])[0] + TINY))
    shares: Array = done / done[-1]
    return shares


# ---- images along paths, and halfway -------------------------------------------------------------


def walked(decode: Decoder, judge: Judge, a: Array, b: Array) -> dict[str, Array]:
    """Images (paths, points, C, H, W) between those of latents a and b (paths, D): along lines and
    arcs of latents, the training images nearest to those of lines, and fading pixels."""
    t = np.linspace(0, 1, POINTS, dtype=np.float32)

    def images(z: Array) -> Array:
        flat = decode(z.reshape(-1, z.shape[2]))
        return flat.reshape(*z.shape[:2], *flat.shape[1:])

    walks = {"line": images(linear(a, b, t)), "arc": images(spherical(a, b, t))}
    known, _ = judge.train[:KNOWN]
    flat = walks["line"].reshape(-1, *known.shape[1:])
    walks["memoriser"] = known[nearest(flat, known).row].reshape(walks["line"].shape)
    first, last = (walks["line"][:, i].reshape(len(a), -1) for i in (0, -1))
    walks["pixels"] = linear(first, last, t).reshape(walks["line"].shape)
    return walks


def features_of(judge: Judge, walks: Array) -> Array:
    """The features (paths, points, D) of images (paths, points, C, H, W)."""
    return judge.features(walks.reshape(-1, *walks.shape[2:])).reshape(*walks.shape[:2], -1)


def halfway(decode: Decoder, judge: Judge, a: Array, b: Array) -> dict[str, dict[str, float]]:
    """Test images, samples, and images halfway between samples of latents a and b (N, D): the
    median distance of their features to those of the nearest training image, the Fréchet distance
    to these, and the length of their latents."""
    half = np.array([0.5], np.float32)
    latents = {
        "samples": a,
        "middles of lines": linear(a, b, half)[:, 0],
        "middles of arcs": spherical(a, b, half)[:, 0],
    }
    images = {name: decode(z) for name, z in latents.items()}
    images["middles of pixels"] = (images["samples"] + decode(b)) / 2
    images["test images"] = judge.test[: len(a)][0]
    found: dict[str, dict[str, float]] = {}
    for name, some in images.items():
        features = judge.features(some)
        found[name] = {
            "distance to data": float(np.median(nearest(features, judge.reference).distance)),
            "Fréchet distance": frechet_distance(judge.reference, features),
        }
        if name in latents:
            found[name]["length of z"] = float(np.linalg.norm(latents[name], axis=1).mean())
    return found
