"""`load` on files: where they are looked for, which are refused, and what the real ones hold."""

import gzip
import hashlib
import lzma
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minigrad.data import NAMES, ImageDataset, load, splits
from minigrad.data.files import find_files
from minigrad.data.formats import CorruptFileError
from minigrad.data.sources import SOURCES

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


def write_idx(path: Path, array: np.ndarray) -> None:
    raw = struct.pack(f">I{array.ndim}I", 2048 + array.ndim, *array.shape) + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def write_mnist(folder: Path, value: int = 0, n: int = 10, images=IMAGES, labels=LABELS) -> None:
    """A test split of MNIST with one image of each class."""
    write_idx(folder / images, np.full((n, 28, 28), value, np.uint8))
    write_idx(folder / labels, np.arange(n, dtype=np.uint8))


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache, no environment."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)


@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("names", [(IMAGES, LABELS), ("t10k-images.idx3-ubyte", LABELS[:-3])])
def test_the_folder_itself_or_a_subfolder(tmp_path, folder, names):
    write_mnist(tmp_path / folder, 7, images=names[0], labels=names[1])
    data = load("mnist", "test", data_dir=str(tmp_path), download=False, verify=False)
    assert repr(data) == "ImageDataset(mnist/test: 10 images of 1x28x28)"
    assert data.labels.tolist() == list(range(10)) and data.classes == tuple("0123456789")
    assert (data.images == 7).all() and data.factors == {}
    part = load("mnist", "test", data_dir=tmp_path, limit=3, download=False, verify=False)
    assert part.name == "mnist/test (first 3 of 10)"
    assert part.labels.tolist() == [0, 1, 2]


def test_data_dir_before_the_environment_before_the_cache(tmp_path, monkeypatch):
    def first_pixel() -> int:
        data = load("mnist", "test", data_dir=tmp_path / "arg", download=False, verify=False)
        return int(data.images[0, 0, 0, 0])

    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "env"))
    write_mnist(tmp_path / "cache" / "minigrad" / "mnist", 3)
    assert first_pixel() == 3
    write_mnist(tmp_path / "env", 2)
    assert first_pixel() == 2
    write_mnist(tmp_path / "arg" / "mnist", 1)
    assert first_pixel() == 1
    (tmp_path / "arg" / "mnist" / LABELS).unlink()  # half a split is never mixed with another
    assert first_pixel() == 2


def test_files_that_do_not_belong(tmp_path, monkeypatch):
    images, labels = tmp_path / IMAGES, tmp_path / LABELS
    write_mnist(tmp_path)
    sums = {
        path.name.removesuffix(".gz"): hashlib.sha256(gzip.decompress(path.read_bytes()))
        for path in (images, labels)
    }
    unpacked = {name: digest.hexdigest() for name, digest in sums.items()}
    source = replace(SOURCES["mnist"], sizes={"test": 10}, unpacked=unpacked)
    monkeypatch.setitem(SOURCES, "mnist", source)

    def loaded(verify: bool = True) -> ImageDataset:
        return load("mnist", "test", data_dir=tmp_path, limit=1, download=False, verify=verify)

    def refused(match: str, verify: bool = True) -> None:
        with pytest.raises(CorruptFileError, match=match):
            loaded(verify)

    assert len(loaded()) == 1
    write_idx(images, np.zeros((9, 28, 28), np.uint8))
    refused(rf"{IMAGES}: wrong count or size: \(9, 28, 28\), expected \(10, 28, 28\)")
    write_idx(images, np.zeros((10, 32, 32), np.uint8))
    refused(rf"{IMAGES}: wrong count or size: \(10, 32, 32\)")
    refused(rf"{IMAGES}: wrong count or size: \(10, 32, 32\)", verify=False)
    write_idx(images, np.zeros(10, np.uint8))
    refused(f"{IMAGES}: bad magic number: 2049, expected 2051")
    write_mnist(tmp_path, 1)
    refused(rf"{IMAGES}: not the published file: it has SHA-256 .*\(for files of your own: verify")
    assert len(loaded(verify=False)) == 1
    write_mnist(tmp_path)
    write_idx(labels, np.arange(9, dtype=np.uint8))
    refused(rf"{LABELS}: wrong count or size: \(9,\), expected \(10,\)")
    refused(rf"{LABELS}: wrong count or size: \(9,\), expected \(10,\)", verify=False)
    write_idx(labels, np.array([0, 0, *range(2, 10)], np.uint8))
    refused(f"{LABELS}: not the published file")
    write_idx(labels, np.array([*range(9), 200], np.uint8))
    refused(f"{LABELS}: the label 200 of 10 classes", verify=False)
    labels.write_bytes(labels.read_bytes()[:-4])
    refused(f"{LABELS}: bad gzip data")


