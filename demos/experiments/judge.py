"""The judge of images: a classifier trained once per data set and seed, and measures through it.

    judge = judge_of(setting, "mnist")          # trains on the first call, about a minute for MNIST
    judge.measure(images)                       # (N, C, H, W) in [0, 1], NumPy: a dict of numbers
    judge.controls(len(images))                 # the same of real data, intact and spoilt
    judge.features(images), judge.probabilities(images), judge.predictions(images)

The classifier is kept in `setting.folder`/judge-DATASET-seed0: all experiments that share a folder
share its scale, whatever their own seed. Distances are to all training images. Take 10,000 samples
or controls of as many as there are: the Fréchet distance of fewer is larger, of 1,000 real digits
by a factor of 10. Images must have the data set's own size: cut off what was padded.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from demos.common.kept import Setting
from demos.common.run import Run
from demos.common.training import Trainer, random_numbers
from minigrad import optim
from minigrad.data import DataLoader, ImageDataset
from models.measures import classifier
from models.measures.frechet import classifier_score, frechet_distance, kernel_distance
from models.model import Learner

Images = NDArray[Any]
NOISE = 0.1  # the standard deviation of the control's noise
EPOCHS, BATCH, LR = 3, 64, 1e-3


def judge_of(setting: Setting, default: str = "mnist", seed: int = 0) -> "Judge":
    """The judge of the data set that the setting asks for, else of `default`."""
    name = setting.dataset or default
    return Judge(*setting.images(default), setting.folder / f"judge-{name}-seed{seed}", seed)


class Judge:
    """Measures images by a classifier of `train`, which is trained in `folder` if it is not there.

    `accuracy` is the classifier's on `test`. Raises CommandError if the folder's classifier is
    another data set's, and Stopped after Ctrl-C; the next call then goes on with the training.
    """

    def __init__(
        self,
        train: ImageDataset,
        test: ImageDataset,
        folder: Path,
        seed: int = 0,
        epochs: int = EPOCHS,
    ) -> None:
        self.train, self.test, self.seed = train, test, seed
        # Other experiments' random numbers must not depend on whether there was one to train here.
        with random_numbers(seed):
            self.model = classifier.Classifier(train.images.shape[1:], len(train.classes))
            self.accuracy = self._fit(folder, epochs)
        self.reference = self._train_features(folder / "features.safetensors")

    def _fit(self, folder: Path, epochs: int) -> float:
        learner = Learner(self.model, optim.Adam(self.model.parameters(), lr=LR))
        trainer = Trainer(
            Run(folder, resume=True),
            DataLoader(self.train, BATCH, shuffle=True, seed=self.seed, device="cpu"),
            learner.parts(),
            {"dataset": self.train.name},
            epochs=epochs,
            seed=self.seed,
        )

        def end_of_epoch(number: int) -> dict[str, float]:
            images, labels = self.test[:]
            return {"test_accuracy": float((self.predictions(images) == labels).mean())}

        trainer.fit(learner.train_step, end_of_epoch)
        return float(trainer.rows[-1]["test_accuracy"])

    def _train_features(self, path: Path) -> NDArray[Any]:
        """The features of all training images, kept: they take seconds."""
        if path.exists():
            kept: NDArray[Any] = mg.load(path)["features"]
            return kept
        parts = range(0, len(self.train), 10_000)  # as floats, 60,000 digits are 190 MB
        found = np.concatenate([self.features(self.train[i : i + 10_000][0]) for i in parts])
        mg.save({"features": found}, path)
        return found

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

    def controls(self, n: int | None = None) -> dict[str, dict[str, Any]]:
        """The measures of n test images (all if None): as they are, which is the floor; with noise
        N(0, 0.1), cut to [0, 1]; and, of all that are not of the last class, at most n."""
        images, labels = self.test[:]
        noise = np.random.default_rng(self.seed).normal(0, NOISE, images[:n].shape)
        last = len(self.test.classes) - 1
        return {
            "real": self.measure(images[:n]),
            f"real with noise {NOISE}": self.measure(np.clip(images[:n] + noise, 0, 1)),
            f"real without {self.test.classes[last]}": self.measure(images[labels != last][:n]),
        }
