"""PixelCNN (van den Oord et al. 2016a, "Pixel recurrent neural networks", sections 3.3 to 3.5) and
Gated PixelCNN (van den Oord et al. 2016b, "Conditional image generation with PixelCNN decoders").

Convolutions whose kernels see the pixels before their own only, row by row: then the output at
pixel i can say how p(x_i | x_1, ..., x_{i-1}) is, for all pixels in one pass.

    mask A    without the pixel itself: in the first layer, whose input is the image
    mask B    with the pixel itself: afterwards, where it stands for what is before the pixel

Of the three colours of a pixel, mask A lets each see those before it, mask B itself too. Such
kernels stacked see no pixels in a wedge to the right above, however many there are: the blind spot.
Gated PixelCNN has two stacks instead, of the rows above and of the row to the left, which see all.
"""

from abc import abstractmethod
from typing import Any

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from .autoregressive import At, Autoregressive, Context, Places, Shape, part


class MaskedConv2d(nn.Module):
    """Images (N, in_channels, H, W) to (N, out_channels, H, W), each pixel from those before it,
    and with kind "B" from itself.

    A kernel of (k, l), both odd, is kept down to its middle row, and of one row down to its middle
    column: what is cut off would be multiplied by 0. Zeros of the mask are left in the last row
    alone. With `conditions` a 1x1 convolution of the context is added (equations 4 and 5 of 2016b).
    ValueError for another kind, an even kernel, and one that sees nothing at all.
    """

    mask: Tensor

    def __init__(
        self,
        kind: str,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        colours: int = 1,
        conditions: int = 0,
    ) -> None:
        super().__init__()
        k, l = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        if kind not in ("A", "B") or k % 2 == 0 or l % 2 == 0:
            raise ValueError(f"MaskedConv2d: no kernel {k}x{l} of kind {kind!r}")
        above, left = k // 2, l // 2
        right = left if above else 0
        size = (above + 1, left + 1 + right)
        self.padding = (left, right, above, 0)
        self.conv = nn.Conv2d(in_channels, out_channels, size)
        mask = mg.ones(out_channels, in_channels, *size)
        mask[:, :, -1, left + 1 :] = 0
        mask[:, :, -1, left] = _seen(kind, in_channels, out_channels, colours)
        if not mask.any():
            raise ValueError(f"MaskedConv2d: of kind A, a kernel {k}x{l} sees nothing")
        self.dense = bool(mask.all())
        self.register_buffer("mask", mask, persistent=False)
        self.context = Context(conditions, out_channels)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self._convolve(F.pad(x, self.padding) if any(self.padding) else x, context)

    def at(self, x: Tensor, context: Tensor | None, i: int, j: int) -> Tensor:
        """The output at one pixel, (N, out_channels, 1, 1), for the context there."""
        left, right, above, _ = self.padding
        missing = (max(0, left - j), max(0, j + right + 1 - x.shape[3]), max(0, above - i), 0)
        window = x[:, :, max(0, i - above) : i + 1, max(0, j - left) : j + right + 1]
        return self._convolve(F.pad(window, missing), context)

    def _convolve(self, padded: Tensor, context: Tensor | None) -> Tensor:
        weight = self.conv.weight if self.dense else self.conv.weight * self.mask
        return self.context(F.conv2d(padded, weight, self.conv.bias), context)


def _seen(kind: str, in_channels: int, out_channels: int, colours: int) -> Tensor:
    """Which channels of a pixel its own see, (out_channels, in_channels): those of the colours
    before it, and with kind "B" of its own."""
    to, of = (mg.arange(n) % colours for n in (out_channels, in_channels))
    to = to.unsqueeze(1)
    return ((of < to) | ((of == to) & (kind == "B"))).to(mg.float32)


