"""Autoregressive models: a density of images that is written down and computed exactly.

    log p(x) = sum_i log p(x_i | x_1, ..., x_{i-1})

The numbers x_i of an image are in one order everywhere here: row by row, within a row pixel by
pixel, within a pixel red, green, blue. One pass of a network gives all the conditional
distributions of given images; to draw an image takes as many passes as it has numbers, since each
has to be there before the next one's distribution is known.

A network's channels are dealt out to the colours in turn: with C colours, channel k belongs to
colour k mod C, in the image, in all layers and in what the likelihood is given.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from itertools import product

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from . import likelihoods
from .model import Losses

Shape = tuple[int, ...]
# h of one number, (N, likelihood.numbers, 1, 1), by its colour, row and column.
At = Callable[[int, int, int], Tensor]
# What shows the progress through a range of rows: tqdm, or nothing.
Progress = Callable[[range], Iterable[int]]


class Autoregressive(nn.Module, ABC):
    """A network whose output h at number i depends on the numbers before it only.

    Images are (N, *image_shape), pixels in [0, 1]. With `conditions` > 0 all is given c as well: a
    `context` (N, conditions, H, W), a map that may say something else at every pixel, or (N,
    conditions, 1, 1), such as `one_hot` labels. ValueError for a likelihood of all colours at once:
    here a colour's h has seen those before it.
    """

    def __init__(
        self, image_shape: Shape, likelihood: str = "bernoulli", conditions: int = 0
    ) -> None:
        super().__init__()
        if issubclass(likelihoods.named(likelihood), likelihoods.ColourMixture):
            raise ValueError(f"{type(self).__name__}: {likelihood!r} draws no colour alone")
        self.image_shape = image_shape
        self.colours = image_shape[0]
        self.likelihood = likelihoods.named(likelihood)()
        self.conditions = conditions

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """What the likelihood takes: (N, likelihood.numbers * C, H, W)."""

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x), or log p(x|c), in nats, summed over pixels: (N,). Exactly, and no bound."""
        return self.likelihood.log_prob(x, self(x, context))

    def loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """-log p(x) in nats, summed over pixels, averaged over images."""
        return -self.log_prob(x, context).mean()

    def losses(self, x: Tensor, context: Tensor | None = None) -> Losses:
        """The `loss` by its name."""
        return {"loss": self.loss(x, context)}

    # ---- generation ------------------------------------------------------------------------------

    def sample(self, n: int, context: Tensor | None = None, progress: Progress = iter) -> Tensor:
        """n images (n, C, H, W), drawn number by number; `progress` is given all rows."""
        weight = next(iter(self.parameters()))
        x = mg.zeros(n, *self.image_shape, dtype=weight.dtype, device=weight.device)
        return self.complete(x, 0, context, progress)

    @mg.no_grad()
    def complete(
        self, x: Tensor, rows: int, context: Tensor | None = None, progress: Progress = iter
    ) -> Tensor:
        """The first `rows` rows of images x, and below them what is drawn given these rows. Of the
        rest of x nothing is used."""
        x = x.clone()
        _, height, width = self.image_shape
        at = self.in_order(x, context)
        for i in progress(range(height)):
            for j, colour in product(range(width), range(self.colours)):
                h = at(colour, i, j)
                if i >= rows:
                    x[:, colour, i, j] = self.likelihood.draw(h)[:, 0, 0, 0]
        return x

    @abstractmethod
    def in_order(self, x: Tensor, context: Tensor | None) -> At:
        """What gives h of one number of x after the other, for all in order; those before it are in
        x by then."""


def part(context: Tensor | None, rows: slice, columns: slice = slice(None)) -> Tensor | None:
    """Some rows and columns of a context; of one that is the same everywhere, itself."""
    return (
        context if context is None or context.shape[2:] == (1, 1) else context[:, :, rows, columns]
    )


class Context(nn.Module):
    """h (N, channels, H, W) plus a 1x1 convolution of a context; h itself if there are no
    conditions. ValueError for a context that is missing, or not expected."""

    def __init__(self, conditions: int, channels: int) -> None:
        super().__init__()
        self.map = nn.Conv2d(conditions, channels, 1, bias=False) if conditions else None

    def forward(self, h: Tensor, context: Tensor | None) -> Tensor:
        if (self.map is None) != (context is None):
            raise ValueError("a context is for models with conditions, which need one")
        return h if self.map is None or context is None else h + self.map(context)


class Places(nn.Module):
    """h (N, channels, H, W) plus a bias that each pixel has of its own, or h itself without.

    A convolution treats all pixels alike, and learns where one is only from the zeros around the
    image; in data that are centred the place says much.
    """

    def __init__(self, channels: int, image_shape: Shape, there: bool) -> None:
        super().__init__()
        self.bias = nn.Parameter(mg.zeros(1, channels, *image_shape[1:])) if there else None

    def forward(self, h: Tensor, rows: slice = slice(None), columns: slice = slice(None)) -> Tensor:
        """For h of some rows and columns of the image, or of all."""
        return h if self.bias is None else h + self.bias[:, :, rows, columns]


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Labels (N,) as a context (N, classes, 1, 1)."""
    return F.one_hot(labels, classes).to(mg.float32).reshape(-1, classes, 1, 1)
