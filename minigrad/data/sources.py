"""The real data sets: their files, where these are published, and what must be in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Source:
    """A published data set.

    `files` maps a split to the files that it is read from, in order: for each, the names under
    which it may be stored. `folders` are the subfolders of a data folder in which to look.
    `sha256` has the downloads, each of which is at `mirror + name` for every mirror; a download
    that ends in .tar.gz is unpacked, any other is itself the first of a file's names. `unpacked`
    has the SHA-256 of what is in each file, by its `plain_name`; `sizes` the images of a split.
    """

    folders: tuple[str, ...]
    files: Mapping[str, tuple[tuple[str, ...], ...]]
    mirrors: tuple[str, ...]
    sha256: dict[str, str]
    unpacked: dict[str, str]
    sizes: dict[str, int]
    classes: tuple[str, ...] = field(default=("unlabelled",))


def _idx(name: str) -> tuple[str, ...]:
    plain = f"{name}-ubyte"
    return f"{plain}.gz", plain, plain.replace("-idx", ".idx")


IDX_FILES: Final = {
    "train": (_idx("train-images-idx3"), _idx("train-labels-idx1")),
    "test": (_idx("t10k-images-idx3"), _idx("t10k-labels-idx1")),
}


def _cifar(name: str) -> tuple[str, ...]:
    return f"{name}.bin", f"{name}.bin.xz"


def _amat(split: str) -> tuple[tuple[str, ...], ...]:
    plain = f"binarized_mnist_{split}.amat"
    return ((plain, f"{plain}.gz"),)


_AMATS: Final = {
    "binarized_mnist_train.amat": (
        "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"
    ),
    "binarized_mnist_valid.amat": (
        "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"
    ),
    "binarized_mnist_test.amat": (
        "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"
    ),
}


SOURCES: Final = {
    "mnist": Source(
        folders=("mnist", "MNIST/raw"),
        files=IDX_FILES,
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256={
            "train-images-idx3-ubyte.gz": (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
            ),
            "train-labels-idx1-ubyte.gz": (
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
            ),
            "t10k-images-idx3-ubyte.gz": (
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
            ),
            "t10k-labels-idx1-ubyte.gz": (
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
            ),
        },
        unpacked={
            "train-images-idx3-ubyte": (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
        sizes={"train": 60_000, "test": 10_000},
        classes=tuple("0123456789"),
    ),
    "fashion-mnist": Source(
        folders=("fashion-mnist", "FashionMNIST/raw"),
        files=IDX_FILES,
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        sha256={
            "train-images-idx3-ubyte.gz": (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
            ),
            "train-labels-idx1-ubyte.gz": (
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
            ),
            "t10k-images-idx3-ubyte.gz": (
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
            ),
            "t10k-labels-idx1-ubyte.gz": (
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
            ),
        },
        unpacked={
            "train-images-idx3-ubyte": (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
            ),
            "train-labels-idx1-ubyte": (
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
            ),
            "t10k-images-idx3-ubyte": (
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
            ),
            "t10k-labels-idx1-ubyte": (
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
            ),
        },
        sizes={"train": 60_000, "test": 10_000},
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    "cifar-10": Source(
        folders=("cifar-10", "cifar-10-batches-bin", "cifar-10/cifar-10-batches-bin"),
        files={
            "train": tuple(_cifar(f"data_batch_{i}") for i in range(1, 6)),
            "test": ((*_cifar("test_batch"), *_cifar("test_batch_first1000")),),
        },
        mirrors=(
            "https://www.cs.toronto.edu/~kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
        sha256={
            "cifar-10-binary.tar.gz": (
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
            ),
        },
        unpacked={
            "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
            "test_batch_first1000.bin": (
                "8314c96d7cd65618193bab23acdd5d4c4af15bf6dd00a1781d55beedf3be1ef5"
            ),
        },
        sizes={"train": 50_000, "test": 10_000},
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
    ),
    "binarized-mnist": Source(
        folders=("binarized-mnist", "BinaryMNIST"),
        files={split: _amat(split) for split in ("train", "valid", "test")},
        mirrors=(
            "https://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
            "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
        ),
        sha256=_AMATS,
        unpacked=_AMATS,
        sizes={"train": 50_000, "valid": 10_000, "test": 10_000},
    ),
}


def plain_name(name: str) -> str:
    """A file's name as it was published, but for how it is packed."""
    return name.removesuffix(".gz").removesuffix(".xz").replace(".idx", "-idx")


def published_as(sha256: str) -> str | None:
    """Which published file has these bytes, unpacked; None if none has."""
    for name, source in SOURCES.items():
        for file, known in source.unpacked.items():
            if known == sha256:
                return f"{file} of {name}"
    return None
