"""How sharp samples are: the share of their power at high spatial frequencies, against data's.

A decoder's output is the mean of p(x|z): where it cannot know an edge's place, it shows the average
of all places. A drawing from p(x|z) has the noise of its pixels on top, each of which is drawn on
its own: that is high frequency too, but no sharpness.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import minigrad as mg
from demos.common.kept import Setting
from demos.common.training import random_numbers
from demos.experiments import dcgans, panels, vaes
from demos.experiments.finding import Finding
from models.measures.spectrum import CUTOFF, frequencies, high_frequencies, power, radial
from models.vae import VAE

CLAIM = "VAEs: samples blurrier and lower quality compared to state-of-the-art (GANs)"
SAMPLES = 10_000
VAE_EPOCHS = 5
AT_ONCE = 500
CUTOFFS = (0.15, CUTOFF, 0.35)  # cycles per pixel
BLUR = 0.5  # pixels: the standard deviation of the blur that is a control
SHOWN = 10
GAN, MEANS, DRAWS = "DCGAN samples", "VAE samples, means", "VAE samples, drawn"
REAL, HALF, BLURRED, RECON = "test data", "other half of it", "blurred data", "VAE reconstructions"
Images = NDArray[Any]


def run(
    setting: Setting,
    *,
    n: int = SAMPLES,
    limit: int | None = None,
    vae_epochs: int = VAE_EPOCHS,
    **gan: Any,
) -> Finding:
    """Compares samples of the kept VAE and DCGAN of the data set; trains what there is not yet."""
    name = setting.dataset or "glyphs"
    _, test = setting.images("glyphs", limit)
    real = test[:n][0]
    vae = vaes.trained(setting, name, model="conv", epochs=vae_epochs, limit=limit)
    dcgan = dcgans.trained(setting, name, limit=limit, **gan)
    with random_numbers(setting.seed):
        sets = {
            REAL: real,
            GAN: dcgans.samples(dcgan, n),
            MEANS: vaes.samples(vae, n, draw=False),
            DRAWS: vaes.samples(vae, n, draw=True),
            RECON: reconstructed(vae, real),
            BLURRED: blurred(real, BLUR),
        }
    parts = real[::2], real[1::2]
    shares = {name: relative(images, real) for name, images in sets.items() if name != REAL}
    main = f"at {CUTOFF} and above"
    numbers = {name: shares[name] for name in (GAN, MEANS, DRAWS)}
    control = {
        "share of test data": {key(c): high_frequencies(real, c) for c in CUTOFFS},
        HALF: relative(*parts),
        f"{BLURRED}, {BLUR} pixels": shares[BLURRED],
        RECON: shares[RECON],
    }
    result = (
        f"power at {CUTOFF} cycles per pixel and above, relative to data: "
        f"VAE {shares[MEANS][main]:.2f}, DCGAN {shares[GAN][main]:.2f}"
    )
    beside = (
        f"halves of the data {control[HALF][main]:.2f}; blurred by {BLUR} pixels "
        f"{shares[BLURRED][main]:.2f}; VAE with pixels drawn, which is noise, "
        f"{shares[DRAWS][main]:.2f}"
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(sets, shares))


def key(cutoff: float) -> str:
    return f"at {cutoff} and above"


def relative(images: Images, real: Images) -> dict[str, float]:
    """Shares of high frequencies, and all power, data's being 1."""
    shares = {key(c): high_frequencies(images, c) / high_frequencies(real, c) for c in CUTOFFS}
    return {**shares, "all power": float(power(images).sum() / power(real).sum())}


def reconstructed(vae: VAE, images: Images) -> Images:
    parts = (mg.from_numpy(images[i : i + AT_ONCE]) for i in range(0, len(images), AT_ONCE))
    return np.concatenate([vae.reconstruct(part).numpy() for part in parts])


def blurred(images: Images, sigma: float) -> Images:
    """A Gaussian blur with standard deviation `sigma` pixels, by its frequency response; what
    leaves an image on one side comes back on the other."""
    response = np.exp(-0.5 * (2 * np.pi * sigma * frequencies(*images.shape[2:])) ** 2)
    smooth: Images = np.fft.ifft2(np.fft.fft2(images) * response).real.astype(np.float32)
    return smooth


# ---- the picture ---------------------------------------------------------------------------------


def draw(sets: Mapping[str, Images], shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """Some images of each kind; their power by frequency; the shares."""
    figure = Figure((12, 5.4), dpi=100, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    tiles = np.concatenate([images[:SHOWN] for images in sets.values()])
    panels.show(left.subplots(), tiles, SHOWN, row_labels=list(sets))
    above, below = right.subplots(2, 1)
    draw_spectra(above, sets)
    draw_shares(below, shares)
    return figure


def draw_spectra(axes: Axes, sets: Mapping[str, Images]) -> None:
    real = radial(sets[REAL]).power
    for i, (name, images) in enumerate(sets.items()):
        found = radial(images)
        style = "k--" if name == REAL else f"C{i - 1}-"
        axes.plot(found.frequency, found.power / real, style, linewidth=1.4, label=name)
    axes.axvline(CUTOFF, color="0.6", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xlabel("cycles per pixel", fontsize=9)
    axes.set_title("power at each frequency, data's being 1", fontsize=10)
    axes.set_ylim(top=100)  # room for the legend
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")
    plain(axes)


def draw_shares(axes: Axes, shares: Mapping[str, Mapping[str, float]]) -> None:
    values = [share[key(CUTOFF)] for share in shares.values()]
    places = range(len(values))
    axes.barh(places, values, color=[f"C{i}" for i in places], alpha=0.7)
    for place, value in zip(places, values, strict=True):
        axes.text(value, place, f" {value:.2f}", va="center", fontsize=9)
    axes.axvline(1, color="k", linestyle="--", linewidth=1)
    axes.set_yticks(places, list(shares))
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(f"share of frequencies from {CUTOFF} on, data's being 1", fontsize=10)
    plain(axes)


def plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
