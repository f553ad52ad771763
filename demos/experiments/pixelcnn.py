"""PixelCNN: log p(x) exactly, pixel by pixel; what a wrong mask does to it; the blind spot of one
stack of convolutions; and what drawing 784 pixels one after the other costs.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

import minigrad as mg
from demos.common import datasets
from demos.common.figures import Array, Figure, bars, sheet, strips
from demos.common.kept import Setting
from demos.common.training import random_numbers
from demos.experiments.autoregressives import trained
from demos.experiments.finding import Finding
from demos.experiments.vaes import BLACK_AND_WHITE, kept_vae
from minigrad import optim
from minigrad.data import DataLoader
from models.autoregressive import Autoregressive, Shape
from models.likelihoods import binarize
from models.made import MADE
from models.measures.bounds import bounds
from models.measures.exact import disturbed, seen_from_the_middle, total_probability
from models.measures.pixels import pixels_alone
from models.model import Learner
from models.pixelcnn import GatedPixelCNN, MaskedConv2d, PixelCNN

CLAIM = "PixelRNN and PixelCNN: explicit density, exact likelihood; slow sequential generation"
PIXELCNN, MADE_, VAE_ = "PixelCNN", "MADE", "VAE"
# About ten and four minutes of one core; the others are of one.
LONGER: dict[str, dict[str, Any]] = {
    PIXELCNN: {"train_on": None, "epochs": 2, "layers": 4},
    MADE_: {"batch": 100, "epochs": 30, "lr": 2e-3},
}
SMALL: dict[str, Callable[..., Autoregressive]] = {
    PIXELCNN: lambda shape: PixelCNN(shape, 12, 2, 3, places=True),
    "gated PixelCNN": lambda shape: GatedPixelCNN(shape, 6, 2, 3, places=True),
    MADE_: lambda shape: MADE(shape, (20,)),
}
FEW, DRAWN, SHOWN, WAYS = 300, 100, 16, 3


def run(
    setting: Setting, *, how: Mapping[str, Mapping[str, Any]] = LONGER, limit: int | None = None,
    few: int = FEW, drawn: int = DRAWN, images: int = 200, samples: int = 500,
) -> Finding:  # fmt: skip
    """The sums of p(x) over all images of 3x3 pixels; nats of the trained models beside a VAE's
    bounds; and the time of drawing. `how` has options of each model's training."""
    train, test = setting.images("glyphs", limit)
    x = mg.tensor(datasets.binarized(test, 0)[:][0])
    sums = {name: total_probability(disturbed(make((1, 3, 3)))) - 1 for name, make in SMALL.items()}
    wrong = total_probability(disturbed(network((1, 3, 3), 3, "B")))
    spots = {
        "one stack": seen_from_the_middle(PixelCNN((1, 11, 11), 16, 6, 3)),
        "two stacks": seen_from_the_middle(GatedPixelCNN((1, 11, 11), 8, 6, 3)),
    }
    seen = {name: int(found.sum()) for name, found in spots.items()}
    shared = {"dataset": setting.dataset or "glyphs", "limit": limit}
    pixelcnn = trained(setting, "pixelcnn", **{**shared, **how.get(PIXELCNN, {})})
    made = trained(setting, "made", **{**shared, **how.get(MADE_, {})})
    vae = kept_vae(setting, **{**shared, **BLACK_AND_WHITE, **how.get(VAE_, {})})
    model = pixelcnn.model.model
    with random_numbers(setting.seed):
        bound = bounds(vae.model, x, images, samples, setting.seed)
        draws = {PIXELCNN: model.sample, VAE_: partial(vae.model.sample, draw=True)}
        times = {name: core_seconds(partial(sample, drawn)) for name, sample in draws.items()}
        shown, completed = model.sample(SHOWN).numpy(), completions(model, x[:SHOWN])
    exact = {
        name: kept.rows[-1]["test_loss"] for name, kept in ((PIXELCNN, pixelcnn), (MADE_, made))
    }
    right, leaked = (nats_after(setting, limit, x, few, kind) for kind in "AB")
    alone = pixels_alone(train, test)
    taken = {PIXELCNN: pixelcnn.core_seconds, MADE_: made.core_seconds, VAE_: vae.core_seconds}
    numbers = {
        "sum of p(x) over all 3x3 images, less 1": sums,
        "nats": exact,
        "core seconds of training": taken,
        f"core seconds for {drawn} samples": times,
    }
    control = {
        "VAE": bound,
        "pixels alone": alone,
        "first layer with mask B: sum of p(x)": wrong,
        f"nats after {few} steps of a small one": {"mask A": right, "mask B": leaked},
        "of 60 earlier pixels are seen by": seen,
    }
    result = (
        f"exact: PixelCNN {exact[PIXELCNN]:.2f} nats after {taken[PIXELCNN]:.0f} core seconds, "
        f"MADE {exact[MADE_]:.2f} after {taken[MADE_]:.0f}; sums over all 3x3 images within "
        f"{max(map(abs, sums.values())):.0e} of 1; {drawn} samples {times[PIXELCNN]:.1f} s, "
        "784 passes"
    )
    beside = (
        f"VAE -ELBO {bound['-ELBO']:.1f}, -L {bound['-L']:.1f} after {taken[VAE_]:.0f}, its "
        f"{drawn} samples {times[VAE_]:.3f} s; pixels alone {alone:.1f}; after {few} steps, small: "
        f"{right:.0f} nats, with mask B in the first layer {leaked:.2f} and a sum of {wrong:.3f}; "
        f"one stack sees {seen['one stack']} of 60 pixels, two {seen['two stacks']}"
    )
    nats = {**exact, "VAE, -ELBO": bound["-ELBO"], "VAE, -L": bound["-L"]}
    figure = draw(shown, completed, spots, {**nats, "small, with the wrong mask": leaked})
    invariants = {
        "the p(x) of all images add up to 1": max(map(abs, sums.values())) < 1e-9,
        "with a wrong mask they do not": abs(wrong - 1) > 1e-3,
    }
    return Finding(CLAIM, result, beside, numbers, control, figure, invariants)


