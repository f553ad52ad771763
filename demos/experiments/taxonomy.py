"""Goodfellow's tree of generative models on one data set: what can be asked of each leaf, what the
answer is, what it costs, and how its samples look.
"""

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from demos.common import datasets
from demos.common.figures import Array, Figure, sheet, strips
from demos.common.kept import Setting
from demos.common.training import random_numbers
from demos.experiments import dcgans
from demos.experiments.aae import aae
from demos.experiments.autoregressives import trained
from demos.experiments.finding import Finding
from demos.experiments.judge import judge_of
from demos.experiments.pixelvae import PIXELVAE, RUNS, pixelvae
from demos.experiments.vaes import BLACK_AND_WHITE, kept_vae
from minigrad import Tensor
from models.likelihoods import binarize
from models.measures.bounds import bounds, elbo
from models.measures.frechet import classifier_score, frechet_distance
from models.measures.judge import Judge
from models.measures.parts import in_parts
from models.measures.pixels import pixels_alone
from models.measures.spectrum import high_frequencies

CLAIM = (
    "PixelCNN: exact likelihood, but slow; VAE: inference, but blurrier and lower quality; GAN: "
    "best samples, but no p(x), p(z|x)"
)
TREE: dict[str, dict[str, tuple[str, ...]]] = {
    "explicit\ndensity": {
        "tractable": ("pixels alone", "MADE", "PixelCNN", "gated PixelCNN", "PixelRNN"),
        "variational": ("VAE", "PixelVAE"),
        "Markov chain": ("Boltzmann machines",),
    },
    "implicit\ndensity": {
        "direct": ("GAN", "AAE"),
        "Markov chain": ("GSN",),
    },
}
AUTOREGRESSIVE = {
    "MADE": "made",
    "PixelCNN": "pixelcnn",
    "gated PixelCNN": "gated",
    "PixelRNN": "pixelrnn",
}
# About a minute of one core, as the others; the last is of half a minute.
SHORT: dict[str, dict[str, Any]] = {
    "PixelVAE": RUNS[PIXELVAE],
    "GAN": {"limit": 30_000, "epochs": 1},
    "AAE": {"epochs": 2},
}
SAMPLES, AT_ONCE, SHOWN = 500, 500, 8
Row = dict[str, Any]


class Leaf(NamedTuple):
    """A model: what it says of x, and how it draws n images (n, C, H, W) that are black and white
    or grey; its core seconds of training, and its passes through a network for one drawing."""

    density: str  # exact, a bound, or none
    nats: Mapping[str, float]
    codes: str  # what it has of p(z|x)
    seconds: float
    passes: int
    sample: Callable[[int], Tensor]


def run(
    setting: Setting, *, n: int = SAMPLES, limit: int | None = None,
    how: Mapping[str, Mapping[str, Any]] = {}, images: int = 200, samples: int = 500,
) -> Finding:  # fmt: skip
    """Asks each model for nats, and its samples for their distance to data; all pixels are drawn
    black or white, those of data too. `how` has options of each leaf's training."""
    train, test = setting.images("glyphs", limit)
    x = mg.tensor(datasets.binarized(test, 0)[:][0])
    with random_numbers(setting.seed):
        found = leaves(setting, limit, how, partial(bounds, images=images, samples=samples), x)
    judge = judge_of(setting._replace(dataset=setting.dataset or "glyphs"), limit=limit)
    reference = judge.features(datasets.binarized(train, 1)[: 5 * n][0])
    rows, shown = {}, {}
    for name, leaf in found.items():
        with random_numbers(setting.seed):
            start = time.process_time()
            drawn = in_parts(
                n, AT_ONCE, lambda rows, leaf=leaf: leaf.sample(rows.stop - rows.start)
            )
            taken = (time.process_time() - start) / n * 100
            drawn = binarize(mg.tensor(drawn)).numpy()
        rows[name] = row(leaf, taken) | judged(judge, reference, drawn, x.numpy())
        shown[name] = drawn[:SHOWN]
    real = judged(judge, reference, x.numpy()[:n], x.numpy())
    result = "; ".join(f"{name} {said(rows[name])}" for name in rows if name in FIRST)
    beside = f"test images, {len(x[:n])}: Fréchet {real['Fréchet']:.1f}; " + "; ".join(
        f"{name} {said(rows[name])}" for name in rows if name not in FIRST
    )
    return Finding(CLAIM, result, beside, rows, {"test images": real}, draw(rows, shown, real))


FIRST = ("PixelCNN", "VAE", "GAN")


def leaves(
    setting: Setting, limit: int | None, how: Mapping[str, Mapping[str, Any]],
    bounds: Callable[..., Row], x: Tensor,
) -> dict[str, Leaf]:  # fmt: skip
    """All models, trained."""
    train, test = setting.images("glyphs", limit)
    shared = {"dataset": setting.dataset or "glyphs", "limit": limit}

    def options(name: str) -> Row:
        short = {**shared, **SHORT.get(name, {}), **how.get(name, {})}
        return short | ({"limit": limit} if limit else {})

    mean = mg.tensor(train.images.mean(0, keepdims=True).astype(np.float32) / 255)
    alone = {"-log p": pixels_alone(train, test)}
    found = {"pixels alone": Leaf("exact", alone, "none", 0, 0, partial(independent, mean))}
    pixels = math.prod(x.shape[1:])
    for name, model in AUTOREGRESSIVE.items():
        kept = trained(setting, model, **options(name))
        nats = {"-log p": kept.rows[-1]["test_loss"]}
        draw = kept.model.model.sample
        found[name] = Leaf("exact", nats, "none", kept.core_seconds, pixels, draw)
    kept = kept_vae(setting, **{**BLACK_AND_WHITE, **options("VAE")})
    bound = bounds(kept.model, x, seed=setting.seed)
    nats = {"-ELBO": bound["-ELBO"], "-L": bound["-L"]}
    draw = partial(kept.model.sample, draw=True)
    found["VAE"] = Leaf("a bound", nats, "q(z|x)", kept.core_seconds, 1, draw)
    kept = pixelvae(setting, **options("PixelVAE"))
    nats = {"-ELBO": sum(elbo(kept.model, x))}
    draw = partial(kept.model.sample, draw=True)
    found["PixelVAE"] = Leaf("a bound", nats, "q(z|x)", kept.core_seconds, 1 + pixels, draw)
    kept = dcgans.dcgan(setting, **options("GAN"))
    draw = partial(grey, kept.model, -1)
    found["GAN"] = Leaf("none", {}, "none", kept.core_seconds, 1, draw)
    kept = aae(setting, **options("AAE"))
    draw = partial(grey, kept.model, 0)
    found["AAE"] = Leaf("none", {}, "a code", kept.core_seconds, 1, draw)
    return found


