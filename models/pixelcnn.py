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

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn
from models.autoregressive import Autoregressive, Context, Shape


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
        weight = self.conv.weight if self.dense else self.conv.weight * self.mask
        if any(self.padding):
            x = F.pad(x, self.padding)
        return self.context(F.conv2d(x, weight, self.conv.bias), context)


def _seen(kind: str, in_channels: int, out_channels: int, colours: int) -> Tensor:
    """Which channels of a pixel its own see, (out_channels, in_channels): those of the colours
    before it, and with kind "B" of its own."""
    to, of = (mg.arange(n) % colours for n in (out_channels, in_channels))
    to = to.unsqueeze(1)
    return ((of < to) | ((of == to) & (kind == "B"))).to(mg.float32)


class PixelCNN(Autoregressive):
    """Mask A, then residual blocks of mask B (table 1 of 2016a): 2h channels, of which a block
    takes h = channels / 2 through its kernel.

    `channels` is a multiple of twice the colours, so that each has as many as another, else
    ValueError.
    """

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: int = 32,
        blocks: int = 5,
        first: int = 7,
        kernel: int = 3,
        likelihood: str = "bernoulli",
        conditions: int = 0,
    ) -> None:
        super().__init__(image_shape, likelihood, conditions)
        _check_channels(channels, 2 * self.colours)
        c = self.colours
        self.first = MaskedConv2d("A", c, channels, first, c, conditions)
        self.blocks = nn.ModuleList(Block(channels, kernel, c, conditions) for _ in range(blocks))
        self.head = head(channels, c * self.likelihood.numbers, c)
        self.reach = first // 2 + blocks * (kernel // 2)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        h = self.first(x, context)
        for block in self.blocks:
            h = block(h, context)
        return self.head(h)


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


class GatedPixelCNN(Autoregressive):
    """Two stacks, of the rows above and of the row to the left (section 2 of 2016b)."""

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: int = 16,
        layers: int = 5,
        first: int = 7,
        kernel: int = 3,
        likelihood: str = "bernoulli",
        conditions: int = 0,
    ) -> None:
        super().__init__(image_shape, likelihood, conditions)
        _check_channels(channels, self.colours)
        c = self.colours
        self.layers = nn.ModuleList(
            [GatedLayer("A", c, channels, first, c, conditions)]
            + [GatedLayer("B", channels, channels, kernel, c, conditions) for _ in range(layers)]
        )
        self.head = head(channels, c * self.likelihood.numbers, c)
        self.reach = first // 2 + layers * (kernel // 2)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        above = left = x
        for layer in self.layers:
            above, left = layer(above, left, context)
        return self.head(left)


class GatedLayer(nn.Module):
    """One layer of both stacks (figure 2 of 2016b).

    `above` at a pixel is of the rows above it only: in the first layer, of kind "A", its kernel
    ends above the pixel's row; in later ones it takes in that row, where every place is of the rows
    above. So it needs no mask, and no shift on its way into `left`. Nothing goes the other way.
    """

    def __init__(
        self, kind: str, in_channels: int, channels: int, kernel: int, colours: int, conditions: int
    ) -> None:
        super().__init__()
        half = kernel // 2
        rows = half if kind == "A" else half + 1
        self.padding = (half, half, half, rows - half - 1)
        self.residual = kind == "B"
        self.vertical = nn.Conv2d(in_channels, 2 * channels, (rows, kernel))
        self.to_left = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.horizontal = MaskedConv2d(
            kind, in_channels, 2 * channels, (1, kernel), colours, conditions
        )
        self.out = MaskedConv2d("B", channels, channels, 1, colours)
        self.context = Context(conditions, 2 * channels)

    def forward(
        self, above: Tensor, left: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        v = self.vertical(F.pad(above, self.padding))
        h = self.out(gate(self.horizontal(left, context) + self.to_left(v)))
        return gate(self.context(v, context)), left + h if self.residual else h


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


def _check_channels(channels: int, least: int) -> None:
    if channels < 1 or channels % least:
        raise ValueError(f"PixelCNN: channels must be a multiple of {least}, got {channels}")
