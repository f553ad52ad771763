"""The fault injection program finds nothing in a few cases of each row; `make torture` draws more."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_nothing_falls_short_in_a_few_cases() -> None:
    command = [sys.executable, "-m", "tests.torture", "--count", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["tried", "survived", "fell", "short"]
    assert len(rows) > 5 and all(row.split()[-3:] == ["2", "2", "0"] for row in rows), done.stdout
