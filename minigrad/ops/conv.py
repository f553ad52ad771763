"""Convolution: three maps, each of them the gradient of the other two.

conv2d, conv_transpose2d and the weight gradient are one trilinear form seen from its three sides:

    <conv2d(x, w), y>  =  <x, conv_transpose2d(y, w)>  =  <w, conv2d_weight(x, y)>

so each one's gradient rules name the other two, and nothing else is needed for derivatives of any
order.

Images are (N, C, H, W) in the API and channels-last in memory: an output is made as rows of
channels, and shown as a transposed view. A product's rows are the patches that the kernel meets,
gathered into (N * OH * OW, KH * KW * C). They are gathered once, for the product and for the
weight's gradient: time for memory, since the patches, of stride s about (kernel / s)^2 times as
large as x, wait for backward with x. A device may know a way with fewer products for some kernels;
its three functions then take the place of these (backend/nine.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backend import Geometry, Pair, device_of, xp_of
from ..broadcasting import sum_to
from ..op import op
from .checks import need_arrays, need_one_dtype
from .shape import permute

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["conv2d", "conv_transpose2d"]


@op(keeps="patches taps")
def _conv2d(xp, x, weight, bias, *, how, size):
    """The output, and its factors: the patches, or with fewer products what they are made of."""
    fewer = device_of(x).fewer_products(weight.shape, x.dtype, how)
    if fewer is not None:
        out, *factors = fewer.conv2d(_last(x), _last(weight), bias, how, size)
        return _first(out), *factors
    patches = _patches(x, weight.shape[2:], how, size)
    n, oh, ow = patches.shape[:3]
    parts = [
        device_of(x).matmul(rows, _matrix(w).T)
        for rows, w in zip(
            _rows_by_group(patches, how.groups), _by_group(weight, how.groups), strict=True
        )
    ]
    out = parts[0] if how.groups == 1 else xp.concatenate(parts, axis=1)
    if bias is not None:
        out += bias
    return _first(out.reshape(n, oh, ow, weight.shape[0])), patches, None


@op
def _conv_transpose2d(xp, x, weight, bias, *, how, size):
    fewer = device_of(x).fewer_products(weight.shape, x.dtype, how)
    if fewer is not None:
        return _first(fewer.conv_transpose2d(_last(x), _last(weight), bias, how, size))
    image, each = _last(x), x.shape[1] // how.groups
    parts = [
        device_of(x).scatter_product(image[..., i * each : (i + 1) * each], _last(w), how, size)
        for i, w in enumerate(_by_group(weight, how.groups))
    ]
    out = parts[0] if how.groups == 1 else xp.concatenate(parts, axis=-1)
    if bias is not None:
        out += bias
    return _first(out)


@op
def _conv2d_weight(xp, x, y, *, how, kernel):
    shape, size = (y.shape[1], x.shape[1] // how.groups, *kernel), y.shape[2:]
    fewer = device_of(x).fewer_products(shape, x.dtype, how)
    if fewer is None:
        patches = _patches(x, kernel, how, size)
    else:
        patches = fewer.of_image(_last(x), how, size)
    return _weight_product(patches, y, shape, how)


# ---- each one's gradient is the other two --------------------------------------------------------


@_conv2d.gradient("x")
def _(g, weight, x_shape, how):
    return _conv_transpose2d(g, weight, None, how=how, size=x_shape[2:])


@_conv2d.gradient("weight")
def _(g, x, weight_shape, how):
    return _conv2d_weight(x, g, how=how, kernel=weight_shape[2:])


@_conv_transpose2d.gradient("x")
def _(g, weight, x_shape, how):
    return _conv2d(g, weight, None, how=how, size=x_shape[2:])[0]


@_conv_transpose2d.gradient("weight")
def _(g, x, weight_shape, how):
    return _conv2d_weight(g, x, how=how, kernel=weight_shape[2:])


@_conv2d_weight.gradient("x")
def _(g, y, x_shape, how):
    return _conv_transpose2d(y, g, None, how=how, size=x_shape[2:])


@_conv2d_weight.gradient("y")
def _(g, x, y_shape, how):
    return _conv2d(x, g, None, how=how, size=y_shape[2:])[0]


@_conv2d.gradient("bias")
@_conv_transpose2d.gradient("bias")
def _(g):
    return sum_to(permute(g, 0, 2, 3, 1), shape=(g.shape[1],))


# ---- sooner, from patches that are there already -------------------------------------------------


@_conv2d.fused("weight")
def _(g, patches, weight_shape, how):
    return _weight_product(patches, g, weight_shape, how)


@_conv2d.fused("x", "weight")
def _(g, patches, taps, weight, x_shape, how):
    if taps is not None:
        fewer = device_of(g).fewer_products(weight.shape, g.dtype, how)
        return tuple(map(_first, fewer.gradients(patches, taps, _last(g), how, x_shape[2:])))
    g_x = _conv_transpose2d(g, weight, None, how=how, size=x_shape[2:])
    return g_x, _weight_product(patches, g, weight.shape, how)


@_conv_transpose2d.fused("x", "weight")
def _(g, x, weight, how):
    g_x, patches, _ = _conv2d(g, weight, None, how=how, size=x.shape[2:])
    return g_x, _weight_product(patches, x, weight.shape, how)


def _weight_product(patches, y, shape, how):
    """Patches of x (N, OH, OW, KH, KW, C), or what there is in their place, times y (N, O, OH, OW):
    the kernel's `shape` (O, C/groups, KH, KW)."""
    device = device_of(y)
    fewer = device.fewer_products(shape, y.dtype, how)
    if fewer is not None:
        return _first(fewer.weight_gradient(patches, _last(y), how))
    out_channels = y.shape[1]
    rows, each = _last(y).reshape(-1, out_channels), out_channels // how.groups
    parts = [
        device.matmul(rows[:, i * each : (i + 1) * each].T, group)
        for i, group in enumerate(_rows_by_group(patches, how.groups))
    ]
    matrix = parts[0] if how.groups == 1 else xp_of(y).concatenate(parts, axis=0)
    return _first(matrix.reshape(out_channels, *shape[2:], shape[1]))


