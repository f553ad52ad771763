"""The training loop that all demos share: metrics, checkpoints, Ctrl-C, and an exact continuation.

A run that is killed at any moment and resumed goes on from its last checkpoint, does the same work
again, and ends with the same bytes as one that was never stopped: parameters, optimizers, random
numbers, the order of the data and the metrics are all in the checkpoint. (On one machine with one
number of threads: these decide in which order a matrix product adds up.)
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tqdm import tqdm

import minigrad as mg
from demos.common import finite
from demos.common.run import CommandError, Row, Run
from demos.common.words import listed
from minigrad.data import DataLoader
from models.model import Losses, Stateful

FETCH_EVERY = 20  # batches: asking for a number makes a GPU's queue run empty


class Stopped(Exception):
    """Training was stopped by a signal, and everything is saved."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


class Trainer:
    """Trains for `epochs` epochs of `loader`, in a run's folder.

    `state` names all that training changes: models, optimizers and whatever else has a state_dict.
    `args` go into the checkpoint, from which a resumed run takes them. A checkpoint is written at
    the end of each epoch, every `checkpoint_every` batches, and when training is stopped. A GPU
    runs a step as one graph, unless `eager`.
    """

    def __init__(
        self,
        run: Run,
        loader: DataLoader,
        state: Mapping[str, Stateful],
        args: Mapping[str, Any],
        *,
        epochs: int,
        seed: int = 0,
        device: str = "cpu",
        checkpoint_every: int = 500,
        eager: bool = False,
    ) -> None:
        self.run, self.loader, self.state, self.args = run, loader, dict(state), dict(args)
        self.epochs, self.seed, self.device = epochs, seed, device
        self.checkpoint_every, self.eager = checkpoint_every, eager
        self.epoch = 0  # epochs that are complete
        self.rows: list[Row] = []  # metrics.csv
        self.means = Means()  # of the epoch so far
        self.clock = Clock(run)
        if run.checkpoint is not None:
            self._load(run.checkpoint)

    def fit(
        self,
        step: Callable[..., Losses],
        end_of_epoch: Callable[[int], Mapping[str, float]],
    ) -> None:
        """Trains. Raises Stopped after Ctrl-C, when the batch at hand is done and saved.

        `step(*batch)` does one step and returns tensors without axes, of which metrics.csv has the
        means (weighted by the batches' sizes) as train_NAME. `end_of_epoch(number)` may evaluate,
        write pictures, and return more columns; it starts from the same random numbers each time,
        so that noise drawn there is fixed, and leaves those of training as they were.
        """
        step = step if self.eager else mg.graphed(step)
        with StopRequest() as stop:
            if self.run.checkpoint is None:
                self._save()  # so that a run can be resumed from its first moment
            while self.epoch < self.epochs:
                self._train_epoch(step, stop)
                number = self.epoch + 1
                with random_numbers(self.seed, self.device):
                    measured = end_of_epoch(number)
                self._finite_means()
                trained = {f"train_{name}": value for name, value in self.means.take().items()}
                self._stop_if(finite.wrong_measure(measured, trained))
                self.rows.append({"epoch": number, **trained, **measured})
                self.epoch = number
                self._save()
                self.run.write_table("metrics.csv", self.rows)
                self._report()
                stop.check(f"after epoch {number} of {self.epochs}")

    def _train_epoch(self, step: Callable[..., Losses], stop: "StopRequest") -> None:
        number, total = self.epoch + 1, len(self.loader)
        done = self.loader.state_dict()["batches"]
        # disable=None: no bar where stderr is no terminal; a line for each epoch is printed anyway.
        title = f"epoch {number}/{self.epochs}"
        with tqdm(total=total, initial=done, desc=title, leave=False, disable=None) as bar:
            for batch in self.loader:
                self.means.add(step(*batch), len(batch[0]))
                done += 1
                bar.update()
                if done % FETCH_EVERY == 0:
                    means = self._finite_means()
                    bar.set_postfix_str(listed(means))
                if stop.signum or (self.checkpoint_every and done % self.checkpoint_every == 0):
                    self._save()
                stop.check(f"in epoch {number}, after batch {done} of {total}")

    def _finite_means(self) -> dict[str, float]:
        means = self.means.values()
        self._stop_if(finite.wrong_loss(means))
        return means

    def _stop_if(self, wrong: str | None) -> None:
        if wrong:
            raise CommandError(
                f"{wrong} in epoch {self.epoch + 1}; "
                "a smaller --lr usually helps. The last checkpoint is from before"
            )

    def _save(self) -> None:
        self._finite_means()
        parts = {name: part.state_dict() for name, part in self.state.items()}
        self._stop_if(finite.wrong_part(parts))
        self.run.save(
            {
                "args": self.args,
                "epoch": self.epoch,
                "rows": self.rows,
                "means": self.means.state_dict(),
                "loader": self.loader.state_dict(),
                "random": random_state(self.device),
                **parts,
            }
        )
        self.clock.record(self.epoch, self.loader.state_dict()["batches"])

    def _load(self, saved: Mapping[str, Any]) -> None:
        try:
            for name, part in self.state.items():
                part.load_state_dict(saved[name])
            self.epoch, self.rows = typed(saved, "epoch", int), typed(saved, "rows", list)
            self.means.load_state_dict(saved["means"])
            self.loader.load_state_dict(saved["loader"])
            set_random_state(saved["random"])
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())  # in one line
            raise CommandError(
                f"the checkpoint in {self.run.folder} does not fit this program: {reason[:300]}"
            ) from error
        # A kill may have come between the checkpoint and the table.
        self.run.write_table("metrics.csv", self.rows)

    def _report(self) -> None:
        row = self.rows[-1]
        numbers = {name: value for name, value in row.items() if name != "epoch"}
        print(f"epoch {self.epoch}/{self.epochs}: {listed(numbers)}", flush=True)