class OneStack(Autoregressive):
    """Mask A, then a `stack` of layers, then the `head` (table 1 of 2016a): 2h channels, of which a
    layer takes h = channels / 2 inside.

    A layer has `forward(h, context)`, and to draw, one pixel after the other, `at(h, memory,
    context, i, j)`, which is forward at a pixel, h being of it alone, and `memory(x)`, which is
    what that remembers for images like x. With `places` the first layer has a bias for each pixel.
    `channels` is a multiple of twice the colours, so that each has as many as another, else
    ValueError.
    """

    head: nn.Sequential

    def __init__(
        self, image_shape: Shape, channels: int, first: int, likelihood: str, conditions: int,
        places: bool,
    ) -> None:  # fmt: skip
        super().__init__(image_shape, likelihood, conditions)
        c = self.colours
        check_channels(type(self).__name__, channels, 2 * c)
        self.first = MaskedConv2d("A", c, channels, first, c, conditions)
        self.places = Places(channels, image_shape, places)

    @property
    @abstractmethod
    def stack(self) -> nn.ModuleList[Any]:
        """The layers between the first and the head."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        h = self.places(self.first(x, context))
        for layer in self.stack:
            h = layer(h, context)
        return self.head(h)

    def in_order(self, x: Tensor, context: Tensor | None) -> At:
        """Each layer is computed at the number's pixel alone, and remembers what it needs."""
        memories = [layer.memory(x) for layer in self.stack]

        def at(colour: int, i: int, j: int) -> Tensor:
            pixel = slice(i, i + 1), slice(j, j + 1)
            here = part(context, *pixel)
            h = self.places(self.first.at(x, here, i, j), *pixel)
            for layer, memory in zip(self.stack, memories, strict=True):
                h = layer.at(h, memory, here, i, j)
            return self.head(h)[:, colour :: self.colours]

        return at


class PixelCNN(OneStack):
    """One stack of residual blocks of mask B."""

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: int = 32,
        blocks: int = 5,
        first: int = 7,
        kernel: int = 3,
        likelihood: str = "bernoulli",
        conditions: int = 0,
        places: bool = False,
    ) -> None:
        super().__init__(image_shape, channels, first, likelihood, conditions, places)
        c = self.colours
        self.blocks = nn.ModuleList(Block(channels, kernel, c, conditions) for _ in range(blocks))
        self.head = head(channels, c * self.likelihood.numbers, c)

    @property
    def stack(self) -> nn.ModuleList[Any]:
        return self.blocks


class Block(nn.Module):
    """h + what a 1x1, a masked and a 1x1 convolution make of it (figure 5, left, of 2016a)."""

    def __init__(self, channels: int, kernel: int, colours: int, conditions: int) -> None:
        super().__init__()
        half = channels // 2
        self.narrow = MaskedConv2d("B", channels, half, 1, colours)
        self.masked = MaskedConv2d("B", half, half, kernel, colours, conditions)
        self.widen = MaskedConv2d("B", half, channels, 1, colours)

    def forward(self, h: Tensor, context: Tensor | None = None) -> Tensor:
        out = self.masked(self.narrow(h.relu()).relu(), context)
        return h + self.widen(out.relu())

    def memory(self, x: Tensor) -> Tensor:
        """A map for what the kernel takes."""
        return _map(x, self.masked.conv.in_channels)

    def at(self, h: Tensor, memory: Tensor, context: Tensor | None, i: int, j: int) -> Tensor:
        memory[:, :, i : i + 1, j : j + 1] = self.narrow(h.relu()).relu()
        return h + self.widen(self.masked.at(memory, context, i, j).relu())


class GatedPixelCNN(Autoregressive):
    """Two stacks, of the rows above and of the row to the left (section 2 of 2016b).

    With `places` the first vertical layer has a bias for each pixel. `channels` is a multiple of
    the colours, else ValueError.
    """

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: int = 16,
        layers: int = 5,
        first: int = 7,
        kernel: int = 3,
        likelihood: str = "bernoulli",
        conditions: int = 0,
        places: bool = False,
    ) -> None:
        super().__init__(image_shape, likelihood, conditions)
        check_channels("GatedPixelCNN", channels, self.colours)
        self.channels, c = channels, self.colours
        self.layers = nn.ModuleList(
            [GatedLayer("A", c, channels, first, c, conditions)]
            + [GatedLayer("B", channels, channels, kernel, c, conditions) for _ in range(layers)]
        )
        self.places = Places(2 * channels, image_shape, places)
        self.head = head(channels, c * self.likelihood.numbers, c)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        above = left = x
        for layer in self.layers:
            above = layer.rows(above, context)
            above = above if layer.later else self.places(above)
            left = layer(left, above)
        return self.head(left)

    def in_order(self, x: Tensor, context: Tensor | None) -> At:
        """The vertical stack is computed for a row when its first number is asked for, and the
        horizontal one at the number's pixel; what was computed before is remembered."""
        above = [x, *(_map(x, 2 * self.channels) for _ in self.layers)]
        left = [x, *(_map(x, self.channels) for _ in self.layers)]

        def at(colour: int, i: int, j: int) -> Tensor:
            row, pixel = slice(i, i + 1), slice(j, j + 1)
            if colour == j == 0:
                here = part(context, row)
                for layer, before, after in zip(self.layers, above, above[1:], strict=False):
                    v = layer.row(before, here, i)
                    after[:, :, row] = v if layer.later else self.places(v, row)
            for k, layer in enumerate(self.layers):
                left[k + 1][:, :, row, pixel] = layer.at(left[k], above[k + 1], i, j)
            return self.head(left[-1][:, :, row, pixel])[:, colour :: self.colours]

        return at


