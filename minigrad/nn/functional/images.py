"""Sizes of images: padding, resizing, pixels from channels."""

import math
from collections.abc import Sequence
from typing import Any

from ... import ops
from ...ops.resize import Tap, blend, take
from ...options import MOST
from ...tensor import Tensor
from .checks import check_tensor
from .pooling import adaptive_avg_pool2d

# ---- padding -------------------------------------------------------------------------------------


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """x with more around it: `value` (0 if None), or what the mode takes from x itself.

    `pad` is (left, right) of the last axis, then of the one before, and so on; a negative width
    cuts. Modes are "constant"; "reflect", in which the edge is a mirror, and is not repeated;
    "replicate", which repeats it; and "circular". ValueError for another mode, and for a
    reflection or a turn that is wider than x.
    """
    if mode == "constant":
        return ops.pad(input, pad, 0.0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ValueError(
            f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}"
        )
    if value is not None:
        raise ValueError(f"pad: mode {mode!r} takes no value")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(f"pad: needs pairs for at most {input.ndim} axes, got {list(pad)}")
    out = ops.pad(input, [min(width, 0) for width in pad])  # what is cut
    for i in range(0, len(pad), 2):
        widths = max(pad[i], 0), max(pad[i + 1], 0)
        if any(widths):
            out = _extended(out, input.ndim - 1 - i // 2, *widths, mode)
    return out


def _extended(x: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    """x with its own parts before and after it along an axis."""
    n = x.shape[dim]
    most = {"reflect": n - 1, "circular": n, "replicate": max(before, after) if n else 0}[mode]
    if max(before, after) > most:
        raise ValueError(f"pad: mode {mode!r} reaches {most} far into {list(x.shape)}")

    def part(start: int, end: int) -> Tensor:
        return x[(*[slice(None)] * dim, slice(start, end))]

    if mode == "reflect":
        first, last = part(1, before + 1).flip(dim), part(n - 1 - after, n - 1).flip(dim)
    elif mode == "circular":
        first, last = part(n - before, n), part(0, after)
    else:
        first, last = part(0, 1), part(n - 1, n)
        sizes = [-1] * x.ndim
        first, last = (
            edge.expand([*sizes[:dim], width, *sizes[dim + 1 :]])
            for edge, width in ((first, before), (last, after))
        )
    return ops.concat([first, x, last], dim)


# ---- resizing ------------------------------------------------------------------------------------

_SMOOTH = {"linear": 1, "bilinear": 2, "bicubic": 2}  # how many axes each goes over
_NEAREST = ("nearest", "nearest-exact")


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Images (N, C, H, W), or sequences (N, C, L), in another size.

    Give `size` or `scale_factor`, for all axes or for each. Modes are "nearest", "nearest-exact",
    "linear" (of sequences), "bilinear", "bicubic" and "area". With align_corners the corner pixels
    keep their values; without, pixels are squares, and sizes in their units. ValueError for what
    does not fit.
    """
    name = "interpolate"
    check_tensor(name, "input", input)
    spatial = input.ndim - 2
    if spatial not in (1, 2) or _SMOOTH.get(mode, spatial) != spatial:
        raise ValueError(f"{name}: mode {mode!r} does not fit an input {list(input.shape)}")
    if mode not in (*_NEAREST, *_SMOOTH, "area") or antialias:
        raise ValueError(
            f"{name}: mode must be one of {[*_NEAREST, *_SMOOTH, 'area']}, without antialias; got "
            f"{mode!r}"
        )
    if align_corners is not None and mode not in _SMOOTH:
        raise ValueError(f"{name}: align_corners is for {[*_SMOOTH]}")
    sizes, scales = _sizes(input.shape[2:], size, scale_factor, recompute_scale_factor)
    if mode == "area":
        if spatial == 1:
            return adaptive_avg_pool2d(ops.unsqueeze(input, 2), (1, *sizes)).squeeze(2)
        return adaptive_avg_pool2d(input, sizes)
    x = input
    for dim, (n, m, scale) in enumerate(zip(input.shape[2:], sizes, scales, strict=True), 2):
        if mode in _SMOOTH:
            sources = _sources(n, m, scale, bool(align_corners))
            x = blend(x, dim, (_cubic if mode == "bicubic" else _linear)(n, sources))
        else:
            x = _nearest(x, dim, m, scale, mode == "nearest-exact")
    return x


def _sizes(
    have: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float]]:
    """The sizes to come, and how many pixels of the input one pixel of the output is."""
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: needs size or scale_factor, and not both")
    given = size if scale_factor is None else scale_factor
    each = list(given) if isinstance(given, tuple | list) else [given] * len(have)
    if len(each) != len(have):
        raise ValueError(f"interpolate: {list(each)} does not fit {len(have)} axes")
    if scale_factor is None:
        sizes = [int(m) for m in each]
    else:
        sizes = [math.floor(n * factor) for n, factor in zip(have, each, strict=True)]
    if not 1 <= min(sizes) <= max(sizes) <= MOST or min(have) < 1:
        raise ValueError(f"interpolate: from {list(have)} to {sizes} there is nothing to resize")
    if scale_factor is None or recompute:
        return sizes, [n / m for n, m in zip(have, sizes, strict=True)]
    return sizes, [1 / factor for factor in each]


def _nearest(x: Tensor, dim: int, m: int, scale: float, exact: bool) -> Tensor:
    n = x.shape[dim]
    return take(x, dim, [min(math.floor((i + 0.5 * exact) * scale), n - 1) for i in range(m)])


def _sources(n: int, m: int, scale: float, corners: bool) -> list[float]:
    """Where in the input, in pixels, each of m pixels of the output lies."""
    if corners:
        return [i * (n - 1) / (m - 1) if m > 1 else 0.0 for i in range(m)]
    return [(i + 0.5) * scale - 0.5 for i in range(m)]


def _linear(n: int, sources: list[float]) -> list[Tap]:
    """Two neighbours, in proportion to the distance from them; the edges go on."""
    sources = [max(at, 0.0) for at in sources]
    low = [int(at) for at in sources]
    share = [at - i for at, i in zip(sources, low, strict=True)]
    high = [min(i + 1, n - 1) for i in low]
    return [(low, [1 - t for t in share]), (high, share)]


def _cubic(n: int, sources: list[float]) -> list[Tap]:
    """Four neighbours (Keys 1981, with a = -0.75); the edges go on."""
    low = [math.floor(at) for at in sources]
    taps: list[Tap] = []
    for k in (-1, 0, 1, 2):
        distances = [abs(at - i - k) for at, i in zip(sources, low, strict=True)]
        places = [min(max(i + k, 0), n - 1) for i in low]
        taps.append((places, [_keys(d) for d in distances]))
    return taps


def _keys(d: float, a: float = -0.75) -> float:
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a


# ---- pixels and channels -------------------------------------------------------------------------


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C r², H, W) -> (..., C, H r, W r): channels become pixels (Shi et al. 2016)."""
    *lead, channels, h, w = input.shape
    r = upscale_factor
    if channels % (r * r):
        raise ValueError(f"pixel_shuffle: {channels} channels are no multiple of {r}²")
    c, k = channels // (r * r), len(lead)
    x = ops.reshape(input, (*lead, c, r, r, h, w))
    x = ops.permute(x, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return ops.reshape(x, (*lead, c, h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H r, W r) -> (..., C r², H, W): the inverse of pixel_shuffle."""
    *lead, c, height, width = input.shape
    r = downscale_factor
    if height % r or width % r:
        raise ValueError(f"pixel_unshuffle: {height} x {width} is no multiple of {r}")
    h, w, k = height // r, width // r, len(lead)
    x = ops.reshape(input, (*lead, c, h, r, w, r))
    x = ops.permute(x, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return ops.reshape(x, (*lead, c * r * r, h, w))
