"""VAE/GAN: likeness as a discriminator sees it gives sharper faces than likeness of pixels does.

Beside it a VAE of the same encoder and decoder with as much time. Its reconstructions have the
smaller squared error, which is what it learns; the samples' distance is what is asked.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Figure, sheet, strips
from demos.common.kept import Setting
from demos.common.seeds import over_seeds, table_row
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.face_distance import SAMPLES, eye, until
from demos.experiments.finding import Finding
from demos.experiments.translations import READER
from minigrad import nn, optim
from minigrad.data import ImageDataset
from models.measures.parts import in_parts
from models.measures.spectrum import high_frequencies
from models.model import Learner
from models.vae import VAE
from models.vaegan import networks, vae_gan

CLAIM = (
    "structured losses: a VAE whose likelihood is a discriminator's features draws sharper faces"
)
SECONDS, BATCH, LATENT, WIDTH, LR, GAMMA = 40.0, 32, 32, 16, 6e-4, 1e-3
SHAPE, SHOWN = (3, 32, 32), 12
MEASURES = ("frechet", "sharpness", "mse", "kl", "steps")


def run(
    setting: Setting, *, seconds: float = SECONDS, seeds: int = 1, samples: int = SAMPLES,
    reader: ReaderRecipe = READER,
) -> Finding:  # fmt: skip
    """Both for so many seconds of a core."""
    judge = eye(setting, "vaegan", reader)
    rows = {kind: {"kind": kind, "seconds": seconds} for kind in ("VAE/GAN", "VAE")}
    play_faces = partial(play, judge.train, judge.test, samples)
    runs = over_seeds(setting, "vaegan", play_faces, rows, seeds, jobs=1)
    real = judge.test[:samples][0]
    sharp = high_frequencies(real)
    for some in runs.values():
        for found in some:
            found["frechet"] = judge.distance(found["images"])
            found["sharpness"] = high_frequencies(found["images"]) / sharp
    table = {kind: table_row(some, MEASURES) for kind, some in runs.items()}
    ours, theirs = ({m: table[k][m]["mean"] for m in MEASURES} for k in rows)
    controls = judge.controls(samples)
    result = (
        f"after {seconds:g} core seconds: Fréchet distance {ours['frechet']:.0f}, high frequencies "
        f"{ours['sharpness']:.2f} of data's, squared error of reconstructions {ours['mse']:.4f}"
    )
    beside = (
        f"VAE {theirs['frechet']:.0f}, {theirs['sharpness']:.2f}, {theirs['mse']:.4f}; "
        + ", ".join(f"{name} {value:.0f}" for name, value in controls.items())
    )
    numbers = {"tables": {f"{seconds:g} core seconds": table}}
    return Finding(CLAIM, result, beside, numbers, controls, draw(runs, real))


def play(
    train: ImageDataset, test: ImageDataset, samples: int, *, kind: str, seconds: float, seed: int
) -> dict[str, Any]:
    """One training, its samples and reconstructions in [0, 1]; the VAE's images are from 0 to 1,
    those of the VAE/GAN from -1."""
    mg.manual_seed(seed)
    rng = np.random.default_rng(seed)
    both = kind == "VAE/GAN"
    model: Any = vae_gan(SHAPE, LATENT, WIDTH, LR, GAMMA) if both else plain()
    learner = model if both else Learner(model, optim.Adam(model.parameters(), LR))
    seen = (lambda x: 2 * x - 1) if both else (lambda x: x)
    shown = (lambda x: (x + 1) / 2) if both else (lambda x: x)
    steps, losses = 0, {}
    for _ in until(seconds):
        steps += 1
        x = train[rng.integers(0, len(train), BATCH)][0]
        losses = learner.train_step(seen(mg.from_numpy(x)))
    if not both:
        model.eval()
    images = in_parts(samples, 500, lambda rows: shown(model.sample(rows.stop - rows.start)))
    x = test[:500][0]
    made = shown(model.reconstruct(seen(mg.from_numpy(x)))).numpy()
    return {
        "images": images, "made": made[:SHOWN], "steps": steps,
        "mse": float(((made - x) ** 2).mean()), "kl": losses["kl"].item() if losses else 0.0,
    }  # fmt: skip


def plain() -> VAE:
    """The same encoder and decoder, which has a sigmoid for its tanh, as a VAE."""
    encoder, decoder = networks(SHAPE, LATENT, WIDTH)
    return VAE(encoder, nn.Sequential(*decoder.layers[:-1]), "gaussian")


def draw(runs: Mapping[str, list[dict[str, Any]]], real: Any) -> Figure:
    figure, (axes,) = sheet("a", (9, 4))
    rows = {"test faces": real[:SHOWN]}
    for kind, (found, *_) in runs.items():
        rows[f"{kind}, reconstructed"] = np.clip(found["made"], 0, 1)
    for kind, (found, *_) in runs.items():
        rows[f"{kind}, samples: {found['frechet']:.0f}"] = np.clip(found["images"][:SHOWN], 0, 1)
    strips(axes, rows, "test faces, what is made of them, and samples", scale=2)
    return figure
