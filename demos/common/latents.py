"""Pictures of what a VAE has learned: reconstructions, the two-dimensional manifold, traversals."""

from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from demos.common import pictures
from minigrad import Tensor
from minigrad.data import DataLoader, ImageDataset
from models.flows import FlowEncoder
from models.vae import VAE, kl_per_latent

Codes = NDArray[np.float32]
REACH = 3.0  # standard deviations of the prior that a traversal goes to each side


def save_reconstructions(path: Path, model: VAE, images: ImageDataset, pairs: int = 10) -> None:
    """Writes the first images and below each its reconstruction, in two double rows."""
    x, _ = images[: 2 * pairs]
    recon = model.reconstruct(_on_device(x, model)).numpy(force=True)
    rows = [
        row for i in range(0, len(x), pairs) for row in (x[i : i + pairs], recon[i : i + pairs])
    ]
    pictures.save_grid(
        path,
        np.concatenate(rows),
        pairs,
        "test images and their reconstructions",
        row_labels=["input", "output"] * (len(rows) // 2),
    )


def save_manifold(path: Path, model: VAE, n: int = 16) -> None:
    """Writes the decoded means of a `quantile_grid`."""
    codes = quantile_grid(n)
    images = decode(model, codes)
    ticks = [f"{z1:.2f}" for z1, _ in codes[:n]]
    pictures.save_grid(
        path,
        images,
        n,
        "decoded, with z1 and z2 at the quantiles of the prior",
        gap=0,
        row_labels=ticks[::-1],
        column_labels=ticks,
        x_label="z1",
        y_label="z2",
    )


def save_codes(path: Path, model: VAE, images: ImageDataset) -> None:
    """Writes a map of the means of q(z|x), coloured by label."""
    mu, _ = encode(model, images)
    title = f"means of q(z|x) of {len(images):,} test images"
    pictures.save_codes(path, mu, images.labels, images.classes, title)


def save_traversal(
    path: Path, model: VAE, images: ImageDataset, dims: int = 10, steps: int = 13
) -> None:
    """Writes a row for each of the latents with the largest KL, or with flows, where single latents
    have none, of the most variance: the first test image's code, with that latent going from -3 to
    3."""
    mu, kl = encode(model, images)
    flows = isinstance(model.encoder, FlowEncoder)
    used, unit = (mu.var(0), "") if flows else (kl.mean(0), " nats")
    meaning = "variance of its codes" if flows else "mean KL of q to p"
    order = np.argsort(-used, kind="stable")[:dims]
    values = np.linspace(-REACH, REACH, steps, dtype=np.float32)
    pictures.save_grid(
        path,
        traverse(model, mu[0], order, values),
        steps,
        "one latent changed at a time, from a test image's code",
        row_labels=[f"z{dim + 1}   {used[dim]:.2f}{unit}" for dim in order],
        column_labels=[f"{value:.1f}" for value in values],
        x_label="value of the latent",
        y_label=f"latent, and the {meaning}",
    )


def quantile_grid(n: int) -> NDArray[np.float64]:
    """The n^2 places (n n, 2) of an n x n grid of the unit square, taken through the Gaussian's
    inverse distribution function: z1 to the right, z2 upwards. Each stands for the same share of
    the prior (Kingma & Welling 2013, figure 4)."""
    z = [NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)]
    return np.array([(z1, z2) for z2 in reversed(z) for z1 in z])


def traverse(
    model: VAE, code: Codes, dims: Sequence[int], values: NDArray[np.floating]
) -> NDArray[np.float32]:
    """A row of images for each of the latents: the code's, with that latent having the values."""
    codes = np.tile(code, (len(dims), len(values), 1))
    for row, dim in enumerate(dims):
        codes[row, :, dim] = values
    return decode(model, codes.reshape(-1, model.latent))


def decode(model: VAE, codes: NDArray[np.floating]) -> NDArray[np.float32]:
    """The decoder's means (N, C, H, W) of codes (N, latent)."""
    images: NDArray[np.float32] = model.decode(
        _on_device(codes.astype(np.float32, copy=False), model)
    ).numpy(force=True)
    return images


@mg.no_grad()
def encode(model: VAE, images: ImageDataset) -> tuple[Codes, Codes]:
    """The codes of images, means of q(z|x) but for flows, and each latent's KL in nats, that of the
    Gaussian before any flows: both (N, latent)."""
    codes, kls = [], []
    flows = isinstance(model.encoder, FlowEncoder)
    for images_of_batch, _ in DataLoader(images, 1000):
        x = _on_device(images_of_batch, model)
        mu, logvar = model.encoder(x)
        codes.append((model.encoder.code(x) if flows else mu).numpy(force=True))
        kls.append(kl_per_latent(mu, logvar).numpy(force=True))
    return np.concatenate(codes), np.concatenate(kls)


def _on_device(array: NDArray[np.float32], model: VAE) -> Tensor:
    return mg.tensor(array, device=next(model.parameters()).device)
