"""What `mypy --strict` knows of a user's script: typed_user.py, which also runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "tests/project/typed_user.py"
# As for a user who has installed the package: no configuration, no word of the library itself.
MYPY = ("-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent")


def python(*args: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, *args], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"--cache-dir={tmp_path_factory.mktemp('mypy')}"


@pytest.mark.slow
def test_a_users_script_passes_mypy(cache: str) -> None:
    _, said = python(*MYPY, cache, SCRIPT)
    assert said == "Success: no issues found in 1 source file\n"


# What is wrong, and what mypy is to say of it.
WRONG = {
    "nn.Linear(2, 3)([1.0])": "[arg-type]",  # a list is no tensor
    "nn.Linear(2, 3)(x, x)": "[call-arg]",  # a layer takes what its forward takes
    "y: int = nn.ReLU()(x)": "[assignment]",
    "optim.Adam(nn.Linear(2, 3))": "[arg-type]",  # the module for its parameters
    "F.mse_loss(x)": "[call-arg]",
    "F.mse_loss(x, x, reduction=1)": "[arg-type]",
    "mg.zeros(2.5)": "[arg-type]",
    "nn.ModuleList([nn.Linear(2, 3)])[0].wait": "[attr-defined]",
    "x.exp(1, 2)": "[call-arg]",
    "mg.concat(x, 1)": "[arg-type]",
    "z: list[float] = x @ x": "[assignment]",
}


@pytest.mark.slow
def test_mypy_says_what_is_wrong_in_a_users_script(cache: str, tmp_path: Path) -> None:
    lines = [
        "import minigrad as mg",
        "import minigrad.nn.functional as F",
        "from minigrad import nn, optim",
        "x = mg.rand(4, 2)",
        *WRONG,
    ]
    (tmp_path / "wrong.py").write_text("\n".join(lines) + "\n", "utf-8")
    status, said = python(*MYPY, cache, str(tmp_path / "wrong.py"))
    found = dict(re.findall(r"wrong.py:(\d+): error: .*(\[[a-z-]+\])$", said, re.MULTILINE))
    assert status == 1
    assert found == {str(number): kind for number, kind in enumerate(WRONG.values(), 5)}, said


def test_a_users_script_runs() -> None:
    assert python("-W", "error", "-m", "tests.project.typed_user") == (0, "5 (3, 8, 8)\n")
