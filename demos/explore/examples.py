"""Test images with their codes, for models with an encoder: a map of the latents, and directions of
attributes."""

from argparse import Namespace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from demos.explore.checkpoint import AutoencoderGenerator, Floats, VAEGenerator
from minigrad import data
from minigrad.data import ImageDataset

COUNT = 2000  # images: enough for a mean, and for a map on which single points can be seen


class Attribute(NamedTuple):
    """What some images have: where their codes are, as seen from those of the others."""

    name: str
    images: int  # how many have it
    direction: Floats  # (latent,): mean of mu with it minus mean without


class Examples(NamedTuple):
    """The first test images and what the encoder says of them."""

    images: ImageDataset
    mu: Floats  # (N, latent), means of q(z|x), or the codes
    kl: Floats | None  # (latent,), nats, averaged over the images
    attributes: list[Attribute]


def read(args: Namespace, data_dir: str | None) -> ImageDataset:
    """The first test images of a run's data set.

    Raises OSError or ValueError where they cannot be read; nothing is downloaded.
    """
    where = data_dir or args.data_dir
    own = args.no_verify
    return data.load(
        args.dataset, "test", data_dir=where, limit=COUNT, download=False, verify=not own
    )


def encoded(generator: VAEGenerator | AutoencoderGenerator, images: ImageDataset) -> Examples:
    """The images' codes, and the directions of what is known about the images."""
    mu, kl = generator.codes(images)
    found = [
        Attribute(name, int(has.sum()), mu[has].mean(0) - mu[~has].mean(0))
        for name, has in attributes(images).items()
    ]
    return Examples(images, mu, None if kl is None else kl.mean(0), found)


def a(name: str) -> str:
    """A class with its article: a 3, an 8, an ankle boot."""
    return f"{'an' if name[0].lower() in 'aeiou8' else 'a'} {name}"


def attributes(images: ImageDataset) -> dict[str, NDArray[np.bool_]]:
    """Which images have what, (N,) each: every class, every factor that is 0 or 1, and of a factor
    with many values the upper half. Not what all images have, or none."""
    found = {f"like {a(name)}": images.labels == i for i, name in enumerate(images.classes)}
    for name, values in images.factors.items():
        if values.dtype.kind == "f":
            found[f"more {name.replace('_', ' ')}"] = values > np.median(values)
        elif not np.any(values > 1):
            found[name] = values == 1
    return {name: has for name, has in found.items() if has.any() and not has.all()}
