"""Between two random latents lie samples too: images change step by step, without a jump, and stay
images of the kind that the data are (Radford et al. 2016, section 6.1, and the lecture's picture).

A generator that has learned data by heart would show itself by jumps. One is planted beside it: it
answers every latent with the training image that is nearest to what the generator makes of it.
"""

from functools import partial
from typing import Any

import numpy as np

from demos.common.figures import Array, Figure, bars, curves, sheet, strips
from demos.experiments.dcgans import dcgan, decode
from demos.experiments.finding import Finding, Setting
from demos.experiments.judge import judge_of
from models.measures.judge import Judge
from models.measures.paths import (
    POINTS,
    STRIP,
    TINY,
    features_of,
    halfway,
    movement,
    share_done,
    walked,
)  # fmt: skip

CLAIM = "between random latents, samples change without a jump and stay like data"
PATHS, MIDPOINTS = 100, 5_000


def run(
    setting: Setting, *, paths: int = PATHS, midpoints: int = MIDPOINTS,
    judge: Judge | None = None, **recipe: Any,
) -> Finding:  # fmt: skip
    """Steps along paths and their midpoints, judged by the features of a classifier."""
    judge = judge or judge_of(setting)
    gan = dcgan(setting, **recipe).model
    draws = partial(np.random.default_rng(setting.seed).standard_normal, dtype=np.float32)
    walks = walked(partial(decode, gan), judge, *draws((2, paths, gan.noise)))
    features = {name: features_of(judge, images) for name, images in walks.items()}
    moved = {name: movement(f) for name, f in features.items()}
    middle = halfway(partial(decode, gan), judge, *draws((2, midpoints, gan.noise)))
    numbers = {
        "line": {**moved["line"], **middle["middles of lines"]},
        "arc": {**moved["arc"], **middle["middles of arcs"]},
        "samples": middle["samples"],
    }
    control = {
        "memoriser": moved["memoriser"],
        "pixels": {**moved["pixels"], **middle["middles of pixels"]},
        "test images": middle["test images"],
    }
    distances = {name: m["distance to data"] + TINY for name, m in middle.items()}
    far = {name: d / distances["samples"] for name, d in distances.items()}
    largest = {name: m["largest of 32 steps over the mean"] for name, m in moved.items()}
    result = (
        f"largest of 32 steps {largest['line']:.1f} times the mean; middles of lines are "
        f"{far['middles of lines']:.2f}, of arcs {far['middles of arcs']:.2f} times as far from "
        "data as samples"
    )
    beside = (
        f"largest step of a memoriser {largest['memoriser']:.1f} times the mean; middles of pixels "
        f"are {far['middles of pixels']:.2f}, test images {far['test images']:.2f} times as far"
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(walks, features, middle))


def draw(
    walks: dict[str, Array], features: dict[str, Array], middle: dict[str, dict[str, float]]
) -> Figure:
    """Strips of the first paths, the way along the first of them, and distances of midpoints."""
    rows = {f"line {i + 1}": images[::STRIP] for i, images in enumerate(walks["line"][:6])}
    rows |= {f"{name} 1": walks[name][0, ::STRIP] for name in ("arc", "pixels", "memoriser")}
    figure, (left, way, far) = sheet("aaabb;aaacc", (12, 5.8))
    strips(left, rows, "nine points between random latents, and the first path in other ways")
    t = np.linspace(0, 1, POINTS)
    lines = {name: (t, share_done(of_paths[0])) for name, of_paths in features.items()}
    curves(way, lines, "share of the way done, in features, on path 1", "t")
    distances = {name: found["distance to data"] for name, found in middle.items()}
    ordered = {"": dict(sorted(distances.items(), key=lambda item: item[1]))}
    bars(far, ordered, "median distance to nearest training image", text="{:.2f}", lying=True)
    return figure