def network(shape: Shape, first: int, kind: str) -> PixelCNN:
    """A small PixelCNN; where its first layer has mask B, every pixel is told what it is to be."""
    model = PixelCNN(shape, 12, 2, first)
    model.first = MaskedConv2d(kind, shape[0], 12, first)
    return model


def nats_after(setting: Setting, limit: int | None, x: mg.Tensor, steps: int, kind: str) -> float:
    """-log p(x) of such a model after a few steps."""
    train, _ = setting.images("glyphs", limit)
    mg.manual_seed(setting.seed)
    model = network(train.images.shape[1:], 7, kind)
    learner = Learner(model, optim.Adam(model.parameters(), 3e-3))
    for batch, _ in islice(DataLoader(train, 8, shuffle=True, seed=setting.seed), steps):
        learner.train_step(binarize(batch))
    with mg.no_grad():
        return model.loss(x[:1000]).item()


def core_seconds(draw: Callable[[], Any]) -> float:
    start = time.process_time()
    draw()
    return time.process_time() - start


def completions(model: Autoregressive, x: mg.Tensor) -> dict[str, Array]:
    """Images, their upper halves, and these with lower halves drawn in several ways."""
    half = x.shape[2] // 2
    given = x.numpy().copy()
    given[:, :, half:] = 0.5
    drawn = {f"drawn, {i + 1}": model.complete(x, half).numpy() for i in range(WAYS)}
    return {"test images": x.numpy(), "given": given, **drawn}


def draw(
    samples: Array, completed: Mapping[str, Array], spots: Mapping[str, Array],
    nats: Mapping[str, float],
) -> Figure:  # fmt: skip
    """Samples and completions; nats; what the middle pixel sees."""
    figure, (above, low, left, right) = sheet("aaaabb;aaaacd", (13, 4.6))
    strips(above, {"samples": samples, **completed}, "PixelCNN: samples, and lower halves drawn")
    bars(low, {"": nats}, "nats per image: less is better", text="{:.1f}", lying=True)
    for axes, (name, seen) in zip((left, right), spots.items(), strict=True):
        image = np.where(seen, 1.0, 0.35)
        image[5, 5:] = image[6:] = 0
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set_title(f"{name}: seen (white)", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    return figure
