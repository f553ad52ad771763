"""A convolution by nine products instead of sixteen, where the kernel is twice its stride.

Cut the padded image into cells of sh * sw pixels: it becomes a convolution of stride 1 whose kernel
has 2 * 2 taps. Along one axis, two outputs of two taps need three products and not four: with cells
d, taps g and outputs y,

    y0 = d0 g0 + d1 g1 = m0 + m1      m0 = (d0 - d1) g0
    y1 = d1 g0 + d2 g1 = m1 + m2      m1 = d1 (g0 + g1)      m2 = (d2 - d1) g1

and nine instead of sixteen along both (Winograd 1980; Lavin and Gray 2016 for kernels of 3 * 3).
So the trilinear form of ops/conv.py is a sum over nine r of (A x)_r (B w)_r (C y)_r, of three small
linear maps that only add and subtract, and its three sides are made of them and their adjoints:

    conv2d(x, w) = C'[(A x)(B w)]
    conv_transpose2d(y, w) = A'[(B w)(C y)]
    conv2d_weight(x, y) = B'[(A x)(C y)]

A x, which waits for backward, is 2.25 times as large as x, the patches 4 times.

Images are (N, H, W, C) here, kernels (O, KH, KW, C). Maps and products of a few images at a time
stay in the cache, and side by side on all cores (see `threads`).

NOTE: 64 images of 64x16x16 to 128 channels, float32: the largest error is 0.7 to 1.0e-6 of the
largest value, with one product of patches 0.4e-6, PyTorch's 1.0 to 1.3e-6. What is infinite makes
NaN of the four outputs that share its products.
"""

import math

import numpy as np

from .base import Array, DType, Geometry, Pair, Shape
from .threads import for_blocks, for_parts

_CHANNELS = 32
_BLAS_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
_ROWS = 128  # NOTE: to 256 channels, 18 ms instead of 14 with products of 64 rows
_PIECES = 2  # in which each of the weight's products is computed


def pays(weight: Shape, dtype: DType, how: Geometry) -> bool:
    """Whether a kernel of shape (O, C, KH, KW) is twice its stride, and the products are so large
    that the maps beside them cost less than is saved."""
    o, c, kh, kw = weight
    fits = (kh, kw) == (2 * how.stride[0], 2 * how.stride[1])
    fits = fits and how.dilation == (1, 1) and how.groups == 1 and dtype in _BLAS_DTYPES
    return fits and min(o, c) >= _CHANNELS


def conv2d(
    image: Array, weight: Array, bias: Array | None, how: Geometry, size: Pair
) -> tuple[Array, Array, Array]:
    """The output (N, *size, O), A x and B w."""
    n, kernel = len(image), of_kernel(weight)
    out = np.empty((n, *size, len(weight)), image.dtype)
    cells = np.empty((9, n, *_tiles(size), kernel.shape[2]), image.dtype)

    def work(part: slice) -> None:
        _of_image(image[part], how, cells[:, part])
        rows = cells[:, part].reshape(9, -1, kernel.shape[2])
        _output(np.matmul(rows, kernel.transpose(0, 2, 1)), out[part])
        if bias is not None:
            out[part] += bias

    for_parts(n, _each(cells), work, _least(size))
    return out, cells, kernel


def conv_transpose2d(
    y: Array, weight: Array, bias: Array | None, how: Geometry, size: Pair
) -> Array:
    """The image (N, *size, C) from y (N, OH, OW, O)."""
    out = np.empty((len(y), *size, weight.shape[3]), y.dtype)
    _adjoint(y, of_kernel(weight), bias, how, out)
    return out