class GatedLayer(nn.Module):
    """One layer of both stacks (figure 2 of 2016b).

    What is `above` a pixel, of 2 channels numbers before their gate, is of the rows above it only:
    the first layer's kernel, of kind "A", ends above the pixel's row; that of later ones takes in
    that row too, where every place is of the rows above. So it needs no mask, and no shift on its
    way to the left. Nothing goes the other way.
    """

    def __init__(
        self, kind: str, in_channels: int, channels: int, kernel: int, colours: int, conditions: int
    ) -> None:
        super().__init__()
        half = kernel // 2
        self.later = kind == "B"
        self.padding = (half, half, half, 0 if self.later else -1)
        self.vertical = nn.Conv2d(in_channels, 2 * channels, (half + self.later, kernel))
        self.context = Context(conditions, 2 * channels)
        self.horizontal = MaskedConv2d(kind, in_channels, 2 * channels, (1, kernel), colours)
        self.to_left = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = MaskedConv2d("B", channels, channels, 1, colours)

    def rows(self, above: Tensor, context: Tensor | None) -> Tensor:
        """The vertical stack's next layer, before its gate."""
        return self._rows(above, self.padding, context)

    def row(self, above: Tensor, context: Tensor | None, i: int) -> Tensor:
        """`rows` in row i alone, (N, 2 channels, 1, W), for the context there."""
        left, right, top, bottom = self.padding
        window = above[:, :, max(0, i - top) : i + 1 + bottom]
        return self._rows(window, (left, right, max(0, top - i), 0), context)

    def _rows(self, above: Tensor, padding: tuple[int, ...], context: Tensor | None) -> Tensor:
        taken = gate(above) if self.later else above
        return self.context(self.vertical(F.pad(taken, padding)), context)

    def forward(self, left: Tensor, above: Tensor) -> Tensor:
        """The horizontal stack's next layer."""
        return self._joined(left, self.horizontal(left, None), above)

    def at(self, left: Tensor, above: Tensor, i: int, j: int) -> Tensor:
        """forward at one pixel."""
        own = (..., slice(i, i + 1), slice(j, j + 1))
        return self._joined(left[own], self.horizontal.at(left, None, i, j), above[own])

    def _joined(self, left: Tensor, h: Tensor, above: Tensor) -> Tensor:
        out = self.out(gate(h + self.to_left(above)))
        return left + out if self.later else out


def gate(x: Tensor) -> Tensor:
    """tanh of the first half of the channels times sigmoid of the second (equation 2 of 2016b)."""
    a, b = x.chunk(2, 1)
    return a.tanh() * b.sigmoid()


def head(channels: int, out_channels: int, colours: int) -> nn.Sequential:
    """Two masked 1x1 convolutions to what the likelihood takes."""
    return nn.Sequential(
        nn.ReLU(), MaskedConv2d("B", channels, channels, 1, colours),
        nn.ReLU(), MaskedConv2d("B", channels, out_channels, 1, colours),
    )  # fmt: skip


def _map(x: Tensor, channels: int) -> Tensor:
    """A map of so many channels for images like x, with nothing in it yet."""
    n, _, height, width = x.shape
    return mg.zeros(n, channels, height, width, dtype=x.dtype, device=x.device)


def check_channels(name: str, channels: int, least: int) -> None:
    """ValueError unless there are as many as `least`, or a multiple of that."""
    if channels < 1 or channels % least:
        raise ValueError(f"{name}: channels must be a multiple of {least}, got {channels}")
