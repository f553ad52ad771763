"""The encoder as the beginning of a classifier, where labels are few.

Pairs of trainings of one classifier on the same labelled images, in the same order, with the same
last layer to begin with: once from the encoder of an autoencoder that has seen all images without
labels, once from random weights. The classifier's last layer is on the code, as in the lecture's
picture; or in its place, on the last hidden layer, past the bottleneck. Beside it, what can be read
off the codes without training them.
"""

from collections.abc import Mapping
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import minigrad as mg
import minigrad.nn.functional as F
from demos.common.evaluation import EVALUATED_AT_ONCE, codes, flat
from demos.common.kept import Setting
from demos.common.seeds import mean_and_spread
from demos.common.store import measured
from demos.experiments.autoencoders import Recipe, trained
from demos.experiments.finding import Finding
from minigrad import nn, optim
from minigrad.data import DataLoader, ImageDataset, TensorDataset
from models.autoencoder import classifier, deep_autoencoder
from models.measures.linear import linear_probe_error, nearest_neighbour_error, pca

CLAIM = "the encoder can initialize a supervised model, sometimes with small data"
LABELS = (100, 1000)
DRAWS = 10
RECIPE = Recipe("deep")  # 784-512-256-32
STEPS, BATCH, LR = 300, 100, 1e-3  # of a classifier's training
COMPONENTS = 50
HEADS = {"on the code": True, "on the last hidden layer": False}
SCRATCH, ENCODER = "scratch", "encoder"


def run(
    setting: Setting, *, draws: int = DRAWS, steps: int = STEPS, epochs: int = RECIPE.epochs,
    sizes: tuple[int, ...] = LABELS, limit: int | None = None,
) -> Finding:  # fmt: skip
    """Trains `draws` pairs for each number of labels, on labels drawn anew for each pair."""
    recipe = Recipe(RECIPE.model, RECIPE.code, epochs)
    pairs = Pairs(setting, recipe, steps, limit)
    arguments = {
        f"{n} labels, draw {draw}": {
            "n": n, "draw": draw, "seed": setting.seed, "steps": steps, "limit": limit,
            "dataset": setting.dataset or "glyphs", "autoencoder": recipe.name,
        }
        for n in sizes
        for draw in range(draws)
    }  # fmt: skip
    kept = measured(setting.folder / "few-labels-runs.json", pairs.errors, arguments, jobs=1)
    rows = {n: [kept[f"{n} labels, draw {draw}"] for draw in range(draws)] for n in sizes}
    tables = {f"{n} labels": table(rows[n]) for n in sizes}
    numbers: dict[str, Any] = {
        "draws": draws,
        "steps": steps,
        "autoencoder's test mse": pairs.autoencoder.test_mse,
        "core seconds": sum(row["core seconds"] for row in kept.values()),
        **tables,
        "each draw": {f"{n} labels": rows[n] for n in sizes},
    }
    result, beside = (f"{head}: {told(tables, head)}" for head in HEADS)
    control = {
        name: {key: found[key]["mean"] for key in found if key.startswith(("1-NN", "probe"))}
        for name, found in tables.items()
    }
    return Finding(CLAIM, result, beside, numbers, control, draw_figure(rows))


class Pairs:
    """The data, the autoencoder that knows them without labels, and what is made of a draw."""

    def __init__(self, setting: Setting, recipe: Recipe, steps: int, limit: int | None) -> None:
        self.train, self.test = setting.images("glyphs", limit)
        self.autoencoder = trained(setting, recipe, limit)
        self.steps = steps
        exact = pca(flat(self.train), COMPONENTS)
        model = self.autoencoder.model
        pixels = (flat(self.train), flat(self.test))
        self.features = {
            "pixels": pixels,
            f"PCA-{COMPONENTS}": tuple(exact.encode(x) for x in pixels),
            "codes": tuple(codes(model, images) for images in (self.train, self.test)),
        }

    def errors(self, n: int, draw: int, seed: int, **_: Any) -> dict[str, float]:
        """The test errors of both classifiers, and of what needs no network."""
        chosen = balanced(self.train.labels, n, np.random.default_rng([seed, n, draw]))
        labelled = (self.train[chosen][0], self.train.labels[chosen])
        classes = len(self.train.classes)
        found = {}
        for head, on_code in HEADS.items():
            mg.manual_seed(1000 * seed + draw)
            untrained = deep_autoencoder(self.train.images.shape[1:])
            scratch = classifier(untrained, classes, on_code)
            begun = classifier(self.autoencoder.model, classes, on_code)
            begun[1].load_state_dict(scratch[1].state_dict())
            for start, model in ((SCRATCH, scratch), (ENCODER, begun)):
                error = fitted_error(model, *labelled, self.test, self.steps, draw)
                found[f"{start}, {head}"] = error
        labels = labelled[1]
        for name, (x, test) in self.features.items():
            known = (x[chosen], labels, test, self.test.labels)
            found[f"1-NN {name}"] = nearest_neighbour_error(*known)
            found[f"probe {name}"] = linear_probe_error(*known)
        return found