def gradients(
    cells: Array, kernel: Array, y: Array, how: Geometry, size: Pair
) -> tuple[Array, Array]:
    """A convolution's gradients for its image (N, *size, C) and its kernel, from A x, B w and that
    of y."""
    outputs = np.empty((*cells.shape[:4], y.shape[3]), y.dtype)
    image = np.empty((len(y), *size, kernel.shape[2] // math.prod(how.stride)), y.dtype)
    _adjoint(y, kernel, None, how, image, outputs)
    return image, _weight_gradient(cells, outputs, how)


def _adjoint(
    y: Array,
    kernel: Array,
    bias: Array | None,
    how: Geometry,
    image: Array,
    outputs: Array | None = None,
) -> None:
    """Fill the image, and C y if there is a place for it."""
    size = y.shape[1:3]

    def work(part: slice) -> None:
        some = of_output(y[part], None if outputs is None else outputs[:, part])
        products = np.matmul(some.reshape(9, -1, y.shape[3]), kernel)
        _image(products.reshape(*some.shape[:4], -1), how, image[part])
        if bias is not None:
            image[part] += bias

    each = 9 * math.prod(_tiles(size)) * kernel.shape[2]
    for_parts(len(y), each, work, _least(size))


def weight_gradient(cells: Array, y: Array, how: Geometry) -> Array:
    """The kernel (O, KH, KW, C) from A x and y (N, OH, OW, O)."""
    outputs = np.empty((*cells.shape[:4], y.shape[3]), y.dtype)
    for_parts(len(y), _each(outputs), lambda part: of_output(y[part], outputs[:, part]))
    return _weight_gradient(cells, outputs, how)


def _weight_gradient(cells: Array, outputs: Array, how: Geometry) -> Array:
    o, k = outputs.shape[-1], cells.shape[-1]
    products = np.empty((9, o, k), cells.dtype)
    columns = -(-k // _PIECES)

    def work(i: int) -> None:
        r, at = i // _PIECES, i % _PIECES * columns
        left, right = outputs[r].reshape(-1, o), cells[r].reshape(-1, k)
        np.matmul(left.T, right[:, at : at + columns], out=products[r, :, at : at + columns])

    for_blocks(9 * _PIECES, work)
    return _kernel(products, how.stride)


def _each(mapped: Array) -> int:
    """How many numbers A x or C y has of an image."""
    each: int = 9 * math.prod(mapped.shape[2:])
    return each


def _least(size: Pair) -> int:
    """How many images there are to be for products of _ROWS rows."""
    return -(-_ROWS // math.prod(_tiles(size)))


def _tiles(size: Pair) -> Pair:
    """How many pairs of outputs there are along each axis; where one is over, it gets a partner."""
    return -(-size[0] // 2), -(-size[1] // 2)


# ---- A, of images: (d0 - d1, d1, d2 - d1) --------------------------------------------------------


def of_image(image: Array, how: Geometry, size: Pair) -> Array:
    """A x (9, N, T, U, sh * sw * C) of images (N, H, W, C)."""
    values = math.prod(how.stride) * image.shape[3]
    cells = np.empty((9, len(image), *_tiles(size), values), image.dtype)
    for_parts(len(image), _each(cells), lambda part: _of_image(image[part], how, cells[:, part]))
    return cells


def _of_image(image: Array, how: Geometry, out: Array) -> None:
    _, n, t, u, k = out.shape
    (sh, sw), c = how.stride, image.shape[3]
    pixels = _padded(image, how.padding, ((2 * t + 1) * sh, (2 * u + 1) * sw))
    cells = pixels.reshape(n, 2 * t + 1, sh, 2 * u + 1, sw * c).transpose(0, 1, 3, 2, 4)
    rows = np.empty((3, n, t, 2 * u + 1, sh, sw * c), image.dtype)
    np.subtract(cells[:, 0:-1:2], cells[:, 1::2], out=rows[0])
    rows[1] = cells[:, 1::2]
    np.subtract(cells[:, 2::2], cells[:, 1::2], out=rows[2])
    rows = rows.reshape(3, n, t, 2 * u + 1, k)
    out = out.reshape(3, 3, n, t, u, k)
    np.subtract(rows[:, :, :, 0:-1:2], rows[:, :, :, 1::2], out=out[:, 0])
    out[:, 1] = rows[:, :, :, 1::2]
    np.subtract(rows[:, :, :, 2::2], rows[:, :, :, 1::2], out=out[:, 2])


def _padded(image: Array, padding: Pair, size: Pair) -> Array:
    """The image within zeros; what is beyond `size` is cut off."""
    (ph, pw), (n, h, w, c) = padding, image.shape
    pixels = np.zeros((n, *size, c), image.dtype)
    pixels[:, ph : ph + h, pw : pw + w] = image[:, : size[0] - ph, : size[1] - pw]
    return pixels


def _image(products: Array, how: Geometry, image: Array) -> None:
    """The adjoint: the image of what A x would be."""
    (sh, sw), (ph, pw) = how.stride, how.padding
    _, n, t, u, k = products.shape
    h, w, c = image.shape[1:]
    rows = np.empty((3, n, t, 2 * u + 1, k), products.dtype)
    products = products.reshape(3, 3, n, t, u, k)
    _back(products.transpose(1, 4, 0, 2, 3, 5), rows.transpose(3, 0, 1, 2, 4))
    pixels = np.empty((n, 2 * t + 1, sh, 2 * u + 1, sw * c), products.dtype)
    rows = rows.reshape(3, n, t, 2 * u + 1, sh, sw * c)
    _back(rows.transpose(0, 2, 1, 3, 4, 5), pixels.transpose(1, 0, 3, 2, 4))
    pixels = pixels.reshape(n, (2 * t + 1) * sh, (2 * u + 1) * sw, c)
    reached = pixels[:, ph : ph + h, pw : pw + w]
    if reached.shape != image.shape:  # the last pixels, beyond all patches
        image[...] = 0
    image[:, : reached.shape[1], : reached.shape[2]] = reached


def _back(m: Array, d: Array) -> None:
    """The adjoint along one axis, the first of m (3, T, ...)[i] and of d (2 T + 1, ...)."""
    d[0], d[-1] = m[0, 0], m[2, -1]
    np.add(m[0, 1:], m[2, :-1], out=d[2:-1:2])
    np.subtract(m[1], m[0], out=d[1::2])
    d[1::2] -= m[2]


# ---- B and C, of kernels and outputs: (g0, g0 + g1, g1) ------------------------------------------


def of_kernel(weight: Array) -> Array:
    """B w (9, O, sh * sw * C) of a kernel (O, KH, KW, C)."""
    o, kh, kw, c = weight.shape
    taps = weight.reshape(o, 2, kh // 2, 2, kw // 2 * c)
    out = np.empty((3, 3, o, kh // 2, kw // 2 * c), weight.dtype)
    taps = taps.transpose(1, 3, 0, 2, 4)
    for_parts(o, 9 * kh * kw * c, lambda part: _three(taps[:, :, part], out[:, :, part]))
    return out.reshape(9, o, -1)


def _kernel(products: Array, stride: Pair) -> Array:
    """The adjoint."""
    (sh, sw), o = stride, products.shape[1]
    out = np.empty((o, 2, sh, 2, products.shape[2] // sh), products.dtype)
    _two(products.reshape(3, 3, o, sh, -1), out.transpose(1, 3, 0, 2, 4))
    return out.reshape(o, 2 * sh, 2 * sw, -1)


def of_output(y: Array, out: Array | None = None) -> Array:
    """C y (9, N, T, U, O) of outputs (N, OH, OW, O)."""
    n, oh, ow, o = y.shape
    t, u = _tiles((oh, ow))
    if (oh, ow) != (2 * t, 2 * u):
        y = _padded(y, (0, 0), (2 * t, 2 * u))
    if out is None:
        out = np.empty((9, n, t, u, o), y.dtype)
    _three(y.reshape(n, t, 2, u, 2, o).transpose(2, 4, 0, 1, 3, 5), out.reshape(3, 3, n, t, u, o))
    return out


def _output(products: Array, y: Array) -> None:
    """The adjoint."""
    n, oh, ow, o = y.shape
    t, u = _tiles((oh, ow))
    whole = y if (oh, ow) == (2 * t, 2 * u) else np.empty((n, 2 * t, 2 * u, o), y.dtype)
    _two(
        products.reshape(3, 3, n, t, u, o),
        whole.reshape(n, t, 2, u, 2, o).transpose(2, 4, 0, 1, 3, 5),
    )
    if whole is not y:
        y[...] = whole[:, :oh, :ow]


def _three(g: Array, out: Array) -> None:
    """g (2, 2, ...) as (3, 3, ...) along both axes."""
    out[0::2, 0::2] = g
    np.add(g[:, 0], g[:, 1], out=out[0::2, 1])
    np.add(out[0], out[2], out=out[1])


def _two(m: Array, out: Array) -> None:
    """The adjoint, in place of m (3, 3, ...): (2, 2, ...)."""
    m[0] += m[1]
    m[2] += m[1]
    rows = m[0::2]
    np.add(rows[:, 0], rows[:, 1], out=out[:, 0])
    np.add(rows[:, 2], rows[:, 1], out=out[:, 1])
