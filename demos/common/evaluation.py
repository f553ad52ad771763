"""What a trained VAE or autoencoder makes of a data set: mean losses, bounds, codes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import minigrad as mg
from demos.common.training import Means
from minigrad.data import DataLoader, ImageDataset
from models.autoencoder import Autoencoder
from models.model import Losses
from models.vae import VAE

EVALUATED_AT_ONCE = 500  # images


@mg.no_grad()
def mean_losses(losses: Callable[..., Losses], loader: DataLoader) -> dict[str, float]:
    """What `losses(*batch)` gives, averaged over all samples of a loader."""
    means = Means()
    for batch in loader:
        means.add(losses(*batch), len(batch[0]))
    return means.take()


def mean_terms(vae: VAE, loader: DataLoader) -> tuple[float, float]:
    """The two parts of the negative ELBO in nats, rec and kl, averaged over images."""
    found = mean_losses(lambda x, *_: vae.losses(x), loader)
    return found["rec"], found["kl"]


def mean_iwae(vae: VAE, loader: DataLoader, k: int, **options: Any) -> float:
    """Minus the IWAE bound with k samples in nats, averaged over images; options of VAE.iwae."""
    means = Means()
    for x, *_ in tqdm(loader, "IWAE", leave=False, disable=None):
        means.add({"iwae": -vae.iwae(x, k, **options).mean()}, len(x))
    return means.take()["iwae"]


def mean_loss(model: Autoencoder, images: ImageDataset, device: str = "cpu") -> float:
    """The squared error of images, summed over pixels, averaged over images."""
    loader = DataLoader(images, EVALUATED_AT_ONCE, device=device)
    return mean_losses(lambda x, _: model.losses(x), loader)["loss"]


def codes(model: Autoencoder, images: ImageDataset, device: str = "cpu") -> NDArray[np.float32]:
    """The codes of images: (N, code)."""
    loader = DataLoader(images, EVALUATED_AT_ONCE, device=device)
    return np.concatenate([model.encode(x).numpy(force=True) for x, _ in loader])


def columns(model: Autoencoder) -> NDArray[np.float32]:
    """What a linear decoder draws for each number of the code: (pixels, code)."""
    weight: NDArray[np.float32] = next(model.decoder.parameters()).numpy(force=True)
    return weight


def flat(images: ImageDataset) -> NDArray[np.float32]:
    """The pixels of images, each in a row: (N, pixels)."""
    pixels: NDArray[np.float32] = images[:][0].reshape(len(images), -1)
    return pixels
