"""Lines of a table, each a call that is refused and what is said of it: "call | Error: message"."""

import builtins
import re
from typing import Any

import pytest


def check(line: str, names: dict[str, Any]) -> None:
    """Check that the error is of that kind, and its message begins so."""
    call, said = line.split(" | ")
    kind, _, message = said.partition(": ")
    with pytest.raises(getattr(builtins, kind), match="^" + re.escape(message)):
        eval(call, dict(names))
