"""Faults, drawn and injected: `python -m tests.torture --seed N --count M` prints what survived.

Each row draws M faults. A case survives if nothing that was whole is lost, nothing damaged is taken
for whole, what is wrong is said in an error that names the file, and nothing stays behind.
"""

import argparse
import gzip
import lzma
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.run import CommandError, Run
from minigrad import data
from minigrad.data.formats import CorruptFileError, read_amat, read_cifar, read_idx
from minigrad.data.sources import SOURCES
from minigrad.files import FolderInUse, locked, write_json
from tests import nonsense
from tests.data.test_download import RECORDS, cifar_of, tar_gz
from tests.data.test_formats import amat, bomb, idx
from tests.demos.test_training import Game, contents
from tests.explore.hostile import answer, explorer, requests
from tests.garbage import arguments, fault, functions
from tests.nonsense import CASES, NONSENSE, numeric

Case = Callable[[random.Random, Path], None]  # raises AssertionError if it fell short
ROWS: dict[str, Case] = {}
# What a process does to files, as Python's functions of C are called.
OPERATIONS = frozenset(
    "open write flush close fsync replace unlink listdir flock ftruncate fstat mkdir".split()
)


def row(title: str) -> Callable[[Case], Case]:
    def enter(case: Case) -> Case:
        ROWS[title] = case
        return case

    return enter


# ---- processes -----------------------------------------------------------------------------------


