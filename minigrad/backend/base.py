"""The interface that every device offers, and what is written once for all of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .numeric import log_of_rounded, quiet

Array: TypeAlias = Any  # a numpy.ndarray or a cupy.ndarray
DType: TypeAlias = np.dtype[Any]
Shape: TypeAlias = tuple[int, ...]


Pair: TypeAlias = tuple[int, int]


def find_dtype(name: str, dtype: Any) -> DType:
    """A NumPy dtype by its name or type; TypeError, in the function's name, for what is none that
    tensors have."""
    try:
        found: DType = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"{name}: {dtype!r} is no dtype") from None
    if found.kind not in "fiub":
        raise TypeError(f"{name}: tensors are made of numbers and bools, not of {found}")
    return found


class Geometry(NamedTuple):
    """How a kernel moves over an image."""

    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int


class Device(ABC):
    """A place for arrays: the array module, one door up, one door down, and random numbers."""

    name: str
    xp: Any
    description: str  # what there is, for people

    @abstractmethod
    def asarray(self, data: object, dtype: DType | None = None) -> Array:
        """Bring data to this device (the only way up); no copy if it is here already in that
        dtype."""

    @abstractmethod
    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        """Bring an array to the host (the only way down); waits for the device."""

    @abstractmethod
    def generator(self, seed: int) -> Any:
        """A generator of random numbers on this device (see `RandomGenerator`)."""

    @property
    def type(self) -> str:
        """Its kind, "cpu" or "cuda"."""
        return self.name.partition(":")[0]

    def room(self) -> int:
        """How many bytes are free for a copy of what the host has; 0 where that is no gain."""
        return 0

    # ---- the heavy primitives, in NumPy; other devices have kernels of their own for them --------

    def matmul(self, x: Array, y: Array) -> Array:
        """x @ y, of matrices or of stacks of them."""
        return self.xp.matmul(x, y)

    def fewer_products(self, weight: Shape, dtype: DType, how: Geometry) -> Any:
        """The module that convolves with a kernel of shape (O, C/groups, KH, KW) in fewer products
        than the kernel has taps, if there is one and it pays; else None."""
        return None

    def gather_patches(self, image: Array, kernel: Pair, how: Geometry, out_size: Pair) -> Array:
        """The patches of an image (N, H, W, C) that a kernel meets: (N, OH, OW, KH, KW, C),
        contiguous."""
        return self.xp.ascontiguousarray(self._windows(image, kernel, how, out_size))

    def _windows(self, image: Array, kernel: Pair, how: Geometry, out_size: Pair) -> Array:
        """The patches as a view of the padded image."""
        (sh, sw), (dh, dw) = how.stride, how.dilation
        padded = self._padded(image, how.padding)
        s0, s1, s2, s3 = padded.strides
        return self.xp.lib.stride_tricks.as_strided(
            padded,
            (len(image), *out_size, *kernel, image.shape[3]),
            (s0, s1 * sh, s2 * sw, s1 * dh, s2 * dw, s3),
        )

    def scatter_product(self, image: Array, weight: Array, how: Geometry, size: Pair) -> Array:
        """The adjoint of gathering and multiplying: images (N, H, W, C) times weight (C, KH, KW,
        O), each product added into the patch that it belongs to, of an image (N, *size, O),
        C-contiguous."""
        n, h, w, c = image.shape
        _, kh, kw, o = weight.shape
        patches = self.matmul(image.reshape(-1, c), weight.reshape(c, -1))
        return self.scatter_patches(patches.reshape(n, h, w, kh, kw, o), how, size)

    def scatter_patches(self, patches: Array, how: Geometry, size: Pair) -> Array:
        """The adjoint: patches (N, OH, OW, KH, KW, C) added into an image (N, H, W, C),
        C-contiguous."""
        n, oh, ow, kh, kw, c = patches.shape
        (sh, sw), (ph, pw), (dh, dw) = how.stride, how.padding, how.dilation
        image = self.xp.zeros((n, size[0] + 2 * ph, size[1] + 2 * pw, c), patches.dtype)
        for i in range(kh):
            for j in range(kw):
                top, left = i * dh, j * dw
                image[:, top : top + oh * sh : sh, left : left + ow * sw : sw] += patches[
                    :, :, :, i, j
                ]
        return self.xp.ascontiguousarray(image[:, ph : ph + size[0], pw : pw + size[1]])

    def _padded(self, image: Array, padding: Pair) -> Array:
        ph, pw = padding
        if not (ph or pw):
            return image
        n, h, w, c = image.shape
        padded = self.xp.zeros((n, h + 2 * ph, w + 2 * pw, c), image.dtype)
        padded[:, ph : ph + h, pw : pw + w] = image
        return padded

    # ---- sums: their error does not grow with the number of terms --------------------------------

    def sum(self, x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Array:
        """x summed over `axes`, which are not negative; integers and bools as NumPy does it."""
        if x.dtype.kind != "f":
            return x.sum(axis=axes, keepdims=keepdims)
        return self._sum(x, axes, keepdims).astype(x.dtype, copy=False)

    def mean(self, x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Array:
        """The mean over `axes`, also of float16 whose sum overflows; NaN of no numbers."""
        n = math.prod([x.shape[i] for i in axes])
        total = self._sum(x, axes, keepdims)
        return (total / n if n else total * math.nan).astype(x.dtype, copy=False)

    @quiet
    def variance(
        self, x: Array, axes: tuple[int, ...], keepdims: bool = False, correction: float = 0
    ) -> Array:
        """The sum of squared deviations over n - correction; of none or fewer, as divided by 0.

        NOTE: the mean is rounded, so the deviations' own mean is not 0: far from 0 its square
        counts.
        """
        n = math.prod([x.shape[i] for i in axes])
        deviations = x.astype(np.result_type(x.dtype, np.float32))
        deviations -= self.mean(deviations, axes, keepdims=True)
        off = self._sum(deviations, axes, keepdims)
        deviations *= deviations
        total = self._sum(deviations, axes, keepdims) - off * off / max(n, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (total / max(n - correction, 0)).astype(x.dtype, copy=False)

    def _sum(self, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        """The sum of floats, in their dtype or a wider one."""
        return x.sum(axis=axes, keepdims=keepdims, dtype=np.float64)

    def add_at(self, array: Array, key: Any, values: Array) -> None:
        """array[key] += values in place, where an element that is named twice gets both."""
        self.xp.add.at(array, key, values)

    def ahead(self, batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Array, ...]]:
        """Batches of host arrays as arrays of this device, which may fetch one batch ahead."""
        return (tuple([self.asarray(x) for x in batch]) for batch in batches)

    @quiet
    def bce_terms(self, x: Array, target: Array) -> tuple[Array, Array]:
        """For logits x: their cross-entropy with target in nats, and e = exp(-|x|)."""
        xp = self.xp
        e = xp.exp(-xp.abs(x))
        losses = xp.maximum(x, 0) - x * target
        losses += log_of_rounded(xp, e, e + 1)
        return losses, e

    def bce_slope(self, x: Array, target: Array, e: Array) -> Array:
        """The slope sigmoid(x) - target of the cross-entropy: the sigmoid is 1 or e over 1 + e."""
        slope = self.xp.maximum(e, x >= 0)
        slope /= e + 1
        slope -= target
        return slope

    def leaky(self, g: Array, x: Array, slope: float) -> Array:
        """g where x > 0, else slope * g: leaky_relu for g = x, and its gradient.

        NOTE: by arithmetic on the mask, since xp.where is eight times slower on a mask without
        runs.
        """
        positive: Array = x > 0
        if slope == 0:
            return g * positive
        positive = positive.astype(x.dtype)
        if 0 < slope <= 1:
            return g * self.xp.maximum(positive, slope)
        return g * (positive * (1 - slope) + slope)

    def adam(
        self, parameters: Sequence[list[Array]], numbers: Callable[[], Sequence[float]]
    ) -> bool:
        """Do Adam's update of contiguous arrays [param, grad, exp_avg, exp_avg_sq] of one dtype in
        one kernel, by the `numbers` that it takes; False, without asking for them, where there is
        none."""
        return False

    # ---- a step as one graph ---------------------------------------------------------------------

    def captured(self, record: Callable[[], Any]) -> Any:
        """What `record` does, as a graph that can be replayed; None where there are no graphs."""
        return None

    def live(self, numbers: Callable[[], Sequence[float]], dtype: DType) -> Any:
        """numbers(), which the host computes anew for each step: in a step that is being captured
        an array that has them."""
        return numbers()

    # ---- batch norm in float64: for few numbers, and for dtypes that have no kernel --------------

    def batch_norm_statistics(self, rows: Array, eps: float) -> tuple[Array, Array, Array]:
        """Mean, biased variance, and 1 / sqrt(variance + eps) of each column of rows (M, C)."""
        mean, variance = self._moments(rows)
        return mean, variance, (variance + eps) ** -0.5

    def _moments(self, rows: Array) -> tuple[Array, Array]:
        mean = rows.sum(axis=0, dtype=np.float64) / len(rows)
        return mean, self.xp.square(rows - mean).sum(axis=0) / len(rows)

    def batch_norm_move(
        self, running: Sequence[Array], batch: Sequence[Array], momentum: float, correction: float
    ) -> None:
        """Move the running mean and variance to those of a batch, whose biased variance is
        multiplied by `correction`, in place: running = (1 - momentum) running + momentum batch."""
        for old, new, factor in zip(running, batch, (1, correction)):
            old *= 1 - momentum
            old += momentum * (new * factor)

    def batch_norm_rows(
        self, rows: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None
    ) -> Array:
        """rows (M, C) minus mean, times rstd and weight, plus bias; weight and bias may be None."""
        out = (rows - mean) * (rstd if weight is None else rstd * weight)
        return (out if bias is None else out + bias).astype(rows.dtype, copy=False)

    def batch_norm_gradient(
        self, g: Array, rows: Array, mean: Array, rstd: Array, weight: Array | None
    ) -> tuple[Array, ...]:
        """Gradients for rows (M, C), weight and bias of a batch norm in training mode."""
        centred, m = rows - mean, len(rows)
        g_bias, g_weight = g.sum(axis=0, dtype=np.float64), (g * centred).sum(axis=0) * rstd
        g_rows = g - g_bias / m - centred * (g_weight * rstd / m)
        g_rows = g_rows * (rstd if weight is None else rstd * weight)
        return tuple([x.astype(g.dtype, copy=False) for x in (g_rows, g_weight, g_bias)])

    def __repr__(self) -> str:
        return f"device({self.name!r})"

    def __str__(self) -> str:
        return self.name
