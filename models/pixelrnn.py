"""PixelRNN with Row LSTM layers (van den Oord et al. 2016, "Pixel recurrent neural networks",
sections 3.1 and 3.3 to 3.5).

A Row LSTM goes down the image row by row, all columns at once. Its gates are of two convolutions
along the row: input-to-state, masked (kind B) and for all rows in one pass; and state-to-state, of
the row above, which need not be masked:

    o, f, i, g = sigmoid, sigmoid, sigmoid, tanh of (K_ss * h_above + K_is * x)
    c = f c_above + i g
    h = o tanh(c)                                              (equation 3)

So a pixel may depend on all rows above, in a triangle that widens by a pixel on each side with each
row. 28 steps for an image, where PixelCNN takes one; and 784 passes to draw one, as there.
"""

from typing import Any

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from .autoregressive import Shape
from .pixelcnn import GatedPixelCNN, MaskedConv2d, OneStack, PixelCNN, head


class RowLSTM(nn.Module):
    """x (N, channels, H, W) + a 1x1 convolution of the states h (N, hidden, H, W) (figure 5, right,
    of the paper)."""

    def __init__(
        self, channels: int, hidden: int, kernel: int, colours: int, conditions: int
    ) -> None:
        super().__init__()
        self.hidden, self.kernel = hidden, kernel
        self.input = MaskedConv2d("B", channels, 4 * hidden, (1, kernel), colours, conditions)
        self.state = nn.Conv1d(hidden, 4 * hidden, kernel, padding=kernel // 2)
        self.widen = MaskedConv2d("B", hidden, channels, 1, colours)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        n, _, _, width = x.shape
        h = c = mg.zeros(n, self.hidden, width, dtype=x.dtype, device=x.device)
        rows = []
        for share in self.input(x, context).unbind(2):
            h, c = step(share + self.state(h), c)
            rows.append(h)
        return x + self.widen(mg.stack(rows, 2))

    def memory(self, x: Tensor) -> "Memory":
        return Memory(self, x)

    def at(self, x: Tensor, memory: "Memory", context: Tensor | None, i: int, j: int) -> Tensor:
        memory.x[:, :, i : i + 1, j : j + 1] = x
        above = memory.h[:, :, i, j : j + self.kernel]
        share = self.input.at(memory.x, context, i, j).squeeze(3)
        gates = share + F.conv1d(above, self.state.weight, self.state.bias)
        h, c = step(gates, memory.c[:, :, i, j : j + 1])
        middle = j + self.kernel // 2
        memory.h[:, :, i + 1, middle : middle + 1] = h
        memory.c[:, :, i + 1, j : j + 1] = c
        return x + self.widen(h.unsqueeze(2))


def step(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The states (N, hidden, W) of a row, given those of the gates and c of the row above."""
    o, f, i, g = gates.chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class Memory:
    """What a layer has taken and its states, in drawing; those have a row of zeros above, and h
    zeros to the left and right too."""

    def __init__(self, layer: RowLSTM, x: Tensor) -> None:
        n, _, height, width = x.shape
        channels, around = layer.widen.conv.out_channels, layer.kernel - 1
        place: Any = {"dtype": x.dtype, "device": x.device}
        self.x = mg.zeros(n, channels, height, width, **place)
        self.h = mg.zeros(n, layer.hidden, height + 1, width + around, **place)
        self.c = mg.zeros(n, layer.hidden, height + 1, width, **place)


class PixelRNN(OneStack):
    """One stack of Row LSTM layers."""

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: int = 32,
        layers: int = 2,
        first: int = 7,
        kernel: int = 3,
        likelihood: str = "bernoulli",
        conditions: int = 0,
        places: bool = False,
    ) -> None:
        super().__init__(image_shape, channels, first, likelihood, conditions, places)
        c = self.colours
        self.layers = nn.ModuleList(
            RowLSTM(channels, channels // 2, kernel, c, conditions) for _ in range(layers)
        )
        self.head = head(channels, c * self.likelihood.numbers, c)

    @property
    def stack(self) -> nn.ModuleList[Any]:
        return self.layers


# Those made of masked convolutions, all by the same arguments.
KINDS: dict[str, type[PixelCNN] | type[GatedPixelCNN] | type[PixelRNN]] = {
    "pixelcnn": PixelCNN,
    "gated": GatedPixelCNN,
    "pixelrnn": PixelRNN,
}
