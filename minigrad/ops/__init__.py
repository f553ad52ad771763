"""The differentiable functions, a small file for each family, which lists what is public of it."""

from typing import TYPE_CHECKING

from . import compare, conv, elementwise, extremes, indexing, linalg, norm, reduce, shape
from .compare import *
from .conv import *
from .elementwise import *
from .extremes import *
from .indexing import *
from .linalg import *
from .norm import *
from .reduce import *
from .shape import *

if not TYPE_CHECKING:  # checkers follow the stars
    __all__ = [
        name
        for family in (compare, conv, elementwise, extremes, indexing, linalg, norm, reduce, shape)
        for name in family.__all__
    ]
