"""Trainings of minutes, by steps or by time, which nobody will go on with: no checkpoints."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor, optim
from minigrad.data import DataLoader, Dataset
from models.model import Losses, Model

FETCH_EVERY = 100  # steps: asking for numbers makes a GPU's queue run empty


def learn(
    game: Model, data: Dataset, shares: Iterable[float], *, batch: int, seed: int,
    device: str = "cpu", prepared: Callable[..., tuple[Tensor, ...]] = lambda *batch: batch,
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Trains a game on a device, while there are shares of its training, from 0 up to 1; afterwards
    it is on the CPU. Rates are as they are in the first half, and fall to 0 in the second (Zhu et
    al. 2017). `prepared` makes of a batch what a step is given. Returns the losses of each step.
    """
    game.to(device)
    rates = [(group, group["lr"]) for adam in optimizers(game) for group in adam.param_groups]
    size = min(batch, len(data))
    loader = DataLoader(data, size, shuffle=True, drop_last=True, seed=seed, device=device)
    step = mg.graphed(lambda *some: game.train_step(*prepared(*some)))
    waiting: list[Losses] = []
    parts: list[dict[str, NDArray[Any]]] = []
    for share, some in zip(shares, chain.from_iterable(repeat(loader))):
        for group, rate in rates:
            group["lr"] = rate * min(1.0, 2 * (1 - share))
        waiting.append(step(*some))
        if len(waiting) == FETCH_EVERY:
            parts.append(fetched(waiting))
            waiting.clear()
    if waiting:
        parts.append(fetched(waiting))
    game.to("cpu")
    return {name: np.concatenate([p[name] for p in parts]) for name in (parts[0] if parts else ())}


def fetched(steps: Sequence[Losses]) -> dict[str, NDArray[Any]]:
    """The losses of some steps, from the device in one piece."""
    numbers = mg.stack([value for losses in steps for value in losses.values()])
    rows = numbers.numpy(force=True).reshape(len(steps), -1)
    return dict(zip(steps[0], rows.T, strict=True))


def optimizers(game: Model) -> Iterator[optim.Optimizer]:
    """Those of a game, and of the games that it is made of."""
    for part in game.parts().values():
        if isinstance(part, optim.Optimizer):
            yield part
        elif isinstance(part, Model):
            yield from optimizers(part)


def in_steps(steps: int) -> Iterator[float]:
    """The share of so many steps that is done, before each."""
    return (step / steps for step in range(steps))


def until(seconds: float) -> Iterator[float]:
    """The share of so many seconds of one core that is used up, until all are. A GPU's are the
    same: a core waits for it."""
    start = time.process_time()
    while (used := time.process_time() - start) < seconds:
        yield used / seconds
