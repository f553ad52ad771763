"""How sharp samples are: the share of their power at high spatial frequencies, against data's.

A decoder's output is the mean of p(x|z): where it cannot know an edge's place, it shows the average
of all places. A drawing from p(x|z) has the noise of its pixels on top, each of which is drawn on
its own: that is high frequency too, but no sharpness.
"""

from collections.abc import Mapping
from typing import Any

import minigrad as mg
from demos.common.figures import Array, Figure, bars, curves, sheet, strips
from demos.common.training import random_numbers
from demos.experiments import dcgans, vaes
from demos.experiments.finding import Finding, Setting
from models.measures.parts import in_parts
from models.measures.spectrum import CUTOFF, blurred, high_frequencies, radial, relative
from models.vae import VAE

CLAIM = "VAEs: samples blurrier and lower quality compared to state-of-the-art (GANs)"
SAMPLES, VAE_EPOCHS = 10_000, 5
AT_ONCE = 500
CUTOFFS = (0.15, CUTOFF, 0.35)  # cycles per pixel
BLUR = 0.5  # pixels: the standard deviation of the blur that is a control
SHOWN = 10
GAN, MEANS, DRAWS = "DCGAN samples", "VAE samples, means", "VAE samples, drawn"
REAL, HALF, BLURRED, RECON = "test data", "other half of it", "blurred data", "VAE reconstructions"
MAIN = f"at {CUTOFF} and above"


def run(
    setting: Setting, *, n: int = SAMPLES, limit: int | None = None, vae_epochs: int = VAE_EPOCHS,
    **gan: Any,
) -> Finding:  # fmt: skip
    """Compares samples of the kept VAE and DCGAN of the data set; trains what there is not yet."""
    _, test = setting.images("glyphs", limit)
    real = test[:n][0]
    vae = vaes.vae(setting, model="conv", epochs=vae_epochs, limit=limit)
    dcgan = dcgans.dcgan(setting, limit=limit, **gan).model
    with random_numbers(setting.seed):
        sets = {
            REAL: real,
            GAN: dcgans.samples(dcgan, n),
            MEANS: vaes.samples(vae, n, draw=False),
            DRAWS: vaes.samples(vae, n, draw=True),
            RECON: reconstructed(vae, real),
            BLURRED: blurred(real, BLUR),
        }
    shares = {n: relative(images, real, CUTOFFS) for n, images in sets.items() if n != REAL}
    control = {
        "share of test data": {f"at {c} and above": high_frequencies(real, c) for c in CUTOFFS},
        HALF: relative(real[::2], real[1::2], CUTOFFS),
        f"{BLURRED}, {BLUR} pixels": shares[BLURRED],
        RECON: shares[RECON],
    }
    result = (
        f"power at {CUTOFF} cycles per pixel and above, relative to data: "
        f"VAE {shares[MEANS][MAIN]:.2f}, DCGAN {shares[GAN][MAIN]:.2f}"
    )
    beside = (
        f"halves of the data {control[HALF][MAIN]:.2f}; blurred by {BLUR} pixels "
        f"{shares[BLURRED][MAIN]:.2f}; VAE with pixels drawn, which is noise, "
        f"{shares[DRAWS][MAIN]:.2f}"
    )
    numbers = {name: shares[name] for name in (GAN, MEANS, DRAWS)}
    return Finding(CLAIM, result, beside, numbers, control, draw(sets, shares))


def reconstructed(vae: VAE, images: Array) -> Array:
    return in_parts(len(images), AT_ONCE, lambda rows: vae.reconstruct(mg.from_numpy(images[rows])))


def draw(sets: Mapping[str, Array], shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """Some images of each kind; their power by frequency; the shares."""
    figure, (left, above, below) = sheet("aab;aac", (12, 5.4))
    strips(left, {name: images[:SHOWN] for name, images in sets.items()})
    colours = {REAL: "k--", **{name: f"C{i}" for i, name in enumerate(shares)}}
    spectra = {name: radial(images) for name, images in sets.items()}
    real = spectra[REAL].power
    lines = {n: (found.frequency, found.power / real, colours[n]) for n, found in spectra.items()}
    title = "power at each frequency, data's being 1"
    curves(above, lines, title, "cycles per pixel", log="y", legend="beside")
    above.axvline(CUTOFF, color="0.6", linewidth=0.8)
    series = {"": {name: share[MAIN] for name, share in shares.items()}}
    each = [colours[name] for name in shares]
    title = f"share of frequencies from {CUTOFF} on, data's being 1"
    bars(below, series, title, text="{:.2f}", lying=True, colours=each)
    below.axvline(1, color="k", linestyle="--", linewidth=1)
    return figure
