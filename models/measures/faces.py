"""An instrument that reads from a picture of a face what it was drawn with: `faces` has the truth.

Read factors can be drawn again: an image is as much of a face as it resembles the face that is
drawn from what was read in it.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.data import ImageDataset
from minigrad.data.faces import render

from ..model import Losses
from .parts import in_parts

# The ranges that the data set draws its factors from.
RANGES = {
    "smile": (-1.0, 1.0),
    "pose": (-1.0, 1.0),
    "glasses": (0.0, 1.0),
    "gender": (0.0, 1.0),
    "hair": (0.0, 1.0),
    "skin": (0.0, 1.0),
    "hair_colour": (0.0, 1.0),
    "background": (0.0, 1.0),
    "size": (0.92, 1.04),
    "dx": (-0.75, 0.75),
    "dy": (-0.5, 0.5),
}
SWITCHES = ("glasses", "gender", "hair")  # that are 0 or 1, and nothing between
LOW, HIGH = (np.array(ends, np.float32) for ends in zip(*RANGES.values(), strict=True))
NOISE = 0.05  # added in training: what reads pure drawings only is misled by a generator's traces
SMILE_WEIGHT = 3  # of the squared error: a smile is a few pixels, the background a thousand
AT_ONCE = 500  # images that are read together
Images = NDArray[Any]
Factors = Mapping[str, NDArray[Any]]


class Person(NamedTuple):
    """What is asked of a face; None: nothing.

    A smile begins where the mouth opens, which the drawing does at 0.15. Who does not smile is
    neutral, and not sad.
    """

    woman: bool
    smiling: bool | None = None
    glasses: bool | None = None

    def among(self, factors: Factors, *, sure: bool = False) -> NDArray[Any]:
        """Which of the faces (N,) are of this kind: by more than half, or by far."""
        smile = factors["smile"]
        found = switched(factors["gender"], self.woman, sure)
        if self.glasses is not None:
            found = found & switched(factors["glasses"], self.glasses, sure)
        if self.smiling is True:
            found = found & (smile > (0.6 if sure else 0.15))
        elif self.smiling is False:
            found = found & (np.abs(smile) < 0.15)
        return found

    def clarity(self, factors: Factors) -> NDArray[Any]:
        """How clearly faces (N,) show such a person: the least of what is asked; 1 is the most."""
        parts = [towards(factors["gender"], self.woman)]
        if self.glasses is not None:
            parts.append(towards(factors["glasses"], self.glasses))
        if self.smiling is not None:
            smile = factors["smile"]
            parts.append(smile if self.smiling else 1 - 2 * np.abs(smile))
        least: NDArray[Any] = np.min(parts, axis=0)
        return least


def switched(values: NDArray[Any], on: bool, sure: bool) -> NDArray[Any]:
    """Which of the numbers from 0 to 1 mean on, or off."""
    return towards(values, on) > (0.9 if sure else 0.5)


def towards(values: NDArray[Any], on: bool) -> NDArray[Any]:
    return values if on else 1 - values


class Reader(nn.Module):
    """Faces (N, 3, 32, 32) in [0, 1] to their factors (N, 11), each from -1 to 1 in its range.

    NOTE: without batch normalization it learns to see open mouths only: a mean error of the smile
    of 0.22 after 3 epochs, and of 0.11 with it.
    """

    weights: Tensor

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        layers += [nn.Flatten(), nn.Linear(4 * width * 16, 128), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(128, len(RANGES)))
        weights = mg.tensor([SMILE_WEIGHT if name == "smile" else 1.0 for name in RANGES])
        self.register_buffer("weights", weights, persistent=False)  # of the squared errors

    def forward(self, x: Tensor) -> Tensor:
        read: Tensor = self.layers(x)
        return read

    def losses(self, images: Tensor, factors: Tensor) -> Losses:
        """The squared error of `scaled` factors (N, 11), read in faces as bytes, with noise."""
        x = images.float() / 255
        squares = (self(x + NOISE * mg.randn_like(x)) - factors).square()
        return {"loss": (self.weights * squares).mean()}


def scaled(factors: Factors) -> NDArray[np.float32]:
    """Factors as a reader gives them: (N, 11), each from -1 to 1."""
    columns = np.stack([factors[name] for name in RANGES], axis=1)
    return ((2 * columns - LOW - HIGH) / (HIGH - LOW)).astype(np.float32)


def read(reader: Reader, images: Images) -> dict[str, NDArray[Any]]:
    """The factors, arrays (N,) within their ranges, of images (N, 3, 32, 32) in [0, 1].

    Gender and the other switches are numbers from 0 to 1 here: how surely they are read.
    """
    found = in_parts(len(images), AT_ONCE, lambda rows: reader(mg.from_numpy(images[rows])))
    columns = LOW + (np.clip(found, -1, 1) + 1) / 2 * (HIGH - LOW)
    return dict(zip(RANGES, columns.T, strict=True))


def features(reader: Reader, images: Images) -> NDArray[np.float32]:
    """What the reader reads factors from, of images (N, 3, 32, 32) in [0, 1]: (N, 128).

    For Fréchet distances. The features of a classifier of faces hardly change with noise.
    """
    body = reader.layers[:-1]
    return in_parts(len(images), AT_ONCE, lambda rows: body(mg.from_numpy(images[rows])))


def redrawn(factors: Factors) -> NDArray[np.float32]:
    """The faces (N, 3, 32, 32) in [0, 1] that have these factors."""
    drawn = render({n: np.round(v) if n in SWITCHES else v for n, v in factors.items()})
    return np.divide(drawn, 255, dtype=np.float32)


def strangeness(images: Images, factors: Factors) -> float:
    """How far images are from being faces: the root of the mean square difference, white being 1,
    from the face that is drawn from what was read in it; the median over images."""
    squares = (images - redrawn(factors)) ** 2
    return float(np.median(np.sqrt(squares.mean(axis=(1, 2, 3)))))


def quality(reader: Reader, faces: ImageDataset) -> dict[str, float]:
    """How well a reader reads faces that it has not seen."""
    images, _ = faces[:]
    found = read(reader, images)
    numbers = {
        f"accuracy of {name}": float(np.mean((found[name] > 0.5) == (faces.factors[name] > 0.5)))
        for name in SWITCHES
    }
    for name in ("smile", "pose"):
        numbers[f"mean error of {name}"] = float(np.abs(found[name] - faces.factors[name]).mean())
    numbers["strangeness of drawn faces"] = strangeness(images, found)
    return numbers
