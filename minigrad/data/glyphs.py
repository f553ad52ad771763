"""`glyphs`: 28x28 grey digits in the manner of handwriting, drawn by NumPy, with known factors.

A digit is a few strokes through control points (`strokes.py`). Every image moves the control points
of its template, then stretches, slants, turns, scales and shifts the curve, as MNIST's makers did:
scaled to a box of about 20 pixels and centred on its mass. Last, it is inked with a pen of its own
thickness.

How the ink is found: Gaussians exp(-|p - q|^2 / s) at the points q of a straight line add up to
exp(-d^2 / s), d being the distance from p to the line. Each of them is a row times a column, so the
sum over K points of a curve is ONE (28, K) @ (K, 28) product, and its logarithm gives back the
distance, rounded at corners and crossings as wet ink is.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from minigrad.data.strokes import BANK

SIZE: Final = 28
CHUNK: Final = 256  # images drawn together: their (28, K) factors stay within a few megabytes
SPREAD: Final = 1.2  # s above, in squared pixels
EDGE: Final = 1.25  # pixels from full ink to none

Floats = NDArray[np.floating[Any]]  # float32 all along
Factors = dict[str, NDArray[Any]]


def draw_glyphs(rng: np.random.Generator, n: int) -> tuple[NDArray[np.uint8], Factors]:
    """Draws n glyphs: images (n, 1, 28, 28), 0 is paper and 255 is ink, and their factors."""
    template = rng.choice(len(BANK.digit), size=n, p=BANK.frequency)
    factors = draw_factors(rng, template)
    points, lengths = place(*curves(rng, template, factors), factors)
    return ink(points, lengths, factors["thickness"])[:, None], factors


def draw_factors(rng: np.random.Generator, template: NDArray[np.int64]) -> Factors:
    """What distinguishes the images, arrays (n,): lengths in pixels, angles in radians.

    `digit` and `style` (which way of writing it) follow from the template. `slant` is the shear, to
    the right when positive; `aspect` stretches the width; `size` is the longer side of the box that
    holds the strokes; `dx`, `dy` shift their centre of mass to the right and down; `wobble` is how
    far the control points stray, in heights of the digit.
    """
    n = len(template)
    factors = {
        "slant": rng.normal(0.12, 0.19, n),
        "thickness": np.clip(rng.lognormal(np.log(2.4), 0.26, n), 1.3, 4.6),
        "aspect": np.exp(rng.normal(0.1, 0.14, n)),
        "size": np.clip(rng.normal(19.4, 0.8, n), 16.0, 21.5),
        "rotation": rng.normal(0.0, 0.07, n),
        "dx": np.clip(rng.normal(0.0, 0.4, n), -1.2, 1.2),
        "dy": np.clip(rng.normal(0.0, 0.4, n), -1.2, 1.2),
        "wobble": np.exp(rng.normal(np.log(0.04), 0.25, n)),
    }
    return {"digit": BANK.digit[template], "style": BANK.style[template], **factors}


def curves(
    rng: np.random.Generator, template: NDArray[np.int64], factors: Factors
) -> tuple[Floats, Floats]:
    """The strayed, stretched, slanted and turned curves: points and steps, each (n, 2, K)."""
    control = BANK.control[template]
    stray = rng.normal(size=control.shape)
    # A pen that strays at one point is still astray at the next: curves bend instead of zigzagging.
    stray += np.roll(stray, 1, axis=2)
    stray *= factors["wobble"][:, None, None] / np.sqrt(2)
    # Slant, then turn: y points down, so the top (y < 0) moves to the right.
    sin, cos = np.sin(factors["rotation"]), np.cos(factors["rotation"])
    slanted = np.stack((factors["aspect"], -factors["slant"], 0 * sin, 0 * sin + 1), axis=1)
    turned = np.stack((cos, -sin, sin, cos), axis=1).reshape(-1, 2, 2) @ slanted.reshape(-1, 2, 2)
    control = (turned @ (control + stray)).astype(np.float32)
    return control @ BANK.middle[template], control @ BANK.step[template]


def place(points: Floats, steps: Floats, factors: Factors) -> tuple[Floats, Floats]:
    """Scales the curves and moves their centres of mass: points (n, 2, K), lengths (n, K)."""
    extent = np.ptp(points, axis=2).max(axis=1)
    scale = ((factors["size"] - factors["thickness"]) / extent).astype(np.float32)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    mass = (points * lengths[:, None]).sum(2) / lengths.sum(1)[:, None]
    centre = np.stack((factors["dx"], factors["dy"]), axis=1).astype(np.float32) + (SIZE - 1) / 2
    placed = (points - mass[:, :, None]) * scale[:, None, None] + centre[:, :, None]
    return placed.astype(np.float32), lengths * scale[:, None]


def ink(points: Floats, lengths: Floats, thickness: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Inks curves: points (n, 2, K) and their pieces' lengths (n, K), in pixels, to (n, 28, 28)."""
    pixel = np.arange(SIZE, dtype=np.float32)[:, None]
    squares = ((pixel - points[:, None, i]) ** 2 / SPREAD for i in (0, 1))
    # At most 40: the product of two such exponentials, 1e-35, does not underflow in float32.
    columns, rows = (np.exp(-np.minimum(square, 40)) for square in squares)
    rows *= lengths[:, None] / math.sqrt(math.pi * SPREAD)
    density = rows @ columns.transpose(0, 2, 1)
    # The floor is far outside the ink: at 27 squared pixels.
    squared = -SPREAD * np.log(np.maximum(density, 1e-10))
    distance = np.sqrt(np.maximum(squared, 0))
    radius = (thickness / 2).astype(np.float32)[:, None, None]
    covered = np.clip((radius - distance) / EDGE + 0.5, 0, 1)
    grey: NDArray[np.uint8] = np.rint(covered * 255).astype(np.uint8)
    return grey
