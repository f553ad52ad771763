"""A canvas for a batch of small pictures, painted with smooth-edged shapes.

A shape is its signed distance, negative inside: an array that broadcasts to (n, H, W). Lengths are
in units of `scale` pixels. Numbers that differ from image to image have the shape (n, 1, 1).
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
    scale: int = 1

    @classmethod
    def blank(cls, n: int, size: int, scale: int = 1) -> Canvas:
        """A canvas of size x size units; the origin is in its middle, y points down."""
        side = size * scale
        centres = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / scale
        pixels = np.zeros((n, 3, side, side), np.float32)
        return cls(pixels, centres[None, None], centres[None, :, None], scale)

    def rows(self, first: int, last: int) -> Canvas:
        """The rows from `first` up to `last` of the same pixels: a small shape costs less there."""
        inside = self.span(first, last)
        return self._replace(pixels=self.pixels[:, :, inside], y=self.y[:, inside])

    def span(self, first: int, last: int) -> slice:
        """Where these rows are; 0 is the middle."""
        middle = self.y.shape[1] // 2
        return slice(middle + self.scale * first, middle + self.scale * last)

    def paint(self, distance: Floats, colour: Floats, opacity: Floats | float = 1.0) -> None:
        """Lays a colour (n, 3), or (n, 3, H, W), over the inside of a shape."""
        cover = np.clip(0.5 - self.scale * distance, 0, 1) * opacity
        if colour.ndim == 2:
            colour = colour[:, :, None, None]
        change = colour - self.pixels
        change *= cover[:, None]
        np.add(self.pixels, change, out=self.pixels)
