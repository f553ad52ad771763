"""A linear autoencoder learns what PCA computes: the same error, and the same plane of images.

Not the same axes in it: every basis of the plane reconstructs alike (Baldi and Hornik 1989). How
soon the last direction is right depends on the gap after it: the plane turns from component k + 1
to component k with a speed that goes with the difference of their variances. So the code has as
many numbers, of at most 10, as there are components before a clear gap.

NOTE: glyphs have a gap of 16 % after the eighth: there 1,200 steps leave an angle of 15 degrees, at
an error 0.09 % above PCA's, and 3,600 steps one of 1.5.
"""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import minigrad as mg
from demos.common.autoencoder_pictures import signed
from demos.common.evaluation import columns, flat
from demos.common.kept import Setting
from demos.experiments.autoencoders import Recipe, Trained, trained
from demos.experiments.finding import Finding
from demos.experiments.panels import show
from minigrad.data import ImageDataset
from models.autoencoder import ARCHITECTURES
from models.measures.linear import PCA, pca, principal_angles

CLAIM = "originally: linear (PCA's error within 1 %, its plane within 5 degrees) + sigmoid"
MOST, GAP = 10, 1.1  # numbers in a code, and the least ratio of variances after the last
STEPS, BATCH, LR = 3600, 500, 1e-2  # 30 epochs of MNIST


class Learned(NamedTuple):
    """What an autoencoder has learned, and how near its decoder's columns are to PCA's plane."""

    trained: Trained
    columns: NDArray[Any]  # (pixels, code)
    angles: NDArray[Any]  # (code,), in degrees

    def numbers(self, best: float) -> dict[str, Any]:
        mse = self.trained.test_mse
        return {
            "test mse": mse,
            "above PCA": mse / best - 1,
            "largest principal angle": self.angles[-1],
            "principal angles": self.angles.tolist(),
            "train mse": self.trained.rows[-1]["train_loss"] / len(self.columns),
            "seconds of training": self.trained.seconds,
        }


def run(
    setting: Setting, *, most: int = MOST, steps: int = STEPS, batch: int = BATCH,
    limit: int | None = None,
) -> Finding:  # fmt: skip
    """The linear one and the one with a sigmoid, each against PCA; as controls, the linear one
    before training, and PCA with one number less."""
    train, test = setting.images("glyphs", limit)
    code = before_gap(pca(flat(train), most).variances, most)
    exact = pca(flat(train), code)
    best = exact.error(flat(test))
    epochs = max(1, round(steps * batch / len(train)))
    learned = {
        name: learn(setting, Recipe(name, code, epochs, batch, LR, falling=True), exact, limit)
        for name in ("linear", "sigmoid")
    }
    numbers: dict[str, Any] = {"numbers in a code": code, "PCA's test mse": best}
    numbers |= {name: found.numbers(best) for name, found in learned.items()}
    numbers["variance of component k over that of k + 1"] = (
        exact.variances[code - 1] / exact.variances[code]
    )
    fewer = PCA(exact.mean, exact.components[:-1], exact.variances).error(flat(test))
    mg.manual_seed(setting.seed)
    before = columns(ARCHITECTURES["linear"](train.images.shape[1:], code))
    angle = principal_angles(before, exact.components.T)[-1]
    control = {
        "PCA's test mse with one number less": fewer,
        "largest principal angle before training": angle,
    }
    linear, sigmoid = (numbers[name] for name in ("linear", "sigmoid"))
    result = (
        f"k = {code}: linear {linear['test mse']:.5f} per pixel, {linear['above PCA']:+.3%} of "
        f"PCA's, {linear['largest principal angle']:.2f}°; sigmoid {sigmoid['test mse']:.5f}"
    )
    beside = f"PCA {best:.5f}, with k = {code - 1} {fewer:.5f}; before training {angle:.0f}°"
    return Finding(CLAIM, result, beside, numbers, control, draw(exact, learned, train, best))


def before_gap(variances: NDArray[Any], most: int) -> int:
    """The largest k up to `most` with a clear gap after component k; 1 if there is none."""
    ratios = variances[:most] / variances[1 : most + 1]
    return int(max(np.flatnonzero(ratios >= GAP), default=0)) + 1


def learn(setting: Setting, recipe: Recipe, exact: PCA, limit: int | None) -> Learned:
    """Trains an autoencoder, and compares its decoder with PCA."""
    found = trained(setting, recipe, limit)
    drawn = columns(found.model)
    return Learned(found, drawn, principal_angles(drawn, exact.components.T))


def draw(exact: PCA, learned: dict[str, Learned], train: ImageDataset, best: float) -> Figure:
    """The bases side by side as images, and how the errors came down to PCA's."""
    shape, code = train.images.shape[1:], len(exact.components)
    drawn = learned["linear"].columns
    basis = np.linalg.qr(drawn.astype(np.float64))[0]
    rows = {
        "PCA's components": exact.components,
        "the same, projected on\nthe linear one's plane": exact.components @ basis @ basis.T,
        "linear: the decoder's\ncolumns": drawn.T,
        "sigmoid: the decoder's\ncolumns": learned["sigmoid"].columns.T,
    }
    figure = Figure((12.4, 3.6), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.3, 1))
    images = np.concatenate([signed(row.reshape(-1, *shape)) for row in rows.values()])
    title = "weights as images: red is positive, blue negative"
    show(left, images, code, title, row_labels=list(rows))
    for name, found in learned.items():
        errors = [row["test_mse"] for row in found.trained.rows]
        right.plot(range(1, len(errors) + 1), errors, label=f"{name}: {errors[-1]:.5f}")
    right.axhline(best, color="k", linestyle="--", linewidth=1, label=f"PCA: {best:.5f}")
    right.set_yscale("log")
    right.yaxis.set_major_formatter("{x:.3f}")
    right.yaxis.set_minor_formatter("{x:.3f}")
    right.set_xlabel("epoch")
    right.set_title("squared error per pixel of test images", fontsize=10)
    right.legend(frameon=False, fontsize=9)
    right.tick_params(labelsize=8, which="both")
    right.spines[["top", "right"]].set_visible(False)
    right.grid(alpha=0.25, linewidth=0.6, which="both")
    angle = learned["linear"].angles[-1]
    figure.suptitle(
        f"{code} numbers: the linear autoencoder's plane is PCA's, to {angle:.2f}°", fontsize=11
    )
    return figure
