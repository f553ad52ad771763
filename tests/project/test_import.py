"""What `import minigrad` costs, told by what it imports: no clock is asked."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@cache
def modules_after(statement: str) -> frozenset[str]:
    """The names in sys.modules of a fresh interpreter that ran `statement`."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


def added(statement: str) -> set[str]:
    """What `statement` imports beyond what `import numpy` does, except minigrad itself."""
    more = modules_after(statement) - modules_after("import numpy")
    return {name for name in more if name.partition(".")[0] != "minigrad"}


def test_import_adds_few_modules_to_numpys() -> None:
    """Each module of the standard library takes about 0.3 ms, so 60 ms are gone with 200."""
    assert len(added("import minigrad")) <= 60, sorted(added("import minigrad"))


# Each of these brings a crowd with it, or is slow by itself.
HEAVY = [
    *("inspect", "ast", "dis", "asyncio", "concurrent.futures", "multiprocessing", "subprocess"),
    *("urllib.request", "http.client", "ssl", "socket", "email", "logging", "unittest", "doctest"),
    *("argparse", "csv", "sqlite3", "xml", "gzip", "tarfile", "zipfile", "pickle", "traceback"),
    *("numpy.random", "numpy.ma", "numpy.fft", "numpy.polynomial", "numpy.testing", "scipy"),
    *("safetensors", "matplotlib", "tqdm", "torch", "cupy", "pytest", "hypothesis", "PIL"),
]


@pytest.mark.parametrize("name", HEAVY)
def test_import_does_not_bring(name: str) -> None:
    if name in modules_after("import numpy"):
        pytest.skip(f"NumPy imports {name} itself")
    assert name not in modules_after("import minigrad")


def test_the_models_the_readers_and_the_tools_are_imported_when_asked_for() -> None:
    loaded = modules_after("import minigrad")
    late = ("minigrad.data", "minigrad.tools", "minigrad.utils", "minigrad.distributions",
            "minigrad.cuda", "models", "demos")  # fmt: skip
    assert not {m for m in loaded if m.startswith(late)}
    assert "minigrad.nn" in modules_after("import minigrad.nn")
    assert "minigrad.tools.profiler" in modules_after("import minigrad\nminigrad.profile")


def test_the_tools_are_attributes_of_the_package_as_all_else() -> None:
    script = (
        "import minigrad as mg\n"
        "assert {'gradcheck', 'profile', 'exp', 'tensor'} <= {*dir(mg)}\n"
        "assert not hasattr(mg, 'gradcheque')\n"
        "from minigrad import draw, gradcheck, tools\n"
        "assert (draw, gradcheck) == (tools.draw, tools.gradcheck) == (mg.draw, mg.gradcheck)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)


def test_folders_are_attributes_of_the_package_as_soon_as_they_are_asked_for() -> None:
    script = (
        "import minigrad as torch\n"
        "assert torch.utils.data.DataLoader is torch.data.DataLoader\n"
        "assert torch.distributions.Normal and torch.cuda.is_available() in (True, False)\n"
        "import minigrad.utils.data as data\n"
        "from minigrad.utils.data import DataLoader, Dataset, random_split\n"
        "from minigrad.utils import make_grid, save_image\n"
        "assert {'cuda', 'data', 'distributions', 'utils'} <= {*dir(torch)}"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)


def test_a_first_step_imports_nothing_heavy_either() -> None:
    step = (
        "import minigrad as mg\n"
        "x = mg.zeros(2, 3, requires_grad=True)\n"
        "(mg.tensor([[1.0], [2.0], [3.0]]).T * x).exp().sum().backward()\n"
        "repr(x.grad)"
    )
    unwanted = {"inspect", "numpy.random", "torch", "cupy", "subprocess", "asyncio", "ssl"}
    assert not unwanted & (modules_after(step) - modules_after("import numpy"))


def test_import_says_nothing_and_warns_of_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import minigrad"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


def test_import_leaves_numpys_settings_alone() -> None:
    script = (
        "import numpy as np\n"
        "before = np.geterr(), np.get_printoptions()\n"
        "import minigrad\n"
        "assert before == (np.geterr(), np.get_printoptions())"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)
