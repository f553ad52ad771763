"""A pytest plugin (`-p tests.chosen`): only the tests that a file lists run, in that order.

$CHOSEN_TESTS is the file, a test in a line; without it all of them run. With $WITHOUT_TORCH set,
PyTorch cannot be imported.
"""

import os
import sys
from pathlib import Path

import pytest

if "WITHOUT_TORCH" in os.environ:
    sys.modules["torch"] = None  # type: ignore[assignment]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "CHOSEN_TESTS" in os.environ:
        names = Path(os.environ["CHOSEN_TESTS"]).read_text("utf-8").splitlines()
        place = {name: i for i, name in enumerate(names)}
        chosen = [item for item in items if item.nodeid in place]
        items[:] = sorted(chosen, key=lambda item: place[item.nodeid])
