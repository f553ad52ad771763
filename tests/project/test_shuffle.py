"""`pytest --shuffle SEED`: the same tests in a drawn order, file by file."""

from itertools import groupby
from types import SimpleNamespace
from typing import Any

from tests.conftest import pytest_collection_modifyitems

FILES, EACH = 6, 7


def shuffled(seed: int | None) -> list[Any]:
    items: list[Any] = [
        SimpleNamespace(path=path, number=number) for path in range(FILES) for number in range(EACH)
    ]
    config: Any = SimpleNamespace(getoption={"shuffle": seed}.get)
    pytest_collection_modifyitems(items, config)
    return [(item.path, item.number) for item in items]


def test_without_a_seed_the_order_stays() -> None:
    assert shuffled(None) == sorted(shuffled(None))


def test_a_seed_decides_the_order_of_files_and_of_tests() -> None:
    assert shuffled(1) == shuffled(1)
    assert sorted(shuffled(1)) == sorted(shuffled(2)) == shuffled(None)
    files = [[path for path, _ in groupby(shuffled(seed), lambda item: item[0])] for seed in (1, 2)]
    assert all(sorted(found) == list(range(FILES)) for found in files)  # a file stays together
    assert files[0] != files[1] != sorted(files[1])
    first = [[number for path, number in shuffled(seed) if path == 0] for seed in (1, 2)]
    assert first[0] != first[1] != sorted(first[1])
