"""How sharp images are: their power at each spatial frequency, and its share of high frequencies.

    high_frequencies(samples) / high_frequencies(data)      below 1 for blurred samples

Frequencies are in cycles per pixel, from 0 to 0.5 along a side and to 0.71 along a diagonal.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Images = NDArray[Any]
CUTOFF = 0.25  # waves of less than 4 pixels: half of what pixels can show along a side


class Spectrum(NamedTuple):
    """The mean power of each ring of frequencies (K,), in squared grey levels per frequency."""

    frequency: NDArray[np.float64]
    power: NDArray[np.float64]


def power(images: Images) -> NDArray[np.float64]:
    """The mean of |Fourier transform|^2 / (H W) over images (N, C, H, W) and colours: (H, W).

    By Parseval's theorem its sum is the mean sum of squares of a colour of an image. Its mean is
    taken off before, so that brightness does not count. ValueError for other axes, or no images.
    """
    if images.ndim != 4 or not images.size:
        raise ValueError(f"power: needs images (N, C, H, W), got {list(images.shape)}")
    height, width = images.shape[2:]
    total = np.zeros((height, width))
    for start in range(0, len(images), 1000):
        x = images[start : start + 1000].astype(np.float64)
        waves = np.fft.fft2(x - x.mean((2, 3), keepdims=True))
        total += (waves.real**2 + waves.imag**2).sum((0, 1))
    mean: NDArray[np.float64] = total / (len(images) * images.shape[1] * height * width)
    return mean


def frequencies(height: int, width: int) -> NDArray[np.float64]:
    """The length of the frequency of each entry of `power`, in cycles per pixel: (H, W)."""
    lengths: NDArray[np.float64] = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    return lengths


def high_frequencies(images: Images, cutoff: float = CUTOFF) -> float:
    """The share of the power of images (N, C, H, W) at frequencies of `cutoff` and above: from 0,
    for blurred ones, to 1. ValueError if there is no power, the images being flat."""
    found = power(images)
    total = found.sum()
    if total == 0:
        raise ValueError("high_frequencies: the images have no contrast at all")
    return float(found[frequencies(*found.shape) >= cutoff].sum() / total)


def radial(images: Images) -> Spectrum:
    """The mean power by the length of the frequency, in rings of width 1 / min(H, W), up to 0.5."""
    found = power(images)
    lengths, side = frequencies(*found.shape), min(found.shape)
    ring = np.rint(lengths * side).astype(int)
    sums = np.bincount(ring.ravel(), found.ravel())
    counts = np.bincount(ring.ravel())
    inside = np.arange(1, side // 2 + 1)  # not 0, which is the mean
    return Spectrum(inside / side, sums[inside] / counts[inside])


def relative(images: Images, real: Images, cutoffs: tuple[float, ...]) -> dict[str, float]:
    """Shares of high frequencies, and all power, data's being 1."""
    found = {f"at {c} and above": high_frequencies(images, c) for c in cutoffs}
    shares = {name: found[name] / high_frequencies(real, c) for name, c in zip(found, cutoffs)}
    return {**shares, "all power": float(power(images).sum() / power(real).sum())}


def blurred(images: Images, sigma: float) -> Images:
    """A Gaussian blur with standard deviation `sigma` pixels, by its frequency response; what
    leaves an image on one side comes back on the other."""
    response = np.exp(-0.5 * (2 * np.pi * sigma * frequencies(*images.shape[2:])) ** 2)
    smooth: Images = np.fft.ifft2(np.fft.fft2(images) * response).real.astype(np.float32)
    return smooth
