"""CoGAN (Liu and Tuzel 2016): GANs of two kinds of images that share what decides on the content.

    G(z) = (x1, x2)     first layers, which decide what is drawn, are shared; the last ones, which
                        decide how, are each one's own
    D1(x1), D2(x2)      first layers are each one's own, the last ones shared

Each discriminator sees images of its own kind only, never a pair. That both images of a z show the
same is what sharing leaves as the easiest way. A pair is one tensor here, (N, 2 C, H, W), so that
the game is models/gan.py's; data are batches of both kinds, in no order, side by side.
"""

import math
from collections.abc import Sequence

import minigrad as mg
from minigrad import Tensor, nn

from ..gan import MLP, Shape


class PairGenerator(nn.Module):
    """Noise (N, noise) to pairs (N, 2 C, H, W) in [-1, 1] of images (C, H, W).

    Without `shared`, each kind has first layers of its own: two GANs with one noise.
    """

    def __init__(
        self, noise: int, hidden: Sequence[int], shape: Shape, *, shared: bool = True
    ) -> None:
        super().__init__()
        trunks = [MLP([noise, *hidden], nn.ReLU) for _ in range(1 if shared else 2)]
        self.trunks = nn.ModuleList(trunks)
        self.tails = nn.ModuleList(nn.Linear(hidden[-1], math.prod(shape)) for _ in range(2))
        self.shape = shape

    def forward(self, z: Tensor) -> Tensor:
        hidden = [trunk(z).relu() for trunk in self.trunks]
        both = [tail(hidden[min(i, len(hidden) - 1)]) for i, tail in enumerate(self.tails)]
        return mg.concat([x.tanh().reshape(-1, *self.shape) for x in both], 1)


class PairDiscriminator(nn.Module):
    """Pairs (N, 2 C, H, W) to scores (2 N,): of all first images, then of all second ones."""

    def __init__(self, shape: Shape, hidden: Sequence[int], *, shared: bool = True) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(math.prod(shape), hidden[0]) for _ in range(2))
        leaky = lambda: nn.LeakyReLU(0.2)
        trunks = [MLP([*hidden, 1], leaky) for _ in range(1 if shared else 2)]
        self.trunks = nn.ModuleList(trunks)

    def forward(self, x: Tensor) -> Tensor:
        scores = []
        for i, (head, kind) in enumerate(zip(self.heads, x.chunk(2, 1), strict=True)):
            trunk = self.trunks[min(i, len(self.trunks) - 1)]
            scores.append(trunk(nn.functional.leaky_relu(head(kind.flatten(1)), 0.2)).squeeze(1))
        return mg.concat(scores)
