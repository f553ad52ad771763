"""For pytest -p tests.fakecuda.plugin -m cuda: the tests for hardware, on the fake CUDA."""

from collections.abc import Iterator

import pytest

from tests import fakecuda

fakecuda.start()

HARDWARE = {
    "test_batches_that_come_ahead_are_never_overwritten": "nothing runs at the same time",
    "test_knows_what_waits[cuda-unique]": "its sort is compiled into CuPy, and minigrad has no use",
}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if why := HARDWARE.get(item.name):
            item.add_marker(pytest.mark.skip(reason=f"the fake CUDA: {why}"))


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    """A test fails where it does what CUDA would do wrongly without a word."""
    fakecuda.reset()
    yield
    assert fakecuda.faults() == []