def typed(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    """A field; TypeError if it is of another type."""
    value = fields[name]
    if type(value) is not kind:
        raise TypeError(f"{name!r} is {value!r}, and should be of type {kind.__name__}")
    return value


class Means:
    """Means of numbers that arrive batch by batch, weighted by the batches' sizes.

    They are added on the host in float64, in their order: the result does not depend on when they
    are fetched, so that a continued epoch has the means of one that was not stopped.
    """

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0
        self._waiting: list[tuple[Losses, int]] = []  # still on the device

    def add(self, values: Losses, n: int) -> None:
        """Takes the means over n more samples, tensors without axes; does not wait for them."""
        self._waiting.append(({name: value.detach() for name, value in values.items()}, n))

    def values(self) -> dict[str, float]:
        """The means so far; waits for the device. Empty if there were no samples."""
        if self._waiting:
            stacked = mg.stack([v for values, _ in self._waiting for v in values.values()])
            numbers = iter(stacked.numpy(force=True).tolist())
            for values, n in self._waiting:
                self.count += n
                for name in values:
                    self.sums[name] = self.sums.get(name, 0.0) + n * next(numbers)
            self._waiting.clear()
        return {name: total / self.count for name, total in self.sums.items()}

    def take(self) -> dict[str, float]:
        """`values()`, and begins anew."""
        values = self.values()
        self.sums, self.count = {}, 0
        return values

    def state_dict(self) -> dict[str, Any]:
        self.values()
        return {"sums": self.sums, "count": self.count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.sums, self.count = dict(state["sums"]), state["count"]


class Clock:
    """times.csv: the seconds of training at each checkpoint, over all sessions of a run, by the
    clock and of processor cores.

    A file of its own, so that all others are the same from run to run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows: list[Row] = []
        if run.checkpoint is not None:
            self.rows = [
                {
                    "epoch": int(row["epoch"]),
                    "batch": int(row["batch"]),
                    "seconds": float(row["seconds"]),
                    "core_seconds": float(row.get("core_seconds", "nan")),
                }
                for row in run.read_table("times.csv")
            ]
        before = self.rows[-1] if self.rows else {"seconds": 0.0, "core_seconds": 0.0}
        self._start = time.perf_counter() - before["seconds"]
        self._core_start = time.process_time() - before["core_seconds"]

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def core_seconds(self) -> float:
        return time.process_time() - self._core_start

    def record(self, epoch: int, batch: int) -> None:
        seconds = {"seconds": self.seconds(), "core_seconds": self.core_seconds()}
        rounded = {name: round(value, 3) for name, value in seconds.items()}
        self.rows.append({"epoch": epoch, "batch": batch, **rounded})
        self.run.write_table("times.csv", self.rows)


class StopRequest:
    """Notes Ctrl-C (SIGINT) or SIGTERM and lets the batch end; a second one does as usual."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.signum = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            self._before = {signum: signal.signal(signum, self._note) for signum in self.SIGNALS}
        return self

    def __exit__(self, *exc: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        self._before = {}

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        self.__exit__()
        # Not print: the signal may have come in the middle of one.
        os.write(2, b"\nstopping after this batch (Ctrl-C again: at once)\n")

    def check(self, where: str) -> None:
        """Raises Stopped if a signal came."""
        if self.signum:
            raise Stopped(f"stopped {where}; everything is saved", self.signum)


def random_state(device: str) -> dict[str, Any]:
    """The state of the random numbers of the CPU and of `device`."""
    return {name: mg.get_rng_state(name) for name in sorted({"cpu", device})}


def set_random_state(state: Mapping[str, Any]) -> None:
    """Goes on from a `random_state`."""
    for name, words in state.items():
        mg.set_rng_state(words, name)


@contextmanager
def random_numbers(seed: int, device: str = "cpu") -> Iterator[None]:
    """Random numbers from `seed` within; afterwards those from before, as if none were drawn."""
    before = random_state(device)
    mg.manual_seed(seed)
    try:
        yield
    finally:
        set_random_state(before)
