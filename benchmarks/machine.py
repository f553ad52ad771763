"""What the numbers were taken on: `python -m benchmarks.machine` prints it as JSON.

A process of its own, because it imports NumPy and the benchmark's own process must stay small.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SETTINGS = (*THREAD_VARIABLES, "OPENBLAS_CORETYPE")


def cpu_name() -> str:
    """Return the CPU's name as its maker gives it."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line for line in file if line.startswith("model name")]
            return lines[0].split(":")[1].strip()
    except (FileNotFoundError, IndexError):
        return platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def blas() -> dict[str, Any]:
    """Return NumPy's BLAS: name and version; for OpenBLAS the kernels and threads it chose."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    facts = {key: built["Build Dependencies"]["blas"].get(key) for key in ("name", "version")}
    library = next((path for path in mapped_files() if "openblas" in os.path.basename(path)), None)
    if library is not None:
        openblas = ctypes.CDLL(library)
        for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
            if hasattr(openblas, f"{prefix}openblas_get_corename{suffix}"):
                core = openblas[f"{prefix}openblas_get_corename{suffix}"]
                core.restype = ctypes.c_char_p
                facts["kernels"] = core().decode()
                facts["threads"] = openblas[f"{prefix}openblas_get_num_threads{suffix}"]()
                break
    return facts


def mapped_files() -> list[str]:
    """Return the paths of the files, libraries among them, that this process has mapped (Linux)."""
    try:
        with open("/proc/self/maps") as file:
            return [parts[5].strip() for line in file if len(parts := line.split(None, 5)) == 6]
    except FileNotFoundError:
        return []


def describe() -> dict[str, Any]:
    """Return versions, the CPU, the BLAS and the settings that matter."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("minigrad", "numpy", "torch", "cupy")},
        "blas": blas(),
        "settings": {name: os.environ.get(name) for name in SETTINGS},
    }


if __name__ == "__main__":
    print(json.dumps(describe()))
