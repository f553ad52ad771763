"""A small convolutional classifier of images: the eyes of the other measures of images.

    model = Classifier(images.shape[1:], classes)
    learner = Learner(model, optimizer)
    for x, labels in batches:
        learner.train_step(x, labels)               # after 3 epochs it reads 98.3 % of MNIST
    features(model, images)                         # what frechet_distance compares
    probabilities(model, images)                    # what classifier_score takes

Fréchet distance and score were introduced with the Inception network's features. Features of digits
come from a network that knows digits; numbers from two networks, or from two trainings of one, are
different scales.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from ..model import Losses
from .parts import in_parts

Images = NDArray[Any]
FEATURES = 64
AT_ONCE = 500  # images: memory stays small, and the products are large enough


class Classifier(nn.Module):
    """Two convolutions of stride 2 (16 and 32 channels), 64 features and a score for each class;
    ReLU.

    Images are (N, C, H, W) in [0, 1], of the one `image_shape` (C, H, W).
    """

    def __init__(self, image_shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        colours, height, width = image_shape
        self.image_shape = tuple(image_shape)
        quarter = (32, math.ceil(math.ceil(height / 2) / 2), math.ceil(math.ceil(width / 2) / 2))
        self.body = nn.Sequential(
            nn.Conv2d(colours, 16, 5, 2, 2), nn.ReLU(),
            nn.Conv2d(16, 32, 5, 2, 2), nn.ReLU(),
            nn.Flatten(), nn.Linear(math.prod(quarter), FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> Tensor:
        """The logits (N, classes)."""
        return self.head(self.body(x))

    def losses(self, x: Tensor, labels: Tensor) -> Losses:
        """The cross entropy of a batch in nats per image, and the share that is right."""
        logits = self(x)
        loss = F.cross_entropy(logits, labels)
        right = (logits.detach().argmax(1) == labels).to(loss.dtype)
        return {"loss": loss, "accuracy": right.mean()}


def features(model: Classifier, images: Images) -> NDArray[Any]:
    """The features of images (N, C, H, W), after the ReLU: float32 (N, 64)."""
    return _in_batches(model, model.body, images)


def probabilities(model: Classifier, images: Images) -> NDArray[Any]:
    """p(class | image): float32 (N, classes)."""
    return of_features(model, features(model, images))


def of_features(model: Classifier, features: NDArray[Any]) -> NDArray[Any]:
    """`probabilities`, of images of which the features (N, 64) are known."""
    with mg.no_grad():
        p: NDArray[Any] = model.head(_tensor(model, features)).softmax(1).numpy(force=True)
    return p


def predictions(model: Classifier, images: Images) -> NDArray[np.int64]:
    """The most probable classes: (N,)."""
    best: NDArray[np.int64] = probabilities(model, images).argmax(1)
    return best


def _in_batches(
    model: Classifier, function: Callable[[Tensor], Tensor], images: Images
) -> NDArray[Any]:
    if images.shape[1:] != model.image_shape or not len(images):
        raise ValueError(
            f"Classifier: needs images {['N', *model.image_shape]}, got {list(images.shape)}"
        )
    return in_parts(len(images), AT_ONCE, lambda rows: function(_tensor(model, images[rows])))


def _tensor(model: Classifier, values: NDArray[Any]) -> Tensor:
    like = model.head.weight
    return mg.tensor(values, dtype=like.dtype, device=like.device)
