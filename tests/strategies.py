"""What the gradient checks draw: shapes, axes, memory layouts, how a kernel moves over an image.

Hypothesis draws shapes, layouts, settings and a seed; NumPy fills the arrays from the seed. So a
failing example shrinks to a small shape, and not to a strange float. Every filling keeps its
distance from the kinks of what it is made for: differences of step 1e-6 never reach across one.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

Shape = tuple[int, ...]
Array = np.ndarray
Filling = Callable[[np.random.Generator, Shape], Array]


def at_most(examples: int) -> settings:
    """Fewer examples than the profile asks for, where one of them costs more than milliseconds."""
    return settings(max_examples=min(examples, settings().max_examples))


# ---- shapes and axes -----------------------------------------------------------------------------


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4):
    """Shapes, with axes of size 0 and 1 among them."""
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def broadcastable(number: int, min_side: int = 0):
    """Several shapes that broadcast to one: axes may be missing on the left, or be of size 1."""
    drawn = hnp.mutually_broadcastable_shapes(
        num_shapes=number, max_dims=3, min_side=min_side, max_side=3
    )
    return drawn.map(lambda these: these.input_shapes)


def axis(ndim: int):
    """One axis, counted from the front or from the back."""
    return st.integers(-ndim, ndim - 1)


@st.composite
def axes(draw, ndim: int):
    """Axes to reduce over: one, several in any order, or None for all."""
    if ndim == 0:
        return draw(st.sampled_from([None, ()]))
    several = st.permutations(range(ndim)).flatmap(
        lambda order: st.integers(1, ndim).map(lambda n: tuple(order[:n]))
    )
    chosen = draw(st.none() | axis(ndim) | several)
    if isinstance(chosen, tuple):
        return tuple(d - ndim if draw(st.booleans()) else d for d in chosen)
    return chosen


# ---- memory layouts: the same values, elsewhere in memory ----------------------------------------


def c_order(x: Array) -> Array:
    return np.array(x, order="C")


def fortran_order(x: Array) -> Array:
    return np.array(x, order="F")


def channels_last(x: Array) -> Array:
    """The second axis runs fastest in memory."""
    return np.moveaxis(c_order(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 1 else c_order(x)


def negative_strides(x: Array) -> Array:
    return np.asarray(np.flip(c_order(np.flip(x))))


def every_second(x: Array) -> Array:
    """With gaps: every second element of a larger array, from the second on."""
    room = np.full(tuple(2 * n + 1 for n in x.shape), np.nan)
    view = room[(..., *(slice(1, 2 * n + 1, 2) for n in x.shape))]
    view[...] = x
    return view


def read_only(x: Array) -> Array:
    x = c_order(x)
    x.flags.writeable = False
    return x


def broadcast(x: Array) -> Array:
    """All along the first axis the same memory. Not for `distinct`, which it would not be."""
    return np.broadcast_to(x[:1], x.shape) if x.ndim and x.shape[0] else read_only(x)


KEEPING_VALUES = (c_order, fortran_order, channels_last, negative_strides, every_second, read_only)
layouts = st.sampled_from((*KEEPING_VALUES, broadcast))
layouts_keeping_values = st.sampled_from(KEEPING_VALUES)

# ---- fillings ------------------------------------------------------------------------------------


def normal(rng: np.random.Generator, shape: Shape) -> Array:
    return rng.standard_normal(shape)


def between(low: float, high: float) -> Filling:
    return lambda rng, shape: rng.uniform(low, high, shape)


positive = between(0.3, 2)


def nonzero(rng: np.random.Generator, shape: Shape) -> Array:
    """At least 0.3 away from a kink or a pole at 0."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 2, shape)


def distinct(rng: np.random.Generator, shape: Shape) -> Array:
    """No two closer than 0.1: a change of 1e-6 moves no maximum."""
    return (rng.permutation(prod(shape)).reshape(shape) - prod(shape) // 2) * 0.1 + 0.03


seeds = st.integers(0, 2**32 - 1)


@st.composite
def arrays(draw, shape, filling: Filling = normal, layout=layouts):
    """A float64 array of a shape, or of a drawn one, in a drawn memory layout."""
    if not isinstance(shape, tuple):
        shape = draw(shape)
    if filling is distinct:
        layout = layouts_keeping_values
    return draw(layout)(filling(np.random.default_rng(draw(seeds)), shape))


@st.composite
def operands(draw, *fillings: Filling, min_side: int = 0):
    """Arrays that broadcast against each other, one for each filling."""
    drawn = draw(broadcastable(len(fillings), min_side))
    return tuple(
        draw(arrays(shape, filling)) for shape, filling in zip(drawn, fillings, strict=True)
    )


# ---- convolutions --------------------------------------------------------------------------------


class Convolution(NamedTuple):
    """Shapes and settings of a convolution, with the size of its output."""

    x: Shape
    weight: Shape
    y: Shape
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def settings(self) -> dict:
        """The settings by the names that conv2d and conv_transpose2d share."""
        return {name: getattr(self, name) for name in ("stride", "padding", "dilation", "groups")}

    @property
    def output_padding(self) -> tuple[int, int]:
        """What lies behind the kernel's last place: with it, y transposed has the size of x."""
        places = zip(
            self.x[2:], self.weight[2:], self.stride, self.padding, self.dilation, strict=True
        )
        return tuple((n + 2 * p - d * (k - 1) - 1) % s for n, k, s, p, d in places)


@st.composite
def convolutions(draw, min_batch: int = 0):
    """Every stride (also beyond the kernel), padding, dilation and number of groups, each axis on
    its own, and sizes that the stride does not divide."""
    groups = draw(st.integers(1, 3))
    each_in, each_out = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    lines = [draw(_along_one_axis()) for _ in range(2)]
    size, out, kernel, stride, padding, dilation = zip(*lines, strict=True)
    batch = draw(st.integers(min_batch, 2))
    return Convolution(
        (batch, groups * each_in, *size),
        (groups * each_out, each_in, *kernel),
        (batch, groups * each_out, *out),
        stride,
        padding,
        dilation,
        groups,
    )


@st.composite
def _along_one_axis(draw):
    kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    padding, dilation = draw(st.integers(0, 2)), draw(st.integers(1, 3))
    reach = dilation * (kernel - 1) + 1
    size = max(reach - 2 * padding, 1) + draw(st.integers(0, 5))
    out = len(range(0, size + 2 * padding - reach + 1, stride))
    return size, out, kernel, stride, padding, dilation
