"""What each kernel of kernels.cu computes, in NumPy: the same arguments, written to in place."""

from typing import Any

import numpy as np

from minigrad.backend import Geometry, cpu
from minigrad.backend.base import Device

Array = Any


def gather_patches(
    image: Array, patches: Array, n: int, h: int, w: int, c: int, *rest: int
) -> None:
    oh, ow, kh, kw, sh, sw, ph, pw, dh, dw = rest
    how = Geometry((sh, sw), (ph, pw), (dh, dw), 1)
    patches[...] = Device.gather_patches(cpu, image, (kh, kw), how, (oh, ow))


def collect_patches(
    patches: Array, image: Array, n: int, h: int, w: int, c: int, *rest: int
) -> None:
    oh, ow, kh, kw, sh, sw, ph, pw, dh, dw = rest
    how = Geometry((sh, sw), (ph, pw), (dh, dw), 1)
    shaped = patches.reshape(n, oh, ow, kh, kw, c)
    # What is added up must fit around: at the lower and right edge a patch may reach beyond.
    image[...] = Device.scatter_patches(cpu, shaped, how, (h, w))


def column_moments(rows: Array, mean: Array, m2: Array, m: int, c: int, chunk: int) -> None:
    for i in range(len(mean)):
        part = rows[i * chunk : (i + 1) * chunk].astype(np.float64)
        mean[i], m2[i] = part.mean(axis=0), np.square(part - part.mean(axis=0)).sum(axis=0)


def join_moments(
    means: Array, m2s: Array, mean: Array, variance: Array, rstd: Array, m: int, c: int,
    chunk: int, eps: Any,
) -> None:  # fmt: skip
    sizes = np.minimum(chunk, m - chunk * np.arange(len(means)))[:, None]
    wide = means.astype(np.float64)
    middle = (sizes * wide).sum(axis=0) / m
    mean[...] = middle
    variance[...] = (m2s + sizes * np.square(wide - middle)).sum(axis=0) / m
    rstd[...] = 1 / np.sqrt(variance + eps)


def move_running(
    running_mean: Array, running_variance: Array, mean: Array, variance: Array, keep: Any,
    share: Any, correction: Any, n: int,
) -> None:  # fmt: skip
    running_mean[...] = running_mean * keep + share * mean
    running_variance[...] = running_variance * keep + share * (variance * correction)


def leaky(g: Array, x: Array, out: Array, slope: Any, n: int) -> None:
    out[...] = np.where(x > 0, g, g * slope)


def column_sums(
    a: Array, b: Array | None, centre: Array | None, out: Array, m: int, c: int, chunk: int
) -> None:
    for i, to in enumerate(out.reshape(-1, c if b is None else 2 * c)):
        part = slice(i * chunk, (i + 1) * chunk)
        to[:c] = a[part].sum(axis=0, dtype=np.float64)
        if b is not None:
            to[c:] = (a[part].astype(np.float64) * (b[part] - centre)).sum(axis=0)


def normalize_rows(
    rows: Array, mean: Array, rstd: Array, weight: Array, bias: Array, out: Array, m: int, c: int
) -> None:
    scale = rstd * (1 if weight is None else weight)
    out[...] = (rows - mean) * scale + (0 if bias is None else bias)


def normalize_rows_gradient(
    g: Array, rows: Array, mean: Array, rstd: Array, weight: Array, sums: Array, g_rows: Array,
    g_weight: Array, m: int, c: int,
) -> None:  # fmt: skip
    scale = rstd * (1 if weight is None else weight)
    g_weight[...] = sums[c:] * rstd
    g_rows[...] = (g - sums[:c] / m - (rows - mean) * (g_weight * rstd / m)) * scale


def add_runs(values: Array, order: Array, places: Array, out: Array, n: int) -> None:
    np.add.at(out.reshape(-1), places, values.reshape(-1)[order])


def bce_terms(x: Array, target: Array, losses: Array, exponentials: Array, n: int) -> None:
    exponentials[...] = np.exp(-abs(x))
    losses[...] = np.maximum(x, 0) - x * target + np.log1p(exponentials)


def bce_slope(x: Array, target: Array, exponentials: Array, slopes: Array, n: int) -> None:
    slopes[...] = np.where(x >= 0, 1, exponentials) / (1 + exponentials) - target


def adam(
    ps: list[Array], gs: list[Array], ms: list[Array], vs: list[Array], sizes: Any, *numbers: Any
) -> None:
    *plain, live = numbers
    beta1, rest1, beta2, rest2, rate, floor, decay, keep = plain if live is None else live
    for p, g, m, v in zip(ps, gs, ms, vs):
        slope = g + p * decay if decay else g
        m[...] = m * beta1 + slope * rest1
        v[...] = v * beta2 + slope * slope * rest2
        p[...] = p * keep - m / (np.sqrt(v) + floor) * rate


def write_words(words: Any, out: Array, n: int) -> None:
    out[:n] = words[:n]


def philox(seed: int, counters: Array) -> Array:
    """Four random words of 32 bits for each counter: (len(counters), 4), as uint64."""
    low, bits = np.uint64(2**32 - 1), np.uint64(32)
    c = counters.astype(np.uint64)
    x = [c & low, c >> bits, np.zeros_like(c), np.zeros_like(c)]
    key = [int(seed) % 2**32, int(seed) >> 32]
    for _ in range(10):
        a, b = x[0] * np.uint64(0xD2511F53), x[2] * np.uint64(0xCD9E8D57)
        x = [(b >> bits) ^ x[1] ^ key[0], b & low, (a >> bits) ^ x[3] ^ key[1], a & low]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return np.stack(x, axis=1)


def _drawn(n: int, per_counter: int, seed: int, counter: int, live: Array | None) -> Array:
    if live is not None:
        seed, counter = (int(word) for word in live)
    counters = np.uint64(counter) + np.arange(-(-n // per_counter), dtype=np.uint64)
    return philox(seed, counters)


def _uniforms(words: Array, dtype: Any) -> Array:
    if dtype == np.float32:
        return (words >> 8).astype(np.float32) * np.float32(2**-24)
    upper, lower = (words[:, 0::2] >> 5).astype(np.float64), words[:, 1::2] >> 6
    return (upper * 2**26 + lower) / 2**53


def random_uniform(out: Array, n: int, *state: Any) -> None:
    words = _drawn(n, 16 // out.itemsize, *state)
    out.reshape(-1)[...] = _uniforms(words, out.dtype).reshape(-1)[:n]


def random_normal(out: Array, n: int, *state: Any) -> None:
    words = _drawn(n, 16 // out.itemsize, *state)
    if out.dtype == np.float32:
        u = words.astype(np.float32) * np.float32(2**-32) + np.float32(2**-33)
    else:
        u = 1 - _uniforms(words, out.dtype)
    radius, angle = np.sqrt(-2 * np.log(u[:, 0::2])), np.pi * (2 * u[:, 1::2]).astype(np.float64)
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    out.reshape(-1)[...] = pairs.reshape(-1)[:n]


def random_words(out: Array, n: int, *state: Any) -> None:
    words = _drawn(n, 2, *state)
    out.reshape(-1)[...] = ((words[:, 0::2] << np.uint64(32)) | words[:, 1::2]).reshape(-1)[:n]
