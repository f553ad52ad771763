"""What g++ makes of a text, kept by the hash of what it is made from, in a folder of the user."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

TESTS = Path(__file__).parents[1]
# NOTE: Ubuntu, Fedora and others fortify by default, and then a jump from one fiber's stack to
# another's ends the process: "longjmp causes uninitialized stack frame".
USUAL = ("-std=c++17", "-fPIC", "-shared", "-U_FORTIFY_SOURCE")


def library(name: str, text: str, included: Iterable[Path], *flags: str) -> Path:
    """`text` as a shared library; RuntimeError with what g++ says of it."""
    parts = [text, *USUAL, *flags, *[path.read_text("utf-8") for path in included]]
    known = "\0".join(parts).replace(str(TESTS), "tests")  # wherever the clone lies
    mark = hashlib.sha256(known.encode())
    folder = Path(tempfile.gettempdir()) / f"minigrad-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{mark.hexdigest()[:24]}-{name}"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            source, made = Path(work, "source.cpp"), Path(work, "made.so")
            source.write_text(text, "utf-8")
            command = ["g++", *USUAL, *flags, "-o", made, source]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"g++ refuses {name}:\n{done.stderr[:6000]}")
            os.replace(made, path)
    return path
