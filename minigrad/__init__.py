"""minigrad: reverse-mode automatic differentiation from scratch, on NumPy and CuPy.

Each file lists what is public of it; here it is put together.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import creation, door, sampling
from . import nn as nn
from . import optim as optim
from .autograd import *
from .backend import Device as Device
from .backend import device as device
from .backend.probe import allow_tf32 as allow_tf32
from .backend.threads import get_num_threads as get_num_threads
from .backend.threads import set_num_threads as set_num_threads
from .broadcasting import elementwise as elementwise
from .creation import *
from .dtypes import *
from .graphs import *
from .legacy import *
from .op import op as op
from .ops import *
from .random import get_rng_state as get_rng_state
from .random import manual_seed as manual_seed
from .random import set_rng_state as set_rng_state
from .sampling import *
from .serialization import load as load
from .serialization import save as save
from .tensor import Tensor as Tensor

if TYPE_CHECKING:
    from . import cuda as cuda
    from . import data as data
    from . import distributions as distributions
    from . import utils as utils
    from .tools import *
    from .tools.gradcheck import *

_OTHERS = ("get_rng_state", "load", "save", "set_rng_state")
door.name_errors(globals(), [*creation.__all__, *sampling.__all__, *_OTHERS])

__version__ = "0.1.0"


_LATE = ("cuda", "data", "distributions", "tools", "utils")


def __getattr__(name: str) -> Any:
    """The tools, and the folders that not all need, are imported when they are first asked for."""
    if name in _LATE:
        return import_module(f"minigrad.{name}")
    tools = import_module("minigrad.tools")
    if name not in tools.__all__:
        raise AttributeError(f"module 'minigrad' has no attribute {name!r}")
    return getattr(tools, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE, *import_module("minigrad.tools").__all__})
