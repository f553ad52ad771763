"""The judge of images: measures of samples through a classifier that has learned to read data.

    judge.measure(images)                       # (N, C, H, W) in [0, 1], NumPy: a dict of numbers
    judge.controls(len(images))                 # the same of real data, intact and spoilt
    judge.features(images), judge.probabilities(images), judge.predictions(images)

Distances are to all training images. Take 10,000 samples or controls of as many as there are: the
Fréchet distance of fewer is larger, of 1,000 real digits by a factor of 10. Images must have the
data set's own size: cut off what was padded.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.data import ImageDataset

from . import classifier
from .frechet import classifier_score, frechet_distance, kernel_distance
from .neighbours import memorisation, nearest

Images = NDArray[Any]
NOISE = 0.1  # the standard deviation of the control's noise
AT_ONCE = 10_000  # as floats, 60,000 digits are 190 MB


class Judge:
    """Measures images by a trained classifier of `train`, whose accuracy on `test` is known.

    `reference` are the features of all training images, if they were kept: they take seconds.
    """

    def __init__(
        self,
        model: classifier.Classifier,
        train: ImageDataset,
        test: ImageDataset,
        accuracy: float,
        reference: NDArray[Any] | None = None,
    ) -> None:
        self.model, self.train, self.test, self.accuracy = model, train, test, accuracy
        if reference is None:
            parts = range(0, len(train), AT_ONCE)
            reference = np.concatenate([self.features(train[i : i + AT_ONCE][0]) for i in parts])
        self.reference = reference

    # ---- what it sees ----------------------------------------------------------------------------

    def features(self, images: Images) -> NDArray[Any]:
        """float32 (N, 64)."""
        return classifier.features(self.model, images)

    def probabilities(self, images: Images) -> NDArray[Any]:
        """float32 (N, classes)."""
        return classifier.probabilities(self.model, images)

    def predictions(self, images: Images) -> NDArray[np.int64]:
        """The most probable classes (N,)."""
        return classifier.predictions(self.model, images)

    # ---- measures --------------------------------------------------------------------------------

    def measure(self, images: Images) -> dict[str, Any]:
        """The measures of images (N, C, H, W) in [0, 1], as JSON can hold them.

        `frechet`, `kernel` (its mean) and `kernel_std` are distances to training data, `score` is
        from 1 to the number of classes, `classes` the share of each, and `n` the images' number.
        """
        features = self.features(images)
        p = classifier.of_features(self.model, features)
        kernel = kernel_distance(self.reference, features)
        shares = np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
        return {
            "frechet": frechet_distance(self.reference, features),
            "kernel": kernel.mean,
            "kernel_std": kernel.std,
            "score": classifier_score(p),
            "classes": dict(zip(self.train.classes, shares.tolist())),
            "n": len(images),
        }

    def controls(self, n: int | None = None, seed: int = 0) -> dict[str, dict[str, Any]]:
        """The measures of n test images (all if None): as they are, which is the floor; with noise
        N(0, 0.1), cut to [0, 1]; and, of all that are not of the last class, at most n."""
        images, labels = self.test[:]
        noise = np.random.default_rng(seed).normal(0, NOISE, images[:n].shape)
        last = len(self.test.classes) - 1
        return {
            "real": self.measure(images[:n]),
            f"real with noise {NOISE}": self.measure(np.clip(images[:n] + noise, 0, 1)),
            f"real without {self.test.classes[last]}": self.measure(images[labels != last][:n]),
        }

    def by_heart(self, images: Images, most: int) -> dict[str, float]:
        """How near samples are to training images, against test images: 1 is new, near 0 is
        copied. `most` of each are compared."""
        train, test, images = self.train[:][0], self.test[:most][0], images[:most]
        features = memorisation(self.features(images), self.features(test), self.reference)
        pixels = memorisation(images, test, train)
        return {"in pixels": pixels.ratio, "in features": features.ratio}

    def neighbours(self, images: Images) -> dict[str, Images]:
        """The training images that are nearest to images."""
        train = self.train[:][0]
        rows = nearest(images, train).row, nearest(self.features(images), self.reference).row
        return {"in pixels": train[rows[0]], "in features": train[rows[1]]}
