"""What the tests of the demo programs share: how to kill a run, and what it left in its folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The program as it is, but that the n-th call of a function is the process's last.
KILLED = """
import os, signal, sys
from pkgutil import resolve_name

program, (owner, _, name), n, *argv = sys.argv[1], sys.argv[2].rpartition("."), *sys.argv[3:]
owner = resolve_name(owner)
function, calls = getattr(owner, name), 0

def last(*args, **kwargs):
    global calls
    calls += 1
    if calls == int(n):
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*args, **kwargs)

setattr(owner, name, last)
sys.exit(resolve_name(program).main(argv))
"""
WRITING = "minigrad.serialization.os.fsync"  # what is called while a checkpoint is written


def run_and_kill(program: str, function: str, n: int, *argv: str) -> None:
    """Runs a demo (demos.vae), until it calls a function (module.name) for the n-th time."""
    command = [sys.executable, "-c", KILLED, program, function, str(n), *argv]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@contextmanager
def interrupted_at(n: int, owner: type, name: str) -> Iterator[list[Any]]:
    """Within, the n-th call of a method comes with a Ctrl-C; gives the calls so far."""
    method, calls = getattr(owner, name), []

    def interrupted(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == n:
            os.kill(os.getpid(), signal.SIGINT)
        return method(*args)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, name, interrupted)
        yield calls


def contents(folder: Path) -> dict[str, bytes]:
    """All files but those with times in them."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("times.csv", "summary.json")
    }


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())
