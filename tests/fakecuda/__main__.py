"""Run a module on the fake CUDA: python -m tests.fakecuda demos.vae --device cuda ..."""

import runpy
import sys

from tests import fakecuda

if __name__ == "__main__":
    if sys.argv[1:2] in ([], ["--help"]):
        print(__doc__)
        sys.exit()
    fakecuda.start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
