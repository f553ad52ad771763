"""Downloads a file from the first mirror that has it, checks it, and puts it in place whole."""

from __future__ import annotations

import hashlib
import http.client
import queue
import sys
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from minigrad.files import replacing

TIMEOUT: Final = 5.0  # seconds without a byte after which a mirror is given up
SLOWEST: Final = 1 << 15  # bytes a second, on average since PATIENCE seconds after the first byte
PATIENCE: Final = 30.0
MOST: Final = 1 << 28  # bytes; the largest download has 170 million, the slowest takes 2.3 hours
BLOCK: Final = 1 << 16


class DownloadError(Exception):
    """No mirror gave the file; `failures` has a line for each with its URL and the reason."""

    def __init__(self, failures: list[str]) -> None:
        super().__init__("; ".join(failures))
        self.failures = failures


def fetch(urls: Sequence[str], target: Path, sha256: str) -> None:
    """Downloads `target` from the first of the URLs that gives a file with this SHA-256.

    Raises DownloadError; `target` is then as it was before.
    """
    with replacing(target) as file:
        _download(urls, file, target.name, sha256)


def fetch_members(urls: Sequence[str], folder: Path, sha256: str, members: Set[str]) -> None:
    """Downloads a .tar.gz to a file without a name, and puts its members of these names into a
    folder; raises DownloadError."""
    with tempfile.TemporaryFile(dir=folder) as archive:
        _download(urls, archive, urls[0].rpartition("/")[2], sha256)
        archive.seek(0)
        unpack(archive, folder, members)


def unpack(archive: IO[bytes], folder: Path, members: Set[str]) -> None:
    """Unpacks the members of a .tar.gz with these file names into a folder.

    A member's own folder is ignored, so that no path in the archive leads anywhere else.
    """
    with tarfile.open(fileobj=archive) as tar:
        for member in tar:
            name = PurePosixPath(member.name).name
            source = tar.extractfile(member) if member.isfile() and name in members else None
            if source is not None:
                with replacing(folder / name) as file:
                    while block := source.read(BLOCK):
                        file.write(block)


def _download(urls: Sequence[str], file: IO[bytes], name: str, sha256: str) -> None:
    """Fills a file from the first of the URLs that gives one with this SHA-256."""
    failures = []
    for url in urls:
        file.seek(0)
        file.truncate()
        try:
            with _open(url) as response:
                _copy(response, file, name, sha256)
            return
        except (OSError, ValueError, http.client.HTTPException) as error:
            failures.append(f"{url}: {error or type(error).__name__}")
    raise DownloadError(failures)


def _open(url: str) -> Any:
    """An open response, or TimeoutError after TIMEOUT seconds."""
    # NOTE: urlopen's own timeout covers neither the look-up of the name nor the sum over a host's
    # addresses; a dead network then takes minutes to fail. So the wait is limited from outside.
    request = urllib.request.Request(url, headers={"User-Agent": "minigrad"})
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    given_up = threading.Event()

    def ask() -> None:
        try:
            response = urllib.request.urlopen(request, timeout=TIMEOUT)
            if given_up.is_set():
                response.close()
            answers.put(response)
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=TIMEOUT)
    except queue.Empty:
        given_up.set()
        raise TimeoutError(f"no answer within {TIMEOUT:g} seconds") from None
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()  # it is a response too, and keeps the connection
    if isinstance(answer, Exception):
        raise answer
    return answer


def _copy(response: Any, file: IO[bytes], name: str, sha256: str) -> None:
    """Copies a response to a file; ValueError if it is too large, too slow, or another file."""
    total = int(response.headers.get("Content-Length") or 0)
    digest, size, start = hashlib.sha256(), 0, time.monotonic()
    with _progress(name, total) as advance:
        while block := response.read1(BLOCK):  # what has come, however little
            file.write(block)
            digest.update(block)
            size += len(block)
            advance(len(block))
            seconds = time.monotonic() - start
            if size > MOST:
                raise ValueError(f"too large: more than {MOST:,} bytes")
            if seconds > PATIENCE + size / SLOWEST:
                raise ValueError(f"too slow: {size:,} bytes in {seconds:.0f} seconds")
    if digest.hexdigest() != sha256:
        length = f"{size:,} bytes" + (f" of {total:,}" if total not in (0, size) else "")
        raise ValueError(f"wrong SHA-256: got {digest.hexdigest()} ({length}), expected {sha256}")


@contextmanager
def _progress(name: str, total: int) -> Iterator[Callable[[int], object]]:
    """A progress bar on stderr; without tqdm, a line."""
    try:
        from tqdm import tqdm
    except ImportError:
        print(f"downloading {name} ({total:,} bytes)", file=sys.stderr)
        yield lambda _: None
        return
    with tqdm(total=total or None, desc=name, unit="B", unit_scale=True) as bar:
        yield bar.update
