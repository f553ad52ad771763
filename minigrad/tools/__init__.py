"""What is not needed to compute: checks of gradients, profiles, drawings, the machine's report.

Nothing in the library imports from here.
"""

from .drawing import draw
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .profiler import Profile, profile
from .scopes import record_modules

__all__ = [
    "GradcheckError",
    "Profile",
    "draw",
    "gradcheck",
    "gradgradcheck",
    "profile",
    "record_modules",
]