def grey(model: Any, black: float, n: int) -> Tensor:
    """n images of a model whose grey levels go from `black` to 1, in [0, 1]."""
    levels = (model.sample(n) - black) / (1 - black)
    return levels.clip(0, 1)


def independent(mean: Tensor, n: int) -> Tensor:
    """n images of pixels that are each on with its mean over the data."""
    return mean.expand(n, *mean.shape[1:])


def row(leaf: Leaf, seconds: float) -> Row:
    """What a leaf says of itself."""
    return {
        "p(x)": leaf.density,
        "nats": leaf.nats,
        "p(z|x)": leaf.codes,
        "core seconds of training": leaf.seconds,
        "passes": leaf.passes,
        "core seconds for 100 samples": seconds,
    }


def judged(judge: Judge, reference: Array, images: Array, real: Array) -> Row:
    """How near black and white images are to black and white training images, and their share of
    high frequencies, real ones' being 1."""
    return {
        "Fréchet": frechet_distance(reference, judge.features(images)),
        "score": classifier_score(judge.probabilities(images)),
        "high frequencies": high_frequencies(images) / high_frequencies(real),
    }


def said(row: Row) -> str:
    return (
        f"{', '.join(nats(row)) or 'no p(x)'}, {row['core seconds for 100 samples']:.2g} s, "
        f"Fréchet {row['Fréchet']:.0f}"
    )


def nats(row: Row) -> list[str]:
    return [f"{name} {value:.1f}" for name, value in row["nats"].items()]


# ---- the tree ------------------------------------------------------------------------------------

ROOT, STEM, BRANCH, LEAF = -1070, -1000, -880, -760
COLUMNS: dict[str, tuple[int, Callable[[Row], str]]] = {
    "p(x)": (-600, lambda row: row["p(x)"]),
    "nats": (-530, lambda row: "\n".join(nats(row)) or "-"),
    "p(z|x)": (-430, lambda row: row["p(z|x)"]),
    "training,\ncore s": (-372, lambda row: f"{row['core seconds of training']:.0f}"),
    "passes": (-308, lambda row: f"{row['passes']}"),
    "100 samples,\ncore s": (-248, lambda row: f"{row['core seconds for 100 samples']:.2g}"),
    "Fréchet\ndistance": (-145, lambda row: f"{row['Fréchet']:.1f}"),
    "high fre-\nquencies": (-75, lambda row: f"{row['high frequencies']:.2f}"),
}


def draw(rows: Mapping[str, Row], shown: Mapping[str, Array], real: Row) -> Figure:
    """The tree from left to right: its branches, its leaves with their numbers, their samples."""
    figure, (axes,) = sheet((1, 1), (13, 5.8))
    names = [name for branches in TREE.values() for some in branches.values() for name in some]
    blank = np.full_like(next(iter(shown.values())), 0.93)
    strips(axes, {name: shown.get(name, blank) for name in names}, scale=2, gap=6)
    axes.set_yticks([])
    pitch = 2 * blank.shape[2] + 6
    height = {name: (i + 0.5) * pitch - 3 for i, name in enumerate(names)}
    write = partial(axes.text, fontsize=8, va="center")
    for title, (x, value) in COLUMNS.items():
        write(x, -25, title)
        for name, row in rows.items():
            write(x, height[name], value(row))
    for name in names:
        write(LEAF + 8, height[name], name if name in rows else f"{name}\n(not built)")
    stems = []
    for stem, branches in TREE.items():
        middles = []
        for branch, some in branches.items():
            middles.append(np.mean([height[name] for name in some]))
            fork(axes, branch, BRANCH, middles[-1], LEAF, [height[name] for name in some])
        stems.append(np.mean(middles))
        fork(axes, stem, STEM, stems[-1], BRANCH, middles)
    fork(axes, "", ROOT, np.mean(stems), STEM, stems)
    axes.set_xlim(ROOT, None)
    axes.set_title(
        "pixels drawn black or white; of test images the Fréchet distance is "
        f"{real['Fréchet']:.1f}, and the high frequencies are {real['high frequencies']:.2f}",
        fontsize=9, loc="left", pad=32,
    )  # fmt: skip
    return figure


def fork(axes: Any, name: str, x: float, y: float, to: float, heights: list[Any]) -> None:
    """A named node, and lines from it to those that hang on it."""
    middle = (x + 3 * to) / 4
    for xs, ys in (
        ((x, middle), (y, y)),
        ((middle, middle), (min(heights), max(heights))),
        *(((middle, to), (height, height)) for height in heights),
    ):
        axes.plot(xs, ys, color="0.7", linewidth=1)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.text(x, y, name, fontsize=9, va="center", bbox=box)
