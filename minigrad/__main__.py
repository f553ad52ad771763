"""`python -m minigrad [--json]` says what there is to compute with: versions, devices, the BLAS."""

import json
import sys

from .tools.machine import describe, report

print(json.dumps(describe()) if sys.argv[1:] == ["--json"] else report())
