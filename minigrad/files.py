"""Files that are whole at all times, and folders that one program at a time writes to."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

File = str | os.PathLike[str]
_PART = re.compile(r"\..*\.[0-9a-f]{16}\.part", re.DOTALL)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class FolderInUse(OSError):
    """Another program writes to the folder; the message says which."""


# ---- whole files ---------------------------------------------------------------------------------


@contextmanager
def replacing(path: File) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `path`, whole and on the disk, when the block ends well.

    A reader meets the old file or the new one, however many write to the same path: each writes
    beside it, under a name of its own. What a killed one left in the folder is removed by the
    next. Where `path` is a symbolic link, the link is replaced, and what it names stays as it is.
    """
    path = Path(path)
    remove_left(path.parent)
    part, file = _part(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.name != "posix":  # Windows renames no open file, and has no lock to lose
                file.close()
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: File, text: str) -> None:
    """Replaces a file by a text, in UTF-8."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: File, values: Any) -> None:
    """Replaces a file by JSON; ValueError for NaN and infinities, which JSON does not have."""
    import json

    try:
        text = json.dumps(values, indent=2, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)} was not written: {error}") from error
    write_text(path, text + "\n")


def remove_left(folder: File) -> None:
    """Removes what killed writers left in a folder."""
    with suppress(OSError):  # not ours, or gone: nothing depends on it
        for name in filter(_PART.fullmatch, os.listdir(folder)):
            with suppress(OSError), os.fdopen(_open(Path(folder, name)), "r+b") as file:
                if _lock(file.fileno(), wait=False):
                    os.unlink(Path(folder, name))


def _part(path: Path) -> tuple[Path, IO[bytes]]:
    """A new locked file beside `path`: whoever can lock one like it knows that its writer died."""
    while True:
        part = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
        file = part.open("xb")  # as new files are: no link is followed, the umask decides
        _lock(file.fileno())
        if os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()  # it was removed as left behind before it was locked


# ---- one writer ----------------------------------------------------------------------------------


@contextmanager
def locked(folder: File, wait: bool = False) -> Iterator[None]:
    """A block that one program at a time is in; another waits, or gets FolderInUse.

    The file .lock in the folder says who is; it is removed at the end. What a killed program left
    locks nothing. Where the file system has no locks, this does nothing.
    """
    import platform

    path = Path(folder) / ".lock"
    handle = _locked(path, wait)
    try:
        os.ftruncate(handle, 0)
        command = " ".join(" ".join(sys.orig_argv).split())  # in one line, whatever it is
        os.write(handle, f"process {os.getpid()} on {platform.node()}: {command}".encode())
        yield
    finally:
        if os.fstat(handle).st_nlink:  # else the folder was deleted
            path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path, wait: bool) -> int:
    """An open file that has the lock, and is still the one that is found under its name."""
    while True:
        handle = _open(path, os.O_CREAT)
        try:
            _lock(handle, wait=False)
        except BlockingIOError:
            who = os.read(handle, 300).decode(errors="replace") or "another program"
            if not wait:
                os.close(handle)
                raise FolderInUse(f"{path.parent} is in use by {who}") from None
            print(f"waiting for {path.parent}, which is in use by {who}", file=sys.stderr)
            _lock(handle)
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)


def _open(path: Path, flags: int = 0) -> int:
    return os.open(path, os.O_RDWR | _NOFOLLOW | flags, 0o666)


def _lock(handle: int, wait: bool = True) -> bool:
    """Locks an open file until it is closed; BlockingIOError if another program has it locked.

    False where there are no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:  # some network folders
        return False
    return True
