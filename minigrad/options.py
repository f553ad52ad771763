"""What classes ask of the numbers that they are made with: layers, optimizers, schedules, data
loaders and distributions.

Each function raises TypeError for what is no such number and ValueError for one that does not do,
in a line that names the class, what came and what was expected. NaN never does.
"""

import math
import operator
from typing import Any

MOST = 2**31 - 1  # of any size or count: CUDA's kernels count so far


def whole_number(owner: str, what: str, value: Any, least: int = 0, most: float = MOST) -> None:
    """An int from `least` to `most`."""
    if not _is_int(value):
        raise TypeError(f"{owner}: {what} must be an int, got {value!r:.60}")
    if not least <= operator.index(value) <= most:
        limit = f"at least {least}" if value < least else f"at most {most}"
        raise ValueError(f"{owner}: {what} must be {limit}, got {value}")


def whole_numbers(owner: str, what: str, value: Any, least: int, count: int = 2) -> tuple[int, ...]:
    """An int for each of so many axes, given as one for all or as a row of them."""
    given = (value,) * count if _is_int(value) else value
    ints = isinstance(given, tuple | list) and all(map(_is_int, given))
    if not ints or len(given) != count:
        kinds = {1: "an int", 2: "an int or a pair of ints"}.get(count, f"an int or {count} ints")
        error = ValueError if ints else TypeError
        raise error(f"{owner}: {what} must be {kinds}, got {value!r:.60}")
    if not all(least <= n <= MOST for n in given):
        limit = f"at least {least}" if min(given) < least else f"at most {MOST}"
        raise ValueError(f"{owner}: {what} must be {limit}, got {value!r:.60}")
    return tuple(map(operator.index, given))


def number(
    owner: str, what: str, value: Any, least: float = -math.inf, most: float = math.inf
) -> None:
    """A finite number from `least` to `most`."""
    found = _float(owner, what, value)
    if not least <= found <= most or math.isinf(found):
        raise ValueError(f"{owner}: {what} must be {_range(least, most)}, got {value}")


def positive(owner: str, what: str, value: Any) -> None:
    """A finite number above 0."""
    found = _float(owner, what, value)
    if not 0 < found < math.inf:
        raise ValueError(f"{owner}: {what} must be finite and above 0, got {value}")


def no_nan(owner: str, what: str, value: Any) -> None:
    """A number, which may be infinite."""
    if math.isnan(_float(owner, what, value)):
        raise ValueError(f"{owner}: {what} must be a number, got {value}")


def _range(least: float, most: float) -> str:
    if most < math.inf:
        return f"from {least} to {most}"
    return "finite" if least == -math.inf else f"finite and at least {least}"


def _is_int(value: Any) -> bool:
    """Whether it is a whole number by its type: no bool, and no array of more than one."""
    try:
        operator.index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def _float(owner: str, what: str, value: Any) -> float:
    """A number as a float; one too large for that is infinite."""
    try:
        if hasattr(value, "__float__"):  # no string
            return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):  # of an array
        pass
    raise TypeError(f"{owner}: {what} must be a number, got {value!r:.60}")
