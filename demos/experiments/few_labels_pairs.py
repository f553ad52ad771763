"""The trainings of `few_labels`: pairs of classifiers, and what needs no network."""

from typing import Any

import numpy as np

from demos.common.evaluation import codes, flat
from demos.common.kept import Setting
from demos.experiments.autoencoders import autoencoder
from models.measures.linear import balanced, linear_probe_error, nearest_neighbour_error, pca
from models.measures.pretraining import paired_errors

COMPONENTS = 50
HEADS = {"on the code": True, "on the last hidden layer": False}
SCRATCH, ENCODER = "scratch", "encoder"
READERS = {"1-NN": nearest_neighbour_error, "probe": linear_probe_error}
Row = dict[str, float]


class Pairs:
    """The data, the autoencoder that knows them without labels, and what is made of a draw."""

    def __init__(self, setting: Setting, epochs: int, steps: int, limit: int | None) -> None:
        images = self.train, self.test = setting.images("glyphs", limit)
        self.autoencoder = autoencoder(setting, model="deep", epochs=epochs, limit=limit)
        self.steps = steps
        pixels = [flat(some) for some in images]
        exact = pca(pixels[0], COMPONENTS)
        self.features = {
            "pixels": pixels,
            f"PCA-{COMPONENTS}": [exact.encode(x) for x in pixels],
            "codes": [codes(self.autoencoder.model, some) for some in images],
        }

    def errors(self, n: int, draw: int, seed: int, **_: Any) -> Row:
        """The test errors of both classifiers, and of what needs no network."""
        rng = np.random.default_rng([seed, n, draw])
        chosen = rng.permutation(balanced(self.train.labels, n, rng))
        labelled = self.train[chosen][0], self.train.labels[chosen]
        how = {"steps": self.steps, "seed": seed, "draw": draw}
        found = {}
        for head, on_code in HEADS.items():
            pair = paired_errors(
                self.autoencoder.model, *labelled, self.test, on_code=on_code, **how
            )
            found |= {f"{start}, {head}": e for start, e in zip((SCRATCH, ENCODER), pair)}
        for name, (x, test) in self.features.items():
            for reader, error_of in READERS.items():
                error = error_of(x[chosen], labelled[1], test, self.test.labels)
                found[f"{reader} {name}"] = error
        return found
