"""What is copied of an answer to a download: how slow it may be, and of what length."""

import io
from contextlib import contextmanager
from types import SimpleNamespace
from typing import ClassVar

import pytest

from minigrad.data import download


@pytest.mark.parametrize(
    ("seconds", "said"), [(31.9, "wrong SHA-256"), (32.1, "too slow: 65,536 bytes in 32 seconds")]
)
def test_what_has_come_may_have_taken_its_time(seconds, said, monkeypatch):
    """30 seconds, and one more for each 32 KiB."""

    class Response(io.BytesIO):
        headers: ClassVar = {}

    clock = iter((0.0, seconds))
    monkeypatch.setattr(download, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with pytest.raises(ValueError, match=said):
        download._copy(Response(bytes(1 << 16)), io.BytesIO(), "a", "other")


def test_a_file_of_a_length_that_is_not_told(monkeypatch):
    class Response(io.BytesIO):
        headers: ClassVar = {}

    told = []

    @contextmanager
    def progress(name, total):
        told.append(total)
        yield lambda _: None

    monkeypatch.setattr(download, "_progress", progress)
    with pytest.raises(ValueError, match=r"wrong SHA-256: got .* \(3 bytes\), expected other"):
        download._copy(Response(b"abc"), io.BytesIO(), "a", "other")
    assert told == [0]
