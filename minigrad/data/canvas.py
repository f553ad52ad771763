"""A canvas for a batch of small pictures, painted with smooth-edged shapes.

A shape is its signed distance in pixels, negative inside: an array that broadcasts to (n, H, W).
Numbers that differ from image to image have the shape (n, 1, 1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]  # float32 all along


def ellipse(x: Floats, y: Floats, rx: Floats | float, ry: Floats | float) -> Floats:
    """The distance to an ellipse about the origin, exact to first order near its edge."""
    u, v = (x / rx) ** 2, (y / ry) ** 2
    radius = np.sqrt(u + v)
    slope = np.sqrt(u / rx**2 + v / ry**2)
    distance: Floats = radius * (radius - 1) / (slope + 1e-6)
    return distance


def capsule(x: Floats, y: Floats, dx: Floats | float, dy: Floats | float) -> Floats:
    """The distance to the straight line from the origin to (dx, dy); less a radius, a stick."""
    along = np.clip((x * dx + y * dy) / (dx * dx + dy * dy), 0, 1)
    # NOTE: np.hypot takes care of overflow and is several times slower than this.
    distance: Floats = np.sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2)
    return distance


class Canvas(NamedTuple):
    """Pixels (n, 3, H, W) in [0, 1], and the pixels' centres x (1, 1, W) and y (1, H, 1)."""

    pixels: Floats
    x: Floats
    y: Floats

    @classmethod
    def blank(cls, n: int, size: int) -> Canvas:
        """A canvas of size x size pixels; the origin is in its middle, y points down."""
        centres = np.arange(size, dtype=np.float32) - (size - 1) / 2
        return cls(
            np.zeros((n, 3, size, size), np.float32), centres[None, None], centres[None, :, None]
        )

    def rows(self, first: int, last: int) -> Canvas:
        """The rows from `first` up to `last` of the same pixels: a small shape costs less there."""
        middle = self.y.shape[1] // 2
        inside = slice(middle + first, middle + last)
        return Canvas(self.pixels[:, :, inside], self.x, self.y[:, inside])

    def paint(self, distance: Floats, colour: Floats, opacity: Floats | float = 1.0) -> None:
        """Lays a colour (n, 3), or (n, 3, H, W), over the inside of a shape."""
        cover = np.clip(0.5 - distance, 0, 1) * opacity
        if colour.ndim == 2:
            colour = colour[:, :, None, None]
        change = colour - self.pixels
        change *= cover[:, None]
        np.add(self.pixels, change, out=self.pixels)
