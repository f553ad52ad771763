"""CoGAN (Liu and Tuzel 2016): GANs of two kinds of images that share what decides on the content.

    G(z) = (x1, x2)     first layers, which decide what is drawn, are shared; the last ones, which
                        decide how, are each one's own
    D1(x1), D2(x2)      first layers are each one's own, the last ones shared

Each discriminator sees images of its own kind only, never a pair. That both images of a z show the
same is what sharing leaves as the easiest way: the last layer of G is a convolution, which cannot
move what is drawn, only say how. (A dense one can: digits and negatives were the same in 19 % of
pairs after 10,000 steps, where chance is 10.) A pair is one tensor here, (N, 2 C, H, W), so that
the game is models/gan.py's; data are batches of both kinds, in no order, side by side.
"""

from typing import Any

import minigrad as mg
from minigrad import Tensor, nn

from ..dcgan import DCGANDiscriminator, DCGANGenerator
from ..gan import Shape


class PairGenerator(nn.Module):
    """Noise (N, noise) to pairs (N, 2 C, H, W) in [-1, 1] of images (C, H, W): two of DCGAN's
    generators, which have all layers but the last in common.

    Without `shared` they have nothing in common but the noise.
    """

    def __init__(self, noise: int, shape: Shape, width: int, *, shared: bool = True) -> None:
        super().__init__()
        both = [DCGANGenerator(noise, shape, width).layers for _ in range(2)]
        self.trunks = nn.ModuleList(layers[:-2] for layers in (both[:1] if shared else both))
        self.tails = nn.ModuleList(layers[-2:] for layers in both)

    def forward(self, z: Tensor) -> Tensor:
        hidden = [trunk(z) for trunk in self.trunks]
        return mg.concat([tail(h) for tail, h in zip(self.tails, in_pairs(hidden))], 1)


class PairDiscriminator(nn.Module):
    """Pairs (N, 2 C, H, W) to scores (2 N,), of all first images, then of all second ones: two of
    DCGAN's discriminators, which have all layers but the first in common."""

    def __init__(self, shape: Shape, width: int, *, shared: bool = True) -> None:
        super().__init__()
        both = [DCGANDiscriminator(shape, width) for _ in range(2)]
        self.heads = nn.ModuleList(d.features[:2] for d in both)
        self.trunks = nn.ModuleList(
            nn.Sequential(*d.features[2:], d.score) for d in (both[:1] if shared else both)
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = zip(in_pairs(self.trunks), self.heads, x.chunk(2, 1), strict=True)
        return mg.concat([trunk(head(kind)).squeeze(1) for trunk, head, kind in parts])


def in_pairs(parts: Any) -> list[Any]:
    """The part of each kind, of two parts, or of one that is shared."""
    return [parts[0], parts[-1]]
