"""What this machine computes with: versions, devices and why not, the BLAS and its kernels."""

import ctypes
import importlib.metadata
import os
import platform
from importlib import import_module
from typing import Any

from ..backend import device

SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE")
# What OpenBLAS's SkylakeX kernels use: on a CPU without one of them, the process would die.
WIDE = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}


def describe() -> dict[str, Any]:
    """Versions, the CPU, the BLAS, the devices and the settings that matter."""
    return {
        "cpu": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("minigrad", "numpy", "torch", "cupy")},
        "blas": blas(),
        "cuda": _cuda(),
        "settings": {name: os.environ.get(name) for name in SETTINGS},
    }


def report() -> str:
    """`describe()` for people, with advice where the BLAS has chosen kernels that are too old."""
    found = describe()
    library = found["blas"]
    versions = [f"{name} {v}" for name, v in found["versions"].items() if v]
    settings = [f"{name}={v}" for name, v in found["settings"].items() if v]
    lines = [
        f"python    {found['python']} on {found['platform']}",
        f"packages  {', '.join(versions)}",
        f"cpu       {found['cpu']}, {found['cores']} cores",
        f"blas      {library['name']} {library['version']}"
        + (f", {library['kernels']} kernels" if "kernels" in library else "")
        + (f", {library['threads']} threads" if "threads" in library else ""),
        f"cuda      {found['cuda']}",
        f"settings  {', '.join(settings) or 'none that matter'}",
    ]
    if has_wide_vectors() and library.get("kernels") in ("Haswell", "Zen"):
        lines.append(
            "advice    this CPU has AVX-512, but OpenBLAS chose AVX2 kernels: set "
            "OPENBLAS_CORETYPE=SkylakeX before Python starts"
        )
    return "\n".join(lines)


def has_wide_vectors() -> bool:
    """Whether the CPU has the AVX-512 instructions that OpenBLAS's SkylakeX kernels use."""
    return WIDE <= set(_cpuinfo("flags").split())


def blas() -> dict[str, Any]:
    """NumPy's BLAS: name and version; for OpenBLAS the kernels and the threads that it chose."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    facts = {key: built["Build Dependencies"]["blas"].get(key) for key in ("name", "version")}
    library = next((path for path in _mapped_files() if "openblas" in os.path.basename(path)), None)
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


def _cuda() -> str:
    try:
        return str(device("cuda").description)
    except RuntimeError as reason:
        return f"no: {reason}"


def _version(package: str) -> str | None:
    if package == "minigrad":  # a clone need not be installed
        return str(import_module(package).__version__)
    names = {"cupy": ("cupy-cuda13x", "cupy-cuda12x", "cupy")}.get(package, (package,))
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _cpuinfo(key: str) -> str:
    """What Linux says of the first CPU under this key; empty elsewhere."""
    try:
        with open("/proc/cpuinfo") as file:
            return next((x.split(":", 1)[1].strip() for x in file if x.startswith(key)), "")
    except FileNotFoundError:
        return ""


def _mapped_files() -> list[str]:
    """The paths of the files, libraries among them, that this process has mapped (Linux)."""
    try:
        with open("/proc/self/maps") as file:
            return [parts[5].strip() for line in file if len(parts := line.split(None, 5)) == 6]
    except FileNotFoundError:
        return []
