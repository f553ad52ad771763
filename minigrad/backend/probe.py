"""Finding the GPU: a device that has computed something right, or the reason why there is none."""

import ctypes
import os
from typing import Any

import numpy as np

from .cuda import CUDA

_INSTALL = 'in a clone of minigrad: pip install ".[cuda12]" or ".[cuda13]", as nvidia-smi says'
_tf32 = False
_known: CUDA | None = None  # once it has worked; a failure may have passed when it is asked again


def cuda() -> CUDA:
    """The GPU. RuntimeError says why where there is none that works, and what to install."""
    global _known
    if _known is None:
        found = _probe()
        if isinstance(found, str):
            raise RuntimeError(f"cuda: {found}")
        _known = found
    return _known


def allow_tf32(allowed: bool = True) -> None:
    """Let matrix products of float32 on a GPU round their operands to TF32, which has 10 bits of
    mantissa instead of 23 and runs on tensor cores; off by default. TypeError if `allowed` is
    no bool."""
    global _tf32
    if not isinstance(allowed, bool):
        raise TypeError(f"allow_tf32: allowed must be a bool, got {allowed!r}")
    _tf32 = allowed
    if _known is not None:
        _set_tf32(_known, allowed)


def _set_tf32(device: CUDA, allowed: bool) -> None:
    """NOTE: CuPy has no switch but a private one and CUPY_TF32, read at the first product."""
    if device.products is not None:
        device.products.tf32 = allowed
    device.xp._core.set_compute_type(np.dtype(np.float32), 7 if allowed else 1)


def _probe() -> CUDA | str:
    """The device, or why there is none."""
    if not _has_driver():
        return "no NVIDIA driver on this machine"
    try:
        import cupy
    except Exception as error:
        return f"CuPy cannot be imported ({error}); {_INSTALL}"
    return try_out(cupy)


def try_out(cupy: Any) -> CUDA | str:
    """A device on `cupy` that has computed something right, or why there is none.

    NOTE: cupy.is_available() is true where a driver is found, though every kernel fails because
    NVRTC or cuBLAS, which come with [ctk], are missing.
    """
    version = cupy.__version__
    if version.partition(".")[0] != "14":
        return f"CuPy {version} is installed, minigrad needs 14; {_INSTALL}"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        if "NoDevice" not in str(error):
            return f"the driver is missing or too old for CuPy {version}: {error}"
        count = 0
    if not count:
        chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = "" if chosen is None else f": CUDA_VISIBLE_DEVICES is {chosen!r}"
        return f"the driver finds no GPU{why}"
    try:
        device = CUDA(cupy)
        x = device.generator(0).uniform((2, 2), np.dtype(np.float32))
        got = device.to_numpy(device.matmul(x, x) + 1)[0, 0]
        if _tf32:
            _set_tf32(device, True)
    except Exception as error:
        why = f"{type(error).__name__}: {str(error).strip()[:300]}"
        return f"CuPy {version} is installed, but a kernel failed: {why}; {_INSTALL}"
    a, b, c = (word / 2**24 for word in (0x6627E8, 0xE169C5, 0xBC57AC))  # Philox's first words
    if abs(got - (a * a + b * c + 1)) > 1e-2:
        return f"CuPy {version} computes wrongly on this GPU: {got} instead of {a * a + b * c + 1}"
    return device


def _has_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True