# ---- layout --------------------------------------------------------------------------------------


def _last(x):
    """(N, C, H, W) as (N, H, W, C): contiguous for every image that a convolution made."""
    return x.transpose(0, 2, 3, 1)


def _first(x):
    """(N, H, W, C) as (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2)


def _patches(x, kernel, how, size):
    """The patches of x (N, C, H, W) that a kernel meets at (OH, OW) places, which is `size`:
    (N, OH, OW, KH, KW, C). If output_padding is the stride or more there would be room for more."""
    return device_of(x).gather_patches(_last(x), kernel, how, size)


def _matrix(weight):
    """A kernel (O, C, KH, KW) as a matrix (O, KH * KW * C), whose columns are in the order of a
    patch."""
    return _last(weight).reshape(weight.shape[0], -1)


def _by_group(weight, groups):
    each = weight.shape[0] // groups
    return [weight[i * each : (i + 1) * each] for i in range(groups)]


def _rows_by_group(patches, groups):
    """Patches (N, OH, OW, KH, KW, C) as the rows of one matrix for each group of channels."""
    *_, kh, kw, channels = patches.shape
    each = channels // groups
    return [
        patches[..., i * each : (i + 1) * each].reshape(-1, kh * kw * each) for i in range(groups)
    ]


# ---- the functions that users call ---------------------------------------------------------------


def conv_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """How many places a kernel has along an axis."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def conv_transpose_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """The smallest size from which a convolution makes `size`."""
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1


def _pair(name: str, what: str, value: int | tuple[int, ...], least: int) -> Pair:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or any(not isinstance(v, int) or v < least for v in pair):
        raise ValueError(
            f"{name}: {what} must be an int or a pair of ints, at least {least}; got {value!r}"
        )
    return pair


def _geometry(name: str, stride: Any, padding: Any, dilation: Any, groups: int) -> Geometry:
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive int, got {groups!r}")
    return Geometry(
        _pair(name, "stride", stride, 1),
        _pair(name, "padding", padding, 0),
        _pair(name, "dilation", dilation, 1),
        groups,
    )


def _check_dimensions(name: str, x: Any, weight: Any) -> None:
    need_arrays(name, x, weight)
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(
            f"{name}: expected x (N, C, H, W) and weight with 4 dimensions, got {list(x.shape)} "
            f"and {list(weight.shape)}{' (one image is x[None])' if x.ndim == 3 else ''}"
        )


def _check(name: str, x: Any, weight: Any, bias: Any, channels: int, out_channels: int) -> None:
    if x.shape[1] != channels:
        last = x.shape[3] == channels
        way_out = "; x is (N, C, H, W), use x.permute(0, 3, 1, 2)" if last else ""
        raise ValueError(
            f"{name}: weight of shape {list(weight.shape)} needs x with {channels} channels, got "
            f"{list(x.shape)}{way_out}"
        )
    if bias is not None and tuple(bias.shape) != (out_channels,):
        raise ValueError(f"{name}: bias has shape {list(bias.shape)}, expected [{out_channels}]")
    need_one_dtype(name, x=x, weight=weight, bias=bias)


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor:
    """2-D cross-correlation of x (N, C, H, W) with weight (O, C/groups, KH, KW), plus bias (O).

    Gives (N, O, OH, OW) with OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1.
    ValueError if a shape or a setting does not fit.
    """
    how = _geometry("conv2d", stride, padding, dilation, groups)
    _check_dimensions("conv2d", x, weight)
    _check("conv2d", x, weight, bias, weight.shape[1] * groups, weight.shape[0])
    if weight.shape[0] % groups:
        raise ValueError(
            f"conv2d: {weight.shape[0]} output channels cannot be split into {groups} groups"
        )
    sizes = zip(x.shape[2:], weight.shape[2:], *how[:3], strict=True)
    size = tuple([conv_size(*args) for args in sizes])
    if min(size) < 1:
        raise ValueError(
            f"conv2d: a kernel of {list(weight.shape[2:])} with dilation {how.dilation} is larger "
            "than "
            f"the image of {list(x.shape[2:])} with padding {how.padding}"
        )
    return _conv2d(x, weight, bias, how=how, size=size)[0]


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> Tensor:
    """The adjoint of conv2d: x (N, C, H, W), weight (C, O/groups, KH, KW), bias (O).

    Gives (N, O, OH, OW) with OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding +
    1: of the sizes from which conv2d makes H, output_padding chooses one. It must be smaller than
    stride or dilation. ValueError if a shape or a setting does not fit.
    """
    name = "conv_transpose2d"
    how = _geometry(name, stride, padding, dilation, groups)
    extra = _pair(name, "output_padding", output_padding, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, how.stride, how.dilation, strict=True)):
        raise ValueError(
            f"{name}: output_padding {extra} must be smaller than stride {how.stride} or dilation "
            f"{how.dilation}"
        )
    _check_dimensions(name, x, weight)
    if weight.shape[0] % groups:
        raise ValueError(
            f"{name}: {weight.shape[0]} input channels cannot be split into {groups} groups"
        )
    _check(name, x, weight, bias, weight.shape[0], weight.shape[1] * groups)
    sizes = zip(x.shape[2:], weight.shape[2:], *how[:3], strict=True)
    size = tuple([conv_transpose_size(*args) + e for args, e in zip(sizes, extra, strict=True)])
    if min(size) < 1:
        raise ValueError(
            f"{name}: padding {how.padding} leaves nothing of the output: its size would be "
            f"{list(size)}"
        )
    return _conv_transpose2d(x, weight, bias, how=how, size=size)
