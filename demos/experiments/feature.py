"""The means of q(z|x) as features for another task: few labels, by nearest neighbour and by a
linear probe. The lecture: "q(z|x) ... can be useful feature representation for other tasks"."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

import minigrad as mg
from demos.common.evaluation import flat
from demos.common.figures import Array, Figure, bars, sheet
from demos.common.latents import encode
from demos.common.seeds import mean_and_spread
from demos.experiments.finding import Finding, Setting
from demos.experiments.vaes import vae
from models.measures.linear import balanced, linear_probe_error, nearest_neighbour_error, pca
from models.vae import mlp_vae

CLAIM = "the encoder's mean is a good feature representation for other tasks"
LABELS = (100, 1000)
DRAWS = 5
READERS = {"1-NN": nearest_neighbour_error, "linear probe": linear_probe_error}
Table = dict[str, dict[str, dict[str, Any]]]


def run(
    setting: Setting, *, latent: int = 20, epochs: int = 10, components: int = 50,
    labels: Sequence[int] = LABELS, draws: int = DRAWS, limit: int | None = None,
) -> Finding:  # fmt: skip
    """A VAE's means beside pixels, principal components, and an encoder that learned nothing."""
    images = train, test = setting.images("glyphs", limit)
    learned = vae(setting, latent=latent, epochs=epochs, limit=limit)
    mg.manual_seed(setting.seed)
    untrained = mlp_vae(train.images.shape[1:], latent)
    pixels = [flat(some) for some in images]
    features = {
        "VAE mu": [encode(learned, some)[0] for some in images],
        "pixels": pixels,
        **{f"PCA {k}": list(map(pca(pixels[0], k).encode, pixels)) for k in (latent, components)},
        "untrained encoder": [encode(untrained, some)[0] for some in images],
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
    most = str(labels[-1])
    told = {what: sentence(rows[most]) for what, rows in table.items()}
    result = f"{most} labels: mu {told['VAE mu']}"
    beside = "; ".join(f"{what} {told[what]}" for what in ("pixels", f"PCA {components}"))
    name = setting.dataset or "glyphs"
    title = f"{name}: reading labels off features, {draws} class-balanced draws"
    figure = draw(table, title)
    numbers = {"test errors": table.pop("VAE mu"), "draws": draws, "latent": latent}
    return Finding(CLAIM, result, beside, numbers, table, figure)


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
    figure, panels = sheet("ab", (10, 3.8), title)
    panels[1].sharey(panels[0])
    for axes, reader in zip(panels, READERS, strict=True):
        series = {
            what: {f"{n} labels": 100 * np.array(row[reader]["each"]) for n, row in rows.items()}
            for what, rows in table.items()
        }
        legend = "beside" if axes is panels[-1] else ""
        bars(axes, series, reader, "test error, %", text="{:.1f}", legend=legend)
    return figure