def forked(action: Callable[[], object]) -> int:
    """A process that does this, and ends with status 0, or 1 after an exception."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        action()
        os._exit(0)
    finally:
        os._exit(1)


def status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(number: int, action: Callable[[], object]) -> Callable[[], None]:
    """The action, and SIGKILL before its file operation of that number."""
    left = number

    def watch(frame: object, event: str, function: Any) -> None:
        nonlocal left
        if event == "c_call" and function.__name__ in OPERATIONS:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watched() -> None:
        sys.setprofile(watch)
        action()

    return watched


def killed_somewhere(draw: random.Random, action: Callable[[], object], operations: int) -> int:
    """Kills the action at a drawn one of its file operations, or after all; its exit status."""
    return status_of(forked(killed_at(draw.randint(0, operations), action)))


def expect(true: object, what: str) -> None:
    if not true:
        raise AssertionError(what)


@contextmanager
def refused(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """What is inside must raise one of the errors, in words that name the file."""
    try:
        yield
    except errors as error:
        expect(path.name in str(error), f"the error does not name the file: {error}")
    else:
        raise AssertionError("it was taken")


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# ---- kills ---------------------------------------------------------------------------------------


def state(number: int, size: int) -> dict[str, Any]:
    return {"i": number, "x": np.full(size, number)}


def whole(path: Path) -> int:
    """The number of the state in a file; an error if it is none, or a mixture."""
    found = mg.load(path)
    expect((found["x"] == found["i"]).all(), "two states are mixed")
    return int(found["i"])


@row("mg.save, killed at a file operation")
def _save_killed(draw: random.Random, folder: Path) -> None:
    path = folder / "x.safetensors"
    mg.save(state(1, draw.randint(0, 10**5)), path)
    new = state(2, draw.randint(0, 10**5))
    killed_somewhere(draw, lambda: mg.save(new, path), 20)
    expect(whole(path) in (1, 2), "neither the old state nor the new one")
    mg.save(state(3, 3), path)
    expect(names(folder) == [path.name], f"left behind: {names(folder)}")


@row("training, killed at file operations and resumed")
def _training_killed(draw: random.Random, folder: Path) -> None:
    def train(into: Path) -> None:
        Game(into, resume=True, epochs=2).fit()

    status_of(forked(lambda: train(folder / "straight")))
    killed = folder / "killed"
    while status := killed_somewhere(draw, lambda: train(killed), draw.choice((40, 400))):
        expect(status == -signal.SIGKILL, "it could not go on")
    expect(contents(killed) == contents(folder / "straight"), "other bytes than a run of one piece")


@row("two writers of one file, and their kill")
def _two_writers(draw: random.Random, folder: Path) -> None:
    path = folder / "x.safetensors"
    mg.save(state(0, 1), path)

    def write(number: int, size: int) -> None:
        while True:
            mg.save(state(number, size), path)

    sizes = draw.randint(1, 10**5), draw.randint(1, 10**5)
    pids = [forked(lambda i=i, n=n: write(i, n)) for i, n in enumerate(sizes, 1)]  # type: ignore[misc]
    for _ in range(draw.randint(1, 60)):
        whole(path)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        status_of(pid)
    whole(path)
    mg.save(state(3, 3), path)
    expect(names(folder) == [path.name], f"left behind: {names(folder)}")


@row("a lock whose holder was killed")
def _lock_killed(draw: random.Random, folder: Path) -> None:
    def hold() -> None:
        with locked(folder):
            write_json(folder / "x.json", [1])

    killed_somewhere(draw, hold, 30)
    with locked(folder):
        try:
            with locked(folder):
                raise AssertionError("two hold it")
        except FolderInUse as error:
            expect(str(os.getpid()) in str(error), f"the holder is not named: {error}")
    write_json(folder / "x.json", [2])
    expect(names(folder) == ["x.json"], f"left behind: {names(folder)}")


@row("four processes and one cache, one of them killed")
def _cache_killed(draw: random.Random, folder: Path) -> None:
    archive = tar_gz({f"cifar/{name}": content for name, content in RECORDS.items()}, {})
    (folder / "cifar-10-binary.tar.gz").write_bytes(archive)
    source = cifar_of(folder.as_uri(), archive)

    def load() -> None:
        os.environ.pop("MINIGRAD_DATA", None)
        os.environ["XDG_CACHE_HOME"] = str(folder)
        SOURCES["cifar-10"] = source
        expect(len(data.load("cifar-10")) == 5, "not all images")
        expect(len(data.load("cifar-10", "test")) == 1, "not all images")

    killed = forked(killed_at(draw.randint(0, 200), load))
    others = [forked(load) for _ in range(3)]
    status_of(killed)
    expect([status_of(pid) for pid in others] == [0, 0, 0], "another one failed")
    found = names(folder / "minigrad" / "cifar-10")
    expect(found == sorted(RECORDS), f"not these files: {found}")


# ---- full disks ----------------------------------------------------------------------------------


@row("mg.save on a full disk")
def _disk_full(draw: random.Random, folder: Path) -> None:
    path = folder / "x.safetensors"
    mg.save(state(1, 1000), path)
    new = state(2, 10_000)

    def save() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit = draw.randint(0, 100_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        mg.save(new, path)

    fits = status_of(forked(save)) == 0
    expect(whole(path) == (2 if fits else 1), "not the state that it should be")
    expect(names(folder) == [path.name], f"left behind: {names(folder)}")


# ---- damage --------------------------------------------------------------------------------------


def damaged(draw: random.Random, content: bytes) -> bytes:
    """With a bit changed, cut, with a hole of zeros, or with a piece repeated."""
    at, length = draw.randrange(len(content)), draw.randint(1, 50)
    kind = draw.choice(("bit", "cut", "hole", "piece"))
    if kind == "bit":
        return content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]
    if kind == "cut":
        return content[:at]
    if kind == "hole":
        return content[:at] + bytes(len(content[at : at + length])) + content[at + length :]
    return content[:at] + content[at : at + length] + content[at:]


@row("a damaged checkpoint")
def _damaged_checkpoint(draw: random.Random, folder: Path) -> None:
    path = folder / Run.CHECKPOINT
    mg.save({"args": {"a": 1}, "x": mg.ones(draw.randint(0, 50)), "n": [1, None, "x"]}, path)
    content = path.read_bytes()
    worse = damaged(draw, content)
    if worse != content:
        path.write_bytes(worse)
        with refused(path, ValueError):
            mg.load(path)
        with refused(path, CommandError):
            Run(folder, resume=True)


def data_files() -> dict[str, tuple[bytes, Callable[..., Any]]]:
    """A small file of each format that data sets come in, and its reader."""
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (5, 28, 28), np.uint8)
    records = numbers.integers(0, 10, (2, 3073), np.uint8)
    return {
        "idx": (idx(images), read_idx),
        "cifar": (records.tobytes(), read_cifar),
        "amat": (amat(records[:, :784] % 2), read_amat),
    }


@row("a damaged data file")
def _damaged_data(draw: random.Random, folder: Path) -> None:
    import hashlib

    content, read = draw.choice(list(data_files().values()))
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / "images"
    path.write_bytes(content)
    right = read(path, sha256=sha256)
    pack = draw.choice((bytes, gzip.compress, lzma.compress))
    before = draw.random() < 0.5  # so that the packed file knows nothing of it
    path.write_bytes(pack(damaged(draw, content)) if before else damaged(draw, pack(content)))
    try:
        found = read(path, sha256=sha256)
    except CorruptFileError as error:
        expect(path.name in str(error), f"the error does not name the file: {error}")
    else:  # a bit of a gzip file's header, which says when it was packed
        expect(all(map(np.array_equal, found, right)), "other values were taken")


@row("a data file that unpacks to 200 MB")
def _bomb(draw: random.Random, folder: Path) -> None:
    name, (content, read) = draw.choice(list(data_files().items()))
    count = {"idx": (), "cifar": (2,), "amat": (2,)}[name]
    path = folder / "images"
    path.write_bytes(bomb(content, 200))

    def load() -> None:
        _, used = resource.getrlimit(resource.RLIMIT_AS), _memory()
        resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000,) * 2)
        with refused(path, CorruptFileError):
            read(path, *count)

    expect(status_of(forked(load)) == 0, "more than 50 MB were needed, or it was taken")


def _memory() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


# ---- nonsense ------------------------------------------------------------------------------------


@row("20 calls of public functions with nonsense")
def _nonsense(draw: random.Random, folder: Path) -> None:
    known = list(functions())
    # `save` may take a string for a path.
    with chdir(folder), warnings.catch_warnings(action="ignore"):
        for _ in range(20):
            name, function = draw.choice(known)
            wrong = fault(name, function, arguments(draw, function))
            expect(wrong is None, str(wrong))


@row("20 classes made with nonsense")
def _classes(draw: random.Random, folder: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        for _ in range(20):
            case = draw.choice(CASES)
            chosen = [name for name in numeric(case) if draw.random() < 0.5]
            wrong = nonsense.fault(case, {name: draw.choice(NONSENSE) for name in chosen})
            expect(wrong is None, str(wrong))


@row("20 hostile requests to the explorer")
def _hostile(draw: random.Random, folder: Path) -> None:
    server = explorer()
    sensible = requests(server)
    for _ in range(20):
        request = draw.choice(sensible)
        for _ in range(draw.randint(0, 3)):
            request = damaged(draw, request) or b"x"
        found = answer(server, request)
        expect(b" 500 " not in found[:20], f"{request!r}: {found[-200:]!r}")
    expect(b" 200 " in answer(server, sensible[0])[:20], "it does not answer any more")


# ---- the table -----------------------------------------------------------------------------------


def torture(seed: int, count: int, report: Callable[[str], object] = print) -> int:
    """Draws `count` cases of each row; returns how many fell short."""
    report(f"{'':50} {'tried':>6} {'survived':>9} {'fell short':>11}")
    total = 0
    for title, case in ROWS.items():
        short = []
        for number in range(count):
            folder = Path(tempfile.mkdtemp())
            try:
                case(random.Random(f"{seed} {title} {number}"), folder)
            except Exception as error:
                short.append(f"  case {number}: {type(error).__name__}: {error}")
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        report(f"{title:50} {count:6} {count - len(short):9} {len(short):11}")
        for line in short[:10]:
            report(line)
        total += len(short)
    return total


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100, help="cases of each row")
    args = parser.parse_args()
    return min(torture(args.seed, args.count), 1)


if __name__ == "__main__":
    sys.exit(main())