def test_files_of_ones_own_have_as_many_images_as_they_have(tmp_path):
    write_mnist(tmp_path, n=7)
    own = load("mnist", "test", data_dir=tmp_path, download=False, verify=False)
    assert repr(own) == "ImageDataset(mnist/test: 7 images of 1x28x28)"
    for i in range(5):
        write_cifar(tmp_path, f"data_batch_{i + 1}.bin", i, label=i)
    own = load("cifar-10", data_dir=tmp_path, limit=9, download=False, verify=False)
    assert own.labels.tolist() == [1, 2, 2, 3, 3, 3, 4, 4, 4]
    assert own.name == "cifar-10/train (first 9 of 10)"


def cifar_raw(records: int, label: int = 0) -> bytes:
    return (bytes([label]) + bytes([label + 100]) * 3072) * records


def write_cifar(folder: Path, name: str, records: int, label: int = 0) -> None:
    raw = cifar_raw(records, label)
    (folder / name).write_bytes(lzma.compress(raw) if name.endswith(".xz") else raw)


def test_cifar_reads_the_batches_in_order_and_only_those_it_needs(tmp_path, monkeypatch):
    unpacked = {
        f"data_batch_{i + 1}.bin": hashlib.sha256(cifar_raw(4, i)).hexdigest() for i in range(5)
    }
    source = replace(SOURCES["cifar-10"], sizes={"train": 20}, unpacked=unpacked)
    monkeypatch.setitem(SOURCES, "cifar-10", source)
    for i in range(5):
        write_cifar(tmp_path, f"data_batch_{i + 1}.bin" + ".xz" * (i % 2), 4, label=i)

    def loaded(limit: int | None = None) -> list[int]:
        return load("cifar-10", data_dir=tmp_path, limit=limit, download=False).labels.tolist()

    assert loaded() == sorted([0, 1, 2, 3, 4] * 4)
    write_cifar(tmp_path, "data_batch_3.bin", 3, label=2)
    assert loaded(8) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert loaded(0) == []
    with pytest.raises(CorruptFileError, match=r"data_batch_3.bin: short by 3,073 bytes of 12,292"):
        loaded(9)
    write_cifar(tmp_path, "data_batch_3.bin", 4, label=1)
    match = r"data_batch_3.bin: not the published file: it is data_batch_2.bin of cifar-10 \("
    with pytest.raises(CorruptFileError, match=match):
        loaded()


def test_the_first_1000_of_cifars_test_batch_say_that_they_are_not_all(tmp_path, monkeypatch):
    name = "test_batch_first1000.bin"
    unpacked = SOURCES["cifar-10"].unpacked | {name: hashlib.sha256(cifar_raw(1000)).hexdigest()}
    monkeypatch.setitem(SOURCES, "cifar-10", replace(SOURCES["cifar-10"], unpacked=unpacked))
    write_cifar(tmp_path, f"{name}.xz", 1000)
    data = load("cifar-10", "test", data_dir=tmp_path, download=False)
    expected = "ImageDataset(cifar-10/test (first 1,000 of 10,000): 1,000 images of 3x32x32)"
    assert repr(data) == expected
    write_cifar(tmp_path, f"{name}.xz", 999)
    with pytest.raises(CorruptFileError, match=r"first1000\.bin\.xz: short by 3,073 bytes"):
        load("cifar-10", "test", data_dir=tmp_path, download=False)
    # The whole batch, where it is present, is preferred: here it is found to be short.
    write_cifar(tmp_path, "test_batch.bin", 1000)
    with pytest.raises(CorruptFileError, match=r"test_batch.bin: short by 27,657,000 bytes"):
        load("cifar-10", "test", data_dir=tmp_path, download=False)


def test_bad_arguments():
    with pytest.raises(
        ValueError, match=r"no data set is called 'imagenet'; there are: glyphs, fac"
    ):
        load("imagenet")
    with pytest.raises(ValueError, match="mnist has no split 'valid'; it has: train, test"):
        load("mnist", "valid")
    with pytest.raises(ValueError, match="limit must not be negative, got -1"):
        load("glyphs", limit=-1)
    with pytest.raises(ValueError, match="seed must not be negative, got -1"):
        load("glyphs", seed=-1)
    assert all(splits(name) == tuple(SOURCES[name].files) for name in NAMES[2:])


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_mnists(data_dir, name, split):
    data = load(name, split, data_dir=data_dir(name).parent, download=False)
    total = {"train": 60_000, "test": 10_000}[split]
    assert data.images.shape == (total, 1, 28, 28)
    assert len(np.bincount(data.labels)) == 10
    assert data.images.max() == 255 and data.images.min() == 0


