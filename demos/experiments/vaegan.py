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
from demos.common.games import learn, until
from demos.common.kept import Setting
from demos.common.seeds import tabled
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.face_distance import SAMPLES, eye, told
from demos.experiments.finding import Finding
from demos.experiments.translations import READER
from demos.experiments.zoo_games import signed
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
SECONDS, BATCH, LATENT, WIDTH = 40.0, 32, 32, 24
LR, GAMMA, EMA = 6e-4, 3e-3, 0.999
SHAPE, SHOWN = (3, 32, 32), 12
MEASURES = ("frechet", "sharpness", "mse", "kl", "steps")


def run(
    setting: Setting, *, seconds: float = SECONDS, seeds: int = 1, samples: int = SAMPLES,
    reader: ReaderRecipe = READER,
) -> Finding:  # fmt: skip
    """Both for so many seconds of a core."""
    judge = eye(setting, "vaegan", reader)
    seconds *= setting.longer
    rows = {kind: {"kind": kind, "seconds": seconds} for kind in ("VAE/GAN", "VAE")}
    real = judge.test[:samples][0]
    sharp = high_frequencies(real)

    def measure(found: dict[str, Any]) -> dict[str, float]:
        images = found["images"]
        sharpness = high_frequencies(images) / sharp
        return {"frechet": judge.distance(images), "sharpness": sharpness}

    play_faces = partial(play, judge.train, judge.test, samples, setting.device)
    runs, table, mean = tabled(setting, "vaegan", play_faces, rows, seeds, MEASURES, measure, 1)
    ours, theirs = mean.values()
    controls = judge.controls(samples)
    result = (
        f"after {seconds:g} seconds: Fréchet distance {ours['frechet']:.0f}, high frequencies "
        f"{ours['sharpness']:.2f} of data's, squared error of reconstructions {ours['mse']:.4f}"
    )
    beside = (
        f"VAE {theirs['frechet']:.0f}, {theirs['sharpness']:.2f}, {theirs['mse']:.4f}; "
        f"{told(controls)}"
    )
    numbers = {"tables": {f"{seconds:g} seconds": table}}
    return Finding(CLAIM, result, beside, numbers, controls, draw(runs, real))


def play(
    train: ImageDataset, test: ImageDataset, samples: int, device: str, *, kind: str,
    seconds: float, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """One training, its samples and reconstructions in [0, 1]; the VAE's images are from 0 to 1,
    those of the VAE/GAN from -1."""
    mg.manual_seed(seed)
    both = kind == "VAE/GAN"
    model: Any = vae_gan(SHAPE, LATENT, WIDTH, LR, GAMMA, EMA) if both else plain()
    learner = model if both else Learner(model, optim.Adam(model.parameters(), LR))
    seen = signed if both else lambda x, labels: (x,)
    shown = (lambda x: (x + 1) / 2) if both else (lambda x: x)
    how = {"batch": BATCH, "seed": seed, "device": device}
    losses = learn(learner, train, until(seconds), **how, prepared=seen)
    if not both:
        model.eval()
    images = in_parts(samples, 500, lambda rows: shown(model.sample(rows.stop - rows.start)))
    x, labels = test[:500]
    made = shown(model.reconstruct(*seen(mg.from_numpy(x), mg.from_numpy(labels)))).numpy()
    return {
        "images": images, "made": made[:SHOWN], "steps": len(losses["kl"]),
        "mse": float(((made - x) ** 2).mean()), "kl": float(losses["kl"][-100:].mean()),
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
