"""The readers of minigrad.data: what they read, and what they say about files that are wrong."""

import gzip
import hashlib
import io
import lzma
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import formats
from minigrad.data.formats import (
    CIFAR_RECORD,
    CorruptFileError,
    read_amat,
    read_bytes,
    read_cifar,
    read_idx,
)

bytes_arrays = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0))


def idx(array: np.ndarray) -> bytes:
    """The IDX file of a uint8 array."""
    return struct.pack(f">I{array.ndim}I", 2048 + array.ndim, *array.shape) + array.tobytes()


def amat(rows: np.ndarray) -> bytes:
    return b"".join(b" ".join(b"%d" % x for x in row) + b"\n" for row in rows)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that the drawn examples of a test may overwrite."""
    return tmp_path_factory.mktemp("data") / "file"


@given(bytes_arrays, st.sampled_from([bytes, gzip.compress, lzma.compress]))
def test_idx_round_trip(file, array, pack):
    file.write_bytes(pack(idx(array)))
    read = read_idx(file)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


@given(bytes_arrays, st.data())
def test_an_idx_file_cut_anywhere_is_short_by_what_it_lacks(file, array, data):
    whole = idx(array)
    cut = data.draw(st.integers(0, len(whole) - 1))
    file.write_bytes(whole[:cut])
    with pytest.raises(CorruptFileError, match=r"short by ([\d,]+) bytes of ([\d,]+)") as error:
        read_idx(file)
    assert str(error.value).startswith(f"{file}: ")
    if cut >= 4 + 4 * array.ndim:
        assert f"short by {len(whole) - cut:,} bytes" in str(error.value)


def test_idx_trailing_bytes(file):
    file.write_bytes(idx(np.zeros((2, 3), np.uint8)) + b"12345")
    with pytest.raises(CorruptFileError, match=r"file: 5 trailing bytes after .* shape \(2, 3\)"):
        read_idx(file)


def test_idx_count_larger_than_the_data(file):
    file.write_bytes(struct.pack(">II", 2049, 10) + bytes(7))
    with pytest.raises(CorruptFileError, match="short by 3 bytes of 18"):
        read_idx(file)


@pytest.mark.parametrize("head", [b"\0\0\x0d\x03", b"\0\1\x08\x03", b"\x89PNG", b"\0\0\x08\0"])
def test_idx_bad_magic(file, head):
    file.write_bytes(head + bytes(100))
    message = f"bad magic number: {int.from_bytes(head, 'big')}, expected 2049 to 2303"
    with pytest.raises(CorruptFileError, match=message):
        read_idx(file)


def test_idx_labels_where_images_belong(file):
    file.write_bytes(idx(np.arange(4, dtype=np.uint8)))
    with pytest.raises(CorruptFileError, match="bad magic number: 2049, expected 2051"):
        read_idx(file, (None, None, None))


def test_idx_of_another_shape(file):
    file.write_bytes(idx(np.zeros((2, 3), np.uint8)))
    assert read_idx(file, (None, 3)).shape == read_idx(file, (2, None)).shape == (2, 3)
    message = r"wrong count or size: \(2, 3\), expected \(2, 4\)"
    with pytest.raises(CorruptFileError, match=message):
        read_idx(file, (None, 4))


@pytest.mark.slow
@pytest.mark.parametrize(("pack", "kind"), [(gzip.compress, "gzip"), (lzma.compress, "xz")])
def test_a_packed_file_cut_anywhere_is_refused(tmp_path, pack, kind):
    whole = pack(idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4)))
    path = tmp_path / ("images.gz" if kind == "gzip" else "images.xz")
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(CorruptFileError, match=f"bad {kind} data|not a .{kind[:1]}z file"):
            read_idx(path)


def test_bad_gzip(tmp_path):
    packed = bytearray(gzip.compress(bytes(range(256)) * 40, mtime=0))
    path = tmp_path / "x.gz"
    for position in range(12, len(packed), 7):
        damaged = packed.copy()
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(CorruptFileError, match=r"x\.gz: bad gzip data"):
            read_bytes(path)
    path.write_bytes(b"<html>404 Not Found</html>")
    with pytest.raises(CorruptFileError, match=r"x\.gz: not a \.gz file: it begins with b'<html>'"):
        read_bytes(path)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(0, 3), st.just(CIFAR_RECORD))))
def test_cifar_round_trip(file, rows):
    rows[:, 0] %= 10
    file.write_bytes(rows.tobytes())
    images, labels = read_cifar(file, len(rows))
    assert images.shape == (len(rows), 3, 32, 32)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, rows[:, 0])
    np.testing.assert_array_equal(images.reshape(len(rows), 3072), rows[:, 1:])


def test_cifar_wrong_files(file):
    rows = np.zeros((3, CIFAR_RECORD), np.uint8)
    file.write_bytes(rows.tobytes())
    with pytest.raises(CorruptFileError, match="short by 3,073 bytes of 12,292 for 4 CIFAR-10"):
        read_cifar(file, 4)
    with pytest.raises(CorruptFileError, match="3,073 trailing bytes after 2 CIFAR-10 records"):
        read_cifar(file, 2)
    rows[1:, 0] = 9, 10  # the last that there is, and none
    file.write_bytes(rows.tobytes())
    with pytest.raises(CorruptFileError, match="record 2 has the label 10, expected 0 to 9"):
        read_cifar(file, 3)
    rows[2, 0] = 17
    file.write_bytes(rows.tobytes())
    with pytest.raises(CorruptFileError, match="record 2 has the label 17, expected 0 to 9"):
        read_cifar(file, 3)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(0, 3), st.just(784)), elements=st.integers(0, 1)))
def test_amat_round_trip(file, rows):
    file.write_bytes(amat(rows))
    images = read_amat(file, len(rows))
    assert images.shape == (len(rows), 1, 28, 28)
    np.testing.assert_array_equal(images.reshape(len(rows), 784), rows * 255)


def test_without_a_number_of_records_there_are_as_many_as_the_file_has(file):
    file.write_bytes(bytes(3 * CIFAR_RECORD))
    assert read_cifar(file)[0].shape == (3, 3, 32, 32)
    file.write_bytes(bytes(3 * CIFAR_RECORD - 1))
    with pytest.raises(CorruptFileError, match="short by 1 bytes of 9,219 for 3 CIFAR-10 records"):
        read_cifar(file)
    file.write_bytes(amat(np.ones((2, 784), int)))
    assert read_amat(file).shape == (2, 1, 28, 28)


def test_the_sum_of_the_unpacked_bytes_is_checked(file):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    right = hashlib.sha256(idx(array)).hexdigest()
    for pack in (bytes, gzip.compress, lzma.compress):
        file.write_bytes(pack(idx(array)))
        np.testing.assert_array_equal(read_idx(file, sha256=right), array)
        file.write_bytes(pack(idx(array + 1)))
        message = f"file: not the published file: it has SHA-256 [0-9a-f]{{64}}.*, expected {right}"
        with pytest.raises(CorruptFileError, match=message):
            read_idx(file, sha256=right)
    rows = np.zeros((2, 784), int)
    for reader, whole in ((read_cifar, bytes(CIFAR_RECORD)), (read_amat, amat(rows))):
        file.write_bytes(whole)
        reader(file, sha256=hashlib.sha256(whole).hexdigest())
        with pytest.raises(CorruptFileError, match="not the published file"):
            reader(file, sha256=right)


# ---- files that unpack to more than they should --------------------------------------------------


def bomb(head: bytes, megabytes: int) -> bytes:
    """A small gzip file of `head` and that many million zeros."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        file.write(head)
        for _ in range(megabytes):
            file.write(bytes(10**6))
    return packed.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "read", "what"),
    [
        (b"\0\0\x08\3" + struct.pack(">3I", 10, 28, 28), read_idx, r"shape \(10, 28, 28\)"),
        (b"", lambda path: read_cifar(path, 3), "3 CIFAR-10 records"),
        (b"", lambda path: read_amat(path, 3), "3 rows of 784 digits"),
    ],
    ids=["idx", "cifar", "amat"],
)
def test_what_unpacks_to_too_much_is_not_unpacked(file, head, read, what):
    file.write_bytes(bomb(head, 100))
    tracemalloc.start()
    with pytest.raises(CorruptFileError, match=f"65,536 or more trailing bytes after .*{what}"):
        read(file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5e6


@pytest.mark.parametrize("shape", [(2**32 - 1, 28, 28), (2**31, 1, 1)])
def test_a_header_that_claims_too_much_is_refused(file, shape):
    file.write_bytes(bomb(b"\0\0\x08\3" + struct.pack(">3I", *shape), 1))
    with pytest.raises(CorruptFileError, match="more than the 1,073,741,824 bytes that are read"):
        read_idx(file)


@pytest.mark.slow
def test_a_file_without_a_known_size_is_read_up_to_a_limit(file, monkeypatch):
    monkeypatch.setattr(formats, "MOST", 10**6)
    file.write_bytes(bomb(b"", 100))
    for read in (read_cifar, read_amat):
        with pytest.raises(CorruptFileError, match="more than the 1,000,000 bytes that are read"):
            read(file)


def test_amat_wrong_files(file):
    whole = amat(np.ones((3, 784), int))
    file.write_bytes(whole[:-2])
    with pytest.raises(CorruptFileError, match="short by 2 bytes of 4,704 for 3 rows"):
        read_amat(file, 3)
    for position, byte in [(1568, b"2"), (1569, b","), (2 * 1568 - 1, b" "), (1570, b"/")]:
        file.write_bytes(whole[:position] + byte + whole[position + 1 :])
        with pytest.raises(CorruptFileError, match="line 2 is not 784 digits 0 or 1"):
            read_amat(file, 3)


def test_a_magic_number_alone_is_a_short_header(tmp_path):
    for axes, missing in ((1, 4), (3, 12)):
        (tmp_path / "x").write_bytes(idx(np.zeros((1,) * axes, np.uint8))[:4])
        short = f"short by {missing} bytes of {4 + missing} for the IDX header"
        with pytest.raises(CorruptFileError, match=short):
            read_idx(tmp_path / "x")