def balanced(labels: NDArray[Any], n: int, rng: np.random.Generator) -> NDArray[Any]:
    """The indices of n samples, equally many of each class (n being a multiple of their number)."""
    classes = np.unique(labels)
    each = [rng.choice(np.flatnonzero(labels == c), n // len(classes), False) for c in classes]
    return rng.permutation(np.concatenate(each))


def fitted_error(
    model: nn.Module, x: NDArray[Any], labels: NDArray[Any], test: ImageDataset, steps: int,
    seed: int,
) -> float:  # fmt: skip
    """Trains a classifier on labelled images with Adam; the share of test images it gets wrong."""
    optimizer = optim.Adam(model.parameters(), LR)
    loader = DataLoader(TensorDataset(x, labels), BATCH, shuffle=True, seed=seed, device="cpu")
    batches = chain.from_iterable(repeat(loader))  # every pass over a loader is an epoch
    for images, targets in islice(batches, steps):
        loss = F.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with mg.no_grad():
        held = DataLoader(test, EVALUATED_AT_ONCE, device="cpu")
        right = [model(x).numpy().argmax(1) == y.numpy() for x, y in held]
    return 1 - float(np.concatenate(right).mean())


def table(rows: list[dict[str, float]]) -> dict[str, Any]:
    """Means and spreads over the draws, and those of the pairs' differences."""
    found: dict[str, Any] = {name: mean_and_spread(row[name] for row in rows) for name in rows[0]}
    del found["core seconds"]
    for head in HEADS:
        gains = [row[f"{SCRATCH}, {head}"] - row[f"{ENCODER}, {head}"] for row in rows]
        gain = mean_and_spread(gains)
        found[f"gain, {head}"] = {
            **gain,
            "standard error": gain["std"] / len(rows) ** 0.5,
            "draws in which the encoder is better": sum(g > 0 for g in gains),
        }
    return found


def told(tables: Mapping[str, Mapping[str, Any]], head: str) -> str:
    """The pairs' results in a few words."""
    parts = []
    for name, found in tables.items():
        before, after = (100 * found[f"{start}, {head}"]["mean"] for start in (SCRATCH, ENCODER))
        gain = found[f"gain, {head}"]
        spread = f"{100 * gain['mean']:.2f} ± {100 * gain['standard error']:.2f}"
        parts.append(f"{name} {before:.1f} -> {after:.1f} % (gain {spread})")
    return ", ".join(parts)


def draw_figure(rows: Mapping[int, list[dict[str, float]]]) -> Figure:
    """Every pair as a line; beside them the means of what needs no training of a network."""
    figure = Figure((12.4, 4), dpi=100, layout="constrained")
    for axes, (n, found) in zip(figure.subplots(1, len(rows), squeeze=False)[0], rows.items()):
        names = []
        for place, head in enumerate(HEADS):
            places = (2 * place, 2 * place + 1)
            layer = head.removeprefix("on the ").replace(" ", "\n")
            names += [f"{start},\n{layer}" for start in ("random", "encoder")]
            pairs = [
                [100 * row[f"{start}, {head}"] for start in (SCRATCH, ENCODER)] for row in found
            ]
            for pair in pairs:
                axes.plot(places, pair, "o-", color=f"C{place}", markersize=4, alpha=0.6)
            for x, mean in zip(places, np.mean(pairs, 0), strict=True):
                axes.plot([x - 0.25, x + 0.25], [mean] * 2, color="k", linewidth=1.4)
        others = [name for name in found[0] if name.startswith(("1-NN", "probe"))]
        for place, name in enumerate(others, len(names)):
            errors = [100 * row[name] for row in found]
            axes.plot([place] * len(errors), errors, "o", color="0.6", markersize=4, alpha=0.6)
            axes.plot([place - 0.25, place + 0.25], [np.mean(errors)] * 2, color="k", linewidth=1.4)
        names += [other.replace(" ", "\n") for other in others]
        axes.set_xticks(range(len(names)), names, fontsize=8)
        axes.set_title(f"{n:,} labels", fontsize=10)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6, axis="y")
    figure.axes[0].set_ylabel("test error in %", fontsize=9)
    figure.suptitle("lines join trainings on the same labels; bars are means", fontsize=11)
    return figure
