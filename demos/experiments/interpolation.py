"""Between two random latents lie samples too: images change step by step, without a jump, and stay
images of the kind that the data are (Radford et al. 2016, section 6.1, and the lecture's picture).

A generator that has learned data by heart would show itself by jumps. One is planted beside it: it
answers every latent with the training image that is nearest to what the generator makes of it.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from demos.common.kept import Setting
from demos.experiments import dcgans
from demos.experiments.finding import Finding
from demos.experiments.judge import Judge, judge_of
from demos.experiments.panels import show
from models.gan import GAN
from models.measures.frechet import frechet_distance
from models.measures.neighbours import nearest

CLAIM = "between random latents, samples change without a jump and stay like data"
DEFAULT = "glyphs"
PATHS, POINTS, STRIP = 100, 33, 4  # every fourth of a path's 33 points is in its strip of 9
MIDPOINTS = 5_000
KNOWN = 10_000  # training images that the memoriser knows
TINY = 1e-9  # added to lengths, so that what does not move has no 0 / 0
Array = NDArray[Any]


def run(
    setting: Setting, *, paths: int = PATHS, midpoints: int = MIDPOINTS,
    judge: Judge | None = None, **recipe: Any,
) -> Finding:  # fmt: skip
    """Steps along paths and their midpoints, judged by the features of a classifier."""
    judge = judge or judge_of(setting, DEFAULT)
    gan = dcgans.trained(setting, setting.dataset or DEFAULT, **recipe)
    rng = np.random.default_rng(setting.seed)
    walks = walked(gan, judge, *rng.standard_normal((2, paths, gan.noise), np.float32))
    features = {name: features_of(judge, images) for name, images in walks.items()}
    moved = {name: movement(f) for name, f in features.items()}
    middle = halfway(gan, judge, rng, midpoints)
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


# ---- paths ---------------------------------------------------------------------------------------


def linear(a: Array, b: Array, t: Array) -> Array:
    """Points (N, T, D) on the lines from a to b (N, D), at t (T,) from 0 to 1."""
    t = t[:, None]
    points: Array = a[:, None] * (1 - t) + b[:, None] * t
    return points


def spherical(a: Array, b: Array, t: Array) -> Array:
    """Points (N, T, D) on the arcs from a to b (N, D), at t (T,) from 0 to 1 (Shoemake 1985).

    NOTE: random latents of length D lie at right angles and sqrt(D) from 0, where the middle of the
    line between them is sqrt(D/2): a place that the generator was hardly ever trained at. The
    middle of the arc is as far out as its ends.
    """
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    # At parallel ends the formula is 0 / 0; near them its weights are those of the line.
    cosine = np.clip((a * b).sum(1) / lengths, -1 + 1e-6, 1 - 1e-6)
    angle = np.arccos(cosine)[:, None, None]
    t = t[:, None]
    points = a[:, None] * np.sin((1 - t) * angle) + b[:, None] * np.sin(t * angle)
    scaled: Array = points / np.sin(angle)
    return scaled


def walked(gan: GAN, judge: Judge, a: Array, b: Array) -> dict[str, Array]:
    """Images (paths, points, C, H, W) between those of latents a and b (paths, noise)."""
    t = np.linspace(0, 1, POINTS, dtype=np.float32)

    def images(z: Array) -> Array:
        flat = dcgans.decode(gan, z.reshape(-1, gan.noise))
        return flat.reshape(*z.shape[:2], *flat.shape[1:])

    walks = {"line": images(linear(a, b, t)), "arc": images(spherical(a, b, t))}
    known, _ = judge.train[:KNOWN]
    flat = walks["line"].reshape(-1, *known.shape[1:])
    walks["memoriser"] = known[nearest(flat, known).row].reshape(walks["line"].shape)
    first, last = walks["line"][:, 0], walks["line"][:, -1]
    faded = linear(first.reshape(len(a), -1), last.reshape(len(a), -1), t)
    walks["pixels"] = faded.reshape(walks["line"].shape)
    return walks


# ---- measures ------------------------------------------------------------------------------------


def features_of(judge: Judge, walks: Array) -> Array:
    """The features (paths, points, D) of images (paths, points, C, H, W)."""
    return judge.features(walks.reshape(-1, *walks.shape[2:])).reshape(*walks.shape[:2], -1)


def movement(features: Array) -> dict[str, float]:
    """How evenly features (paths, points, D) change along paths; medians over the paths.

    A jump is a largest step many times the mean one; between neighbours of a strip of 9, and
    between those of all points. The last number compares the largest step of a strip with the
    mean distance of the ends of different paths, which have nothing in common.
    """
    strip = features[:, ::STRIP]
    largest = float(np.median(steps(strip).max(1)))
    unrelated = np.linalg.norm(features[:, 0] - np.roll(features[:, -1], 1, axis=0), axis=1).mean()
    return {
        "largest of 8 steps over the mean": unevenness(strip),
        "largest of 32 steps over the mean": unevenness(features),
        "largest of 8 steps over a distance": largest / (float(unrelated) + TINY),
    }


def steps(features: Array) -> Array:
    """The lengths (paths, points - 1) of the steps along paths of features (paths, points, D)."""
    lengths: Array = np.linalg.norm(np.diff(features, axis=1), axis=2)
    return lengths


def unevenness(features: Array) -> float:
    """The largest step over the mean step: the median over paths, 1 being that of those that do not
    move at all."""
    lengths = steps(features) + TINY
    return float(np.median(lengths.max(1) / lengths.mean(1)))


def halfway(
    gan: GAN, judge: Judge, rng: np.random.Generator, n: int
) -> dict[str, dict[str, float]]:
    """Test images, samples, and n images halfway between samples: the median distance of their
    features to those of the nearest training image, the Fréchet distance to these, and
    the length of their latents."""
    a, b = rng.standard_normal((2, n, gan.noise), np.float32)
    half = np.array([0.5], np.float32)
    latents = {
        "samples": a,
        "middles of lines": linear(a, b, half)[:, 0],
        "middles of arcs": spherical(a, b, half)[:, 0],
    }
    images = {name: dcgans.decode(gan, z) for name, z in latents.items()}
    images["middles of pixels"] = (images["samples"] + dcgans.decode(gan, b)) / 2
    images["test images"] = judge.test[:n][0]
    found: dict[str, dict[str, float]] = {}
    for name, some in images.items():
        features = judge.features(some)
        found[name] = {
            "distance to data": float(np.median(nearest(features, judge.reference).distance)),
            "Fréchet distance": frechet_distance(judge.reference, features),
        }
        if name in latents:
            found[name]["length of z"] = float(np.linalg.norm(latents[name], axis=1).mean())
    return found


# ---- picture -------------------------------------------------------------------------------------


def draw(
    walks: dict[str, Array], features: dict[str, Array], middle: dict[str, dict[str, float]]
) -> Figure:
    """Strips of the first paths, the way along the first of them, and distances of midpoints."""
    rows = {f"line {i + 1}": images for i, images in enumerate(walks["line"][:6])}
    rows |= {f"{name} 1": walks[name][0] for name in ("arc", "pixels", "memoriser")}
    strips = [images[::STRIP] for images in rows.values()]
    figure = Figure((12, 5.8), dpi=100, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.5, 1])
    title = "nine points between random latents, and the first path in other ways"
    show(left.subplots(), np.concatenate(strips), len(strips[0]), title, row_labels=list(rows))
    way, far = right.subplots(2, 1)
    for i, (name, of_paths) in enumerate(features.items()):
        done = np.cumsum(np.append(0, steps(of_paths[:1])[0] + TINY))
        way.plot(np.linspace(0, 1, len(done)), done / done[-1], f"C{i}", label=name)
    way.set_title("share of the way done, in features, on path 1", fontsize=10)
    way.set_xlabel("t", fontsize=9)
    way.legend(frameon=False, fontsize=9)
    names = sorted(middle, key=lambda name: -middle[name]["distance to data"])
    far.barh(names, [middle[name]["distance to data"] for name in names], color="C0", alpha=0.7)
    far.set_title("median distance to nearest training image", fontsize=10)
    for axes in (way, far):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9, colors="0.35")
    return figure
