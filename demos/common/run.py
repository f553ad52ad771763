"""A run's folder: its checkpoint, its tables, its summary. Every file is whole at all times."""

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import minigrad as mg
from minigrad.files import FolderInUse, locked, write_json, write_text

Row = dict[str, Any]


class CommandError(Exception):
    """What the person at the command line can put right: shown without a traceback, status 2."""


@contextmanager
def one_writer(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Makes a folder that no other program works in meanwhile; CommandError says which one does."""
    with ExitStack() as stack:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder))
        except FolderInUse as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"cannot write to {folder}: {error.strerror}") from error
        yield


class Run:
    """The folder of one training run.

    `checkpoint` is what the run goes on from, as `save` got it; None at a run's beginning. `begun`
    are then the arguments of one that was killed before its first checkpoint. Raises
    CommandError if the folder holds a run and `resume` is not given, if it cannot be written to, or
    if its checkpoint cannot be read, or was written by another `program` or version.
    """

    CHECKPOINT, BEGUN = "checkpoint.safetensors", "begun.json"

    def __init__(
        self, folder: str | os.PathLike[str], resume: bool = False, program: str | None = None
    ) -> None:
        self.folder = Path(folder)
        self.writer = {"version": mg.__version__} | ({"program": program} if program else {})
        self.checkpoint: dict[str, Any] | None = None
        self.begun: dict[str, Any] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"cannot write to {folder}: {error.strerror}") from error
        if not os.access(self.folder, os.W_OK):
            raise CommandError(f"cannot write to {folder}: permission denied")
        if holds_run(self.folder):
            if not resume:
                raise CommandError(
                    f"{folder} holds a run already: go on with --resume, or choose another --out"
                )
            self.checkpoint = self._read()
        elif resume:
            self.begun = self._read_begun()

    def _read(self) -> dict[str, Any]:
        path = self.folder / self.CHECKPOINT
        try:
            found = mg.load(path)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        if not isinstance(found.get("args"), dict):
            raise CommandError(f"{path} is no checkpoint of a run")
        before = {name: found.get(name, now) for name, now in self.writer.items()}
        if before != self.writer:
            raise CommandError(f"{path} was written by {_named(before)}, not {_named(self.writer)}")
        return found

    def _read_begun(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / self.BEGUN).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        args = found.pop("args")
        return args if found == self.writer else {}

    def begin(self, args: Mapping[str, Any]) -> None:
        """Keeps the arguments until there is a checkpoint, which has them too."""
        write_json(self.folder / self.BEGUN, {**self.writer, "args": args})

    def file(self, name: str) -> Path:
        """The path of a file of the run; the folder that it is in exists."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def save(self, state: Mapping[str, Any]) -> None:
        """Replaces the checkpoint."""
        mg.save({**self.writer, **state}, self.folder / self.CHECKPOINT)
        (self.folder / self.BEGUN).unlink(missing_ok=True)

    def write_table(self, name: str, rows: Sequence[Row]) -> None:
        """Replaces a CSV file, whose columns are the first row's keys."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(rows[0] if rows else ())
        table.writerows([_short(value) for value in row.values()] for row in rows)
        write_text(self.folder / name, text.getvalue())

    def read_table(self, name: str) -> list[dict[str, str]]:
        """The rows of a CSV file; none if there is no such file."""
        return read_table(self.folder / name)

    def write_summary(self, values: Mapping[str, Any]) -> None:
        """Replaces summary.json; JSON has no number for a measure that is not finite: null."""
        known = {name: None if _infinite(value) else value for name, value in values.items()}
        write_json(self.folder / "summary.json", known)


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def holds_run(folder: Path) -> bool:
    """Whether a folder has something that a run can go on from."""
    return (folder / Run.CHECKPOINT).exists()


def _named(writer: Mapping[str, Any]) -> str:
    return f"{writer.get('program', 'a program')} of minigrad {writer['version']}"


def _infinite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _short(value: Any) -> Any:
    return f"{value:.7g}" if isinstance(value, float) else value
