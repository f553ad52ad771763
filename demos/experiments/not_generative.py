"""Can new images be generated from an autoencoder? Not from a plain one: nothing says where codes
lie. Given random codes its decoder draws what is no image; a VAE's has learned to expect them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.evaluation import codes, flat
from demos.common.figures import Array, Figure, sheet, strips
from demos.experiments.autoencoders import autoencoder
from demos.experiments.finding import Finding, Setting
from demos.experiments.judge import judge_of
from demos.experiments.vaes import vae
from models.autoencoder import Autoencoder
from models.measures.linear import pca
from models.measures.parts import in_parts
from models.vae import VAE

CLAIM = "can we generate new images from an autoencoder? VAEs will let us sample from the model"
# The autoencoder is that of depth: larger than the VAE, 784-400-20, and with a longer code.
EPOCHS, VAE_EPOCHS = 5, 10
SAMPLES, SHOWN = 10_000, 12
AT_ONCE = 1000


def run(
    setting: Setting, *, samples: int = SAMPLES, epochs: int = EPOCHS,
    vae_epochs: int = VAE_EPOCHS, limit: int | None = None,
) -> Finding:  # fmt: skip
    """Samples of an autoencoder, by codes from N(0, I) and from a Gaussian fitted to its codes, and
    of a VAE. Controls: the autoencoder's reconstructions, a Gaussian in PCA's codes, real images.
    """
    train, test = setting.images("glyphs", limit)
    plain = autoencoder(setting, model="deep", epochs=epochs, limit=limit).model
    other = vae(setting, epochs=vae_epochs, limit=limit)
    rng = np.random.default_rng(setting.seed)
    exact = pca(flat(train), plain.code)
    fitted = gaussian(codes(plain, train), samples, rng)
    linear = exact.decode(gaussian(exact.encode(flat(train)), samples, rng))
    images = {
        "autoencoder, N(0, I)": decoded(plain, rng.standard_normal((samples, plain.code))),
        "autoencoder, fitted Gaussian": decoded(plain, fitted),
        "VAE, prior": decoded(other, rng.standard_normal((samples, other.latent))),
    }
    controls = {
        "autoencoder's reconstructions": decoded(plain, codes(plain, test)[:samples]),
        "PCA, fitted Gaussian": np.clip(linear.reshape(-1, *train.images.shape[1:]), 0, 1),
        "test images": test[:samples][0],
    }
    judge = judge_of(setting, limit=limit)
    numbers: dict[str, Any] = {what: judge.measure(x) for what, x in images.items()}
    control: dict[str, Any] = {what: judge.measure(x) for what, x in controls.items()}
    result = "Fréchet distance " + listed(numbers)
    beside = listed(control)
    figure = draw(images | controls, numbers | control)
    numbers |= {"judge's accuracy": judge.accuracy, "numbers in a code": plain.code}
    return Finding(CLAIM, result, beside, numbers, control, figure)


def listed(found: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {measures['frechet']:.0f}" for name, measures in found.items())


def gaussian(z: Array, n: int, rng: np.random.Generator) -> Array:
    """n codes (n, code) of the Gaussian with the mean and the covariance of codes z."""
    drawn: Array = rng.multivariate_normal(z.mean(0), np.cov(z.T), n, method="eigh")
    return drawn


def decoded(model: Autoencoder | VAE, z: Array) -> Array:
    """Codes (N, code) to images in [0, 1]."""
    z = z.astype(np.float32)
    return in_parts(len(z), AT_ONCE, lambda rows: model.decode(mg.tensor(z[rows]))).clip(0, 1)


def draw(images: Mapping[str, Array], measures: Mapping[str, Any]) -> Figure:
    """The first images of each, with their measures."""
    figure, (axes,) = sheet("a", (9.4, 4.6))
    rows = {
        f"{name}\nFréchet distance {measures[name]['frechet']:.0f}, "
        f"score {measures[name]['score']:.1f}": x[:SHOWN]
        for name, x in images.items()
    }
    title = "samples of a plain autoencoder and of a VAE; below, what they are compared with"
    strips(axes, rows, title)
    return figure
