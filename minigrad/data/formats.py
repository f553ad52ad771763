"""Readers of the files that MNIST, CIFAR-10 and binarized MNIST come in; each checks what it reads.

A reader takes a path, packed or not: gzip and xz are told by the first bytes, not by the name.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import zlib
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

CIFAR_RECORD: Final = 1 + 3 * 32 * 32  # a label, then a red, a green and a blue plane
AMAT_ROW: Final = 2 * 28 * 28  # "0 1 ... 0\n"


class CorruptFileError(ValueError):
    """A file is not what it should be: the message names it and says what is wrong with it."""

    def __init__(self, path: Path | str, what: str) -> None:
        super().__init__(f"{path}: {what}")


def read_bytes(path: Path | str) -> bytes:
    """A file's contents, unpacked if it is gzip or xz; raises CorruptFileError if it is damaged."""
    raw = Path(path).read_bytes()
    try:
        if raw.startswith(b"\x1f\x8b"):
            return gzip.decompress(raw)
        if raw.startswith(b"\xfd7zXZ\x00"):
            return lzma.decompress(raw)
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        kind = "gzip" if raw.startswith(b"\x1f\x8b") else "xz"
        raise CorruptFileError(path, f"bad {kind} data, truncated or damaged ({error})") from None
    suffix = Path(path).suffix
    if suffix in (".gz", ".xz"):
        raise CorruptFileError(path, f"not a {suffix} file: it begins with {raw[:6]!r}")
    return raw


def _check_length(path: Path | str, got: int, expected: int, what: str) -> None:
    if got < expected:
        short = f"short by {expected - got:,} bytes of {expected:,}"
        raise CorruptFileError(path, f"{short} for {what}")
    if got > expected:
        raise CorruptFileError(path, f"{got - expected:,} trailing bytes after {what}")


def read_idx(path: Path | str, ndim: int | None = None) -> Bytes:
    """Reads an IDX file of bytes (MNIST's format), with `ndim` axes if given, to a uint8 array.

    A big-endian header: two zero bytes, the type (8 is uint8), the number of axes, their sizes.
    Raises CorruptFileError.
    """
    raw = read_bytes(path)
    if len(raw) < 4:
        raise CorruptFileError(path, f"short by {4 - len(raw)} bytes of 4 for the IDX magic number")
    magic, axes = struct.unpack(">I", raw[:4])[0], raw[3]
    if raw[:3] != b"\0\0\x08" or not axes or (ndim is not None and axes != ndim):
        expected = "2049 to 2303" if ndim is None else f"{2048 + ndim}"
        raise CorruptFileError(path, f"bad magic number: {magic}, expected {expected}")
    start = 4 + 4 * axes
    _check_length(path, min(len(raw), start), start, "the IDX header")
    shape = struct.unpack(f">{axes}I", raw[4:start])
    _check_length(path, len(raw), start + prod(shape), f"an IDX array of shape {shape}")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read_cifar(path: Path | str, records: int) -> tuple[Bytes, NDArray[np.int64]]:
    """Reads a CIFAR-10 binary file: images (records, 3, 32, 32) and labels (records,).

    Raises CorruptFileError.
    """
    raw = read_bytes(path)
    _check_length(path, len(raw), records * CIFAR_RECORD, f"{records:,} CIFAR-10 records")
    rows = np.frombuffer(raw, np.uint8).reshape(-1, CIFAR_RECORD)
    labels = rows[:, 0].astype(np.int64)
    if wrong := np.flatnonzero(labels > 9).tolist():
        where = f"record {wrong[0]:,} has the label {labels[wrong[0]]}, expected 0 to 9"
        raise CorruptFileError(path, where)
    return rows[:, 1:].reshape(-1, 3, 32, 32), labels


def read_amat(path: Path | str, rows: int) -> Bytes:
    """Reads binarized MNIST's text, 784 digits 0 or 1 per line, to 0 or 255: (rows, 1, 28, 28).

    Raises CorruptFileError.
    """
    raw = read_bytes(path)
    _check_length(path, len(raw), rows * AMAT_ROW, f"{rows:,} rows of 784 digits")
    text = np.frombuffer(raw, np.uint8).reshape(-1, AMAT_ROW)
    between = np.full(AMAT_ROW // 2, ord(" "), np.uint8)
    between[-1] = ord("\n")
    digits = text[:, ::2] - np.uint8(ord("0"))
    if wrong := np.flatnonzero((digits > 1).any(1) | (text[:, 1::2] != between).any(1)).tolist():
        raise CorruptFileError(path, f"line {wrong[0] + 1:,} is not 784 digits 0 or 1")
    return (digits * np.uint8(255)).reshape(-1, 1, 28, 28)
