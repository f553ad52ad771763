"""A linear autoencoder learns what PCA computes: the same error, and the same plane of images.

Not the same axes in it: every basis of the plane reconstructs alike (Baldi and Hornik 1989). How
soon the last direction is right depends on the gap after it: the plane turns from component k + 1
to component k with a speed that goes with the difference of their variances. So the code has as
many numbers, of at most 10, as there are components before a clear gap.

NOTE: glyphs have a gap of 16 % after the eighth: there 1,200 steps leave an angle of 15 degrees, at
an error 0.09 % above PCA's, and 3,600 steps one of 1.5.
"""

from typing import Any

import numpy as np

import minigrad as mg
from demos.common.autoencoder_pictures import signed
from demos.common.evaluation import columns, flat
from demos.common.figures import Array, Figure, curves, sheet, strips
from demos.common.kept import Kept
from demos.experiments.autoencoders import autoencoder
from demos.experiments.finding import Finding, Setting
from models.autoencoder import ARCHITECTURES
from models.measures.linear import PCA, pca, principal_angles

CLAIM = "originally: linear (PCA's error within 1 %, its plane within 5 degrees) + sigmoid"
MOST, GAP = 10, 1.1  # numbers in a code, and the least ratio of variances after the last
STEPS, BATCH, LR = 3600, 500, 1e-2  # 30 epochs of MNIST


def run(
    setting: Setting, *, most: int = MOST, steps: int = STEPS, batch: int = BATCH,
    limit: int | None = None,
) -> Finding:  # fmt: skip
    """The linear one and the one with a sigmoid, each against PCA; as controls, the linear one
    before training, and PCA with one number less."""
    train, test = setting.images("glyphs", limit)
    shape = train.images.shape[1:]
    code = before_gap(pca(flat(train), most).variances, most)
    exact = pca(flat(train), code)
    best = exact.error(flat(test))
    how = {"epochs": max(1, round(steps * batch / len(train))), "batch": batch, "lr": LR}
    learned = {
        name: autoencoder(setting, model=name, code=code, limit=limit, falling=True, **how)
        for name in ("linear", "sigmoid")
    }
    numbers: dict[str, Any] = {"numbers in a code": code, "PCA's test mse": best}
    numbers |= {name: compared(found, exact, best) for name, found in learned.items()}
    gap = exact.variances[code - 1] / exact.variances[code]
    numbers["variance of component k over that of k + 1"] = gap
    fewer = PCA(exact.mean, exact.components[:-1], exact.variances).error(flat(test))
    mg.manual_seed(setting.seed)
    before = columns(ARCHITECTURES["linear"](shape, code))
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
    title = (
        f"{code} numbers: the linear autoencoder's plane is PCA's, to "
        f"{linear['largest principal angle']:.2f}°"
    )
    figure = draw(exact.components, learned, shape, best, title)
    return Finding(CLAIM, result, beside, numbers, control, figure)


def before_gap(variances: Array, most: int) -> int:
    """The largest k up to `most` with a clear gap after component k; 1 if there is none."""
    ratios = variances[:most] / variances[1 : most + 1]
    return int(max(np.flatnonzero(ratios >= GAP), default=0)) + 1


def compared(found: Kept, exact: PCA, best: float) -> dict[str, Any]:
    """How near an autoencoder's error is to PCA's, and its decoder's columns to PCA's plane."""
    angles = principal_angles(columns(found.model), exact.components.T)
    mse = found.rows[-1]["test_mse"]
    return {
        "test mse": mse,
        "above PCA": mse / best - 1,
        "largest principal angle": angles[-1],
        "principal angles": angles.tolist(),
        "train mse": found.rows[-1]["train_loss"] / exact.mean.size,
        "seconds of training": found.seconds,
    }


def draw(
    components: Array, learned: dict[str, Kept], shape: tuple[int, ...], best: float,
    title: str,
) -> Figure:  # fmt: skip
    """The bases side by side as images, and how the errors came down to PCA's."""
    linear, sigmoid = (columns(learned[name].model) for name in ("linear", "sigmoid"))
    basis = np.linalg.qr(linear.astype(np.float64))[0]
    rows = {
        "PCA's components": components,
        "the same, projected on\nthe linear one's plane": components @ basis @ basis.T,
        "linear: the decoder's\ncolumns": linear.T,
        "sigmoid: the decoder's\ncolumns": sigmoid.T,
    }
    figure, (left, right) = sheet("aab", (12.4, 3.6), title)
    images = {name: signed(row.reshape(-1, *shape)) for name, row in rows.items()}
    strips(left, images, "weights as images: red is positive, blue negative")
    lines = {}
    for name, found in learned.items():
        errors = [row["test_mse"] for row in found.rows]
        lines[f"{name}: {errors[-1]:.5f}"] = (range(1, len(errors) + 1), errors)
    heading, level = "squared error per pixel of test images", {f"PCA: {best:.5f}": best}
    curves(right, lines, heading, "epoch", log="y", levels=level)
    for formatter in (right.yaxis.set_major_formatter, right.yaxis.set_minor_formatter):
        formatter("{x:.3f}")
    return figure
