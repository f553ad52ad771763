"""`faces`: 32x32 colour cartoon faces, drawn by NumPy, whose factors are known numbers.

The factors are independent of each other, so that what a model says about one of them cannot be
read off another. `gender` is a cartoonist's convention and nothing else: 1 (woman) is drawn with
red lips, lashes, fine brows and a narrow jaw, 0 (man) with pale lips, heavy brows, a broad jaw and
a stubble. Hair is a factor of its own: women and men have long and short hair equally often.

A head turns as a ball does: a feature at angle a on its front lies at x = R sin(a + yaw), and
is foreshortened by cos(a + yaw).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from minigrad.data.canvas import Canvas, Floats, capsule, ellipse

SIZE: Final = 32
CHUNK: Final = 128  # images drawn together: a plane of 32x32 float32 is then half a megabyte
CLASSES: Final = ("man", "smiling man", "woman", "smiling woman")
TURN: Final = 0.5  # radians of yaw at pose 1
EYE: Final = 0.44  # the eyes' angle from the middle of the face, in radians

Images = NDArray[np.uint8]
Factors = dict[str, NDArray[Any]]

# Colours along a factor from 0 to 1, as red, green, blue in 0..255.
SKIN: Final = ((252, 220, 192), (232, 180, 140), (176, 118, 80), (112, 72, 52))
HAIR: Final = ((34, 28, 34), (98, 58, 34), (166, 84, 40), (232, 190, 104))
BACKGROUND: Final = ((250, 226, 178), (168, 218, 188), (132, 188, 232), (168, 148, 216))


def _rgb(red: int, green: int, blue: int) -> Floats:
    """A colour (1, 3) in [0, 1]."""
    return np.array([[red, green, blue]], np.float32) / 255


LIPSTICK: Final = _rgb(204, 44, 66)
THROAT: Final = _rgb(110, 22, 34)
TEETH: Final = _rgb(255, 252, 246)
LASHES: Final = _rgb(40, 24, 28)
WHITE: Final = _rgb(255, 255, 255)
IRIS: Final = _rgb(36, 28, 40)
LENS: Final = _rgb(225, 240, 255)
FRAME: Final = _rgb(28, 30, 48)


def draw_faces(rng: np.random.Generator, n: int) -> tuple[NDArray[np.uint8], Factors]:
    """Draws n faces: images (n, 3, 32, 32) and their factors."""
    factors = draw_factors(rng, n)
    return render(factors), factors


def draw_factors(rng: np.random.Generator, n: int) -> Factors:
    """What distinguishes the images, arrays (n,).

    `smile` goes from -1 (sad) to 1 (laughing), `pose` from -1 (turned to the picture's left) to 1
    (right); `glasses`, `gender` (1 is a woman) and `hair` (1 is long) are 0 or 1; `skin`,
    `hair_colour` and `background` go through their palettes from 0 to 1; `size` scales the face;
    `dx`, `dy` shift it to the right and down, in pixels.
    """
    return {
        "smile": rng.uniform(-1, 1, n),
        "pose": rng.uniform(-1, 1, n),
        "glasses": rng.integers(0, 2, n),
        "gender": rng.integers(0, 2, n),
        "hair": rng.integers(0, 2, n),
        "skin": rng.uniform(0, 1, n),
        "hair_colour": rng.uniform(0, 1, n),
        "background": rng.uniform(0, 1, n),
        "size": rng.uniform(0.92, 1.04, n),
        "dx": rng.uniform(-0.75, 0.75, n),
        "dy": rng.uniform(-0.5, 0.5, n),
    }


def labels(factors: Factors) -> NDArray[np.int64]:
    """The classes (n,): 0 man, 1 smiling man, 2 woman, 3 smiling woman."""
    return (2 * factors["gender"] + (factors["smile"] > 0)).astype(np.int64)


def render(factors: Factors, scale: int = 1) -> NDArray[np.uint8]:
    """Draws the faces with these factors, arrays (n,): uint8 images (n, 3, 32, 32), or `scale`
    times as large."""
    face = _Face(factors, scale)
    for paint in (face.background, face.back_hair, face.body, face.head, face.stubble, face.nose):
        paint()
    for paint in (face.mouth, face.eyes, face.brows, face.front_hair, face.glasses):
        paint()
    return np.rint(face.canvas.pixels * 255).astype(np.uint8)


def larger(factors: Mapping[str, NDArray[Any]], scale: int) -> NDArray[np.uint8]:
    """The faces with these factors, `scale` times as large, in bounded memory beside them."""
    starts = range(0, max(len(factors["smile"]), 1), CHUNK)
    parts = [{name: f[i : i + CHUNK] for name, f in factors.items()} for i in starts]
    return np.concatenate([render(part, scale) for part in parts])


def _palette(colours: tuple[tuple[int, int, int], ...], at: NDArray[Any]) -> Floats:
    """The colours (n, 3) at positions (n,) from 0 to 1 along a palette."""
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(at, stops, channel) for channel in zip(*colours, strict=True)]
    return np.stack(channels, axis=1).astype(np.float32) / 255


class _Face:
    """A batch of faces on their canvas; each method paints one layer. Lengths are in pixels of a
    face of 32x32."""

    def __init__(self, factors: Factors, scale: int) -> None:
        f = {name: value.astype(np.float32)[:, None, None] for name, value in factors.items()}
        self.smile, self.pose, self.woman, self.long = f["smile"], f["pose"], f["gender"], f["hair"]
        self.specs, self.yaw = f["glasses"], f["pose"] * TURN
        self.skin = _palette(SKIN, factors["skin"])
        self.hair = _palette(HAIR, factors["hair_colour"])
        self.wall = _palette(BACKGROUND, factors["background"])
        canvas = Canvas.blank(len(factors["smile"]), SIZE, scale)
        # The face is drawn in its own coordinates: its middle is the origin, its size is 1.
        inverse = 1 / f["size"]
        x, y = (canvas.x - f["dx"]) * inverse, (canvas.y - f["dy"]) * inverse
        self.canvas = canvas._replace(x=x, y=y)
        self.width = 9.6 - 0.5 * self.woman

    def ball(self, angle: float, radius: float = 9.0) -> tuple[Floats, Floats]:
        """Where an angle on the front of the head is seen: x, and how much it is foreshortened."""
        at = self.yaw + angle
        return radius * np.sin(at), np.cos(at) / math.cos(angle)

    def background(self) -> None:
        light = 1 - (self.canvas.y + 16) / 130
        self.canvas.pixels[...] = self.wall[:, :, None, None] * light[:, None]

    def back_hair(self) -> None:
        """Behind the head, so it lags behind when the head turns."""
        c = self.canvas
        x = c.x + 1.6 * self.pose
        short = np.maximum(ellipse(x, c.y + 1.5, 10.4, 11.0), c.y - 2)
        crown = ellipse(x, c.y + 0.5, 12.4, 12.6)
        fall = np.maximum(np.abs(x) - 12.2, np.abs(c.y - 7) - 7)
        long = np.minimum(crown, fall)
        c.paint(np.where(self.long > 0.5, long, short), self.hair * 0.78)

    def body(self) -> None:
        c = self.canvas.rows(6, 16)
        neck = np.maximum(np.abs(c.x) - 3.6, 6 - c.y)
        c.paint(neck, self.skin * 0.82)
        shirt = 1 - self.wall * 0.7
        c.paint(ellipse(c.x, c.y - 18.5, 12.5, 6.2), shirt)

    def head(self) -> None:
        c = self.canvas
        middle = c.rows(-5, 7)
        for side in (-1.0, 1.0):
            x = middle.x - side * 9.4 + 1.4 * self.pose
            ear = ellipse(x, middle.y - 0.8, 1.7, 2.4)
            middle.paint(ear, self.skin * 0.86)
        # The jaw narrows below the eyes; the chin goes a little the way the face looks.
        below = np.clip(c.y / 10.5, 0, 1)
        narrow = 1 - (0.1 + 0.12 * self.woman) * below**2
        x = (c.x - 0.8 * self.pose * below) / narrow
        self.outline = ellipse(x, c.y, self.width, 10.7)
        light = 1.02 - 0.012 * (c.x * 0.6 + c.y)
        shaded = np.minimum(self.skin[:, :, None, None] * light[:, None], 1)
        c.paint(self.outline, shaded)

    def stubble(self) -> None:
        c = self.canvas.rows(1, 13)
        at, _ = self.ball(0.0, 6.0)
        chin = ellipse(c.x - at, c.y - 9.0, 7.6, 5.4)
        beard = np.maximum(chin, self.outline[:, self.canvas.span(1, 13)] + 0.3)
        tint = self.hair * 0.5 + self.skin * 0.25
        # Half the distance is an edge of two pixels.
        c.paint(beard / 2, tint, 0.6 * (1 - self.woman))

    def nose(self) -> None:
        c = self.canvas.rows(-3, 6)
        top, _ = self.ball(0.0, 9.3)
        tip, _ = self.ball(0.0, 11.4)
        side = np.copysign(np.float32(0.3), self.pose)
        shade = self.skin * 0.72
        ridge = capsule(c.x - top - side, c.y + 0.8, tip - top, 3.4)
        c.paint(ridge - 0.2, shade, 0.8)
        base = capsule(c.x - tip + 1.0, c.y - 3.0, 2.0, 0.0)
        c.paint(base - 0.4, shade * 0.9, 0.9)

    def mouth(self) -> None:
        """A parabola whose corners follow the smile; above 0.15 it opens and shows the teeth."""
        c = self.canvas.rows(2, 12)
        at, short = self.ball(0.0, 8.8)
        half = (3.3 + 0.9 * np.maximum(self.smile, 0)) * short
        u = (c.x - at) / half
        bend = 1.6 * self.smile * (u * u - 0.45)
        opening = 3.6 * np.maximum(self.smile - 0.15, 0)
        upper = 6.2 - bend - 0.35 * opening
        lower = upper + opening * np.maximum(1 - u * u, 0)
        beyond = (np.abs(u) - 1) * half
        # The curves are steep at the corners: their vertical distance overstates the true one.
        slope = np.sqrt(1 + (3.2 * self.smile * np.clip(u, -1, 1) / half) ** 2)
        inside = np.maximum(np.maximum(upper - c.y, c.y - lower) / slope, beyond)
        pale = self.skin * np.array([0.55, 0.34, 0.34], np.float32)
        lips = np.where(self.woman[:, 0] > 0.5, LIPSTICK, pale)
        thick = 0.5 + 0.25 * self.woman
        c.paint(inside - thick, lips)
        open_enough = np.clip(opening * 1.2, 0, 1)
        c.paint(inside + 0.15, THROAT, open_enough)
        teeth = np.maximum(inside + 0.15, c.y - upper - 0.42 * opening - 0.3)
        c.paint(teeth, TEETH, open_enough)

    def eyes(self) -> None:
        c = self.canvas.rows(-5, 4)
        y = c.y + 0.6
        tall = 1.75 - 0.35 * np.maximum(self.smile, 0)
        for side in (-1.0, 1.0):
            at, short = self.ball(side * EYE)
            x = c.x - at
            wide = 2.1 * short
            white = ellipse(x, y, wide, tall)
            lid = ellipse(x, y + 0.35, wide + 0.35, tall + 0.2)
            c.paint(lid, LASHES, 0.35 + 0.65 * self.woman)
            c.paint(white, WHITE)
            gaze = x - 0.35 * self.pose
            iris = np.maximum(ellipse(gaze, y, 1.15 * short, 1.35), white)
            c.paint(iris, IRIS)
            flick = capsule(x - side * wide, y + 0.6, side * 1.1, -1.1)
            c.paint(flick - 0.4, LASHES, self.woman)

    def brows(self) -> None:
        """Raised by laughing; drawn together and down to the sides by sadness."""
        c = self.canvas.rows(-8, -1)
        for side in (-1.0, 1.0):
            inner, _ = self.ball(side * (EYE - 0.24))
            outer, _ = self.ball(side * (EYE + 0.26))
            lift = -4.0 - 0.5 * np.maximum(self.smile, 0)
            tilt = 0.2 + 1.0 * np.maximum(-self.smile, 0)
            line = capsule(c.x - inner, c.y - lift + tilt / 2, outer - inner, tilt)
            thick = 0.85 - 0.5 * self.woman
            c.paint(line - thick, self.hair * 0.6, 0.9)

    def front_hair(self) -> None:
        """The cap above the hairline, and the locks beside the face of those with long hair."""
        c = self.canvas
        cap = ellipse(c.x + 0.5 * self.pose, c.y + 1.2, self.width + 0.9, 11.4)
        at = c.x - 3.2 * self.pose
        hairline = 0.045 * at * at + 0.07 * at - 6.6
        c.paint(np.maximum(cap, c.y - hairline), self.hair)
        inner = 8.2 + 0.02 * (c.y - 2) ** 2 - np.abs(c.x - 0.9 * self.pose)
        outer = np.abs(c.x + 0.9 * self.pose) - 11.6
        locks = np.maximum(np.maximum(inner, outer), np.abs(c.y - 3) - 9.5)
        c.paint(locks, self.hair * 0.92, self.long)

    def glasses(self) -> None:
        c = self.canvas.rows(-6, 5)
        y = c.y + 0.4
        for side in (-1.0, 1.0):
            at, short = self.ball(side * EYE, 9.6)
            rim = ellipse(c.x - at, y, 3.5 * short, 3.2)
            c.paint(rim, LENS, 0.15 * self.specs)
            c.paint(np.abs(rim) - 0.45, FRAME, self.specs)
        left, _ = self.ball(-0.1, 9.6)
        right, _ = self.ball(0.1, 9.6)
        bridge = capsule(c.x - left, y + 0.4, right - left, 0.0)
        c.paint(bridge - 0.4, FRAME, self.specs)
