"""MADE (Germain et al. 2015, "MADE: Masked autoencoder for distribution estimation").

An autoencoder whose weights are masked so that output i is made of the inputs before i only:

    degrees   m(i) = i of the inputs, from 1 to D-1 of the hidden units
    masks     a hidden unit sees units of degree <= its own, output i those of degree < i
              (equations 8 and 9, 12 and 13)

The paper draws the degrees of hidden units; here they are dealt out evenly, in rising order, and
there is one order of the inputs. A mask multiplies the weight within the graph, so that what is
masked has no gradient either.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from .autoregressive import At, Autoregressive, Context, Shape


class MaskedLinear(nn.Linear):
    """A linear layer that has an input's share in an output where mask (out, in) is 1."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.to(mg.float32), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight * self.mask, self.bias)

    def some(self, input: Tensor, rows: slice) -> Tensor:
        """Some outputs, made of the first inputs, after which the mask has zeros for them."""
        n = input.shape[1]
        assert self.bias is not None
        weight = self.weight[rows, :n] * self.mask[rows, :n]
        return F.linear(input, weight, self.bias[rows])


class MADE(Autoregressive):
    """`hidden` layers of ReLU; a context, which may be no map, is added to the first one."""

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        hidden: Sequence[int] = (1000,),
        likelihood: str = "bernoulli",
        conditions: int = 0,
    ) -> None:
        super().__init__(image_shape, likelihood, conditions)
        size = math.prod(image_shape)
        # NOTE: of degree D a unit would reach no output, of degree 0 no input would reach it.
        most = max(1, size - 1)
        self.degrees = [[i + 1 for i in range(size)]]  # of each layer's units, rising
        self.degrees += [[1 + i * most // n for i in range(n)] for n in hidden]
        outputs = [i for i in range(size) for _ in range(self.likelihood.numbers)]
        self.layers = nn.ModuleList(
            MaskedLinear(mg.tensor(to).unsqueeze(1) >= mg.tensor(of))
            for of, to in pairwise([*self.degrees, outputs])
        )
        self.context = Context(conditions, hidden[0])

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        colours, height, width = self.image_shape
        h = self.layers[0](x.permute(0, 2, 3, 1).flatten(1))
        h = self._told(h, context)
        for layer in self.layers[1:]:
            h = layer(h.relu())
        return h.reshape(len(x), height, width, colours, -1).permute(0, 4, 3, 1, 2).flatten(1, 2)

    def _told(self, h: Tensor, context: Tensor | None) -> Tensor:
        return self.context(h.unsqueeze(-1).unsqueeze(-1), context).flatten(1)

    def in_order(self, x: Tensor, context: Tensor | None) -> At:
        """Every hidden unit is computed once, when the inputs that it sees are there."""
        colours, _, width = self.image_shape
        numbers = self.likelihood.numbers
        known = [
            mg.zeros(len(x), len(degrees), dtype=x.dtype, device=x.device)
            for degrees in self.degrees
        ]
        shift = self._told(mg.zeros_like(known[1]), context)

        def at(colour: int, i: int, j: int) -> Tensor:
            k = (i * width + j) * colours + colour
            if k:
                pixel, before = divmod(k - 1, colours)
                known[0][:, k - 1] = x[:, before, pixel // width, pixel % width]
            # How many units of each layer have a degree below k, and up to k.
            below, upto = ([bisect_left(d, m) for d in self.degrees] for m in (k, k + 1))
            for n in range(1, len(known)):
                new = slice(below[n], upto[n])
                h = self.layers[n - 1].some(known[n - 1][:, : upto[n - 1]], new)
                known[n][:, new] = (h + shift[:, new] if n == 1 else h).relu()
            own = slice(k * numbers, (k + 1) * numbers)
            h = self.layers[-1].some(known[-1][:, : upto[-1]], own)
            return h.unsqueeze(-1).unsqueeze(-1)

        return at
