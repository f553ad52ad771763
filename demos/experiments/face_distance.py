"""How far drawn faces are from those of the data set, as the reader of faces sees them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.translations import READER, faces_of, reference
from minigrad.data import ImageDataset
from models.measures.faces import Reader, features
from models.measures.frechet import frechet_distance
from models.measures.spectrum import blurred

SAMPLES = 2_000
Array = NDArray[Any]


class Eye(NamedTuple):
    """A reader of faces, the features of training faces, and test faces."""

    reader: Reader
    reference: Array
    train: ImageDataset
    test: ImageDataset

    def distance(self, images: Array) -> float:
        """The Fréchet distance of images (N, 3, 32, 32), cut to [0, 1], to training faces."""
        seen = features(self.reader, np.clip(images, 0, 1).astype(np.float32))
        return frechet_distance(self.reference, seen)

    def controls(self, n: int, seed: int = 0) -> dict[str, float]:
        """The distances of n test faces: as they are, with noise N(0, 0.1), blurred by a pixel; and
        of one face n times."""
        x = self.test[:n][0]
        noise = np.random.default_rng(seed).normal(0, 0.1, x.shape)
        return {
            "test faces": self.distance(x),
            "with noise 0.1": self.distance(x + noise),
            "blurred by 1 pixel": self.distance(blurred(x, 1.0)),
            "one face": self.distance(np.repeat(x[:1], len(x), axis=0)),
        }


def eye(setting: Setting, experiment: str, recipe: ReaderRecipe = READER) -> Eye:
    """The reader that experiments share; CommandError, in the experiment's name, for other data."""
    if setting.dataset not in (None, "faces"):
        raise CommandError(f"{experiment}: it is about faces, not {setting.dataset}")
    faces = faces_of(setting, recipe)
    return Eye(faces.reader, reference(setting, recipe), faces.train, faces.test)


def spread(images: Array) -> float:
    """The standard deviation of a pixel over images (N, C, H, W), averaged over pixels."""
    return float(images.std(0).mean())


def told(controls: Mapping[str, float]) -> str:
    """Distances in a line."""
    return ", ".join(f"{name} {value:.0f}" for name, value in controls.items())
