"""Readers of the files that MNIST, CIFAR-10 and binarized MNIST come in; each checks what it reads.

A reader takes a path, packed or not: gzip and xz are told by the first bytes, not by the name. It
reads as much as the format allows, however much the file unpacks to. A SHA-256, if given, is what
the unpacked bytes must have.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import struct
import zlib
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from minigrad.data.sources import published_as

Bytes = NDArray[np.uint8]

CIFAR_RECORD: Final = 1 + 3 * 32 * 32  # a label, then a red, a green and a blue plane
AMAT_ROW: Final = 2 * 28 * 28  # "0 1 ... 0\n"
MOST: Final = 1 << 30  # bytes of a file, unpacked; the largest published one has 78 million
BEYOND: Final = 1 << 16  # bytes that are read beyond what is wanted, to say how many trail


class CorruptFileError(ValueError):
    """A file is not what it should be: the message names it and says what is wrong with it."""

    def __init__(self, path: Path | str, what: str) -> None:
        super().__init__(f"{path}: {what}")


def read_bytes(path: Path | str, most: int = MOST) -> bytes:
    """The first bytes of a file, unpacked if it is gzip or xz; CorruptFileError if damaged."""
    with open(path, "rb") as file:
        start = file.peek(6)[:6]
        try:
            if start.startswith(b"\x1f\x8b"):
                return gzip.GzipFile(fileobj=file).read(most)
            if start == b"\xfd7zXZ\x00":
                return lzma.LZMAFile(file).read(most)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            kind = "gzip" if start.startswith(b"\x1f\x8b") else "xz"
            what = f"bad {kind} data, truncated or damaged ({error})"
            raise CorruptFileError(path, what) from None
        suffix = Path(path).suffix
        if suffix in (".gz", ".xz"):
            raise CorruptFileError(path, f"not a {suffix} file: it begins with {start!r}")
        return file.read(most)


def _read(path: Path | str, count: int | None, size: int, what: str, sha256: str | None) -> bytes:
    """`count` items of `size` bytes each, or any whole number of them, and nothing else."""
    most = MOST if count is None else count * size
    if most > MOST or len(raw := read_bytes(path, most + BEYOND)) > MOST:
        raise CorruptFileError(path, f"more than the {MOST:,} bytes that are read")
    if count is None:
        count = -(-len(raw) // size)
    _check_length(path, len(raw), count * size, what.format(count))
    if sha256 is not None:
        _check_sum(path, hashlib.sha256(raw).hexdigest(), sha256)
    return raw


def _check_length(path: Path | str, got: int, expected: int, what: str) -> None:
    if got < expected:
        short = f"short by {expected - got:,} bytes of {expected:,}"
        raise CorruptFileError(path, f"{short} for {what}")
    if got > expected:
        more = " or more" * (got == expected + BEYOND)
        raise CorruptFileError(path, f"{got - expected:,}{more} trailing bytes after {what}")


def _check_sum(path: Path | str, got: str, expected: str) -> None:
    if got != expected:
        known = published_as(got)
        what = f"it is {known}" if known else f"it has SHA-256 {got} unpacked, expected {expected}"
        own = "for files of your own: verify=False, --no-verify"
        raise CorruptFileError(path, f"not the published file: {what} ({own})")


def read_idx(
    path: Path | str, shape: tuple[int | None, ...] | None = None, sha256: str | None = None
) -> Bytes:
    """Reads an IDX file of bytes (MNIST's format) to a uint8 array.

    A big-endian header: two zero bytes, the type (8 is uint8), the number of axes, their sizes.
    Raises CorruptFileError, also for another `shape` than that given, where None is any size.
    """
    raw = read_bytes(path, 4 + 4 * 255)
    if len(raw) < 4:
        raise CorruptFileError(path, f"short by {4 - len(raw)} bytes of 4 for the IDX magic number")
    magic, axes = struct.unpack(">I", raw[:4])[0], raw[3]
    if raw[:3] != b"\0\0\x08" or not axes or (shape is not None and axes != len(shape)):
        expected = "2049 to 2303" if shape is None else f"{2048 + len(shape)}"
        raise CorruptFileError(path, f"bad magic number: {magic}, expected {expected}")
    start = 4 + 4 * axes
    _check_length(path, min(len(raw), start), start, "the IDX header")
    found = struct.unpack(f">{axes}I", raw[4:start])
    wanted = tuple(n if m is None else m for m, n in zip(shape or found, found, strict=True))
    if found != wanted:
        raise CorruptFileError(path, f"wrong count or size: {found}, expected {wanted}")
    raw = _read(path, 1, start + prod(found), f"an IDX array of shape {found}", sha256)
    return np.frombuffer(raw, np.uint8, offset=start).reshape(found)


def read_cifar(
    path: Path | str, records: int | None = None, sha256: str | None = None
) -> tuple[Bytes, NDArray[np.int64]]:
    """Reads a CIFAR-10 binary file: images (records, 3, 32, 32) and labels (records,).

    Raises CorruptFileError, also for another number of records than that given.
    """
    raw = _read(path, records, CIFAR_RECORD, "{:,} CIFAR-10 records", sha256)
    rows = np.frombuffer(raw, np.uint8).reshape(-1, CIFAR_RECORD)
    labels = rows[:, 0].astype(np.int64)
    if wrong := np.flatnonzero(labels > 9).tolist():
        where = f"record {wrong[0]:,} has the label {labels[wrong[0]]}, expected 0 to 9"
        raise CorruptFileError(path, where)
    return rows[:, 1:].reshape(-1, 3, 32, 32), labels


def read_amat(path: Path | str, rows: int | None = None, sha256: str | None = None) -> Bytes:
    """Reads binarized MNIST's text, 784 digits 0 or 1 per line, to 0 or 255: (rows, 1, 28, 28).

    Raises CorruptFileError, also for another number of rows than that given.
    """
    raw = _read(path, rows, AMAT_ROW, "{:,} rows of 784 digits", sha256)
    text = np.frombuffer(raw, np.uint8).reshape(-1, AMAT_ROW)
    between = np.full(AMAT_ROW // 2, ord(" "), np.uint8)
    between[-1] = ord("\n")
    digits = text[:, ::2] - np.uint8(ord("0"))
    if wrong := np.flatnonzero((digits > 1).any(1) | (text[:, 1::2] != between).any(1)).tolist():
        raise CorruptFileError(path, f"line {wrong[0] + 1:,} is not 784 digits 0 or 1")
    return (digits * np.uint8(255)).reshape(-1, 1, 28, 28)
