"""A stand-in for CuPy on machines without a GPU.

NumPy does the arithmetic, but only CuPy's names and signatures exist, host arrays are refused, and
copies between host and device and waits for the device are counted. The project's own kernels run
on the CPU, compiled by g++, or as their NumPy twins where there is no compiler.

It says whether the plumbing is right. It knows nothing of streams, of races between blocks, of a
GPU's rounding, and of speed: `pytest -m cuda` on a machine with a GPU is the judge of those.
"""

from .array import ndarray
from .counts import counts
from .module import compute_types, cupy

__all__ = ["compute_types", "counts", "cupy", "ndarray"]