@pytest.mark.slow
def test_real_mnist_known_values(data_dir):
    data = load("mnist", data_dir=data_dir("mnist"), download=False)
    assert data.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # The mean and deviation that everybody normalises MNIST with.
    share = np.bincount(data.images.ravel(), minlength=256) / data.images.size
    grey = np.arange(256) / 255
    mean = share @ grey
    assert round(mean, 4) == 0.1307
    assert round(np.sqrt(share @ (grey - mean) ** 2), 4) == 0.3081


@pytest.mark.parametrize(
    ("name", "other"), [("mnist", "fashion-mnist"), ("fashion-mnist", "mnist")]
)
def test_one_mnist_is_not_taken_for_the_other(data_dir, name, other):
    match = f"not the published file: it is t10k-images-idx3-ubyte of {other}"
    with pytest.raises(CorruptFileError, match=match):
        load(name, "test", data_dir=data_dir(other), download=False)


@pytest.mark.slow
def test_one_split_or_batch_is_not_taken_for_another(data_dir, tmp_path):
    amats, batches = data_dir("binarized-mnist"), data_dir("cifar-10")
    (tmp_path / "binarized_mnist_test.amat.gz").symlink_to(amats / "binarized_mnist_valid.amat.gz")
    with pytest.raises(CorruptFileError, match=r"it is binarized_mnist_valid\.amat of binariz"):
        load("binarized-mnist", "test", data_dir=tmp_path, download=False)
    for i in range(1, 6):
        (tmp_path / f"data_batch_{i}.bin.xz").symlink_to(batches / "data_batch_2.bin.xz")
    with pytest.raises(CorruptFileError, match=r"data_batch_1\..* it is data_batch_2.bin of cifar"):
        load("cifar-10", data_dir=tmp_path, limit=1, download=False)


def test_a_wrong_pixel_is_found(data_dir, tmp_path):
    raw = bytearray(gzip.decompress((data_dir("mnist") / IMAGES).read_bytes()))
    raw[5000] ^= 1
    (tmp_path / IMAGES).write_bytes(gzip.compress(raw, 1))
    (tmp_path / LABELS).symlink_to(data_dir("mnist") / LABELS)
    with pytest.raises(CorruptFileError, match=f"{IMAGES}: not the published file: it has SHA-256"):
        load("mnist", "test", data_dir=tmp_path, download=False)


@pytest.mark.slow
def test_real_cifar(data_dir):
    folder = data_dir("cifar-10")
    train = load("cifar-10", data_dir=folder, limit=500, download=False)
    assert train.images.shape == (500, 3, 32, 32)
    assert [train.classes[label] for label in train.labels[:4]] == "frog truck truck deer".split()
    assert len(find_files("cifar-10", SOURCES["cifar-10"], "train", folder, download=False)) == 5
    test = load("cifar-10", "test", data_dir=folder, limit=1000, download=False)
    counts = (103, 89, 100, 103, 90, 86, 112, 102, 106, 109)
    assert tuple(np.bincount(test.labels)) == counts
    meta = (folder / "batches.meta.txt").read_text().split()
    assert tuple(meta) == test.classes


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_real_binarized_mnist(data_dir, split):
    rows = {"train": 50_000, "valid": 10_000, "test": 10_000}[split]
    folder = data_dir("binarized-mnist")
    data = load("binarized-mnist", split, data_dir=folder.parent, download=False)
    assert data.images.shape == (rows, 1, 28, 28)
    assert np.unique(data.images).tolist() == [0, 255]
    assert np.unique(data[:10][0]).tolist() == [0.0, 1.0]
    # A published grey level is its pixel's probability: the mean ink is MNIST's.
    assert abs(data.images.mean() / 255 - 0.1307) < 0.003
    (path,) = find_files("binarized-mnist", SOURCES["binarized-mnist"], split, folder, False)
    unpacked = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    assert unpacked == SOURCES["binarized-mnist"].sha256[f"binarized_mnist_{split}.amat"]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_downloads_sums_are_those_of_the_real_files(data_dir, name):
    for file, sha256 in SOURCES[name].sha256.items():
        assert hashlib.sha256((data_dir(name) / file).read_bytes()).hexdigest() == sha256


def test_a_folder_that_one_may_not_read_is_told_as_that(tmp_path, monkeypatch):
    def denied(path: Path, **how: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", denied)
    with pytest.raises(PermissionError, match=f"Permission denied: '{tmp_path}"):
        load("mnist", data_dir=tmp_path)
