"""The means of q(z|x) as features for another task: few labels, by nearest neighbour and by a
linear probe. The lecture: "q(z|x) ... can be useful feature representation for other tasks"."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

import minigrad as mg
from demos.common.kept import Setting
from demos.common.latents import encode
from demos.common.seeds import mean_and_spread
from demos.experiments.finding import Finding
from demos.experiments.vaes import trained
from models.measures.linear import linear_probe_error, nearest_neighbour_error, pca
from models.vae import mlp_vae

CLAIM = "the encoder's mean is a good feature representation for other tasks"
LABELS = (100, 1000)
DRAWS = 5
READERS = {"1-NN": nearest_neighbour_error, "linear probe": linear_probe_error}
Array = NDArray[Any]
Table = dict[str, dict[str, dict[str, Any]]]


def run(
    setting: Setting,
    *,
    latent: int = 20,
    epochs: int = 10,
    components: int = 50,
    labels: Sequence[int] = LABELS,
    draws: int = DRAWS,
    limit: int | None = None,
) -> Finding:
    """A VAE's means beside pixels, principal components, and an encoder that learned nothing."""
    name = setting.dataset or "glyphs"
    train, test = setting.images(name, limit)
    vae = trained(setting, name, latent=latent, epochs=epochs, limit=limit)
    mg.manual_seed(setting.seed)
    untrained = mlp_vae(train.images.shape[1:], latent)
    pixels = [images[:][0].reshape(len(images), -1) for images in (train, test)]
    few, many = pca(pixels[0], latent), pca(pixels[0], components)
    features = {
        "VAE mu": [encode(vae, images)[0] for images in (train, test)],
        "pixels": pixels,
        f"PCA {latent}": [few.encode(x) for x in pixels],
        f"PCA {components}": [many.encode(x) for x in pixels],
        "untrained encoder": [encode(untrained, images)[0] for images in (train, test)],
    }
    rng = np.random.default_rng(setting.seed)
    chosen = {n: [balanced(train.labels, n, rng) for _ in range(draws)] for n in labels}
    table: Table = {
        what: {
            str(n): read(*x, train.labels, test.labels, picks)
            for n, picks in tqdm(chosen.items(), what, leave=False, disable=None)
        }
        for what, x in features.items()
    }
    numbers = {"test errors": table["VAE mu"], "draws": draws, "latent": latent}
    control = {what: rows for what, rows in table.items() if what != "VAE mu"}
    most = str(labels[-1])
    result = f"{most} labels: mu {sentence(table['VAE mu'][most])}"
    beside = "; ".join(
        f"{what} {sentence(table[what][most])}" for what in ("pixels", f"PCA {components}")
    )
    title = f"{name}: reading labels off features, {draws} class-balanced draws"
    return Finding(CLAIM, result, beside, numbers, control, draw(table, title))


def balanced(labels: Array, n: int, rng: np.random.Generator) -> Array:
    """Indices of n images, equally many of each class."""
    classes = np.unique(labels)
    each = n // len(classes)
    return np.concatenate(
        [rng.choice(np.flatnonzero(labels == c), each, replace=False) for c in classes]
    )


def read(
    train: Array, test: Array, labels: Array, test_labels: Array, draws: Sequence[Array]
) -> dict[str, Any]:
    """Each reader's test error from the labels of each draw: means, standard deviations."""
    found = {}
    for name, error in READERS.items():
        errors = [error(train[few], labels[few], test, test_labels) for few in draws]
        found[name] = {**mean_and_spread(errors), "each": errors}
    return found


def sentence(row: dict[str, Any]) -> str:
    return " and ".join(f"{name} {100 * found['mean']:.1f}%" for name, found in row.items())


def draw(table: Table, title: str) -> Figure:
    figure = Figure((10, 3.8), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(READERS), sharey=True)
    for axes, reader in zip(panels, READERS, strict=True):
        for i, (what, rows) in enumerate(table.items()):
            means = [100 * row[reader]["mean"] for row in rows.values()]
            stds = [100 * row[reader]["std"] for row in rows.values()]
            x = np.arange(len(rows)) + (i - (len(table) - 1) / 2) * 0.16
            axes.bar(x, means, 0.15, yerr=stds, color=f"C{i}", label=what, capsize=2)
            for at, mean, std in zip(x, means, stds, strict=True):
                axes.text(at, mean + std + 0.4, f"{mean:.1f}", ha="center", fontsize=7)
        axes.set_xticks(range(len(rows)), [f"{n} labels" for n in rows])
        axes.set_title(reader, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("test error, %")
    panels[-1].legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=11)
    return figure
