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

import minigrad as mg
from minigrad import Tensor, nn
from models.autoregressive import Autoregressive, Places, Shape
from models.pixelcnn import MaskedConv2d, head


class RowLSTM(nn.Module):
    """x (N, channels, H, W) + a 1x1 convolution of the states h (N, hidden, H, W) (figure 5, right,
    of the paper)."""

    def __init__(
        self, channels: int, hidden: int, kernel: int, colours: int, conditions: int
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.input = MaskedConv2d("B", channels, 4 * hidden, (1, kernel), colours, conditions)
        self.state = nn.Conv1d(hidden, 4 * hidden, kernel, padding=kernel // 2)
        self.widen = MaskedConv2d("B", hidden, channels, 1, colours)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        n, _, _, width = x.shape
        h = c = mg.zeros(n, self.hidden, width, dtype=x.dtype, device=x.device)
        rows = []
        for share in self.input(x, context).unbind(2):
            o, f, i, g = (share + self.state(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            rows.append(h)
        return x + self.widen(mg.stack(rows, 2))


class PixelRNN(Autoregressive):
    """Mask A, then Row LSTM layers (table 1 of the paper): 2h channels, of which a layer has h =
    channels / 2 as its state.

    With `places` the first layer has a bias for each pixel. `channels` is a multiple of twice the
    colours, else ValueError.
    """

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
        super().__init__(image_shape, likelihood, conditions)
        c = self.colours
        if channels < 1 or channels % (2 * c):
            raise ValueError(f"PixelRNN: channels must be a multiple of {2 * c}, got {channels}")
        self.first = MaskedConv2d("A", c, channels, first, c, conditions)
        self.places = Places(channels, image_shape, places)
        self.layers = nn.ModuleList(
            RowLSTM(channels, channels // 2, kernel, c, conditions) for _ in range(layers)
        )
        self.head = head(channels, c * self.likelihood.numbers, c)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        h = self.places(self.first(x, context), slice(x.shape[2]))
        for layer in self.layers:
            h = layer(h, context)
        return self.head(h)
