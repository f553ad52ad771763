"""Draws the README's picture from two runs, to be legible at a page's width:

    python -m docs.pictures runs/demo runs/vae docs/vae.png

The first run is that of `make demo`, the other of `python -m demos.vae --latent 2 --epochs 5`.
"""

import sys
from pathlib import Path

import numpy as np

import minigrad as mg
from demos.common import pictures
from demos.common.figures import sheet, strips
from demos.common.latents import encode, quantile_grid
from demos.explore.checkpoint import load
from demos.explore.examples import read

SAMPLES, PLANE = 8, 14  # images along a side
SIZE = 12  # of letters: a page shows two thirds of it


def main(many: Path, two: Path, out: Path) -> None:
    """Samples of the first run's VAE, the second's plane, and where test images lie in it."""
    pictures.FONT = SIZE
    (sampler, _), (decoder, args) = load(many), load(two)
    figure, (samples, plane, codes) = sheet("abc", (12.6, 4.7))
    mg.manual_seed(0)
    images = sampler.decode(mg.randn(SAMPLES**2, sampler.latent).numpy(), None)
    strips(samples, images, columns=SAMPLES, scale=2, gap=2)
    images = decoder.decode(quantile_grid(PLANE).astype(np.float32), None)
    strips(plane, images, columns=PLANE, scale=1, gap=0)
    test = read(args, None)
    mu, _ = encode(decoder.model, test)
    for i in range(len(test.classes)):
        codes.scatter(*mu[test.labels == i].T, s=5, alpha=0.6, linewidths=0, color=f"C{i}")
    pictures.name_clusters(codes, mu, test.labels, test.classes)
    pictures.plain(codes)
    codes.set_box_aspect(1)
    for axes, title in (
        (samples, f"new images: {sampler.latent} latents from p(z)"),
        (plane, "2 latents: p(z)'s quantiles, decoded"),
        (codes, f"where q(z|x) puts {len(test):,} test images"),
    ):
        axes.set_title(title, fontsize=SIZE + 2)
    for axes in (plane, codes):
        axes.set_xlabel("z1", fontsize=SIZE)
        axes.set_ylabel("z2", fontsize=SIZE)
    pictures.save(out, figure)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
