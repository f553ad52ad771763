"""The differentiable functions, a small file for each family, which lists what is public of it."""

from typing import TYPE_CHECKING

from .. import door
from . import (
    activation,
    arranging,
    choosing,
    compare,
    contractions,
    conv,
    elementwise,
    extremes,
    indexing,
    linalg,
    reduce,
    rounding,
    scans,
    shape,
    special,
)
from . import norm as normalization  # `norm` is a function
from .activation import *
from .arranging import *
from .choosing import *
from .compare import *
from .contractions import *
from .conv import *
from .elementwise import *
from .extremes import *
from .indexing import *
from .linalg import *
from .norm import *
from .reduce import *
from .rounding import *
from .scans import *
from .shape import *
from .special import *

if not TYPE_CHECKING:  # checkers follow the stars
    _FAMILIES = (
        activation,
        arranging,
        choosing,
        compare,
        contractions,
        conv,
        elementwise,
        extremes,
        indexing,
        linalg,
        normalization,
        reduce,
        rounding,
        scans,
        shape,
        special,
    )
    __all__ = [name for family in _FAMILIES for name in family.__all__]
    # These only call an op, which names itself.
    door.name_errors(globals(), {*__all__} - {"add", "pow", "power", "sub", "subtract"})
