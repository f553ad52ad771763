"""Generative adversarial networks (Goodfellow et al. 2014): a game of two networks.

    the generator       G(z): noise z ~ N(0, I), shape (N, noise), to samples (N, ...)
    the discriminator   D(x): data or samples (N, ...) to scores (N,): high where x looks like data

The discriminator learns to tell data from samples, the generator to make samples that it takes for
data; no density is ever written down. `GAN.train_step` is Algorithm 1 of the paper. Its objective
is a parameter (models/objectives.py), and networks may be of any kind: here are fully connected
ones. Conditional networks take the labels (N,) as a second argument (Mirza and Osindero 2014).
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import minigrad as mg
from minigrad import Tensor, nn
from models.objectives import OBJECTIVES
from models.penalties import gradient_penalty, squared_slope

Shape = tuple[int, ...]


class Losses(NamedTuple):
    """What one step of the game gave, averaged over the batch: tensors without axes, off the tape.

    Those of the discriminator are from the last of its k steps.
    """

    d: Tensor  # the discriminator's loss, penalties included
    g: Tensor  # the generator's loss
    real: Tensor  # the score of data
    fake: Tensor  # the score of samples


class GAN:
    """Two networks, their optimizers, and the rules of the game.

    `objective` is one of OBJECTIVES, `noise` the length of z, `k` the number of discriminator steps
    before each generator step. Weights of options that are off when 0: `r1` penalises the slope of
    D at data, `gp` its difference from 1 between data and samples (WGAN-GP), and `clip` bounds D's
    weights (WGAN). `label_smoothing` takes so much from the label 1 of data (Salimans et al. 2016).
    With `ema`, sampling uses an average of the generator's weights, of which each step keeps that
    share.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        g_optimizer: Any,
        d_optimizer: Any,
        objective: str = "non-saturating",
        *,
        noise: int,
        k: int = 1,
        r1: float = 0.0,
        gp: float = 0.0,
        clip: float = 0.0,
        label_smoothing: float = 0.0,
        ema: float = 0.0,
    ) -> None:
        if objective not in OBJECTIVES:
            expected = ", ".join(OBJECTIVES)
            raise ValueError(f"GAN: unknown objective {objective!r}; expected one of {expected}")
        if k < 1:
            raise ValueError(f"GAN: k must be at least 1, got {k}")
        weights = {"r1": r1, "gp": gp, "clip": clip}
        if wrong := [f"{name} {value}" for name, value in weights.items() if not value >= 0]:
            raise ValueError(f"GAN: must not be negative: {', '.join(wrong)}")
        self.generator, self.discriminator = generator, discriminator
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.objective = OBJECTIVES[objective]
        if label_smoothing and (self.objective.smoothed is None or not 0 < label_smoothing < 1):
            raise ValueError(
                f"GAN: label_smoothing {label_smoothing} must be from 0 to below 1, and 0 where "
                f"there are no labels, as with {objective!r}"
            )
        self.noise, self.k = noise, k
        self.r1, self.gp, self.clip = r1, gp, clip
        self.label_smoothing = label_smoothing
        self.average = Average(generator, ema) if ema else None

    # ---- Algorithm 1 -----------------------------------------------------------------------------

    def train_step(self, x: Tensor, *labels: Tensor) -> Losses:
        """k discriminator steps, each on its share of the data x (k N, ...), and one of the
        generator."""
        for batch in zip(*(tensor.chunk(self.k) for tensor in (x, *labels)), strict=True):
            d, real, fake = self.discriminator_step(*batch)
        g = self.generator_step(len(batch[0]), *batch[1:])
        return Losses(d, g, real, fake)

    def discriminator_step(self, x: Tensor, *labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Moves the discriminator only; returns its loss, and its mean scores of data and of
        samples."""
        with mg.no_grad(), untouched_buffers(self.generator):
            samples = self.generator(self.draw_noise(len(x)), *labels)
        x = x.detach().requires_grad_(self.r1 > 0)
        # Two passes: a batch of data and one of samples, each with its own batch statistics.
        real, fake = self.discriminator(x, *labels), self.discriminator(samples, *labels)
        loss = self._real_loss(real).mean() + self.objective.fake(fake).mean()
        if self.r1:
            loss = loss + 0.5 * self.r1 * squared_slope(real, x)
        if self.gp:
            with untouched_buffers(self.discriminator):
                penalty = gradient_penalty(self.discriminator, x, samples, *labels)
            loss = loss + self.gp * penalty
        self.d_optimizer.zero_grad()
        loss.backward()
        self.d_optimizer.step()
        if self.clip:
            with mg.no_grad():
                for parameter in self.discriminator.parameters():
                    parameter.clamp_(-self.clip, self.clip)
        return loss.detach(), real.detach().mean(), fake.detach().mean()

    def generator_step(self, n: int, *labels: Tensor) -> Tensor:
        """Moves the generator only, by n samples; returns its loss."""
        with frozen(self.discriminator):
            samples = self.generator(self.draw_noise(n), *labels)
            loss = self.objective.generator(self.discriminator(samples, *labels)).mean()
        self.g_optimizer.zero_grad()
        loss.backward()
        self.g_optimizer.step()
        if self.average is not None:
            self.average.update(self.generator)
        value: Tensor = loss.detach()
        return value

    def _real_loss(self, scores: Tensor) -> Tensor:
        if self.label_smoothing and self.objective.smoothed is not None:
            return self.objective.smoothed(scores, self.label_smoothing)
        return self.objective.real(scores)

    # ---- sampling --------------------------------------------------------------------------------

    def draw_noise(self, n: int) -> Tensor:
        """z (n, noise) from the prior N(0, I)."""
        like = next(iter(self.generator.parameters()))
        z: Tensor = mg.randn(n, self.noise, dtype=like.dtype, device=like.device)
        return z

    def sample(self, z: Tensor, *labels: Tensor) -> Tensor:
        """The samples of noise z (N, noise), each on its own: a batch norm uses its running
        statistics, and they stay as they are. With `ema`, by the averaged weights."""
        generator = self.generator if self.average is None else self.average.module
        training = generator.training
        try:
            with mg.no_grad():
                samples: Tensor = generator.eval()(z, *labels)
        finally:
            generator.train(training)
        return samples

    # ---- state -----------------------------------------------------------------------------------

    def _parts(self) -> dict[str, Any]:
        parts = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "g_optimizer": self.g_optimizer,
            "d_optimizer": self.d_optimizer,
        }
        return parts if self.average is None else {**parts, "average": self.average}

    def state_dict(self) -> dict[str, Any]:
        """All that training changes: networks, optimizers, averaged weights."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict()`. ValueError if it is of a GAN with other parts."""
        parts = self._parts()
        if set(state) != set(parts):
            raise ValueError(f"GAN.load_state_dict: expected {sorted(parts)}, got {sorted(state)}")
        for name, part in parts.items():
            part.load_state_dict(state[name])


@contextmanager
def untouched_buffers(module: nn.Module) -> Iterator[None]:
    """Within, the module works on copies of its buffers: running statistics stay as they were."""
    kept = [(m, name, b) for m in module.modules() for name, b in m.named_buffers(recurse=False)]
    for owner, name, buffer in kept:
        setattr(owner, name, buffer.clone())
    try:
        yield
    finally:
        for owner, name, buffer in kept:
            setattr(owner, name, buffer)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Within, what the module computes leaves no trace in it: no gradients of its parameters, which
    saves the time of making them, and no change of its buffers. Its mode stays as it is."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        with untouched_buffers(module):
            yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_()


class Average:
    """An exponential moving average of a module's weights and buffers, as `module`.

    Early on it forgets faster, (1 + t) / (10 + t) instead of `decay`, so that the initial weights
    are gone soon.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"Average: decay must be from 0 to below 1, got {decay}")
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.decay, self.steps = decay, 0

    def update(self, module: nn.Module) -> None:
        """Takes in the weights after a step."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with mg.no_grad():
            for mine, theirs in _tensors(self.module, module):
                if mine.dtype.kind == "f":
                    mine.add_(theirs - mine, alpha=1 - keep)
                else:
                    mine.copy_(theirs)  # how many batches a batch norm has seen

    def state_dict(self) -> dict[str, Any]:
        return {"module": self.module.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.steps = int(state["steps"])


def _tensors(*modules: nn.Module) -> Iterator[tuple[Tensor, ...]]:
    """The parameters and buffers of modules of one architecture, side by side."""
    yield from zip(*(m.parameters() for m in modules), strict=True)
    yield from zip(*(m.buffers() for m in modules), strict=True)


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
        h = x.flatten(1)
        if self.embedding is not None:
            # Without labels it is the embedding that complains.
            h = mg.concat([h, self.embedding(labels)], 1)  # type: ignore[arg-type]
        out: Tensor = self.layers(h)
        return out


class MLPGenerator(MLP):
    """Noise (N, noise), and labels if there are classes, to samples (N, *shape).

    Points may be anywhere; images (C, H, W) end in a tanh, so their pixels are in [-1, 1].
    """

    def __init__(self, noise: int, hidden: Sequence[int], shape: Shape, classes: int = 0) -> None:
        super().__init__([noise, *hidden, math.prod(shape)], nn.ReLU, classes)
        self.shape = shape

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x: Tensor = super().forward(z, labels).reshape(-1, *self.shape)
        return x.tanh() if len(self.shape) == 3 else x


class MLPDiscriminator(MLP):
    """Data or samples (N, *shape), and labels if there are classes, to scores (N,)."""

    def __init__(self, shape: Shape, hidden: Sequence[int], classes: int = 0) -> None:
        super().__init__([math.prod(shape), *hidden, 1], lambda: nn.LeakyReLU(0.2), classes)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        scores: Tensor = super().forward(x, labels).squeeze(1)
        return scores
