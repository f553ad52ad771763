"""Can new images be generated from an autoencoder? Not from a plain one: nothing says where codes
lie. Given random codes its decoder draws what is no image; a VAE's has learned to expect them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import minigrad as mg
from demos.common.evaluation import codes, flat
from demos.common.kept import Setting
from demos.experiments import vaes
from demos.experiments.autoencoders import Recipe, trained
from demos.experiments.finding import Finding
from demos.experiments.judge import Judge
from demos.experiments.panels import show
from models.autoencoder import Autoencoder
from models.measures.linear import pca
from models.vae import VAE

CLAIM = "can we generate new images from an autoencoder? VAEs will let us sample from the model"
RECIPE = Recipe("deep")  # that of depth: larger than the VAE, 784-400-20, and with a longer code
VAE_EPOCHS = 10
SAMPLES, SHOWN = 10_000, 12
AT_ONCE = 1000

Array = NDArray[Any]


def run(
    setting: Setting, *, samples: int = SAMPLES, epochs: int = RECIPE.epochs,
    vae_epochs: int = VAE_EPOCHS, limit: int | None = None,
) -> Finding:  # fmt: skip
    """Samples of an autoencoder, by codes from N(0, I) and from a Gaussian fitted to its codes, and
    of a VAE. Controls: the autoencoder's reconstructions, a Gaussian in PCA's codes, real images.
    """
    train, test = setting.images("glyphs", limit)
    name = setting.dataset or "glyphs"
    plain = trained(setting, Recipe(RECIPE.model, RECIPE.code, epochs), limit).model
    vae = vaes.trained(setting, name, epochs=vae_epochs, limit=limit)
    rng = np.random.default_rng(setting.seed)
    exact = pca(flat(train), plain.code)
    shape = (-1, *train.images.shape[1:])
    fitted = gaussian(codes(plain, train), samples, rng)
    linear = exact.decode(gaussian(exact.encode(flat(train)), samples, rng))
    images = {
        "autoencoder, N(0, I)": decoded(plain, rng.standard_normal((samples, plain.code))),
        "autoencoder, fitted Gaussian": decoded(plain, fitted),
        "VAE, prior": decoded(vae, rng.standard_normal((samples, vae.latent))),
    }
    controls = {
        "autoencoder's reconstructions": decoded(plain, codes(plain, test)[:samples]),
        "PCA, fitted Gaussian": np.clip(linear.reshape(shape), 0, 1),
        "test images": test[:samples][0],
    }
    judge = Judge(train, test, setting.folder / f"judge-{name}-seed0")
    numbers: dict[str, Any] = {what: judge.measure(x) for what, x in images.items()}
    control: dict[str, Any] = {what: judge.measure(x) for what, x in controls.items()}
    numbers |= {"judge's accuracy": judge.accuracy, "numbers in a code": plain.code}
    result = "Fréchet distance " + listed(numbers, images)
    beside = listed(control, controls)
    figure = draw(images | controls, numbers | control)
    return Finding(CLAIM, result, beside, numbers, control, figure)


def listed(found: Mapping[str, Any], names: Mapping[str, Array]) -> str:
    return "; ".join(f"{name} {found[name]['frechet']:.0f}" for name in names)


def gaussian(z: Array, n: int, rng: np.random.Generator) -> Array:
    """n codes (n, code) of the Gaussian with the mean and the covariance of codes z."""
    drawn: Array = rng.multivariate_normal(z.mean(0), np.cov(z.T), n, method="eigh")
    return drawn


def decoded(model: Autoencoder | VAE, z: Array) -> Array:
    """Codes (N, code) to images in [0, 1]."""
    z = z.astype(np.float32)
    parts = [model.decode(mg.tensor(z[i : i + AT_ONCE])) for i in range(0, len(z), AT_ONCE)]
    images: Array = np.concatenate([part.numpy() for part in parts])
    return images.clip(0, 1)


def draw(images: Mapping[str, Array], measures: Mapping[str, Any]) -> Figure:
    """The first images of each, with their measures."""
    figure = Figure((9.4, 4.6), dpi=100, layout="constrained")
    labels = [
        f"{name}\nFréchet distance {measures[name]['frechet']:.0f}, "
        f"score {measures[name]['score']:.1f}"
        for name in images
    ]
    tiles = np.concatenate([x[:SHOWN] for x in images.values()])
    title = "samples of a plain autoencoder and of a VAE; below, what they are compared with"
    show(figure.subplots(), tiles, min(SHOWN, len(tiles) // len(images)), title, row_labels=labels)
    return figure
