"""Programs: arguments in, pictures and numbers out. Run one with `python -m demos.NAME --help`."""

import sys
from importlib.util import find_spec

# The distributions of the extra "demos", by what is imported of them.
_NEEDED = {"matplotlib": "matplotlib", "tqdm": "tqdm", "PIL": "pillow"}

if _missing := [name for module, name in _NEEDED.items() if find_spec(module) is None]:
    sys.exit(f"the demos need {', '.join(_missing)} besides: pip install '.[demos]'")
