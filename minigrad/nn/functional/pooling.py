"""Pooling: what is left of each window of an image is its largest number, or its mean."""

from typing import Any

from ... import ops
from ...ops.windows import Windows, largest, window_max, window_sum
from ...options import MOST, whole_number, whole_numbers
from ...tensor import Tensor
from .checks import check_tensor

Size = int | tuple[int, ...]
Pair = tuple[int, int]


def max_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest number of each window of (N, C, H, W) or (C, H, W); windows touch unless told.

    Of equal ones the first gets the gradient. Nothing of the padding is chosen. With ceil_mode
    windows may reach over the end. With return_indices, also the places in the image of H · W.
    ValueError for geometry that does not fit.
    """
    name = "max_pool2d"
    x, how, alone, low = _prepared(
        name, input, kernel_size, stride, padding, dilation, ceil_mode, -float("inf")
    )
    found: Tensor = window_max(x, how)
    out = found.squeeze(0) if alone else found
    if not return_indices:
        return out
    places = _places(largest(x, found, how), how, low, input.shape[-1])
    return out, places.squeeze(0) if alone else places


def _places(chosen: Any, how: Windows, low: tuple[int, int], width: int) -> Tensor:
    """The places in an image, counted from its first row, that the chosen taps are."""
    tap = Tensor(chosen).long().permute(0, 3, 1, 2)
    kw = how.kernel[1]
    across = Tensor(chosen % kw).long().permute(0, 3, 1, 2)
    down = Tensor((chosen - chosen % kw) // kw).long().permute(0, 3, 1, 2)
    xp = tap.device.xp
    first = [
        Tensor(xp.arange(n) * step - start)
        for n, step, start in zip(how.size, how.stride, low, strict=True)
    ]
    row = ops.reshape(first[0], (-1, 1)) + down * how.dilation[0]
    return row * width + (first[1] + across * how.dilation[1])


def avg_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of (N, C, H, W) or (C, H, W); windows touch unless told.

    The zeros of the padding are counted unless count_include_pad is False; what ceil_mode reaches
    beyond it is not. ValueError for geometry that does not fit.
    """
    name = "avg_pool2d"
    check_divisor(name, divisor_override)
    x, how, alone, low = _prepared(name, input, kernel_size, stride, padding, 1, ceil_mode, 0.0)
    total: Tensor = window_sum(x, how)
    if divisor_override:
        out = total / divisor_override
    elif not any(low) and not ceil_mode:
        out = total * (1 / (how.kernel[0] * how.kernel[1]))
    else:
        sizes = input.shape[-2:]
        counts = [
            _counted(n, k, s, p, out_n, count_include_pad)
            for n, k, s, p, out_n in zip(sizes, how.kernel, how.stride, low, how.size, strict=True)
        ]
        rows, columns = (Tensor(x.device.xp.asarray(c, x.dtype)) for c in counts)
        out = total / (ops.reshape(rows, (-1, 1)) * columns)
    return out.squeeze(0) if alone else out


def check_divisor(name: str, divisor_override: int | None) -> None:
    """TypeError or ValueError unless it is None or an int other than 0."""
    if divisor_override is not None:
        whole_number(name, "divisor_override", divisor_override, -MOST)
        if divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must not be 0")


def _counted(n: int, k: int, s: int, p: int, size: int, with_padding: bool) -> list[int]:
    """How many numbers each of `size` windows along an axis counts."""
    first, last = (-p, n + p) if with_padding else (0, n)
    return [min(i * s - p + k, last) - max(i * s - p, first) for i in range(size)]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """(N, C, H, W) or (C, H, W) in an output_size (OH, OW) of which None keeps the input's.

    Cell i is the mean of rows floor(i H / OH) to ceil((i + 1) H / OH), and of columns alike.
    """
    name = "adaptive_avg_pool2d"
    check_tensor(name, "input", input)
    if input.ndim not in (3, 4):
        raise ValueError(f"{name}: expected (N, C, H, W) or (C, H, W), got {list(input.shape)}")
    sizes = input.shape[-2:]
    out = [
        n if m is None else m for n, m in zip(sizes, output_sizes(name, output_size), strict=True)
    ]
    if all(n % m == 0 for n, m in zip(sizes, out, strict=True)):
        kernel = sizes[0] // out[0], sizes[1] // out[1]
        return avg_pool2d(input, kernel)
    x = input
    for dim, n, m in zip((-2, -1), sizes, out, strict=True):
        edges = [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
        x = ops.stack([_mean_of(x, dim, start, end) for start, end in edges], x.ndim + dim)
    return x


def output_sizes(name: str, output_size: Any) -> tuple[int | None, int | None]:
    """A pair of sizes, or of None for an axis that stays. TypeError and ValueError for others."""
    given = output_size if isinstance(output_size, tuple | list) else (output_size,) * 2
    whole_numbers(name, "output_size", [1 if m is None else m for m in given], 1)
    return given[0], given[1]


def _mean_of(x: Tensor, dim: int, start: int, end: int) -> Tensor:
    part = x[..., start:end, :] if dim == -2 else x[..., start:end]
    return part.mean(dim)


# ---- geometry ------------------------------------------------------------------------------------


def geometry(
    name: str, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size = 1
) -> tuple[Pair, Pair, Pair, Pair]:
    """The four as pairs; a stride of None is that of windows which touch. TypeError for what is no
    int and no pair, ValueError for no windows, and for more padding than half of one."""
    kernel = _pair(name, "kernel_size", kernel_size, 1)
    step = kernel if stride is None else _pair(name, "stride", stride, 1)
    low = _pair(name, "padding", padding, 0)
    spread = _pair(name, "dilation", dilation, 1)
    if any(2 * p > k for p, k in zip(low, kernel, strict=True)):
        raise ValueError(f"{name}: padding {low} is more than half of the kernel_size {kernel}")
    return kernel, step, low, spread


def _pair(name: str, what: str, value: Size, least: int) -> Pair:
    """An int twice, or a pair of ints; a row of one counts as an int."""
    if isinstance(value, tuple | list) and len(value) == 1:
        (value,) = value
    first, second = whole_numbers(name, what, value, least)
    return first, second


def _prepared(
    name: str,
    x: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
    value: float,
) -> tuple[Tensor, Windows, bool, tuple[int, int]]:
    """A batch, padded; where its windows lie; whether it was one image; and the padding."""
    check_tensor(name, "input", x)
    if x.ndim not in (3, 4):
        raise ValueError(f"{name}: expected (N, C, H, W) or (C, H, W), got {list(x.shape)}")
    kernel, step, low, spread = geometry(name, kernel_size, stride, padding, dilation)
    size, high = [], []
    for n, k, s, p, d in zip(x.shape[-2:], kernel, step, low, spread, strict=True):
        free = n + 2 * p - d * (k - 1) - 1
        places = (-(-free // s) if ceil_mode else free // s) + 1
        if ceil_mode and (places - 1) * s >= n + p:  # a window must begin inside of the image
            places -= 1
        if places < 1:
            raise ValueError(f"{name}: a kernel of {kernel} does not fit into {list(x.shape)}")
        size.append(places)
        high.append(max((places - 1) * s + d * (k - 1) + 1 - n - p, 0))
    alone = x.ndim == 3
    if alone:
        x = ops.unsqueeze(x, 0)
    if any(low) or any(high):
        x = ops.pad(x, (low[1], high[1], low[0], high[0]), value)
    return x, Windows(kernel, step, spread, (size[0], size[1])), alone, low
