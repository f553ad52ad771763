"""Generative adversarial networks (Goodfellow et al. 2014): a game of two networks.

    the generator       G(z): noise z ~ N(0, I), shape (N, noise), to samples (N, ...)
    the discriminator   D(x): data or samples (N, ...) to scores (N,): high where x looks like data

The discriminator learns to tell data from samples, the generator to make samples that it takes for
data; no density is ever written down. `GAN.train_step` is Algorithm 1 of the paper. Its objective
is a parameter (models/objectives.py), and networks may be of any kind: here are fully connected
ones. Conditional networks take the labels (N,) as a second argument (Mirza and Osindero 2014).
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import minigrad as mg
from minigrad import Tensor, nn, optim

from .adversarial import Average, evaluating, frozen, untouched_buffers
from .model import Losses, Model, descend
from .objectives import OBJECTIVES, Objective

Shape = tuple[int, ...]


class GAN(Model):
    """Two networks, their optimizers, and the objective of the game.

    `noise` is the length of z, `k` the number of discriminator steps before each generator step.
    With `ema`, sampling uses an average of the generator's weights, of which each step keeps that
    share.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        g_optimizer: optim.Optimizer,
        d_optimizer: optim.Optimizer,
        objective: Objective = OBJECTIVES["non-saturating"],
        *,
        noise: int,
        k: int = 1,
        ema: float = 0.0,
    ) -> None:
        if k < 1:
            raise ValueError(f"GAN: k must be at least 1, got {k}")
        self.generator, self.discriminator = generator, discriminator
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.objective, self.noise, self.k = objective, noise, k
        self.average = Average(generator, ema) if ema else None

    # ---- Algorithm 1 -----------------------------------------------------------------------------

    def train_step(self, x: Tensor, *labels: Tensor) -> Losses:
        """k discriminator steps, each on its share of the data x (k N, ...), and one of the
        generator. Returns both losses, penalties included, and the mean scores of data and of
        samples; those of the discriminator are from the last of its steps."""
        for batch in zip(*(tensor.chunk(self.k) for tensor in (x, *labels)), strict=True):
            d, real, fake = self.discriminator_step(*batch)
        g = self.generator_step(len(batch[0]), *batch[1:])
        return {"d": d, "g": g, "real": real, "fake": fake}

    def discriminator_step(self, x: Tensor, *labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Moves the discriminator only; returns its loss, and its mean scores of data and of
        samples."""
        samples = self.samples_off_tape(len(x), *labels)
        loss, real, fake = self.objective.discriminator_loss(
            self.discriminator, x, samples, *labels
        )
        descend(self.d_optimizer, loss)
        self.objective.clip_weights(self.discriminator)
        return loss.detach(), real.detach().mean(), fake.detach().mean()

    def generator_step(self, n: int, *labels: Tensor) -> Tensor:
        """Moves the generator only, by n samples; returns its loss."""
        with frozen(self.discriminator):
            samples = self.generator(self.draw_noise(n), *labels)
            loss = self.objective.generator_loss(self.discriminator, samples, *labels)
        return self.move_generator(loss)

    def samples_off_tape(self, n: int, *labels: Tensor) -> Tensor:
        """n samples as they are in training, which leave no trace in the generator."""
        with mg.no_grad(), untouched_buffers(self.generator):
            samples: Tensor = self.generator(self.draw_noise(n), *labels)
        return samples

    def move_generator(self, loss: Tensor) -> Tensor:
        """Moves the generator down a loss, which it returns, and its average after it."""
        descend(self.g_optimizer, loss)
        if self.average is not None:
            self.average.update(self.generator)
        return loss.detach()

    # ---- sampling --------------------------------------------------------------------------------

    def draw_noise(self, n: int) -> Tensor:
        """z (n, noise) from the prior N(0, I)."""
        like = next(iter(self.generator.parameters()))
        return mg.randn(n, self.noise, dtype=like.dtype, device=like.device)

    def sample(self, n: int, *labels: Tensor) -> Tensor:
        """n samples, of labels (n,) if the networks are conditional."""
        return self.generate(self.draw_noise(n), *labels)

    def generate(self, z: Tensor, *labels: Tensor) -> Tensor:
        """The samples of noise z (N, noise), each on its own: a batch norm uses its running
        statistics, and they stay as they are. With `ema`, by the averaged weights."""
        generator = self.sampler
        with mg.no_grad(), evaluating(generator):
            samples: Tensor = generator(z, *labels)
        return samples

    @property
    def sampler(self) -> nn.Module:
        """The generator that samples are made with."""
        return self.generator if self.average is None else self.average.module


# ---- fully connected networks --------------------------------------------------------------------


class MLP(nn.Module):
    """Linear layers of the given `sizes` with an activation between them.

    With `classes`, labels (N,) are embedded in as many numbers and put beside the input (N, ...).
    """

    def __init__(
        self, sizes: Sequence[int], activation: Callable[[], nn.Module], classes: int = 0
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, classes) if classes else None
        sizes = [sizes[0] + classes, *sizes[1:]]
        layers = [part for a, b in pairwise(sizes) for part in (activation(), nn.Linear(a, b))]
        self.layers = nn.Sequential(*layers[1:])

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        out: Tensor = self.layers[-1](self.features(x, labels))
        return out

    def features(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the last layer gets: (N, sizes[-2])."""
        h = x.flatten(1)
        if self.embedding is not None:
            # Without labels it is the embedding that complains.
            h = mg.concat([h, self.embedding(labels)], 1)  # type: ignore[arg-type]
        *before, _ = self.layers
        for layer in before:
            h = layer(h)
        return h


class MLPGenerator(MLP):
    """Noise (N, noise), and labels if there are classes, to samples (N, *shape).

    Points may be anywhere; images (C, H, W) end in a tanh, so their pixels are in [-1, 1].
    """

    def __init__(self, noise: int, hidden: Sequence[int], shape: Shape, classes: int = 0) -> None:
        super().__init__([noise, *hidden, math.prod(shape)], nn.ReLU, classes)
        self.shape = shape

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = super().forward(z, labels).reshape(-1, *self.shape)
        return x.tanh() if len(self.shape) == 3 else x


class MLPDiscriminator(MLP):
    """Data or samples (N, *shape), and labels if there are classes, to scores (N,)."""

    def __init__(self, shape: Shape, hidden: Sequence[int], classes: int = 0) -> None:
        super().__init__([math.prod(shape), *hidden, 1], lambda: nn.LeakyReLU(0.2), classes)

    @property
    def score(self) -> nn.Module:
        """The last layer: features to scores (N, 1)."""
        last: nn.Module = self.layers[-1]
        return last

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(x, labels).squeeze(1)
