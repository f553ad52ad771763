"""What layers ask of their options when they are made."""

import math


def whole_number(layer: str, what: str, value: object, least: int) -> None:
    """TypeError or ValueError unless it is an int of that size."""
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise TypeError(f"{layer}: {what} must be an int, got {value!r:.60}")
    if value.__index__() < least:
        raise ValueError(f"{layer}: {what} must be at least {least}, got {value}")


def number_within(layer: str, what: str, value: object, most: float = math.inf) -> None:
    """TypeError or ValueError unless it is a finite number from 0 to `most`; so NaN is not."""
    if not hasattr(value, "__float__"):
        raise TypeError(f"{layer}: {what} must be a number, got {value!r:.60}")
    if not 0 <= value.__float__() <= most or value.__float__() == math.inf:
        limit = "finite and at least 0" if most == math.inf else f"from 0 to {most}"
        raise ValueError(f"{layer}: {what} must be {limit}, got {value}")
