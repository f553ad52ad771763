"""What the experiments on translations share: faces, and who reads them."""

from functools import lru_cache
from typing import Any, NamedTuple

from demos.common.figures import Array
from demos.common.translation import unit
from demos.experiments.arithmetic import ReaderRecipe, trained_reader
from demos.experiments.finding import Setting
from minigrad.data import ImageDataset
from minigrad.data.captions import NAMES, slots_of
from minigrad.data.pairs import partners
from models.measures.faces import Reader, features, read

READER = ReaderRecipe()
FOUR = [NAMES.index(name) for name in ("gender", "smile", "glasses", "hair")]  # of the slots


class Faces(NamedTuple):
    """Drawn faces, and a reader that has learned from those for training."""

    train: ImageDataset
    test: ImageDataset
    reader: Reader

    def first(self, n: int) -> ImageDataset:
        """The first n faces for training."""
        return part(self.train, n)

    def tested(self, n: int, kind: str) -> tuple[Array, Array]:
        """n faces that no training has seen and their partners, (n, C, H, W) in [0, 1]."""
        images = self.test.images[:n]
        return unit(images), unit(partners(images, kind))

    def right(self, images: Array, slots: Array) -> Array:
        """In which slots what is read in images (N, 3, 32, 32) in [0, 1] is what is in `slots`:
        bools (N, 6)."""
        found: Array = slots_of(read(self.reader, images)) == slots
        return found


@lru_cache(1)
def faces_of(setting: Setting, recipe: ReaderRecipe) -> Faces:
    """The faces and the reader of a setting; its seed is 0 whatever the experiment's: all that
    share a folder share its eyes."""
    train, test = recipe.images(setting)
    return Faces(train, test, trained_reader(setting._replace(seed=0), train, recipe))


@lru_cache(1)
def reference(setting: Setting, recipe: ReaderRecipe) -> Array:
    """The reader's features of 10,000 faces for training, which Fréchet distances are to."""
    faces = faces_of(setting, recipe)
    return features(faces.reader, faces.first(10_000)[:][0])


def part(data: ImageDataset, n: int) -> ImageDataset:
    """The first n images."""
    factors: dict[str, Any] = {name: values[:n] for name, values in data.factors.items()}
    return ImageDataset(data.images[:n], data.labels[:n], data.name, data.classes, factors)
