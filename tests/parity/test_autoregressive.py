"""Whole training steps of the autoregressive models against PyTorch, from equal weights.

There kernels are whole and masks are made entry by entry, as published code has them.
"""

import numpy as np
import pytest

from models.made import MADE
from models.pixelcnn import GatedPixelCNN, PixelCNN
from models.pixelrnn import PixelRNN
from tests.parity.beside import assert_same_training

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tnn, tF = torch.nn, torch.nn.functional
CONDITIONS = 2


def whole(weight, rows, columns):
    """A cropped kernel with zeros where it was cut, down and to the right."""
    out, into, k, l = weight.shape
    full = torch.zeros(out, into, rows, columns, dtype=weight.dtype)
    full[:, :, :k, :l] = weight
    return full


class TorchMasked(tnn.Module):
    def __init__(self, kind, into, out, k, l, colours, conditions=0):
        super().__init__()
        self.conv = tnn.Conv2d(into, out, (k // 2 + 1, l if k > 1 else l // 2 + 1))
        self.context = tnn.Module()
        if conditions:
            self.context.map = tnn.Conv2d(conditions, out, 1, bias=False)
        self.mask = torch.zeros(out, into, k, l, dtype=torch.float64)
        for o, i, row, column in np.ndindex(out, into, k, l):
            before = (row, column) < (k // 2, l // 2)
            middle = (row, column) == (k // 2, l // 2)
            to, of = o % colours, i % colours
            self.mask[o, i, row, column] = before or (
                middle and (of <= to if kind == "B" else of < to)
            )

    def forward(self, x, c=None):
        k, l = self.mask.shape[2:]
        out = tF.conv2d(
            x, whole(self.conv.weight, k, l) * self.mask, self.conv.bias, padding=(k // 2, l // 2)
        )
        return out if c is None else out + self.context.map(c)


class TorchBlock(tnn.Module):
    def __init__(self, channels, colours):
        super().__init__()
        half = channels // 2
        self.narrow = TorchMasked("B", channels, half, 1, 1, colours)
        self.masked = TorchMasked("B", half, half, 3, 3, colours, CONDITIONS)
        self.widen = TorchMasked("B", half, channels, 1, 1, colours)

    def forward(self, x, c):
        h = self.masked(tF.relu(self.narrow(tF.relu(x))), c)
        return x + self.widen(tF.relu(h))


class TorchPixelCNN(tnn.Module):
    def __init__(self, colours, channels, out):
        super().__init__()
        self.first = TorchMasked("A", colours, channels, 5, 5, colours, CONDITIONS)
        self.places = torch_places(channels)
        self.blocks = tnn.ModuleList(TorchBlock(channels, colours) for _ in range(2))
        self.head = torch_head(channels, out, colours)

    def forward(self, x, c):
        h = self.first(x, c) + self.places.bias
        for block in self.blocks:
            h = block(h, c)
        return self.head(h)


def torch_places(channels):
    places = tnn.Module()
    places.bias = tnn.Parameter(torch.zeros(1, channels, 6, 5))
    return places


def torch_head(channels, out, colours):
    return tnn.Sequential(
        tnn.ReLU(), TorchMasked("B", channels, channels, 1, 1, colours),
        tnn.ReLU(), TorchMasked("B", channels, out, 1, 1, colours),
    )  # fmt: skip


def torch_gate(x):
    a, b = torch.chunk(x, 2, 1)
    return torch.tanh(a) * torch.sigmoid(b)


class TorchLayer(tnn.Module):
    """The rows above by a whole kernel on an image that is a row lower, in the first layer."""

    def __init__(self, kind, into, channels, k, colours):
        super().__init__()
        self.first = kind == "A"
        self.vertical = tnn.Conv2d(into, 2 * channels, (k // 2 + (not self.first), k))
        self.context = tnn.Module()
        self.context.map = tnn.Conv2d(CONDITIONS, 2 * channels, 1, bias=False)
        self.horizontal = TorchMasked(kind, into, 2 * channels, 1, k, colours)
        self.to_left = tnn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = TorchMasked("B", channels, channels, 1, 1, colours)

    def forward(self, above, left, c, places):
        k = self.vertical.weight.shape[-1]
        if self.first:  # the last row of its half is then the one above the pixel
            shifted = torch.roll(above, 1, 2) * (torch.arange(above.shape[2]) > 0)[:, None]
            kernel = torch.cat(
                [torch.zeros_like(self.vertical.weight[:, :, :1]), self.vertical.weight], 2
            )
        else:
            shifted, kernel = torch_gate(above), self.vertical.weight
        v = tF.conv2d(shifted, whole(kernel, k, k), self.vertical.bias, padding=k // 2)
        v = v + self.context.map(c) + places
        h = self.out(torch_gate(self.horizontal(left) + self.to_left(v)))
        return v, h if self.first else left + h


class TorchGated(tnn.Module):
    def __init__(self, colours, channels, out):
        super().__init__()
        self.layers = tnn.ModuleList(
            [TorchLayer("A", colours, channels, 5, colours)]
            + [TorchLayer("B", channels, channels, 3, colours) for _ in range(2)]
        )
        self.places = torch_places(2 * channels)
        self.head = torch_head(channels, out, colours)

    def forward(self, x, c):
        above = left = x
        for layer in self.layers:
            above, left = layer(above, left, c, self.places.bias if layer.first else 0)
        return self.head(left)


class TorchRow(tnn.Module):
    def __init__(self, channels, hidden, colours):
        super().__init__()
        self.input = TorchMasked("B", channels, 4 * hidden, 1, 3, colours, CONDITIONS)
        self.state = tnn.Conv1d(hidden, 4 * hidden, 3)
        self.widen = TorchMasked("B", hidden, channels, 1, 1, colours)

    def forward(self, x, c):
        shares = self.input(x, c)
        hidden = self.state.weight.shape[1]
        h = cell = torch.zeros(len(x), hidden, x.shape[3], dtype=x.dtype)
        states = torch.zeros(len(x), hidden, *x.shape[2:], dtype=x.dtype)
        for row in range(x.shape[2]):
            gates = shares[:, :, row] + self.state(tF.pad(h, (1, 1)))
            out, forget, into = (
                torch.sigmoid(gates[:, k * hidden :][:, :hidden]) for k in range(3)
            )
            cell = forget * cell + into * torch.tanh(gates[:, 3 * hidden :])
            h = out * torch.tanh(cell)
            states = states + tF.one_hot(torch.tensor(row), x.shape[2])[:, None] * h[:, :, None]
        return x + self.widen(states)


class TorchPixelRNN(tnn.Module):
    def __init__(self, colours, channels, out):
        super().__init__()
        self.first = TorchMasked("A", colours, channels, 5, 5, colours, CONDITIONS)
        self.places = torch_places(channels)
        self.layers = tnn.ModuleList(TorchRow(channels, channels // 2, colours) for _ in range(2))
        self.head = torch_head(channels, out, colours)

    def forward(self, x, c):
        h = self.first(x, c) + self.places.bias
        for layer in self.layers:
            h = layer(h, c)
        return self.head(h)


class TorchMADE(tnn.Module):
    def __init__(self, shape, hidden):
        super().__init__()
        self.shape, size = shape, int(np.prod(shape))
        sizes = [size, *hidden]
        self.layers = tnn.ModuleList(
            tnn.Linear(a, b) for a, b in zip(sizes, [*hidden, size], strict=True)
        )
        self.context = tnn.Module()
        self.context.map = tnn.Conv2d(CONDITIONS, hidden[0], 1, bias=False)
        self.degrees = [list(range(1, size + 1))]
        self.degrees += [[1 + i * (size - 1) // n for i in range(n)] for n in hidden]

    def forward(self, x, c):
        h = x.permute(0, 2, 3, 1).reshape(len(x), -1)
        for number, layer in enumerate(self.layers):
            last = number == len(self.layers) - 1
            mask = torch.zeros_like(layer.weight)
            into, out = self.degrees[number], self.degrees[0 if last else number + 1]
            for row, column in np.ndindex(*mask.shape):
                d, m = out[row], into[column]
                mask[row, column] = d > m if last else d >= m
            h = tF.linear(h, layer.weight * mask, layer.bias)
            if number == 0:
                h = h + self.context.map(c).flatten(1)
            h = h if last else tF.relu(h)
        colours, height, width = self.shape
        return h.reshape(len(x), height, width, colours).permute(0, 3, 1, 2)


CASES = {
    "PixelCNN": lambda c: (
        PixelCNN((c, 6, 5), 12, 2, 5, conditions=CONDITIONS, places=True), TorchPixelCNN(c, 12, c)
    ),
    "GatedPixelCNN": lambda c: (
        GatedPixelCNN((c, 6, 5), 6, 2, 5, conditions=CONDITIONS, places=True), TorchGated(c, 6, c)
    ),
    "PixelRNN": lambda c: (
        PixelRNN((c, 6, 5), 12, 2, 5, conditions=CONDITIONS, places=True),
        TorchPixelRNN(c, 12, c),
    ),
    "MADE": lambda c: (
        MADE((c, 6, 5), (20, 11), conditions=CONDITIONS), TorchMADE((c, 6, 5), (20, 11))
    ),
}  # fmt: skip


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_training_steps_are_pytorchs(name, colours):
    model, other = CASES[name](colours)

    def draw(rng):
        x = rng.integers(0, 2, (4, colours, 6, 5)) * 1.0
        context = rng.standard_normal((4, CONDITIONS, 1, 1))

        def loss():
            h = other(torch.tensor(x), torch.tensor(context))
            return tF.binary_cross_entropy_with_logits(h, torch.tensor(x), reduction="sum") / 4

        return (x, context), loss

    assert_same_training(model, other, draw)
