"""Finds a data set's files on this machine, or downloads them."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from minigrad.data.sources import Source
from minigrad.files import locked, remove_left

Names = tuple[str, ...]


def cache_folder() -> Path:
    """Where downloads go: minigrad/ in the user's cache folder ($XDG_CACHE_HOME or ~/.cache)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minigrad"


def find_files(
    name: str,
    source: Source,
    split: str,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> list[Path]:
    """The paths of a split's files, all from one folder: the first that has every one of them.

    Looks in `data_dir`, in $MINIGRAD_DATA and in the cache folder, in this order, in each in the
    subfolder named like the set and in the folder itself; if that fails, downloads to the cache.
    Raises FileNotFoundError, which lists what is wanted, where it was looked for and why the
    downloads failed.
    """
    wanted = source.files[split]
    cache = cache_folder() / source.folders[0]
    remove_left(cache)
    roots = [data_dir, os.environ.get("MINIGRAD_DATA") or None]
    folders = [
        Path(root).expanduser() / sub
        for root in roots
        if root is not None
        for sub in (*source.folders, ".")
    ]
    folders.append(cache)
    for folder in folders:
        if (paths := _present(folder, wanted)) and len(paths) == len(wanted):
            return list(paths.values())
    failures = ["downloading was turned off"]
    if download:
        failures = _download_missing(source, wanted, cache)
        if not failures:
            return list(_present(cache, wanted).values())
    raise FileNotFoundError(_not_found(name, split, wanted, folders, failures))


def _present(folder: Path, wanted: Sequence[Names]) -> dict[Names, Path]:
    """The wanted files that a folder has, in order."""
    found = {}
    for names in wanted:
        paths = (folder / name for name in names)
        if path := next(filter(_is_file, paths), None):
            found[names] = path
    return found


def _is_file(path: Path) -> bool:
    """Whether there is such a file; PermissionError where one may not look.

    NOTE: path.is_file() would say False there, from Python 3.14 on.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _download_missing(source: Source, wanted: Sequence[Names], cache: Path) -> list[str]:
    """Downloads what the cache lacks; returns why it failed, empty if it did not.

    One program at a time: those that waited find that nothing is missing any more.
    """
    from minigrad.data.download import DownloadError, fetch, fetch_members

    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache, wait=True):
            present = _present(cache, wanted)
            missing = [names[0] for names in wanted if names not in present]
            for remote, sha256 in source.sha256.items():
                urls = [mirror + remote for mirror in source.mirrors]
                if remote in missing:
                    fetch(urls, cache / remote, sha256)
                elif missing and remote.endswith(".tar.gz"):
                    members = {names[0] for split in source.files.values() for names in split}
                    fetch_members(urls, cache, sha256, members)
    except DownloadError as error:
        return error.failures
    except OSError as error:
        return [f"cannot write to {cache}: {error}"]
    return []


def _not_found(
    name: str,
    split: str,
    wanted: Sequence[Names],
    folders: Sequence[Path],
    failures: Sequence[str],
) -> str:
    lines = [f"the files of {name} ({split}) were not found. Wanted in one folder:"]
    lines += [f"  {names[0]} (or {', '.join(names[1:])})" for names in wanted]
    lines.append("Looked in (choose with data_dir / --data-dir or $MINIGRAD_DATA):")
    for folder in folders:
        count = len(_present(folder, wanted))
        state = f"has {count} of {len(wanted)}" if folder.is_dir() else "no such folder"
        lines.append(f"  {os.path.normpath(folder)}: {state}")
    lines.append("Downloading them failed:")
    lines += [f"  {failure}" for failure in failures]
    lines.append("The data sets 'glyphs' and 'faces' are drawn and need no files.")
    return "\n".join(lines)
