"""Whole files and folders with one writer, with real processes that write, wait and are killed."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import files
from minigrad.files import FolderInUse, locked, replacing, write_json, write_text
from tests.conftest import ROOT


def start(code: str, *args: object) -> subprocess.Popen[str]:
    """A process that runs `code`, whose every line is waited for by `line`."""
    command = [sys.executable, "-c", code, *map(str, args)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# ---- whole files ---------------------------------------------------------------------------------


def test_a_file_is_replaced_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and names(tmp_path) == ["x"]
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"%d" % (1 // 0))
    assert path.read_bytes() == b"new" and names(tmp_path) == ["x"]


def test_writers_of_one_path_do_not_meet(tmp_path):
    path = tmp_path / "x"
    with replacing(path) as first, replacing(path) as second:
        first.write(b"first " * 10)
        second.write(b"second")
    assert path.read_bytes() == b"first " * 10  # the last to end
    assert names(tmp_path) == ["x"]


def test_a_link_is_replaced_and_what_it_names_stays(tmp_path):
    other, link = tmp_path / "other", tmp_path / "link"
    other.write_text("mine")
    link.symlink_to(other)
    write_text(link, "new")
    assert other.read_text() == "mine"
    assert link.read_text() == "new" and not link.is_symlink()


def test_a_new_file_has_the_rights_that_new_files_have(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "x", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_what_is_no_json_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": [1.5, None]})
    for wrong in (float("nan"), float("-inf")):
        with pytest.raises(ValueError, match=r"x\.json was not written: Out of range float"):
            write_json(path, {"a": wrong})
    assert json.loads(path.read_text()) == {"a": [1.5, None]}


_WRITER = """
import sys
from minigrad.files import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"half")
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_what_a_killed_writer_left_is_gone_after_the_next(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with start(_WRITER, path) as killed, start(_WRITER, path) as alive:
        assert line(killed) == line(alive) == "ready"
        killed.kill()
        killed.wait()
        assert len(names(tmp_path)) == 3 and path.read_bytes() == b"old"
        write_text(tmp_path / "another", "new")
        assert len(names(tmp_path)) == 3  # the other one is still at it
        alive.communicate("go on\n")
        assert alive.returncode == 0
    assert path.read_bytes() == b"half"
    assert names(tmp_path) == ["another", "x"]


def test_a_part_that_is_removed_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    lock, removed = files._lock, []

    def late(handle: int, wait: bool = True) -> bool:
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        return lock(handle, wait)

    monkeypatch.setattr(files, "_lock", late)
    write_text(tmp_path / "x", "whole")
    assert (tmp_path / "x").read_text() == "whole" and len(removed) == 1
    assert names(tmp_path) == ["x"]


_SAVER = """
import sys, numpy as np
from minigrad import save
path, number = sys.argv[1], int(sys.argv[2])
while True:
    save({"i": number, "x": np.full(number, number)}, path)
    print("saved", flush=True)
"""


def whole(path: Path) -> bool:
    found = mg.load(path)  # an error if it is cut or mixed
    return len(found["x"]) == found["i"] and bool((found["x"] == found["i"]).all())


@pytest.mark.slow
@pytest.mark.parametrize("loads", [1, 10, 100])
def test_two_writers_of_one_path_and_then_their_kill_leave_a_whole_file(tmp_path, loads):
    path = tmp_path / "x.safetensors"
    with start(_SAVER, path, 10_000) as first, start(_SAVER, path, 300_000) as second:
        assert line(first) == line(second) == "saved"
        assert all(whole(path) for _ in range(loads))
        for process in (first, second):
            process.kill()
    assert whole(path)
    mg.save({"i": 1, "x": np.ones(1)}, path)
    assert names(tmp_path) == ["x.safetensors"]


# ---- one writer ----------------------------------------------------------------------------------

_HOLDER = """
import sys
from minigrad.files import locked
with locked(sys.argv[1], wait=len(sys.argv) > 2):
    print("inside", flush=True)
    sys.stdin.readline()
"""


def test_a_folder_in_use_says_by_whom(tmp_path):
    with start(_HOLDER, tmp_path) as holder:
        assert line(holder) == "inside"
        match = rf"^{tmp_path} is in use by process {holder.pid} on .*: .*-c .*{tmp_path}"
        with pytest.raises(FolderInUse, match=match), locked(tmp_path):
            pass
        holder.communicate("\n")
    with locked(tmp_path):
        assert names(tmp_path) == [".lock"]
    assert names(tmp_path) == []


def test_a_killed_holder_holds_nothing(tmp_path):
    with start(_HOLDER, tmp_path) as holder:
        assert line(holder) == "inside"
        holder.kill()
    assert names(tmp_path) == [".lock"]
    with locked(tmp_path):
        pass
    assert names(tmp_path) == []


def test_the_one_who_waits_says_for_whom_and_comes_next(tmp_path):
    with start(_HOLDER, tmp_path) as holder:
        assert line(holder) == "inside"
        with start(_HOLDER, tmp_path, "wait") as waiter:
            assert waiter.stderr is not None
            said = waiter.stderr.readline()
            assert f"waiting for {tmp_path}, which is in use by process {holder.pid} on" in said
            holder.communicate("\n")
            assert line(waiter) == "inside"  # though the file that it waited for is gone
            with pytest.raises(FolderInUse, match=f"process {waiter.pid} on"), locked(tmp_path):
                pass
            waiter.communicate("\n")
    assert names(tmp_path) == []


def test_a_folder_that_is_deleted_meanwhile_is_no_error(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    with locked(folder):
        shutil.rmtree(folder)
    assert names(tmp_path) == []


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path):
    (tmp_path / "other").write_text("mine")
    (tmp_path / ".lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match=r"\.lock"), locked(tmp_path):
        pass
    assert (tmp_path / "other").read_text() == "mine"


def test_without_locks_files_are_written_all_the_same(tmp_path, monkeypatch):
    """As on network folders without locks: what is left behind then stays."""
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(37, "no locks")))
    left = tmp_path / ".x.0123456789abcdef.part"
    left.write_text("left")
    write_text(tmp_path / "x", "new")
    with locked(tmp_path), locked(tmp_path):
        pass
    assert names(tmp_path) == [left.name, "x"]
