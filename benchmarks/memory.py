"""How much memory this process has: now, and at most so far. Bytes; Linux and macOS."""

from __future__ import annotations

import os
import resource
import subprocess


def resident() -> int:
    """Return the bytes of this process that are in memory now."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        ps = ["ps", "-o", "rss=", "-p", str(os.getpid())]
        return int(subprocess.run(ps, capture_output=True, check=True, text=True).stdout) * 1024


def peak_resident() -> int:
    """Return the most bytes of this process that were ever in memory.

    NOTE: Linux hands ru_maxrss down through fork and exec, so that the child of a large process
    reports its parent's size. VmHWM is the process's own.
    """
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes
