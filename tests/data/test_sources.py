"""What is known of the published data sets, and of those that are drawn."""

from minigrad.data.drawn import SPECS
from minigrad.data.sources import SOURCES


def test_the_names_of_the_classes():
    names = {name: source.classes for name, source in SOURCES.items()}
    assert names.pop("mnist") == tuple("0123456789")
    assert names.pop("binarized-mnist") == ("unlabelled",)
    assert {name: (len(found), found[3]) for name, found in names.items()} == {
        "fashion-mnist": (10, "Dress"),
        "cifar-10": (10, "cat"),
    }


def test_how_many_images_are_published():
    sizes = {name: tuple(source.sizes.values()) for name, source in SOURCES.items()}
    assert sizes == {
        "mnist": (60_000, 10_000),
        "fashion-mnist": (60_000, 10_000),
        "cifar-10": (50_000, 10_000),
        "binarized-mnist": (50_000, 10_000, 10_000),
    }


def test_how_many_images_are_drawn():
    assert {name: spec.sizes for name, spec in SPECS.items()} == {
        "glyphs": {"train": 40_000, "test": 10_000},
        "faces": {"train": 20_000, "test": 4_000},
    }
