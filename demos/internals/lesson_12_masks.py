"""Masks that make a network autoregressive

p(x) = p(x1) p(x2 | x1) p(x3 | x1, x2) ... is a density without any integral, if the network that
predicts pixel k has not seen pixel k, or a later one. One network can predict all at once if the
weights on forbidden ways are zero: each weight is multiplied by a mask.

A hidden unit is given a number k, and sees the pixels before k only. Pixel k is predicted from
hidden units of numbers up to k. So no way leads from a pixel to itself or to an earlier one.
models/made.py has the same for images, models/pixelcnn.py has masks on kernels of convolutions.

Whether the masks are right cannot be seen from the loss: a wrong one makes it better. But p(x),
added up over all images, must be 1.
"""

from itertools import product
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import optim

PIXELS = 4
FIRST = np.arange(PIXELS)[:, None]  # a pixel's number, from which a way leads ...
GROUP = np.arange(PIXELS).repeat(8)  # ... to a hidden unit's: eight for each pixel


class Network:
    """Scores of four pixels from four pixels. `shown` lets each see itself: the classic mistake."""

    def __init__(self, shown: bool = False) -> None:
        before = FIRST <= GROUP if shown else FIRST < GROUP
        self.masks = [mg.tensor(m.astype(float)) for m in (before, GROUP[:, None] <= FIRST.T)]
        self.weights = [mg.randn_like(mask).requires_grad_() for mask in self.masks]
        self.bias = mg.zeros(PIXELS, dtype=mg.float64, requires_grad=True)

    def __call__(self, x: mg.Tensor) -> mg.Tensor:
        first, second = (w * m for w, m in zip(self.weights, self.masks, strict=True))
        return (x @ first).tanh() @ second + self.bias

    def log_prob(self, x: mg.Tensor) -> mg.Tensor:
        return -F.binary_cross_entropy_with_logits(self(x), x, reduction="none").sum(1)


def sees(network: Network) -> np.ndarray:
    """How strongly the score of pixel k (rows) depends on pixel i (columns)."""
    x = mg.rand(1, PIXELS, dtype=mg.float64).requires_grad_()
    slopes = [mg.grad(s, x, retain_graph=True)[0][0] for s in network(x)[0]]
    return mg.stack(slopes).abs().numpy()


def main(out: Path) -> None:
    mg.manual_seed(0)
    right, wrong = Network(), Network(shown=True)
    for row in sees(right) > 0:
        print(row.astype(int))
    # → [0 0 0 0]
    # → [1 0 0 0]
    # → [1 1 0 0]
    # → [1 1 1 0]
    # The first pixel depends on nothing: its score is a bias. The wrong one sees itself:
    print(np.diag(sees(wrong) > 0).tolist())  # → [True, True, True, True]

    # All sixteen images of four pixels; any weights will do.
    images = mg.tensor(list(product((0.0, 1.0), repeat=PIXELS)), dtype=mg.float64)
    totals = [network.log_prob(images).exp().sum().item() for network in (right, wrong)]
    print([abs(total - 1) < 1e-12 for total in totals])  # → [True, False]

    # Data: four equal pixels, black or white: log 2 = 0.69 nats. Who needs less has looked.
    data = mg.tensor([[0.0] * PIXELS, [1.0] * PIXELS], dtype=mg.float64)
    losses = {"right": train(right, data), "wrong": train(wrong, data)}
    print(abs(losses["right"][-1] - np.log(2)) < 0.05, losses["wrong"][-1] < 0.05)  # → True True
    draw(out, [sees(right), sees(wrong)], losses)


def train(network: Network, data: mg.Tensor) -> list[float]:
    adam, losses = optim.Adam([*network.weights, network.bias], lr=0.05), []
    for _ in range(400):
        losses.append(-network.log_prob(data).mean())
        adam.zero_grad()
        losses[-1].backward()
        adam.step()
    return [loss.item() for loss in losses]


def draw(out: Path, seen: list[np.ndarray], losses: dict[str, list[float]]) -> None:
    figure = Figure(figsize=(10, 3.4), dpi=100, layout="constrained")
    *maps, curves = figure.subplots(1, 3)
    for axes, matrix, name in zip(maps, seen, losses, strict=True):
        axes.imshow(matrix > 0, cmap="Blues", vmax=2, extent=(0.5, 4.5, 4.5, 0.5))
        axes.set(title=f"the {name} masks", xticks=range(1, 5), yticks=range(1, 5))
        axes.set(xlabel="sees pixel", ylabel="the score of pixel")
    for name, values in losses.items():
        curves.plot(values, "-" if name == "right" else "--", label=f"{name} masks")
    curves.axhline(np.log(2), color="k", linewidth=0.8, label="the data's entropy")
    curves.set(xlabel="step", ylabel="-log p(x), nats")
    curves.legend()
    figure.savefig(out / "12_masks.png")
